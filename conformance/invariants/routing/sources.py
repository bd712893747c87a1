# SPDX-License-Identifier: Apache-2.0
"""Which source address an endpoint sees."""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, served, table, texts
from conformance.questions import spread, turn_of
from conformance.questions.routing import burst
from reference.questions import Backend, ClientKind, Outcome
from reference.routing import Destination
from reference.routing.addresses import is_pod_address

_MOST_ANSWERED = 6
_EACH = 3
_NEAR = "on the client's node"


def _tells(item: Served) -> bool:
    """Whether the answer tells what endpoints see, and one could see another address than the client's.

    A client with an address of the node that decides cannot be told from that node.
    """
    return (
        item.got.outcome is Outcome.FORWARD
        and item.got.masqueraded is not None
        and item.flow.client.ip not in item.place.node.addresses
    )


@invariant(
    "routing.pods-keep-their-address-at-cluster-ips",
    kind=Kind.STATED,
    requirements=("RT-014",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("judged",),
)
def pods(case: Case) -> None:
    """An endpoint that a pod reaches by a cluster IP sees the pod's own address, unless it is the pod
    itself.
    """
    for item in served(case):
        # A proxy that cannot tell the pod by its address is set up wrongly.
        recognised = is_pod_address(case.cluster.settings, item.flow.client.ip)
        if (
            item.destination is Destination.CLUSTER_IP
            and item.flow.client.kind is ClientKind.POD
            and recognised
            and _tells(item)
        ):
            _kept(case, item, "RT-014")


@invariant(
    "routing.outside-clients-keep-their-address-under-policy-local",
    kind=Kind.STATED,
    requirements=("ETP-006",),
    asks=ROUTE,
    classes=("judged",),
)
def outside(case: Case) -> None:
    """An endpoint that a client outside reaches under external policy Local sees the client's own
    address.
    """
    for item in served(case):
        if item.destination is Destination.CLUSTER_IP or item.policy != "Local":
            continue
        if not item.place.is_inside and _tells(item):
            _kept(case, item, "ETP-006")


def _kept(case: Case, item: Served, requirement: str) -> None:
    case.judged("judged")
    assert item.got.masqueraded is not None
    changed = frozenset(backend for backend in item.got.masqueraded if backend.ip != item.flow.client.ip)
    if changed:
        case.fail(
            requirement,
            question=item.text,
            expected=f"every endpoint sees {item.flow.client.ip}",
            got=f"another address is seen at {texts(changed)}",
        )


@invariant(
    "routing.hosts-come-from-their-own-node",
    kind=Kind.STATED,
    requirements=("RT-015",),
    asks=("connect",),
    level=Level.CLASS,
    classes=("judged",),
)
def hosts(case: Case) -> None:
    """An endpoint that a node's own process reaches by a cluster IP sees some address of that node:
    never one of another node, of a pod, or of a Service.
    """
    items = [
        item
        for item in served(case)
        if item.destination is Destination.CLUSTER_IP
        and item.flow.client.kind is ClientKind.NODE
        and item.expected.outcome is Outcome.FORWARD
    ][:2]
    if not items:
        return
    strange = case.memo("strange addresses", lambda: _owners(case))
    connections = [connection for item in items for connection in burst(item.flow, count=2)]
    seen = case.ask("connect", connections)
    for index, observation in enumerate(seen):
        item = items[index // 2]
        if observation.outcome is not Outcome.FORWARD or observation.source_ip is None:
            continue
        case.judged("judged")
        owner = strange.get(observation.source_ip)
        if owner is not None and observation.source_ip not in item.place.own.addresses:
            case.fail(
                "RT-015",
                question=item.text,
                expected=f"an address of {item.flow.client.node}",
                got=f"{observation.source_ip}, of {owner}",
            )


@invariant(
    "routing.answers-come-from-where-was-dialled",
    kind=Kind.STATED,
    requirements=("RT-013",),
    asks=("connect",),
    classes=("endpoint on the client's node", "endpoint elsewhere"),
)
def answered(case: Case) -> None:
    """A connection that has to be forwarded is answered, from the very address and port that the client
    dialled, wherever the endpoint is.
    """
    found = [
        item
        for item in served(case)
        if item.allowed is not None
        and item.allowed.sets
        and not item.allowed.refused
        and not table(case).is_answered_past_the_node(item.flow)
    ]
    items = spread(found, most=_MOST_ANSWERED, turn=turn_of(case.cluster))
    connections = [connection for item in items for connection in burst(item.flow, count=_EACH)]
    places = {
        each.addresses[0]: each.node_name
        for piece in case.cluster.endpoint_slices
        for each in piece.endpoints
    }
    for index, seen in enumerate(case.ask("connect", connections)):
        item = items[index // _EACH]
        near = places.get(seen.backend.ip) == item.flow.client.node if seen.backend else False
        case.judged(f"endpoint {_NEAR if near else 'elsewhere'}")
        if seen.outcome is not Outcome.FORWARD:
            case.fail(
                "RT-013",
                question=item.text,
                expected=f"an answer from {item.flow.ip}:{item.flow.port}",
                got=seen.outcome.value,
                because=item.expected.rules,
            )


def _owners(case: Case) -> dict[str, str]:
    """Every address of the cluster that belongs to somebody, and to whom."""
    cluster = case.cluster
    owners = {ip: service.metadata.name for service in cluster.services for ip in service.spec.cluster_ips}
    owners |= {entry.ip: pod.metadata.name for pod in cluster.pods for entry in pod.status.pod_ips}
    for node in cluster.nodes:
        owners |= {entry.address: node.metadata.name for entry in node.status.addresses}
    return owners


_ROWS = frozenset({"RT-016", "RT-018", "RT-021", "ITP-007", "ETP-004", "ETP-009"})


@invariant(
    "routing.source-address-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=tuple(sorted(_ROWS)),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("a node's address", "the client's address", "itself"),
)
def as_kube_proxy(case: Case) -> None:
    """An endpoint sees the client's address or a node's just where it does with kube-proxy."""
    for item in served(case):
        expected = item.expected
        if not _tells(item) or expected.masqueraded is None or expected.outcome is not Outcome.FORWARD:
            continue
        # Endpoints that are not expected are judged elsewhere.
        common = item.got.backends & expected.backends
        assert item.got.masqueraded is not None
        wanted, got = expected.masqueraded & common, item.got.masqueraded & common
        case.judged("a node's address" if wanted else "the client's address", *_itself(item, common))
        if wanted != got:
            case.fail(
                _row(item, wanted ^ got),
                question=item.text,
                expected=f"a node's address is seen at {texts(wanted)}, the client's at all others",
                got=f"a node's address is seen at {texts(got)}",
                because=expected.rules,
            )


def _itself(item: Served, backends: frozenset[Backend]) -> list[str]:
    return ["itself"] if any(backend.ip == item.flow.client.ip for backend in backends) else []


def _row(item: Served, wrong: frozenset[Backend]) -> str:
    """The row that decides the source address at one of the endpoints that see the wrong one."""
    if _itself(item, wrong):
        return "RT-016"
    if any(backend.ip in item.place.node.addresses for backend in wrong):
        return "RT-021"
    if item.destination is Destination.CLUSTER_IP and item.policy == "Local":
        return "ITP-007"
    return next((rule for rule in item.expected.rules if rule in _ROWS), "ETP-004")
