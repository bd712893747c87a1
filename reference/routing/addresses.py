# SPDX-License-Identifier: Apache-2.0
"""Addresses and ranges, parsed once."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from reference.objects import Cluster, Node


@lru_cache(maxsize=65536)
def number(ip: str) -> tuple[int, int]:
    """The family (4 or 6) and the address as a number."""
    parsed = ip_address(ip)
    return parsed.version, int(parsed)


@lru_cache(maxsize=4096)
def _range(cidr: str) -> tuple[int, int, int, int]:
    parsed = ip_network(cidr.strip(), strict=False)
    return parsed.version, int(parsed.network_address), int(parsed.netmask), parsed.prefixlen


def family(cidr: str) -> int:
    """4 or 6."""
    return _range(cidr)[0]


def is_everything(cidr: str) -> bool:
    """Whether the range's prefix has no length."""
    return _range(cidr)[3] == 0


@lru_cache(maxsize=65536)
def inside(ip: str, cidr: str) -> bool:
    """Whether an address lies in a range."""
    version, start, mask, _ = _range(cidr)
    kind, value = number(ip)
    return kind == version and value & mask == start


def addresses_of(node: Node) -> frozenset[str]:
    """The IP addresses of a node; its host names are none."""
    return frozenset(
        entry.address for entry in node.status.addresses if entry.type in ("InternalIP", "ExternalIP")
    )


def primary_address(node: Node) -> str | None:
    """A node's first InternalIP."""
    return next((entry.address for entry in node.status.addresses if entry.type == "InternalIP"), None)


def is_pod_address(cluster: Cluster, ip: str) -> bool:
    """Whether a proxy takes the source for a pod's: it lies in the cluster's pod range (RT-027)."""
    return any(inside(ip, cidr) for cidr in cluster.settings.pod_cidrs)
