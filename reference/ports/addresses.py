# SPDX-License-Identifier: Apache-2.0
"""Addresses and CIDRs as the API reads them, as numbers.

The forms that only lenient servers take (leading zeros, IPv4-mapped IPv6
addresses, CIDRs with host bits set) are refused, as StrictIPCIDRValidation does;
what was stored before is read by `parse_legacy_ip`.

Source: k8s.io/apimachinery `pkg/util/validation/ip.go`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from attrs import frozen

IPV4 = "IPv4"
IPV6 = "IPv6"
FAMILIES = (IPV4, IPV6)

_LEADING_ZEROS = re.compile(r"(?<![0-9A-Fa-f])0+(?=[0-9A-Fa-f])")
_PREFIX_LENGTH = re.compile(r"/(0|[1-9][0-9]{0,2})\Z")


@frozen
class Address:
    """An IP address: its family and its value."""

    family: str
    value: int


@frozen
class Prefix:
    """A CIDR: its family, its network address and how many bits number its hosts."""

    family: str
    network: int
    host_bits: int


@lru_cache(maxsize=4096)
def parse_ip(text: str) -> Address | None:
    """The address that `text` writes, or None (VAL-039, VAL-049)."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv4Address):
        return Address(IPV4, int(parsed))
    if parsed.ipv4_mapped is not None or parsed.scope_id is not None:
        return None
    return Address(IPV6, int(parsed))


@lru_cache(maxsize=4096)
def parse_legacy_ip(text: str) -> Address | None:
    """The address that `text` writes, be it in a form that only lenient servers take, or None (VAL-074).

    Leading zeros count for nothing, and an IPv4-mapped IPv6 address is one of IPv4.
    """
    try:
        parsed = ip_address(_LEADING_ZEROS.sub("", text))
    except ValueError:
        return None
    if isinstance(parsed, IPv4Address):
        return Address(IPV4, int(parsed))
    if parsed.ipv4_mapped is not None:
        return Address(IPV4, int(parsed.ipv4_mapped))
    return None if parsed.scope_id is not None else Address(IPV6, int(parsed))


@lru_cache(maxsize=1024)
def parse_cidr(text: str) -> Prefix | None:
    """The CIDR that `text` writes, or None (VAL-057)."""
    if _PREFIX_LENGTH.search(text) is None:
        return None
    try:
        parsed = ip_network(text)
    except ValueError:
        return None
    if parse_ip(str(parsed.network_address)) is None:
        return None
    family = IPV4 if parsed.version == 4 else IPV6
    return Prefix(family, int(parsed.network_address), parsed.max_prefixlen - parsed.prefixlen)


@lru_cache(maxsize=4096)
def format_ip(family: str, value: int) -> str:
    """The canonical text of an address."""
    return str(IPv4Address(value) if family == IPV4 else IPv6Address(value))


@lru_cache(maxsize=1024)
def is_special(address: Address) -> bool:
    """Whether an address may not be an endpoint or an external IP (VAL-050 to VAL-053, VAL-077).

    Unspecified, loopback, link-local unicast or link-local multicast.
    """
    known = IPv4Address(address.value) if address.family == IPV4 else IPv6Address(address.value)
    if known.is_unspecified or known.is_loopback or known.is_link_local:
        return True
    packed = known.packed
    if address.family == IPV4:
        return packed[:3] == bytes((224, 0, 0))
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02


def other_family(family: str) -> str:
    """The family of the other stack."""
    return IPV6 if family == IPV4 else IPV4
