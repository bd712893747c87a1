# SPDX-License-Identifier: Apache-2.0
"""The shapes of names: below a zone, reverse, and generated from an address."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

IPV4_REVERSE_ZONE = "in-addr.arpa"
IPV6_REVERSE_ZONE = "ip6.arpa"
REVERSE_ZONES = (IPV4_REVERSE_ZONE, IPV6_REVERSE_ZONE)


def plain(name: str) -> str:
    """The name in lower case and without a trailing dot, as names are compared (DNS-META-004)."""
    return name.lower().rstrip(".")


def labels_below(name: str, zone: str) -> list[str] | None:
    """The labels of `name` before `zone`, or None if it is outside; both as `plain` gives them.

    The zone may have any number of labels, none included (DNS-META-003).
    """
    if name == zone:
        return []
    if not zone:
        return name.split(".")
    # One comparison of the tail and one character: this runs for every query.
    if name.endswith(zone) and name[-len(zone) - 1] == ".":
        return name[: -len(zone) - 1].split(".")
    return None


def join(*parts: str) -> str:
    """The labels and names joined by dots, empty ones left out."""
    return ".".join(filter(None, parts))


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """An address in its canonical spelling; any other text as it is (DNS-AAAA-004)."""
    try:
        return str(ip_address(text)) if ":" in text else text
    except ValueError:
        return text


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def dashed(address: str) -> str:
    """The name that CoreDNS makes of an address (DNS-HEADLESS-006, DNS-HEADLESS-007)."""
    label = address.replace(".", "-").replace(":", "-")
    return f"{label}0" if label.endswith("-") else label


@lru_cache(maxsize=4096)
def undashed(label: str) -> str | None:
    """The address that the label of a pod record stands for (DNS-POD-007, DNS-POD-009)."""
    separator = "." if label.count("-") == 3 and "--" not in label else ":"
    text = label.replace("-", separator)
    return text if is_address(text) else None


@lru_cache(maxsize=4096)
def unmapped(address: str) -> str:
    """An address in canonical form; one of IPv4 that is written as IPv6 is one of IPv4 (DNS-POD-008)."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


@lru_cache(maxsize=4096)
def reverse_name(address: str) -> str:
    """The name that holds the PTR records of an address (DNS-PTR-001, DNS-PTR-002)."""
    return ip_address(address).reverse_pointer
