# SPDX-License-Identifier: Apache-2.0
"""UDP clients that go on sending from one source port: when they stay, and when they move."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.affinity_records import UPDATED
from conformance.invariants.routing.asked import Asked, Served, ask, served, table
from conformance.invariants.routing.choice import CONNECT
from conformance.invariants.routing.fresh import fresh
from conformance.invariants.routing.related import change_endpoints, change_slices, change_specs
from conformance.questions import turn_of
from reference.objects import Cluster, Endpoint, EndpointSlice, ServiceSpec
from reference.questions import Connection, Observation, Outcome
from reference.routing import Destination, stays
from reference.routing.addresses import IPV4, IPV6, family_of

_FLOWS = 20
"""Of so many flows one is at a member of two, but for one time in a million."""
_DOUBLES = 252
"""The net of endpoints that are put beside others."""
_MOST_DOUBLES = 255
_APART = 100
"""So far from the source ports of clients that have to move."""
_PAUSES = (2, 5, 8, 15, 15, 15)
"""Seconds between two packets of a UDP client that is not at a current endpoint: a minute in all."""
_PORTS = (2048, 17000)
"""Below the ports that are given out in turn, so that it is the same flow that goes on."""


def _source_port(cluster: Cluster) -> int:
    """Follows from the whole cluster: the kernel may remember flows of other clusters for minutes."""
    return _PORTS[0] + crc32(repr(cluster).encode()) % _PORTS[1]


def _without_slices(cluster: Cluster) -> Cluster:
    return evolve(cluster, endpoint_slices=())


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


@invariant(
    "routing.udp-flows-stay-while-their-endpoint-serves",
    kind=Kind.METAMORPHIC,
    requirements=("RT-010", "TERM-009"),
    asks=UPDATED,
    level=Level.CLASS,
    classes=("others come", "on its way out"),
)
def stay(case: Case) -> None:
    """A UDP client that goes on sending from one port stays with its endpoint as long as that is serving,
    when others come, and when it terminates while others are ready.
    """
    on_its_way_out = bool(turn_of(case.cluster) % 2)
    first = case.moved(_doubled(case.cluster)) if on_its_way_out else case
    item = _some_udp(first, least=1 + on_its_way_out)
    if item is None:
        return
    flows = _begun(first, item)
    gone = {made.backend.ip for made in flows.values() if made.backend}
    if on_its_way_out:
        _stay(first, _terminating(first.cluster, min(gone, default="")), flows, "TERM-009", "on its way out")
    else:
        _stay(first, _doubled(first.cluster), flows, "RT-010", "others come")


@invariant(
    "routing.udp-flows-outlive-policies",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-15",),
    asks=UPDATED,
    level=Level.KUBE_PROXY,
    classes=("policy Local",),
)
def outlive_policies(case: Case) -> None:
    """A UDP client of a cluster IP stays with its endpoint when others come and the internal policy
    becomes Local.
    """
    item = _some_udp(
        case,
        fits=lambda each: each.destination is Destination.CLUSTER_IP and each.policy == "Cluster",
    )
    if item is None:
        return

    def local(spec: ServiceSpec) -> ServiceSpec:
        return evolve(spec, internal_traffic_policy="Local") if spec is item.match.service.spec else spec

    changed = change_specs(_doubled(case.cluster), local)
    _stay(case, changed, _begun(case, item), "SYNC-15", "policy Local")


def _begun(case: Case, item: Served) -> dict[Connection, Observation]:
    """UDP flows of one client, those that were forwarded, with what they met."""
    start = _source_port(case.cluster) + _APART
    connections = [Connection(item.flow, 0, start + number) for number in range(_FLOWS)]
    seen = zip(connections, case.ask_again("connect", connections), strict=True)
    return {connection: each for connection, each in seen if each.backend is not None}


def _stay(
    case: Case, cluster: Cluster, flows: dict[Connection, Observation], requirement: str, how: str
) -> None:
    """After the change each flow is where it was, if its endpoint is serving."""
    related = case.moved(cluster)
    compiled = table(related)
    kept = {
        connection: was
        for connection, was in flows.items()
        if was.backend is not None and stays(compiled, connection.flow, was.backend)
    }
    for connection, now in zip(kept, related.ask_again("connect", list(kept)), strict=True):
        case.judged(how)
        was = kept[connection]
        if now.backend != was.backend:
            case.fail(
                requirement,
                question=f"{connection.flow.client.ip}:{connection.source_port} -> UDP "
                f"{connection.flow.ip}:{connection.flow.port} again, {how}",
                expected=f"forward to {was.backend}, as before: it is serving still",
                got=f"{now.outcome.value} {now.backend or ''}".strip(),
            )


def _terminating(cluster: Cluster, ip: str) -> Cluster:
    """The cluster in which the endpoint with this address drains."""

    def changed(endpoint: Endpoint) -> Endpoint:
        if endpoint.addresses[0] != ip:
            return endpoint
        draining = evolve(endpoint.conditions, ready=False, serving=True, terminating=True)
        return evolve(endpoint, conditions=draining)

    return change_endpoints(cluster, changed)


def _some_udp(
    case: Case, *, least: int = 1, fits: Callable[[Served], bool] = lambda _: True
) -> Served | None:
    """A UDP flow that has to be forwarded to one of so many at least, another one from cluster to cluster.

    Not that of a pod which may be led to itself: once it is the only one, that may be refused.
    """
    found = [
        item
        for item in served(case)
        if item.flow.protocol == "UDP"
        and fits(item)
        and not table(case).is_answered_past_the_node(item.flow)
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
