# SPDX-License-Identifier: Apache-2.0
"""Topology hints count just where they do with kube-proxy."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, ask, served, table
from conformance.invariants.routing.kube_proxy import judge_parity
from conformance.invariants.routing.related import change_slices, in_state
from reference.objects import EndpointConditions, EndpointSlice
from reference.questions import Outcome
from reference.routing import Candidate, ProxyNode
from reference.routing.addresses import family_of

DRAINING = EndpointConditions(False, True, True)

_HINTS = (
    "TOPO-004",
    "TOPO-002",
    "TOPO-003",
    "TOPO-005",
    "TOPO-006",
    "TOPO-008",
    "TOPO-014",
    "TERM-008",
)


@invariant(
    "routing.hints-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=_HINTS,
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def hints(case: Case) -> None:
    """Where endpoints carry hints, exactly those hinted for this node, else for its zone, are used if
    every ready endpoint carries such a hint and one is for here; otherwise hints count for nothing.
    """

    def wanted(item: Served) -> bool:
        return item.expected.outcome is Outcome.FORWARD and any(
            endpoint.zone_hints or endpoint.node_hints for endpoint in item.place.sets.endpoints
        )

    judge_parity(case, served(case), wanted, _hint)


def _hint(case: Case, item: Served) -> str:
    """The row that tells best what hints mean here."""
    every, node = item.place.sets.endpoints, item.place.node
    ready = [endpoint for endpoint in every if endpoint.ready]
    if not ready:
        return "TERM-008"
    if _differs_by_port(case, item):
        return "TOPO-014"
    if "TOPO-004" in item.expected.rules:
        return _heeded(item, ready)
    if not node.zone:
        return "TOPO-006"
    here = [endpoint for endpoint in every if _is_for(endpoint, node)]
    if here and not any(endpoint.ready for endpoint in here):
        return "TOPO-008"
    return "TOPO-003" if here else "TOPO-002"


def _heeded(item: Served, ready: Sequence[Candidate]) -> str:
    """The row by which hints leave a part of the endpoints."""
    node = item.place.node
    missing = item.expected.backends - item.got.backends
    several = {endpoint.backend for endpoint in ready if len(endpoint.zone_hints) > 1}
    by_zone = frozenset(endpoint.backend for endpoint in ready if node.zone in endpoint.zone_hints)
    by_node = all(endpoint.node_hints for endpoint in ready)
    if by_node and item.got.backends == by_zone:
        return "TOPO-002"
    if missing and missing <= several and not item.expected.backends - missing & several:
        return "TOPO-005"
    if any(not endpoint.ready and not _hints(endpoint) for endpoint in item.place.sets.endpoints):
        return "TOPO-008"
    return "TOPO-004"


def _hints(endpoint: Candidate) -> tuple[str, ...]:
    return (*endpoint.zone_hints, *endpoint.node_hints)


def _is_for(endpoint: Candidate, node: ProxyNode) -> bool:
    return node.zone in endpoint.zone_hints or node.name in endpoint.node_hints


def _differs_by_port(case: Case, item: Served) -> bool:
    """Whether hints count at another port of the Service and not at this one, or the reverse."""
    service = item.match.service
    ports = [port for port in service.spec.ports if port is not item.match.port]
    heeded = "TOPO-004" in item.expected.rules
    return any(
        sets.has_any and ("TOPO-004" in sets.cluster(item.place.node).rules) != heeded
        for sets in (table(case).sets(service, port, family_of(item.flow.ip)) for port in ports)
    )


@invariant(
    "routing.hints-of-draining-endpoints-mean-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("TERM-008",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def draining_hints(case: Case) -> None:
    """Once all endpoints with hints drain, and no other is left, all of them are used by clients that no
    policy binds to a node, whatever their hints.
    """

    def drained(item: EndpointSlice) -> EndpointSlice:
        hinted = (endpoint for endpoint in item.endpoints if endpoint.hints is not None)
        return evolve(item, endpoints=tuple(evolve(each, conditions=DRAINING) for each in hinted))

    if not any(endpoint.hints for item in case.cluster.endpoint_slices for endpoint in item.endpoints):
        return
    flows = [item.flow for item in served(case) if item.policy == "Cluster"]
    related = in_state(case, change_slices(case.cluster, drained))
    items = [item for item in ask(related, flows) if isinstance(item, Served)]
    judge_parity(
        related,
        items,
        lambda item: item.expected.outcome is Outcome.FORWARD,
        lambda _, item: "TERM-008",
    )
