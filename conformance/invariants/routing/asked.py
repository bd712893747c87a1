# SPDX-License-Identifier: Apache-2.0
"""What was asked of a proxy, what is expected, and where other answers are as good."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from conformance.invariants.base import Case
from conformance.observe import decisions
from conformance.questions.routing import flows
from reference import routing
from reference.objects import ZONE_LABEL
from reference.questions import Backend, ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable
from reference.routing.candidates import Candidate

NOT_FORWARDED = frozenset({Outcome.REJECT, Outcome.DROP, Outcome.NOT_A_SERVICE})


@frozen
class Asked:
    """A flow with the model's decision and the implementation's."""

    flow: Flow
    match: Match | None
    expected: Decision
    got: Decision

    @property
    def text(self) -> str:
        """The flow in words."""
        client = self.flow.client
        who = f"pod {client.pod}" if client.pod else client.kind.value
        return (
            f"{who} ({client.ip}) on {client.node} -> "
            f"{self.flow.protocol} {self.flow.ip}:{self.flow.port}"
            + (f" ({self.match.destination.value} of {service_of(self.match)})" if self.match else "")
        )


def service_of(match: Match) -> str:
    """`namespace/name:port` of a matched service port."""
    meta = match.service.metadata
    return f"{meta.namespace}/{meta.name}:{match.port.name or match.port.port}"


def shown(decision: Decision) -> str:
    """A decision in words."""
    if decision.outcome is not Outcome.FORWARD:
        return decision.outcome.value
    backends = ", ".join(f"{item.ip}:{item.port}" for item in sorted(decision.backends))
    return f"forward to one of {{{backends}}}"


def table(case: Case) -> RoutingTable:
    """The compiled table of the case's cluster."""
    return case.memo("routing table", lambda: routing.compile(case.cluster))


def asked(case: Case) -> tuple[Asked, ...]:
    """Every flow asked of the case, with both answers."""
    return case.memo("routing asked", lambda: tuple(_asked(case)))


def _asked(case: Case) -> Iterator[Asked]:
    compiled = table(case)
    questions = flows(case.cluster)
    matches = [compiled.match(flow) for flow in questions]
    # Where copies of an endpoint contradict each other, no answer is wrong (RT-007).
    certain = [
        (flow, match)
        for flow, match in zip(questions, matches, strict=True)
        if match is None or not is_ambiguous(case, match)
    ]
    expected = [compiled.decide(flow) for flow, _ in certain]
    sizes = [len(decision.backends) for decision in expected]
    got = decisions(case, [flow for flow, _ in certain], sizes=sizes)
    for (flow, match), right, answer in zip(certain, expected, got, strict=True):
        yield Asked(flow, match, right, answer)


def is_ambiguous(case: Case, match: Match) -> bool:
    """Whether the matched service port's endpoints are listed in ways that contradict each other."""
    meta, port = match.service.metadata, match.port
    return case.memo(
        ("ambiguous", meta.namespace, meta.name, port.name, port.protocol),
        lambda: table(case).is_ambiguous(match.service, port),
    )


def is_promised(case: Case, item: Asked) -> bool:
    """Whether every implementation has to come to the class of result that the model comes to.

    Left out is what belongs to kube-proxy alone: clients outside that use a cluster
    IP (RT-018), a node's own node port under policy Local (ETP-011, ETP-012), a pod
    and another node's port (ETP-014, NP-014), and source ranges (LB-006, LB-009).
    """
    if item.match is None:
        return True
    spec = item.match.service.spec
    client = item.flow.client
    destination = item.match.destination
    if destination is Destination.CLUSTER_IP:
        return client.kind is not ClientKind.EXTERNAL
    if destination is Destination.LOAD_BALANCER_IP and spec.load_balancer_source_ranges:
        return False
    if destination is Destination.NODE_PORT and client.kind is not ClientKind.EXTERNAL:
        node = table(case).processing_node(item.flow)
        elsewhere = node is not None and node.metadata.name != client.node
        if spec.external_traffic_policy == "Local":
            return elsewhere and client.kind is ClientKind.NODE
        return not elsewhere or not spec.traffic_distribution
    return True


def accepted_sets(case: Case, item: Asked) -> tuple[frozenset[Backend], ...]:
    """The eligible sets that are right: with topology hints, and without (TOPO-001 is kube-proxy's)."""
    sets = [item.expected.backends]
    if item.match is not None:
        endpoints = candidates(case, item.match)
        if any(endpoint.zone_hints or endpoint.node_hints for endpoint in endpoints):
            sets.append(frozenset(endpoint.backend for endpoint in endpoints if endpoint.ready))
            sets += _by_node(case, item, endpoints)
    return tuple(dict.fromkeys(sets))


def _by_node(case: Case, item: Asked, endpoints: tuple[Candidate, ...]) -> list[frozenset[Backend]]:
    """What the hints say for the client's own node and for any other: either may decide."""
    return [
        frozenset(
            endpoint.backend
            for endpoint in routing.cluster_set(
                endpoints, node=node.metadata.name, zone=node.metadata.labels.get(ZONE_LABEL)
            )[0]
        )
        for node in case.cluster.nodes
        if node.metadata.name == item.flow.client.node
    ]


def candidates(case: Case, match: Match) -> tuple[Candidate, ...]:
    """The endpoints of the matched service port."""
    return table(case).candidates(match.service, match.port)


def comparable(decision: Decision) -> Decision:
    """A decision as two related clusters have to share it: the class, the set, the sources."""
    if decision.outcome is Outcome.FORWARD:
        return decision
    return evolve(decision, masqueraded=None)
