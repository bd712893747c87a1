# SPDX-License-Identifier: Apache-2.0
"""The addresses of generated objects in both families, and which families a cluster and a Service have.

An object's two addresses end alike, so that a reader sees that they belong together.
"""

from __future__ import annotations

from reference.objects import CLUSTER_IP_NONE

IPV4, IPV6 = "IPv4", "IPv6"

ONE_STACK = (IPV4,)
DUAL_STACK = (IPV4, IPV6)
"""The families of a cluster; the primary one is IPv4."""

SERVICE_CIDRS = ("10.96.0.0/16", "fd00:10:96::/112")
POD_CIDRS = ("10.244.0.0/16", "fd00:10:244::/56")

_NODES = {IPV4: "192.168.0.{}", IPV6: "fd00:192:168::{:x}"}
_NODES_OUTSIDE = {IPV4: "198.51.100.{}", IPV6: "2001:db8:51:100::{:x}"}
_SERVICES = {IPV4: "10.96.0.{}", IPV6: "fd00:10:96::{:x}"}
_EXTERNAL = {IPV4: "198.18.{}.{}", IPV6: "2001:db8:18:{:x}::{:x}"}
_LOAD_BALANCERS = {IPV4: "198.19.{}.{}", IPV6: "2001:db8:19:{:x}::{:x}"}
_POD_RANGES = {IPV4: "10.244.{}.0/24", IPV6: "fd00:10:244:{:x}::/64"}
_PODS = {IPV4: "10.244.{}.{}", IPV6: "fd00:10:244:{:x}::{:x}"}


def node_ip(index: int, family: str = IPV4) -> str:
    """An InternalIP of the node at `index`."""
    return _NODES[family].format(11 + index)


def node_external_ip(index: int, family: str = IPV4) -> str:
    """The ExternalIP of the node at `index`."""
    return _NODES_OUTSIDE[family].format(211 + index)


def node_pod_range(index: int, family: str) -> str:
    """The range of pod addresses of the node at `index`."""
    return _POD_RANGES[family].format(index)


def pod_ip(node: int, number: int, family: str) -> str:
    """A pod's address on the node at `node`; `number` is below 250."""
    return _PODS[family].format(node, number)


def cluster_ip(index: int, family: str) -> str:
    """The cluster IP of the Service at `index`."""
    return _SERVICES[family].format(20 + index)


def cluster_ips(index: int, families: tuple[str, ...], *, headless: bool) -> tuple[str, ...]:
    """`spec.clusterIPs` of the Service at `index`."""
    return (CLUSTER_IP_NONE,) if headless else tuple(cluster_ip(index, family) for family in families)


def external_ip(index: int, place: int, family: str) -> str:
    """One of the external IPs of the Service at `index`."""
    return _EXTERNAL[family].format(place, 20 + index)


def load_balancer_ip(index: int, place: int, family: str) -> str:
    """One of the addresses of the load balancer of the Service at `index`."""
    return _LOAD_BALANCERS[family].format(place, 20 + index)
