# SPDX-License-Identifier: Apache-2.0
"""Small ranges of node ports and cluster IPs, so that numbers collide and run out."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network

from attrs import frozen

from reference.objects import ClusterSettings


def _settings(first: int, last: int, cidr: str) -> ClusterSettings:
    return ClusterSettings(service_cidrs=(cidr,), node_port_range=(first, last))


SETTINGS = (
    ClusterSettings(),
    _settings(30000, 30001, "10.96.0.0/16"),  # two node ports
    _settings(30000, 32767, "10.96.0.0/30"),  # two addresses
    _settings(30000, 30016, "10.96.0.0/28"),  # 16 static node ports and a single dynamic one
    _settings(30000, 30003, "10.96.0.0/29"),
    _settings(30000, 30015, "10.96.0.0/27"),  # 16 static addresses; no static node ports yet
    _settings(31000, 31002, "10.0.0.8/30"),
    _settings(30000, 30049, "10.96.0.0/24"),
    _settings(30000, 30991, "10.96.0.0/22"),  # bands that are neither at the least nor at the most
    _settings(20000, 28191, "10.96.0.0/12"),  # both static bands are as wide as they get
)


@frozen
class Numbers:
    """The numbers that a request may ask for, all of them near the ends of the ranges."""

    node_port: int
    other_node_port: int
    cluster_ip: str
    below_node_ports: int
    above_node_ports: int
    network: str
    broadcast: str
    outside: str


CHOICES = 4
"""How many different `Numbers` there are for one cluster."""


@lru_cache(maxsize=256)
def numbers(settings: ClusterSettings, choice: int) -> Numbers:
    """The numbers of one choice: first, second, last, last but one."""
    first, last = settings.node_port_range
    network = IPv4Network(settings.service_cidrs[0])
    size = network.num_addresses - 2
    ends = (0, 1, -1, -2)
    return Numbers(
        node_port=range(first, last + 1)[ends[choice]],
        other_node_port=range(first, last + 1)[ends[choice ^ 1]],
        cluster_ip=str(network.network_address + 1 + range(size)[ends[choice]]),
        below_node_ports=first - 1,
        above_node_ports=last + 1,
        network=str(network.network_address),
        broadcast=str(network.broadcast_address),
        outside=str(network.broadcast_address + 2),
    )
