# SPDX-License-Identifier: Apache-2.0
"""Proxies that are wrong about which endpoints are of use: ready, draining, or not at all."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves, sees
from conformance.faults.routing.making import Proxy, decides, forward, narrowed_to, with_endpoints
from conformance.model import Model
from reference.objects import Cluster, Endpoint, EndpointConditions
from reference.questions import Decision, Flow, Outcome
from reference.routing import Match, RoutingTable
from reference.routing.addresses import family_of

READY = EndpointConditions(True, True, False)


@sees("RT-008")
def silence_is_not_ready(cluster: Cluster) -> Cluster:
    """A condition that nobody wrote is read as false."""

    def read(one: Endpoint) -> Endpoint:
        written = one.conditions
        return evolve(
            one,
            conditions=EndpointConditions(
                bool(written.ready), bool(written.serving), bool(written.terminating)
            ),
        )

    return with_endpoints(cluster, read)


@sees("RT-009")
def conditions_are_not_known(cluster: Cluster) -> Cluster:
    """Every endpoint is used, whatever its conditions."""
    return with_endpoints(cluster, lambda one: evolve(one, conditions=READY))


@sees("RT-009")
def serving_is_enough(cluster: Cluster) -> Cluster:
    """An endpoint that serves is used although it is not ready, terminating or not."""

    def read(one: Endpoint) -> Endpoint:
        return evolve(one, conditions=READY) if one.conditions.serving else one

    return with_endpoints(cluster, read)


@sees("TERM-001", bugs=("BUG-046",))
def draining_is_ready(cluster: Cluster) -> Cluster:
    """Terminating endpoints are as good as ready ones as long as they serve."""

    def read(one: Endpoint) -> Endpoint:
        draining = one.conditions.terminating and one.conditions.serving is not False
        return evolve(one, conditions=READY) if draining else one

    return with_endpoints(cluster, read)


@sees("TERM-002", "TERM-003")
def draining_is_gone(cluster: Cluster) -> Cluster:
    """Endpoints that terminate are never used, not even as the last ones."""

    def read(one: Endpoint) -> Endpoint:
        draining = one.conditions.terminating and one.conditions.ready is False
        return evolve(one, conditions=EndpointConditions(False, False, True)) if draining else one

    return with_endpoints(cluster, read)


@decides("TERM-003", "TERM-004")
def one_fallback_for_all(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """A node's draining endpoints are used only while nothing is ready on any node."""
    ready = any(each.ready for each in table.candidates(match.service, match.port, family_of(flow.ip)))
    return Decision(Outcome.DROP) if "TERM-003" in decision.rules and ready else decision


@sees("TERM-005")
def terminating_without_serving(cluster: Cluster) -> Cluster:
    """Whether a terminating endpoint still serves is not looked at."""

    def read(one: Endpoint) -> Endpoint:
        if not one.conditions.terminating:
            return one
        return evolve(one, conditions=evolve(one.conditions, serving=True))

    return with_endpoints(cluster, read)


@decides("TERM-006")
def published_is_not_ready_enough(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A terminating endpoint is left out while others are ready, although it is published as ready itself."""
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    steady = frozenset(each.backend for each in every if each.ready and not each.terminating)
    return narrowed_to(decision, steady) if steady & decision.backends else decision


@behaves("TERM-001", bugs=("BUG-049",))
class ActiveUntilTheFirstChange(Proxy):
    """An endpoint is active when it is first seen, and its state is looked at from the next change on."""

    def see(self, cluster: Cluster) -> Cluster:
        """The cluster as the proxy takes it."""
        return self.with_news(frozenset(), cluster)

    def with_news(self, known: frozenset[str], cluster: Cluster) -> Cluster:
        """The cluster with every endpoint active that was not known."""

        def read(one: Endpoint) -> Endpoint:
            draining = one.conditions.terminating and one.conditions.serving is not False
            return one if one.addresses[0] in known or not draining else evolve(one, conditions=READY)

        return with_endpoints(cluster, read)

    def update(self, cluster: Cluster) -> None:
        """Move to this state."""
        known = frozenset(one.addresses[0] for item in self.applied.endpoint_slices for one in item.endpoints)
        self.apply(cluster)
        self.model = Model(self.with_news(known, cluster))


# -- hints -------------------------------------------------------------------------


@sees("TOPO-004")
def hints_are_not_known(cluster: Cluster) -> Cluster:
    """Hints are not looked at."""
    return with_endpoints(cluster, lambda one: evolve(one, hints=None))


@decides("TOPO-001")
def reads_the_traffic_distribution(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A Service with a traffic distribution is kept on the node by the proxy itself, without any hint."""
    node = table.processing_node(flow)
    if match.service.spec.traffic_distribution is None or node is None:
        return decision
    here = table.sets(match.service, match.port, family_of(flow.ip)).local(node).backends
    return narrowed_to(decision, here) if here & decision.backends else decision


@decides("TOPO-002")
def zones_before_nodes(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Hints for zones are heeded first, and those for nodes only where there is none for the zone."""
    node = table.processing_node(flow)
    if "TOPO-004" not in decision.rules or node is None:
        return decision
    ready = [each for each in table.candidates(match.service, match.port, family_of(flow.ip)) if each.ready]
    here = frozenset(each.backend for each in ready if node.zone in each.zone_hints)
    if not here or not all(each.zone_hints for each in ready):
        return decision
    return Decision(Outcome.FORWARD, here, frozenset(), decision.rules)


@decides("TOPO-003")
def some_hints_are_enough(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints hinted for the zone are preferred although others have no hint."""
    node = table.processing_node(flow)
    if node is None or "RT-001" not in decision.rules:
        return decision
    ready = [each for each in table.candidates(match.service, match.port, family_of(flow.ip)) if each.ready]
    here = frozenset(each.backend for each in ready if node.zone and node.zone in each.zone_hints)
    return narrowed_to(decision, here) if here else decision


@decides("TOPO-005")
def first_zone_hint_only(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Of several zones for which an endpoint is hinted only the first one counts."""
    node = table.processing_node(flow)
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    first = frozenset(each.backend for each in every if node and each.zone_hints[:1] == (node.zone,))
    heeded = "TOPO-004" in decision.rules and not all(each.node_hints for each in every if each.ready)
    return narrowed_to(decision, first) if heeded and first & decision.backends else decision


@decides("TOPO-006", "TOPO-007", bugs=("BUG-057",))
def no_labels_of_its_own_node(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """On a node without a zone, no endpoint that is hinted for a zone is used."""
    node = table.processing_node(flow)
    if node is None or node.zone or "RT-001" not in decision.rules:
        return decision
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    return narrowed_to(decision, frozenset(each.backend for each in every if not each.zone_hints))


@decides("TOPO-007", "TOPO-008", bugs=("BUG-055",))
def zone_before_readiness(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are filtered by zone before those that are not ready are left out."""
    node = table.processing_node(flow)
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    hinted = frozenset(each.backend for each in every if node and node.zone and node.zone in each.zone_hints)
    return narrowed_to(decision, hinted) if hinted and "RT-001" in decision.rules else decision


@decides("TOPO-008")
def unready_endpoints_need_hints(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Hints count for nothing as long as an endpoint without one is listed, ready or not."""
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    if "TOPO-004" not in decision.rules or all(each.zone_hints or each.node_hints for each in every):
        return decision
    return forward(frozenset(each.backend for each in every if each.ready))


@decides("TOPO-014")
def one_mode_for_all_ports(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Whether hints count is found out once for each Service, from the endpoints of its first port."""
    node, first = table.processing_node(flow), match.service.spec.ports[0]
    if node is None or match.port is first or decision.outcome is not Outcome.FORWARD:
        return decision
    heeded = "TOPO-004" in table.sets(match.service, first, family_of(flow.ip)).cluster(node).rules
    ready = [each for each in table.candidates(match.service, match.port, family_of(flow.ip)) if each.ready]
    if not heeded:
        every = frozenset(each.backend for each in ready)
        return forward(every) if "TOPO-004" in decision.rules else decision
    here = frozenset(each.backend for each in ready if node.zone in each.zone_hints)
    return narrowed_to(decision, here) if here and "RT-001" in decision.rules else decision


@decides("TOPO-009", "ITP-008")
def hints_for_local_sets(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Hints are heeded under policy Local, too."""
    node = table.processing_node(flow)
    if "RT-019" not in decision.rules or node is None:
        return decision
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    here = frozenset(each.backend for each in every if not each.zone_hints or node.zone in each.zone_hints)
    return narrowed_to(decision, here)


@decides("TERM-008")
def hints_for_draining_endpoints(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Of the draining endpoints that are left, those hinted for the zone are preferred."""
    node = table.processing_node(flow)
    if "TERM-002" not in decision.rules or node is None:
        return decision
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    here = frozenset(each.backend for each in every if node.zone and node.zone in each.zone_hints)
    return narrowed_to(decision, here) if here & decision.backends else decision
