# SPDX-License-Identifier: Apache-2.0
"""How related clusters are compared: the same flows are asked before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import evolve

from conformance.invariants.base import Case
from conformance.invariants.routing.asked import (
    Asked,
    Served,
    ask,
    asked,
    served,
    shown,
    table,
)
from conformance.observe import decisions
from conformance.questions import turn_of
from reference.objects import Cluster, Endpoint, EndpointSlice, Service, ServiceSpec
from reference.questions import Backend, Decision, Outcome

Only = Callable[[Asked], bool]
Row = str | Callable[[Asked, Decision], str]
"""The requirement that a flow would break, or what tells it by the flow and the wrong decision."""


def row_of(requirement: Row, item: Asked, got: Decision) -> str:
    """The requirement that a decision on a flow breaks."""
    return requirement if isinstance(requirement, str) else requirement(item, got)


def change_services(cluster: Cluster, change: Callable[[Service], Service]) -> Cluster:
    """The cluster with every Service changed."""
    return evolve(cluster, services=tuple(map(change, cluster.services)))


def change_specs(cluster: Cluster, change: Callable[[ServiceSpec], ServiceSpec]) -> Cluster:
    """The cluster with every Service's spec changed."""
    return change_services(cluster, lambda service: evolve(service, spec=change(service.spec)))


def change_slices(cluster: Cluster, change: Callable[[EndpointSlice], EndpointSlice]) -> Cluster:
    """The cluster with every slice changed."""
    return evolve(cluster, endpoint_slices=tuple(map(change, cluster.endpoint_slices)))


def change_endpoints(cluster: Cluster, change: Callable[[Endpoint], Endpoint]) -> Cluster:
    """The cluster with every endpoint of every slice changed."""
    return change_slices(cluster, lambda item: evolve(item, endpoints=tuple(map(change, item.endpoints))))


def in_state(case: Case, cluster: Cluster) -> Case:
    """The same implementation in another state, which it comes to from the case's own."""
    asked(case)
    return case.moved(cluster)


def some_service(case: Case, fits: Callable[[Service], bool] = lambda _: True) -> Service | None:
    """One of the served Services that fit, another one from cluster to cluster."""
    found = {id(item.match.service): item.match.service for item in served(case) if fits(item.match.service)}
    return list(found.values())[turn_of(case.cluster) % len(found)] if found else None


def unchanged_at_one(case: Case, cluster: Cluster, requirement: Row) -> None:
    """As `unchanged`, for the flows of one Service, another one from cluster to cluster."""
    service = some_service(case)
    unchanged(
        case,
        cluster,
        requirement,
        only=lambda item: isinstance(item, Served) and item.match.service is service,
    )


def of_service(case: Case, service: Service) -> list[Served]:
    """The flows that are for a port of one Service."""
    return [item for item in served(case) if item.match.service is service]


# -- what may be said of the answers ---------------------------------------------


def is_same(item: Asked, after: Decision) -> bool:
    """Whether a flow is forwarded as before, to the same set where the whole of it is known."""
    forwarded = item.got.outcome is Outcome.FORWARD
    if forwarded != (after.outcome is Outcome.FORWARD):
        return False
    return not forwarded or not item.complete or item.got.backends == after.backends


def unchanged(case: Case, cluster: Cluster, requirement: Row, *, only: Only = lambda _: True) -> None:
    """The decisions on the flows of the case are the same in `cluster`."""
    items = [item for item in asked(case) if only(item)]
    if not items or cluster == case.cluster:
        return
    related = in_state(case, cluster)
    compare(case, items, decide_again(related, items), requirement)


def decide_again(related: Case, items: Sequence[Asked]) -> list[Decision]:
    """The decisions on the same flows in another state."""
    return decisions(related, [item.flow for item in items], sizes=[item.size for item in items])


def compare(case: Case, items: Iterable[Asked], after: Iterable[Decision], requirement: Row) -> None:
    """Each decision is the same as before."""
    observed = not case.supports("route")
    for item, got in zip(items, after, strict=True):
        if observed and table(case).is_answered_past_the_node(item.flow):
            continue  # whether a connection succeeds is chance
        case.judged("forwarded" if item.got.outcome is Outcome.FORWARD else "not forwarded")
        if not is_same(item, got):
            case.fail(
                row_of(requirement, item, got),
                question=f"{item.text}, before and after the change",
                expected=f"{shown(item.got)}, as before",
                got=shown(got),
            )


def right_in(case: Case, cluster: Cluster, requirement: Row, *, only: Only = lambda _: True) -> None:
    """After the change to `cluster`, each flow of the case meets what is allowed there."""
    if cluster == case.cluster:
        return
    related = in_state(case, cluster)
    for item in ask(related, [item.flow for item in asked(case) if only(item)]):
        if item.allowed is None:
            continue
        case.judged("forwarded" if item.expected.outcome is Outcome.FORWARD else "not forwarded")
        if not item.is_right:
            case.fail(
                row_of(requirement, item, item.got),
                question=f"{item.text}, after the change",
                expected=item.wanted,
                got=shown(item.got),
                because=item.expected.rules,
            )


def gone(case: Case, related: Case, items: Sequence[Served], requirement: Row, what: str) -> None:
    """None of the flows is forwarded any more, where no other service port took the address over."""
    before = {item.flow: item for item in items}
    for item in ask(related, [item.flow for item in items]):
        if item.place is not None:
            continue
        case.judged("gone")
        untouched = frozenset({Backend(item.flow.ip, item.flow.port)})
        if item.got.outcome is Outcome.FORWARD and item.got.backends != untouched:
            case.fail(
                row_of(requirement, before[item.flow], item.got),
                question=f"{item.text}, after {what}",
                expected="not forwarded",
                got=shown(item.got),
            )
