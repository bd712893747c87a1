# SPDX-License-Identifier: Apache-2.0
"""Implementations that differ from kube-proxy where they may (routing catalogue, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from conformance.faults.routing.making import Proxy, forward, is_outer, with_endpoints, with_specs
from conformance.faults.routing.modes import InMode
from reference.objects import Cluster, Endpoint, ServiceSpec
from reference.questions import Backend, ClientKind, Connection, Decision, Flow, Outcome
from reference.routing import AffinityState, Destination, Match, RoutingTable
from reference.routing.addresses import family_of
from reference.routing.affinity import timeout
from reference.routing.decision import ranges_for

Change = Callable[[RoutingTable, Flow, Match, Decision], Decision]


def deciding(change: Change) -> type[Proxy]:
    """A proxy that decides otherwise on flows that are for a service port."""

    class Deciding(Proxy):
        def decision(self, table: RoutingTable, flow: Flow) -> Decision:
            match, decision = table.match(flow), table.decide(flow)
            return decision if match is None else change(table, flow, match, decision)

        def narrowed(
            self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
        ) -> Decision:
            match = table.match(connection.flow)
            if match is None or timeout(match.service.spec) is None:
                return decision  # what the model would have picked from is not what this one does
            return super().narrowed(table, state, connection, decision)

    return Deciding


def seeing(change: Callable[[Cluster], Cluster]) -> type[Proxy]:
    """A proxy that takes another cluster for the true one."""

    class Seeing(Proxy):
        def see(self, cluster: Cluster) -> Cluster:
            return change(cluster)

    return Seeing


def _inside(flow: Flow) -> bool:
    return flow.client.kind is not ClientKind.EXTERNAL


def _has_any(table: RoutingTable, flow: Flow, match: Match) -> bool:
    return table.sets(match.service, match.port, family_of(flow.ip)).has_any


def _local(table: RoutingTable, flow: Flow, match: Match, node: str) -> frozenset[Backend]:
    return table.sets(match.service, match.port, family_of(flow.ip)).local(table.nodes[node]).backends


def _everywhere(table: RoutingTable, flow: Flow, match: Match, node: str) -> frozenset[Backend]:
    return table.sets(match.service, match.port, family_of(flow.ip)).cluster(table.nodes[node]).backends


def refuses_instead_of_dropping(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """REJECT where kube-proxy drops."""
    return Decision(Outcome.REJECT) if decision.outcome is Outcome.DROP else decision


def lets_hosts_escape(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """As iptables mode: a host's packet to an outer address without endpoints leaves the node (NOEP-004)."""
    if (
        flow.client.kind is ClientKind.NODE
        and match.destination in (Destination.EXTERNAL_IP, Destination.LOAD_BALANCER_IP)
        and not _has_any(table, flow, match)
    ):
        return Decision(Outcome.NOT_A_SERVICE)
    return decision


def keeps_outside_from_cluster_ips(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Cluster IPs are not served to clients outside (RT-018)."""
    if match.destination is Destination.CLUSTER_IP and not _inside(flow):
        return Decision(Outcome.DROP)
    return decision


def internal_policy_for_all_inside(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """The internal policy holds for all clients in the cluster, at every address (ITP-006)."""
    spec = match.service.spec
    if (
        is_outer(match)
        and _inside(flow)
        and spec.internal_traffic_policy == "Local"
        and _has_any(table, flow, match)
        and (match.destination is not Destination.LOAD_BALANCER_IP or not spec.load_balancer_source_ranges)
    ):
        return forward(_local(table, flow, match, flow.client.node))
    return decision


def translates_at_the_sender(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """A pod's packet to another node's port is translated on the pod's node, as to any address (NP-014)."""
    elsewhere = table.node_by_address.get(flow.ip)
    if (
        match.destination is Destination.NODE_PORT
        and flow.client.kind is ClientKind.POD
        and elsewhere is not None
        and elsewhere.name != flow.client.node
        and _has_any(table, flow, match)
    ):
        return forward(_everywhere(table, flow, match, flow.client.node))
    return decision


def own_node_port_is_local(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Under external policy Local a client is bound to its node at the node's own port (ETP-011)."""
    node = table.node_by_address.get(flow.ip)
    if (
        match.destination is Destination.NODE_PORT
        and match.service.spec.external_traffic_policy == "Local"
        and node is not None
        and node.name == flow.client.node
        and _has_any(table, flow, match)
    ):
        return forward(_local(table, flow, match, node.name))
    return decision


def keeps_the_source(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """No client's address is ever replaced (ETP-004: direct server return)."""
    if decision.outcome is not Outcome.FORWARD:
        return decision
    return evolve(decision, masqueraded=frozenset())


def tells_no_source(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Nothing is known of source addresses."""
    return evolve(decision, masqueraded=None)


def keeps_pods_from_external_ips(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Pods cannot use external IPs (EXT-007)."""
    if match.destination is Destination.EXTERNAL_IP and flow.client.kind is ClientKind.POD:
        return Decision(Outcome.DROP)
    return decision


def filters_by_the_nodes_address(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Source ranges see a pod's packet with its node's address (LB-014)."""
    ranges = ranges_for(match.service, flow.client.ip)
    if match.destination is Destination.LOAD_BALANCER_IP and ranges and flow.client.kind is ClientKind.POD:
        node = table.nodes[flow.client.node]
        moved = evolve(flow, client=evolve(flow.client, kind=ClientKind.NODE, ip=node.internal[0]))
        return table.decide(moved)
    return decision


def _without_hints(endpoint: Endpoint) -> Endpoint:
    return evolve(endpoint, hints=None)


def _without_node_hints(endpoint: Endpoint) -> Endpoint:
    if endpoint.hints is None:
        return endpoint
    return evolve(endpoint, hints=evolve(endpoint.hints, for_nodes=()))


def _without_ranges(spec: ServiceSpec) -> ServiceSpec:
    return evolve(spec, load_balancer_source_ranges=())


class RoundRobin(Proxy):
    """Members are picked in turn."""

    turn = 0

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        self.turn += 1
        return backends[self.turn % len(backends)]


def _listed_backwards(cluster: Cluster) -> Cluster:
    slices = tuple(evolve(piece, endpoints=piece.endpoints[::-1]) for piece in cluster.endpoint_slices[::-1])
    return evolve(cluster, endpoint_slices=slices)


class OtherCopies(InMode):
    """Of an endpoint that is listed in ways that contradict each other, another copy counts (RT-007)."""

    def see(self, cluster: Cluster) -> Cluster:
        """The state as this proxy takes it."""
        return _listed_backwards(cluster)


VARIANTS: dict[str, type[Proxy]] = {
    change.__name__.replace("_", " "): deciding(change)
    for change in (
        refuses_instead_of_dropping,
        lets_hosts_escape,
        keeps_outside_from_cluster_ips,
        internal_policy_for_all_inside,
        translates_at_the_sender,
        own_node_port_is_local,
        keeps_the_source,
        tells_no_source,
        keeps_pods_from_external_ips,
        filters_by_the_nodes_address,
    )
} | {
    "ignores hints": seeing(lambda cluster: with_endpoints(cluster, _without_hints)),
    "knows no hints for nodes": seeing(lambda cluster: with_endpoints(cluster, _without_node_hints)),
    "ignores source ranges": seeing(lambda cluster: with_specs(cluster, _without_ranges)),
    "round robin": RoundRobin,
    "takes other copies of an endpoint": seeing(_listed_backwards),
}
