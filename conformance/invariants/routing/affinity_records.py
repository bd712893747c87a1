# SPDX-License-Identifier: Apache-2.0
"""kube-proxy's records of ClientIP affinity: whose they are, how long they live, what they are good for."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Served, ask, served, table, texts
from conformance.invariants.routing.choice import CONNECT, is_choice
from conformance.invariants.routing.clients import (
    BURST,
    TIMEOUT_MARGIN,
    affine,
    backends_of,
    clients,
    is_multipliable,
    life,
    one_endpoint,
    pairs_needed,
)
from conformance.invariants.routing.fresh import fresh
from conformance.invariants.routing.records import renew
from conformance.invariants.routing.related import change_slices
from conformance.questions.routing import direct_frontends, each_new, internal_ip
from reference.objects import SERVICE_NAME_LABEL, Cluster, Endpoint, EndpointConditions, EndpointSlice
from reference.questions import FIRST_PORT_IN_TURN, Connection, Flow, Outcome
from reference.routing import Destination
from reference.routing.addresses import family_of

UPDATED = ("connect", "update")
"""Who is told of a change keeps the records of what did not change; who begins anew need not."""
_ROUNDS = 4
"""So many connections are made one after the other, each before the time-out of the one before."""


@invariant(
    "routing.affinity-restarts-its-timer",
    kind=Kind.METAMORPHIC,
    requirements=("AFF-007",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("judged",),
    waits=True,
)
def restarts(case: Case) -> None:
    """Each new connection restarts the time-out: a client that comes back in time again and again stays
    at its endpoint for longer than the time-out.
    """
    for found in affine(case, any_life=True):
        apart = max(life(found) - TIMEOUT_MARGIN, int(life(found) * 0.6))
        if apart < 1 or not case.clock.spend("restarts", apart * (_ROUNDS - 1)):
            continue
        related, (item,) = renew(case, found)
        case.judged("judged")
        # Several clients, as one that is picked for anew may well be picked for alike.
        flows = clients(item.flow, BURST) if is_multipliable(item) else [item.flow]
        rounds = [
            Connection(flow, turn * apart, FIRST_PORT_IN_TURN + turn * BURST + index)
            for turn in range(_ROUNDS)
            for index, flow in enumerate(flows)
        ]
        answers = related.ask_again("connect", rounds)
        for index in range(len(flows)):
            how = f", {apart} s after one another"
            one_endpoint(case, item, answers[index :: len(flows)], "AFF-007", how)
        return


@invariant(
    "routing.affinity-ends-with-its-time-out",
    kind=Kind.STATISTICAL,
    requirements=("AFF-007",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("judged",),
    waits=True,
)
def ends(case: Case) -> None:
    """Once a client was quiet for longer than the time-out, its next connection picks anew among all
    eligible endpoints: of many clients, some come to another one.
    """
    for found in affine(case, any_life=True):
        if len(found.expected.backends) < 2 or not is_multipliable(found):
            continue
        apart = life(found) + TIMEOUT_MARGIN
        if not case.clock.spend("ends", apart):
            continue
        related, (item,) = renew(case, found)
        members = item.expected.backends
        flows = clients(item.flow, pairs_needed(len(members), case.alpha))
        first = each_new(flows)
        second = [evolve(each, at=apart, source_port=each.source_port + len(flows)) for each in first]
        answers = related.ask_again("connect", [*first, *second])
        before, after = answers[: len(flows)], answers[len(flows) :]
        case.judged("judged")
        kept = [each.backend for each in before] == [each.backend for each in after]
        if kept or not backends_of(answers) <= members:
            case.fail(
                "AFF-007",
                question=f"connections of {len(flows)} clients, and again after {apart} s: {item.text}",
                expected=f"some at another of {texts(members)}, the time-out being {life(item)} s",
                got="each client at the same endpoint as before" if kept else texts(backends_of(answers)),
            )
        return


@invariant(
    "routing.affinity-is-shared-by-a-service-ports-addresses",
    kind=Kind.STATED,
    requirements=("AFF-005",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
)
def shared(case: Case) -> None:
    """All addresses of a service port keep a client at one and the same endpoint, as long as its node
    and the eligible endpoints are the same.
    """
    for item in affine(case):
        flows = [other.flow for other in _same_record(case, item) if _same_set(item, other)]
        if len(flows) < 2:
            continue
        rounds = each_new(flows * (BURST // len(flows) + 1))
        case.judged("several addresses")
        how = f" to {', '.join(f'{flow.ip}:{flow.port}' for flow in flows)}"
        one_endpoint(case, item, case.ask_again("connect", rounds), "AFF-005", how)
        return


def _same_record(case: Case, item: Served) -> list[Served]:
    """Flows of the same client for the same service port at the same node, to any of its addresses."""
    port, client = item.match.port, item.flow.client
    family = family_of(item.flow.ip)
    addresses = [(ip, port.port) for ip, own in direct_frontends(item.match.service) if own is port]
    if port.node_port:
        addresses += [
            (ip, port.node_port)
            for node in case.cluster.nodes
            if (ip := internal_ip(node, family)) is not None
        ]
    flows = [Flow(client, ip, number, port.protocol) for ip, number in addresses if family_of(ip) == family]
    compiled, here = table(case), item.place.node
    same = [flow for flow in flows if (node := compiled.processing_node(flow)) and node.name == here.name]
    return [other for other in ask(case, same) if isinstance(other, Served)]


def _same_set(item: Served, other: Served) -> bool:
    return (
        other.expected.outcome is Outcome.FORWARD
        and other.expected.backends == item.expected.backends
        and other.match.port is item.match.port
    )


@invariant(
    "routing.affinity-is-by-address-alone",
    kind=Kind.STATED,
    requirements=("AFF-003",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("judged",),
)
def by_address(case: Case) -> None:
    """Whoever connects from one address, from whichever source port, shares one record."""
    for item in affine(case)[:1]:
        client = item.flow.client
        # As another process behind the same address.
        others = evolve(item.flow, client=evolve(client, pod=None))
        flows = [item.flow, others] * (BURST // 2)
        connections = [Connection(flow, 0, 1024 + 7919 * index) for index, flow in enumerate(flows)]
        case.judged("judged")
        how = " from many source ports"
        one_endpoint(case, item, case.ask_again("connect", connections), "AFF-003", how)


@invariant(
    "routing.affinity-does-not-override-policies",
    kind=Kind.STATED,
    requirements=("AFF-010",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
)
def policies(case: Case) -> None:
    """A client that affinity keeps at an endpoint is not led there by an address whose policy does not
    allow it.
    """
    for item in affine(case):
        others = _same_record(case, item)
        if len({other.expected.backends for other in others}) < 2:
            continue
        several = [other for other in others if other.expected.outcome is Outcome.FORWARD]
        # The widest choice first: what it leads to may be out of bounds at the other addresses.
        several.sort(key=lambda other: -len(other.expected.backends))
        rounds = several * 3
        connections = each_new(other.flow for other in rounds)
        case.judged("several policies")
        for other, got in zip(rounds, case.ask_again("connect", connections), strict=True):
            if got.backend not in other.expected.backends:
                case.fail(
                    "AFF-010",
                    question=f"{other.text}, among connections to the Service's other addresses",
                    expected=f"one of {texts(other.expected.backends)}",
                    got=texts(backends_of([got])) if got.backend else got.outcome.value,
                )
        return


@invariant(
    "routing.affinity-is-kept-for-each-service-port",
    kind=Kind.STATISTICAL,
    requirements=("AFF-004",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
)
def each_port(case: Case) -> None:
    """Two ports of one Service keep a client each at an endpoint of its own choice."""
    for found in affine(case):
        if not is_multipliable(found):
            continue
        for second in served(case):
            if (
                second.match.service is found.match.service
                and second.match.port is not found.match.port
                and second.flow.ip == found.flow.ip
                and len(_addresses(second)) > 1
                and _addresses(second) == _addresses(found)
            ):
                related, (item, other) = renew(case, found, second)
                count = pairs_needed(len(_addresses(item)), case.alpha)
                own = clients(item.flow, count)
                others = [evolve(flow, port=other.flow.port, protocol=other.flow.protocol) for flow in own]
                question = f"connections of {count} clients to both ports of the Service: {item.text}"
                _independent(related, own, others, "AFF-004", question)
                return


def _addresses(item: Served) -> frozenset[str]:
    """The addresses of the expected endpoints, if each comes up with one port."""
    ips = frozenset(backend.ip for backend in item.expected.backends)
    return ips if len(ips) == len(item.expected.backends) else frozenset()


@invariant(
    "routing.affinity-is-kept-by-each-node",
    kind=Kind.STATISTICAL,
    requirements=("AFF-006",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
)
def each_node(case: Case) -> None:
    """A client that comes in through two nodes is kept by each at an endpoint of the node's own choice."""
    for found in affine(case):
        if found.place.is_inside or found.destination is not Destination.NODE_PORT:
            continue
        for second in _at_other_nodes(case, found):
            if len(_addresses(second)) > 1 and _addresses(second) == _addresses(found):
                related, (item, other) = renew(case, found, second)
                count = pairs_needed(len(_addresses(item)), case.alpha)
                question = f"connections of {count} clients, also through {other.flow.ip}: {item.text}"
                _independent(
                    related, clients(item.flow, count), clients(other.flow, count), "AFF-006", question
                )
                return


def _at_other_nodes(case: Case, item: Served) -> list[Served]:
    """The flow of a client outside to a node port, as it comes in through the other nodes."""
    flow = item.flow
    flows = [
        evolve(flow, client=evolve(flow.client, node=node.metadata.name), ip=ip)
        for node in case.cluster.nodes
        if node.metadata.name != flow.client.node
        and (ip := internal_ip(node, family_of(flow.ip))) is not None
    ]
    return [
        other
        for other in ask(case, flows)
        if isinstance(other, Served)
        and other.match.port is item.match.port
        and is_choice(other, affinity=True)
    ]


def _independent(
    case: Case, first: Sequence[Flow], second: Sequence[Flow], requirement: str, question: str
) -> None:
    """The picks for the two flows of a client are not always one endpoint address."""
    pairs = [flow for pair in zip(first, second, strict=True) for flow in pair]
    connections = each_new(pairs)
    answers = case.ask_again("connect", connections)
    case.judged("two records")
    ips = [entry.backend.ip if entry.backend else "" for entry in answers]
    if ips[0::2] == ips[1::2]:
        case.fail(
            requirement,
            question=question,
            expected="not always the same endpoint at both",
            got="the same endpoint at both, for every client",
        )


# -- records and changes of the endpoints ------------------------------------------------


@invariant(
    "routing.affinity-outlives-endpoints-that-come",
    kind=Kind.METAMORPHIC,
    requirements=("AFF-013",),
    asks=UPDATED,
    level=Level.KUBE_PROXY,
    classes=("judged",),
)
def additions(case: Case) -> None:
    """A client that affinity keeps at an endpoint stays there when further endpoints come."""
    for found in affine(case)[:1]:
        related, (item,) = renew(case, found)
        flows = clients(item.flow, BURST) if is_multipliable(item) else [item.flow]
        before = related.ask_again("connect", [Connection(flow, 0, FIRST_PORT_IN_TURN) for flow in flows])
        moved = related.moved(_with_newcomers(related.cluster, item))
        if not all(
            isinstance(after, Served) and item.expected.backends < after.expected.backends
            for after in ask(moved, [item.flow])
        ):
            continue
        answers = moved.ask_again("connect", [Connection(flow, 0, FIRST_PORT_IN_TURN + 1) for flow in flows])
        case.judged("judged")
        for flow, was, got in zip(flows, before, answers, strict=True):
            if was.backend is not None and got.backend != was.backend:
                case.fail(
                    "AFF-013",
                    question=f"{item.text}, by {flow.client.ip}, after an endpoint came",
                    expected=f"{texts(backends_of([was]))}, as before",
                    got=texts(backends_of([got])) if got.backend else got.outcome.value,
                )


def _with_newcomers(cluster: Cluster, item: Served) -> Cluster:
    """The cluster with an endpoint more in each slice of the Service, before all others."""
    meta = item.match.service.metadata

    def longer(piece: EndpointSlice) -> EndpointSlice:
        own = piece.metadata
        if (own.namespace, own.labels.get(SERVICE_NAME_LABEL)) != (meta.namespace, meta.name):
            return piece
        return evolve(piece, endpoints=(_newcomer(piece, item), *piece.endpoints))

    return change_slices(cluster, longer)


def _newcomer(piece: EndpointSlice, item: Served) -> Endpoint:
    """An endpoint that is eligible wherever the others of the slice are."""
    hints = next((each.hints for each in piece.endpoints if each.hints), None)
    return Endpoint(
        (fresh(0, 9, piece.address_type),),
        EndpointConditions(ready=True),
        node_name=item.place.node.name,
        hints=hints,
    )


@invariant(
    "routing.affinity-forgets-endpoints-that-left",
    kind=Kind.STATISTICAL,
    requirements=("AFF-009",),
    asks=UPDATED,
    level=Level.KUBE_PROXY,
    classes=("judged",),
)
def forgets(case: Case) -> None:
    """Once all endpoints of a service port had left and came back, clients are no longer kept where they
    were: of many, some come to another endpoint.
    """
    for found in affine(case):
        if len(found.expected.backends) < 2 or not is_multipliable(found):
            continue
        related, (item,) = renew(case, found)
        flows = clients(item.flow, pairs_needed(len(item.expected.backends), case.alpha))
        connections = each_new(flows)
        before = related.ask_again("connect", connections)
        empty = related.moved(evolve(related.cluster, endpoint_slices=()))
        empty.ask_again("connect", connections[:1])
        after = empty.moved(related.cluster).ask_again("connect", connections)
        case.judged("judged")
        if [each.backend for each in before] == [each.backend for each in after]:
            case.fail(
                "AFF-009",
                question=f"connections of {len(flows)} clients, and again after all endpoints had left"
                f" and come back: {item.text}",
                expected=f"some at another of {texts(item.expected.backends)}",
                got="each client at the same endpoint as before",
            )
        return
