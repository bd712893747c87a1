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
from conformance.invariants.routing.fresh import fresh
from conformance.invariants.routing.related import (
    change_endpoints,
    change_slices,
    compare,
    decide_again,
    in_state,
)
from conformance.questions import turn_of
from reference.objects import Cluster, Endpoint, EndpointSlice
from reference.questions import Connection, Observation, Outcome
from reference.routing.addresses import IPV4, IPV6, family_of

_FLOWS = 20
"""Of so many flows one is at a member of two, but for one time in a million."""
_DOUBLES = 252
"""The net of endpoints that are put beside others."""
_MOST_DOUBLES = 255
_PAUSES = (2, 5, 8, 15, 15, 15)
"""Seconds between two packets of a UDP client that is not at a current endpoint: a minute in all."""
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
    """A UDP client that goes on sending from one port reaches a current endpoint, within a minute once
    there is one, whether there was none before or another one that is gone.
    """
    item = _some_udp(case)
    if item is None:
        return
    connection = Connection(item.flow, 0, _source_port(case.cluster))
    none = case.moved(_without_slices(case.cluster))
    none.ask_again("connect", [connection])
    _reaches(case, none.moved(case.cluster), connection, item, "no endpoint before")
    (seen,) = case.ask_again("connect", [connection])
    if seen.backend is None:
        return
    related = case.moved(_without(case.cluster, seen.backend.ip))
    for after in ask(related, [item.flow]):
        # Those of a port at which nothing serves are another matter: see below.
        free = not isinstance(after, Served) or not _serves(related, after)
        if not free and after.allowed is not None and after.allowed.sets and not after.allowed.refused:
            _reaches(case, related, connection, after, "another endpoint before")


@invariant(
    "routing.udp-clients-find-endpoints-that-do-not-serve",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-16",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("another endpoint before",),
)
def udp_not_serving(case: Case) -> None:
    """A UDP client whose endpoint is gone reaches another one, within a minute, also where endpoints are
    published although they are not ready, and so are not serving.
    """
    first = case.moved(_none_serving(_doubled(case.cluster)))
    item = _some_udp(first, least=2)
    if item is None:
        return
    connections = [Connection(item.flow, 0, _source_port(first.cluster) + each) for each in range(_FLOWS)]
    seen = first.ask_again("connect", connections)
    reached = [(each.backend.ip, made) for each, made in zip(seen, connections, strict=True) if each.backend]
    if not reached:
        return
    # A pod that no slice lists any more may well be there still, and answer.
    pods = {
        ip for pod in case.cluster.pods for ip in (pod.status.pod_ip, *(e.ip for e in pod.status.pod_ips))
    }
    gone, connection = next((each for each in reached if each[0] in pods), reached[0])
    related = first.moved(_without(first.cluster, gone))
    for after in ask(related, [item.flow]):
        if after.allowed is not None and after.allowed.sets and not after.allowed.refused:
            _reaches(case, related, connection, after, "another endpoint before")


def _some_udp(case: Case, *, least: int = 1) -> Served | None:
    """A UDP flow that has to be forwarded to one of so many at least, another one from cluster to cluster.

    Not that of a pod which may be led to itself: once it is the only one, that may be refused.
    """
    found = [
        item
        for item in served(case)
        if item.flow.protocol == "UDP"
        and item.allowed is not None
        and item.allowed.sets
        and all(len(members) >= least for members in item.allowed.sets)
        and item.flow.client.ip not in {each.ip for members in item.allowed.sets for each in members}
        and not item.allowed.refused
    ]
    return found[turn_of(case.cluster) % len(found)] if found else None


def _doubled(cluster: Cluster) -> Cluster:
    """The cluster in which each endpoint has another one beside it, so that one is left where one goes."""
    known = {each.addresses[0] for piece in cluster.endpoint_slices for each in piece.endpoints}
    # A user's own cluster may have more than the net has room for.
    numbers = {ip: number for number, ip in enumerate(sorted(known)[:_MOST_DOUBLES], start=1)}

    def beside(endpoint: Endpoint, family: str) -> Endpoint:
        ip = fresh(_DOUBLES, numbers[endpoint.addresses[0]], family)
        return evolve(endpoint, addresses=(ip,), target_ref=None, hostname=None)

    def doubled(piece: EndpointSlice) -> EndpointSlice:
        if piece.address_type not in (IPV4, IPV6):
            return piece
        more = (beside(each, piece.address_type) for each in piece.endpoints if each.addresses[0] in numbers)
        return evolve(piece, endpoints=(*piece.endpoints, *more))

    return change_slices(cluster, doubled)


def _none_serving(cluster: Cluster) -> Cluster:
    """The cluster in which what is ready is ready still, and nothing is serving."""

    def changed(endpoint: Endpoint) -> Endpoint:
        return evolve(endpoint, conditions=evolve(endpoint.conditions, serving=False))

    return change_endpoints(cluster, changed)


def _reaches(case: Case, related: Case, connection: Connection, item: Asked, how: str) -> None:
    assert item.allowed is not None
    members = frozenset().union(*item.allowed.sets)

    def is_right(got: Observation) -> bool:
        return got.outcome is Outcome.FORWARD and got.backend in members

    (got,) = related.ask_again("connect", [connection])
    case.judged(how)
    waited = 0
    for pause in _PAUSES:
        # It goes on sending all the time, so that nothing of the flow is forgotten by itself.
        if is_right(got) or not case.clock.spend(how, pause):
            break
        got = related.ask_again("connect", [connection, evolve(connection, at=pause)])[-1]
        waited += pause
    if not is_right(got):
        case.fail(
            "SYNC-16",
            question=f"{item.text}, from one source port, with {how}, after {waited} s",
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
