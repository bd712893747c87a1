# SPDX-License-Identifier: Apache-2.0
"""Addresses, ranges, and what a proxy knows of the node that it runs on."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from attrs import frozen

from reference.objects import ZONE_LABEL, ClusterSettings, Node

IPV4, IPV6 = "IPv4", "IPv6"


def family_of(ip: str) -> str:
    """The family of an address or a range, as EndpointSlices call it."""
    return IPV6 if ":" in ip else IPV4


@lru_cache(maxsize=65536)
def _number(ip: str) -> tuple[str, int]:
    return family_of(ip), int(ip_address(ip))


def is_same(one: str, other: str) -> bool:
    """Whether two texts are one address, however each spells it."""
    return one == other or (":" in one and _number(one) == _number(other))


@lru_cache(maxsize=4096)
def _range(cidr: str) -> tuple[str, int, int]:
    parsed = ip_network(cidr.strip(), strict=False)
    return family_of(cidr), int(parsed.network_address), int(parsed.netmask)


@lru_cache(maxsize=65536)
def inside(ip: str, cidr: str) -> bool:
    """Whether an address lies in a range of its family."""
    family, start, mask = _range(cidr)
    own, value = _number(ip)
    return own == family and value & mask == start


def pod_range(settings: ClusterSettings, family: str) -> str | None:
    """The range by which a proxy tells pods of a family: only the first one counts (RT-027).

    None if there is none; the proxy then takes nobody for a pod.
    """
    return next((cidr for cidr in settings.pod_cidrs if family_of(cidr) == family), None)


def is_pod_address(settings: ClusterSettings, ip: str) -> bool:
    """Whether a proxy takes the source for a pod's, on whichever node it is (RT-027)."""
    cidr = pod_range(settings, family_of(ip))
    return cidr is not None and inside(ip, cidr)


@frozen
class ProxyNode:
    """What the proxy of a node knows of the node.

    `addresses` are its own; its host names are none.  `internal` are the
    InternalIPs in order, the first of a family being the primary one.  An empty
    zone label is none (TOPO-006).
    """

    name: str
    zone: str | None
    addresses: frozenset[str]
    internal: tuple[str, ...]

    @property
    def internal_of_each_family(self) -> tuple[str, ...]:
        """The primary addresses."""
        found = (self.primary(family) for family in (IPV4, IPV6))
        return tuple(ip for ip in found if ip is not None)

    def primary(self, family: str) -> str | None:
        """The node's primary address of a family (NP-001)."""
        return next((ip for ip in self.internal if family_of(ip) == family), None)


def proxy_node(node: Node) -> ProxyNode:
    """What its proxy knows of a node."""
    addresses = node.status.addresses
    return ProxyNode(
        name=node.metadata.name,
        zone=node.metadata.labels.get(ZONE_LABEL) or None,
        addresses=frozenset(
            entry.address for entry in addresses if entry.type in ("InternalIP", "ExternalIP")
        ),
        internal=tuple(entry.address for entry in addresses if entry.type == "InternalIP"),
    )
