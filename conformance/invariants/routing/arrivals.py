# SPDX-License-Identifier: Apache-2.0
"""In which order things arrive, what a restart leaves, and clients that try again and again."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, Served, ask, asked, served, table
from conformance.invariants.routing.choice import CONNECT
from conformance.invariants.routing.related import compare, decide_again, in_state
from conformance.questions import turn_of
from reference.objects import Cluster
from reference.questions import Connection, Outcome
from reference.routing.addresses import family_of

_CLASSES = ("forwarded",)
_PORTS = (2048, 17000)
"""Below the ports that are given out in turn, so that it is the same flow that goes on."""


def _source_port(cluster: Cluster) -> int:
    """Follows from the whole cluster: the kernel may remember flows of other clusters for minutes."""
    return _PORTS[0] + crc32(repr(cluster).encode()) % _PORTS[1]


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


@invariant(
    "routing.udp-clients-find-new-endpoints",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-16",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("no endpoint before", "another endpoint before"),
)
def udp(case: Case) -> None:
    """A UDP client that goes on sending from one port reaches a current endpoint once there is one,
    whether there was none before or another one that is gone.
    """
    found = [
        item
        for item in served(case)
        if item.flow.protocol == "UDP"
        and item.allowed is not None
        and item.allowed.sets
        and not item.allowed.refused
    ]
    if not found:
        return
    item = found[turn_of(case.cluster) % len(found)]
    connection = Connection(item.flow, 0, _source_port(case.cluster))
    none = case.moved(_without_slices(case.cluster))
    none.ask_again("connect", [connection])
    _reaches(case, none.moved(case.cluster), connection, item, "no endpoint before")
    (seen,) = case.ask_again("connect", [connection])
    if seen.backend is None:
        return
    related = case.moved(_without(case.cluster, seen.backend.ip))
    for after in ask(related, [item.flow]):
        # Flows of a port at which nothing serves may be left alone (SYNC-15).
        free = not isinstance(after, Served) or not _serves(related, after)
        if not free and after.allowed is not None and after.allowed.sets and not after.allowed.refused:
            _reaches(case, related, connection, after, "another endpoint before")


def _reaches(case: Case, related: Case, connection: Connection, item: Asked, how: str) -> None:
    assert item.allowed is not None
    (got,) = related.ask_again("connect", [connection])
    case.judged(how)
    members = frozenset().union(*item.allowed.sets)
    if got.outcome is not Outcome.FORWARD or got.backend not in members:
        case.fail(
            "SYNC-16",
            question=f"{item.text}, from one source port, with {how}",
            expected=item.wanted,
            got=f"{got.outcome.value} {got.backend or ''}".strip(),
        )


def _serves(case: Case, item: Served) -> bool:
    """Whether some endpoint of the service port is serving; one that is published may be just ready."""
    port = item.match.port
    slices = table(case).usable_slices(item.match.service, family_of(item.flow.ip))
    return any(
        each.conditions.serving is not False
        for piece in slices
        if any(
            (entry.name or "", entry.protocol or "TCP") == (port.name, port.protocol) for entry in piece.ports
        )
        for each in piece.endpoints
    )


def _without(cluster: Cluster, ip: str) -> Cluster:
    """The cluster in which no slice has an endpoint with this address."""
    return evolve(
        cluster,
        endpoint_slices=tuple(
            evolve(piece, endpoints=tuple(each for each in piece.endpoints if each.addresses[0] != ip))
            for piece in cluster.endpoint_slices
        ),
    )
