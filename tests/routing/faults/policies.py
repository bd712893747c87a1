# SPDX-License-Identifier: Apache-2.0
"""Faults in how policies are heeded."""

from __future__ import annotations

from attrs import evolve

from reference.objects import (
    ServiceSpec,
)
from reference.questions import (
    ClientKind,
    Decision,
    Flow,
    Outcome,
)
from reference.routing import Destination, Match, RoutingTable
from tests.routing.proxies import (
    forward,
    is_outer,
)


def remote_under_external_local(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """External policy Local is only heeded at node ports (kubernetes#71596)."""
    if is_outer(match) and match.service.spec.external_traffic_policy == "Local":
        node = table.nodes[flow.client.node]
        return forward(table.sets(match.service, match.port).cluster(node).backends, decision.outcome)
    return decision


def hosts_are_outside(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Processes of a node are taken for outside clients at load balancers' addresses (kubernetes#65387)."""
    spec = match.service.spec
    if (
        flow.client.kind is ClientKind.NODE
        and match.destination in (Destination.LOAD_BALANCER_IP, Destination.EXTERNAL_IP)
        and spec.external_traffic_policy == "Local"
        and decision.outcome is Outcome.FORWARD
    ):
        node = table.nodes[flow.client.node]
        return forward(table.sets(match.service, match.port).local(node).backends)
    return decision


def internal_policy_everywhere(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are filtered once for each Service, by the internal policy (kubernetes#105470)."""
    if match.service.spec.internal_traffic_policy != "Local" or decision.outcome is not Outcome.FORWARD:
        return decision
    node = table.processing_node(flow)
    assert node is not None
    return forward(table.sets(match.service, match.port).local(node).backends)


def external_policy_everywhere(spec: ServiceSpec) -> ServiceSpec:
    """The external policy goes for cluster IPs, too."""
    if spec.external_traffic_policy == "Local":
        return evolve(spec, internal_traffic_policy="Local")
    return spec


def ignores_internal_policy(spec: ServiceSpec) -> ServiceSpec:
    """The internal policy is not known."""
    return evolve(spec, internal_traffic_policy="Cluster" if spec.internal_traffic_policy else None)


def refuses_where_nothing_is_local(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """REJECT for DROP."""
    return Decision(Outcome.REJECT) if "NOEP-005" in decision.rules else decision


def drops_without_endpoints(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """DROP for REJECT."""
    return Decision(Outcome.DROP) if decision.outcome is Outcome.REJECT else decision


def nothing_for_outside_at_cluster_ips(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Cluster IPs are not served to clients outside."""
    if match.destination is Destination.CLUSTER_IP and flow.client.kind is ClientKind.EXTERNAL:
        return Decision(Outcome.DROP)
    return decision


def no_external_ips(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """External IPs are not known."""
    if match.destination is Destination.EXTERNAL_IP:
        return Decision(Outcome.NOT_A_SERVICE)
    return decision
