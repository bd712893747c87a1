# SPDX-License-Identifier: Apache-2.0
"""Proxies that claim parity with one mode of kube-proxy and are wrong just where the modes differ."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.faults.base import behaves
from conformance.faults.routing.making import Proxy, forward
from reference.questions import ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Mode, RoutingTable, decide_in_mode
from reference.routing.addresses import IPV4, inside
from reference.routing.modes import LOOPBACK


class InMode(Proxy):
    """A proxy in one mode."""

    kind = Mode.IPTABLES
    level = Level.KUBE_PROXY_IPTABLES

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        return decide_in_mode(table, flow, self.kind)


@behaves("NP-003")
class PrimaryAddressesInIptables(InMode):
    """In mode iptables node ports are served at primary addresses alone."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match, right = table.match(flow), super().decision(table, flow)
        if match is None or match.destination is not Destination.NODE_PORT:
            return right
        return decide_in_mode(table, flow, Mode.NFTABLES)


@behaves("NP-007")
class LoopbackIsForTheHost(InMode):
    """In mode iptables loopback addresses are left to the host's own listeners."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        if inside(flow.ip, LOOPBACK[IPV4]):
            return Decision(Outcome.NOT_A_SERVICE)
        return super().decision(table, flow)


@behaves("RT-023")
class OtherPortsAreRefusedInIptables(InMode):
    """In mode iptables packets to other ports of cluster IPs are refused."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        other = decide_in_mode(table, flow, Mode.NFTABLES)
        return other if "RT-023" in other.rules else super().decision(table, flow)


@behaves("NOEP-004", "LB-013")
class AsNftablesWithoutEndpoints(InMode):
    """In mode iptables hosts are refused at external addresses, and source ranges come before all."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match = table.match(flow)
        return super().decision(table, flow) if match is None else table.decide(flow)


class Nftables(InMode):
    """A proxy in mode nftables."""

    kind = Mode.NFTABLES
    level = Level.KUBE_PROXY_NFTABLES


@behaves("NP-004")
class EveryAddressInNftables(Nftables):
    """In mode nftables node ports are served at every address of the node."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match = table.match(flow)
        by_node = match is not None and match.destination is Destination.NODE_PORT
        return table.decide(flow) if by_node else super().decision(table, flow)


@behaves("NP-013")
class RefusesAtEveryAddress(Nftables):
    """The rule that refuses packets to node ports without endpoints is not held to primary addresses."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        plain = table.decide(flow)
        return plain if plain.outcome is Outcome.REJECT else super().decision(table, flow)


@behaves("NP-008")
class LoopbackInNftables(Nftables):
    """In mode nftables node ports are served at loopback addresses of both families."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        for family, cidr in LOOPBACK.items():
            primary = (
                table.nodes[flow.client.node].primary(family) if flow.client.node in table.nodes else None
            )
            if inside(flow.ip, cidr) and primary is not None:
                client = evolve(flow.client, ip=primary)
                return table.decide(evolve(flow, ip=primary, client=client))
        return super().decision(table, flow)


@behaves("RT-024", "HEADLESS-004")
class FreeAddressesAreLetBe(Nftables):
    """In mode nftables packets to cluster IPs that no Service has are let be."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        right = super().decision(table, flow)
        return Decision(Outcome.NOT_A_SERVICE) if "RT-024" in right.rules else right


@behaves("NOEP-004", "LB-013")
class AsIptablesWithoutEndpoints(Nftables):
    """In mode nftables hosts are not refused at external addresses, and source ranges come last."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        other = decide_in_mode(table, flow, Mode.IPTABLES)
        different = {"NOEP-004", "LB-013"} & set(other.rules)
        return other if different else super().decision(table, flow)


@behaves("NP-014")
class TranslatesAtTheSender(Proxy):
    """Node ports of other nodes are taken up where the client is, as if they were its own node's."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match, own = table.match(flow), table.nodes.get(flow.client.node)
        if match is None or own is None or match.destination is not Destination.NODE_PORT:
            return table.decide(flow)
        if flow.client.kind is ClientKind.EXTERNAL or flow.ip in own.addresses:
            return table.decide(flow)
        return forward(table.sets(match.service, match.port).cluster(own).backends, Outcome.REJECT)
