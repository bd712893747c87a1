# SPDX-License-Identifier: Apache-2.0
"""Keeps a family of addresses that a cluster does not have, as earlier clusters had it.

Programs begin anew when the addresses of their node change, which takes as long as many
clusters.  To a cluster of one family the addresses and ranges of the other one are
nothing: it has no Service, no slice and no client there.
"""

from __future__ import annotations

from attrs import define, evolve, field

from reference.objects import Cluster, Node, NodeAddress
from reference.routing.addresses import IPV4, IPV6, family_of


@define
class Memory:
    """What earlier clusters had of each family."""

    _addresses: dict[tuple[str, str], NodeAddress] = field(factory=dict)
    _pods: dict[str, str] = field(factory=dict)
    _services: dict[str, str] = field(factory=dict)

    def widened(self, cluster: Cluster) -> Cluster:
        """The cluster, with what it lacks of a family that none of its nodes has an address of."""
        own = {family for node in cluster.nodes for family in _families(node)}
        nodes = tuple(self._node(node, own) for node in cluster.nodes)
        settings = evolve(
            cluster.settings,
            pod_cidrs=_widened(cluster.settings.pod_cidrs, self._pods, own),
            service_cidrs=_widened(cluster.settings.service_cidrs, self._services, own),
        )
        return evolve(cluster, nodes=nodes, settings=settings)

    def _node(self, node: Node, own: set[str]) -> Node:
        name = node.metadata.name
        added = []
        for family in (IPV4, IPV6):
            found = next((entry for entry in _internal(node) if family_of(entry.address) == family), None)
            if found is not None:
                self._addresses[name, family] = found
            elif family not in own and (name, family) in self._addresses:
                added.append(self._addresses[name, family])
        if not added:
            return node
        return evolve(node, status=evolve(node.status, addresses=(*node.status.addresses, *added)))


def _widened(ranges: tuple[str, ...], known: dict[str, str], own: set[str]) -> tuple[str, ...]:
    for cidr in ranges:
        known[family_of(cidr)] = cidr
    listed = {family_of(cidr) for cidr in ranges}
    added = (cidr for family, cidr in known.items() if own and family not in own | listed)
    return (*ranges, *added)


def _internal(node: Node) -> list[NodeAddress]:
    return [entry for entry in node.status.addresses if entry.type == "InternalIP"]


def _families(node: Node) -> set[str]:
    return {
        family_of(entry.address)
        for entry in node.status.addresses
        if entry.type in ("InternalIP", "ExternalIP")
    }
