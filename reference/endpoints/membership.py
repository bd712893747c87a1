# SPDX-License-Identifier: Apache-2.0
"""Which pods become endpoints of a Service, and with which attributes."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from reference.objects import (
    EndpointConditions,
    ObjectReference,
    Pod,
    Service,
)

IPV4 = "IPv4"
IPV6 = "IPv6"

_TERMINAL_PHASES = frozenset({"Succeeded", "Failed"})


def is_managed(service: Service) -> bool:
    """Whether the controller writes slices for the Service at all.

    Not for an ExternalName (EP-025, SEL-010), nor without a selector (SEL-004,
    SEL-005), nor for a Service that is being deleted (EP-028).
    """
    return (
        bool(service.spec.selector)
        and service.spec.type != "ExternalName"
        and service.metadata.deletion_timestamp is None
    )


def address_families(service: Service) -> tuple[str, ...]:
    """The families of the Service, each with its own slices (EP-020, EP-021)."""
    return tuple(family for family in (IPV4, IPV6) if family in service.spec.ip_families)


def is_eligible(pod: Pod) -> bool:
    """Neither terminal nor without an address; nothing else matters (EP-001 to EP-005, EP-011)."""
    return pod.status.phase not in _TERMINAL_PHASES and bool(pod.status.pod_ip or pod.status.pod_ips)


def is_serving(pod: Pod) -> bool:
    """The pod's Ready condition is there and True; nothing else counts (EP-006, EP-009)."""
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            return condition.status == "True"
    return False


@lru_cache(maxsize=8)
def conditions(*, serving: bool, terminating: bool, publish_not_ready: bool) -> EndpointConditions:
    """All three conditions, always written (EP-006, EP-007, EP-008, EP-010)."""
    return EndpointConditions(
        ready=publish_not_ready or (serving and not terminating),
        serving=serving,
        terminating=terminating,
    )


def hostname(pod: Pod, service: Service) -> str | None:
    """The pod's own hostname, if its subdomain is the Service's name (EP-015)."""
    if pod.spec.hostname and pod.spec.subdomain == service.metadata.name:
        return pod.spec.hostname
    return None


def addresses(pod: Pod, family: str) -> tuple[str, ...]:
    """The pod's addresses of one family in canonical form, sorted (EP-017, EP-019)."""
    found = [parsed[1] for entry in pod.status.pod_ips if (parsed := parse_ip(entry.ip))[0] == family]
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def target_ref(namespace: str, name: str, uid: str) -> ObjectReference:
    """The reference to the pod (EP-016)."""
    return ObjectReference(kind="Pod", namespace=namespace, name=name, uid=uid)


@lru_cache(maxsize=4096)
def parse_ip(text: str) -> tuple[str | None, str]:
    """The family and the canonical text of an address; (None, text) if it is none (EP-017).

    As the API server does, leading zeros in an IPv4 address are read as decimal
    and an IPv4-mapped IPv6 address is one of IPv4.
    """
    parts = text.split(".")
    if len(parts) == 4 and all(part.isascii() and part.isdigit() for part in parts):
        text = ".".join(str(int(part)) for part in parts)
    try:
        address = ip_address(text)
    except ValueError:
        return None, text
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return IPV6, str(address)
        return IPV4, str(address.ipv4_mapped)
    return IPV4, str(address)
