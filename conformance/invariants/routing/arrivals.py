# SPDX-License-Identifier: Apache-2.0
"""In which order things arrive, what a restart leaves, and clients that try again and again."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, asked
from conformance.invariants.routing.related import (
    compare,
    decide_again,
    in_state,
)
from conformance.questions import turn_of
from reference.objects import Cluster

_CLASSES = ("forwarded",)


def _without_slices(cluster: Cluster) -> Cluster:
    return evolve(cluster, endpoint_slices=())


def _without_services(cluster: Cluster) -> Cluster:
    return evolve(cluster, services=())


@invariant(
    "routing.services-and-slices-come-in-any-order",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-03",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def any_order(case: Case) -> None:
    """Whether Services come before their slices or after them, in the end they are served alike."""
    items = asked(case)
    if not items or not case.cluster.endpoint_slices:
        return
    orders: tuple[Callable[[Cluster], Cluster], ...] = (_without_slices, _without_services)
    before = orders[turn_of(case.cluster) % len(orders)](case.cluster)
    related = case.variant(evolve(case.example, before=before))
    compare(case, items, decide_again(related, items), "SYNC-03")


@invariant(
    "routing.a-restart-changes-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-12",),
    asks=("restart", *ROUTE),
    level=Level.CLASS,
    classes=_CLASSES,
)
def restart(case: Case) -> None:
    """After a restart, with the cluster as it is, every flow is decided as before."""
    items = asked(case)
    if not items:
        return
    # First away and back, so that there is something which a restart could lose.
    away = in_state(case, _without_services(case.cluster))
    decide_again(away, items[:1])
    back = away.moved(case.cluster)
    decide_again(back, items[:1])
    back.restart()
    compare(case, items, decide_again(back.again(), items), "SYNC-12")
