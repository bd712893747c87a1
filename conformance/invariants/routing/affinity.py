# SPDX-License-Identifier: Apache-2.0
"""ClientIP session affinity, as connections show it.

An implementation keeps its records between the connections of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Served, ask, served, texts
from conformance.invariants.routing.choice import CONNECT, MOST_FLOWS, choosable, is_choice, picked
from conformance.invariants.routing.fresh import sibling
from conformance.invariants.routing.related import change_endpoints, change_specs
from conformance.observe import probes_needed
from conformance.questions.routing import burst, direct_frontends, internal_ip
from reference.objects import ClientIPConfig, Endpoint, ServiceSpec, SessionAffinityConfig
from reference.questions import Backend, Client, ClientKind, Connection, Flow, Observation, Outcome
from reference.routing import Destination
from reference.routing.addresses import family_of
from reference.routing.affinity import timeout

_BURST = 8
_MOST_CLIENTS = 200


def _affine(case: Case) -> list[Served]:
    return choosable(case, affinity=True)


def _life(item: Served) -> int:
    return timeout(item.match.service.spec) or 0


def _backends(observations: Iterable[Observation]) -> frozenset[Backend]:
    return frozenset(entry.backend for entry in observations if entry.backend is not None)


def _one_endpoint(
    case: Case, item: Served, answers: Sequence[Observation], requirement: str, how: str
) -> None:
    """All connections were forwarded, and to one endpoint."""
    outcomes = {entry.outcome for entry in answers}
    seen = _backends(answers)
    if outcomes != {Outcome.FORWARD} or len(seen) != 1:
        case.fail(
            requirement,
            question=f"{len(answers)} connections{how}: {item.text}",
            expected=f"all at one endpoint, the time-out being {_life(item)} s",
            got=f"{texts(seen)}, {', '.join(sorted(outcome.value for outcome in outcomes))}",
        )


@invariant(
    "routing.affinity-keeps-a-client-at-its-endpoint",
    kind=Kind.STATED,
    requirements=("AFF-002", "AFF-016"),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("a client inside", "a client outside"),
)
def sticks(case: Case) -> None:
    """With ClientIP affinity, connections of one client address to one service port through one node
    that follow closely on each other all go to one endpoint, over any protocol.
    """
    every = _affine(case)
    inside = [item for item in every if item.place.is_inside]
    outside = [item for item in every if not item.place.is_inside]
    for name, items in (("a client inside", inside[:1]), ("a client outside", outside[:1])):
        for item in items:
            case.judged(name)
            row = "AFF-002" if item.flow.protocol == "TCP" else "AFF-016"
            _one_endpoint(case, item, picked(case, item.flow, _BURST), row, "")


@invariant(
    "routing.affinity-lets-go-of-an-endpoint-that-left",
    kind=Kind.METAMORPHIC,
    requirements=("AFF-008",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("left",),
)
def lets_go(case: Case) -> None:
    """Once the endpoint at which affinity kept a client is no longer usable, the client's next
    connections go to another one.
    """
    for item in _affine(case)[:1]:
        pinned = _backends(picked(case, item.flow, 1))

        def left(endpoint: Endpoint, gone: frozenset[Backend] = pinned) -> Endpoint:
            if all(backend.ip not in endpoint.addresses for backend in gone):
                return endpoint
            return evolve(endpoint, conditions=evolve(endpoint.conditions, ready=False, serving=False))

        related = case.moved(change_endpoints(case.cluster, left))
        for after in ask(related, [item.flow]):
            if after.allowed is None or not after.allowed.sets:
                continue
            answers = related.ask_again("connect", burst(item.flow, count=_BURST))
            case.judged("left")
            seen = _backends(answers)
            if not seen or not any(seen <= right for right in after.allowed.sets):
                case.fail(
                    "AFF-008",
                    question=f"{item.text}, after {texts(pinned)} stopped being usable",
                    expected=after.wanted,
                    got=f"reached {texts(seen)}",
                )


@invariant(
    "routing.affinity-does-not-gather-all-clients",
    kind=Kind.STATISTICAL,
    requirements=("AFF-014",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("a choice",),
)
def spreads(case: Case) -> None:
    """Over many client addresses, all eligible endpoints are used."""
    for item in _affine(case):
        assert item.allowed is not None
        count = probes_needed(item.allowed.most, case.alpha)
        if not _is_multipliable(item) or count > _MOST_CLIENTS:
            continue
        many = [Connection(flow, 0, 32768 + index) for index, flow in enumerate(_clients(item, count))]
        seen = _backends(case.ask_again("connect", many))
        case.judged("a choice")
        if seen not in item.allowed.sets:
            case.fail(
                "AFF-014",
                question=f"connections of {count} clients like: {item.text}",
                expected=f"each member reached and no other: {item.wanted}",
                got=f"reached {texts(seen)}",
            )
        return


def _is_multipliable(item: Served) -> bool:
    """Whether other pods of the same node would be treated alike."""
    return item.destination is Destination.CLUSTER_IP and item.flow.client.kind is ClientKind.POD


def _clients(item: Served, count: int) -> list[Flow]:
    """The same flow from so many pods of the same node."""
    flow, client = item.flow, item.flow.client
    return [
        Flow(
            Client(client.kind, client.node, sibling(client.ip, index + 20)),
            flow.ip,
            flow.port,
            flow.protocol,
        )
        for index in range(count)
    ]


@invariant(
    "routing.affinity-can-be-switched",
    kind=Kind.STATISTICAL,
    requirements=("AFF-012",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("a choice",),
)
def switched(case: Case) -> None:
    """Once affinity is switched on a client keeps to one endpoint, and once it is switched off again
    the client meets several.
    """
    for item in choosable(case, affinity=False)[:1]:
        on = case.moved(change_specs(case.cluster, _with_affinity))
        case.judged("a choice")
        _one_endpoint(case, item, picked(on, item.flow, _BURST), "AFF-012", " once affinity is on")
        off = on.moved(case.cluster)
        # With more members than two, it is even less likely that only one is seen.
        count = probes_needed(2, case.alpha)
        seen = _backends(picked(off, item.flow, count))
        if len(seen) < 2:
            case.fail(
                "AFF-012",
                question=f"{count} connections once affinity is off again: {item.text}",
                expected=f"several endpoints: {item.wanted}",
                got=f"reached {texts(seen)}",
            )


def _with_affinity(spec: ServiceSpec) -> ServiceSpec:
    if spec.type == "ExternalName":
        return spec
    config = SessionAffinityConfig(ClientIPConfig(10800))
    return evolve(spec, session_affinity="ClientIP", session_affinity_config=config)


# -- kube-proxy's records ----------------------------------------------------------


@invariant(
    "routing.affinity-restarts-its-timer",
    kind=Kind.STATED,
    requirements=("AFF-007",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("judged",),
)
def restarts(case: Case) -> None:
    """Each new connection restarts the time-out: a client that comes back in time again and again stays
    at its endpoint for longer than the time-out.
    """
    for item in _affine(case)[:MOST_FLOWS]:
        apart = int(_life(item) * 0.6)
        if apart < 2:
            continue
        case.judged("judged")
        answers = case.ask_again("connect", burst(item.flow, count=_BURST, apart=apart))
        _one_endpoint(case, item, answers, "AFF-007", f", {apart} s after one another")


@invariant(
    "routing.affinity-ends-with-its-time-out",
    kind=Kind.STATISTICAL,
    requirements=("AFF-007",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("judged",),
)
def ends(case: Case) -> None:
    """Once a client was quiet for longer than the time-out, its next connection picks anew among all
    eligible endpoints.
    """
    for item in _affine(case):
        expected = item.expected.backends
        if len(expected) < 2:
            continue
        apart = _life(item) + 10
        count = probes_needed(len(expected), case.alpha)
        seen = _backends(case.ask_again("connect", burst(item.flow, count=count, apart=apart)))
        case.judged("judged")
        if seen != expected:
            case.fail(
                "AFF-007",
                question=f"{count} connections, {apart} s after one another: {item.text}",
                expected=f"each of {texts(expected)}, the time-out being {_life(item)} s",
                got=f"reached {texts(seen)}",
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
    for item in _affine(case):
        flows = [other.flow for other in _same_record(case, item) if _same_set(item, other)]
        if len(flows) < 2:
            continue
        rounds = [
            Connection(flow, 0, 32768 + index)
            for index, flow in enumerate(flows * (_BURST // len(flows) + 1))
        ]
        case.judged("several addresses")
        how = f" to {', '.join(f'{flow.ip}:{flow.port}' for flow in flows)}"
        _one_endpoint(case, item, case.ask_again("connect", rounds), "AFF-005", how)
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
    return [
        other
        for other in ask(case, flows)
        if isinstance(other, Served) and other.place.node.name == item.place.node.name
    ]


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
    for item in _affine(case)[:1]:
        client = item.flow.client
        # As another process behind the same address.
        others = evolve(item.flow, client=evolve(client, pod=None))
        flows = [item.flow, others] * (_BURST // 2)
        connections = [Connection(flow, 0, 1024 + 7919 * index) for index, flow in enumerate(flows)]
        case.judged("judged")
        how = " from many source ports"
        _one_endpoint(case, item, case.ask_again("connect", connections), "AFF-003", how)


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
    for item in _affine(case):
        others = _same_record(case, item)
        if len({other.expected.backends for other in others}) < 2:
            continue
        several = [other for other in others if other.expected.outcome is Outcome.FORWARD]
        # The widest choice first: what it leads to may be out of bounds at the other addresses.
        several.sort(key=lambda other: -len(other.expected.backends))
        rounds = several * 3
        connections = [Connection(other.flow, 0, 32768 + index) for index, other in enumerate(rounds)]
        case.judged("several policies")
        for other, got in zip(rounds, case.ask_again("connect", connections), strict=True):
            if got.backend not in other.expected.backends:
                case.fail(
                    "AFF-010",
                    question=f"{other.text}, among connections to the Service's other addresses",
                    expected=f"one of {texts(other.expected.backends)}",
                    got=texts(_backends([got])) if got.backend else got.outcome.value,
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
    for item in _affine(case):
        if not _is_multipliable(item):
            continue
        for other in served(case):
            if (
                other.match.service is item.match.service
                and other.match.port is not item.match.port
                and other.flow.ip == item.flow.ip
                and len(_addresses(other)) > 1
                and _addresses(other) == _addresses(item)
            ):
                count = _pairs_needed(len(_addresses(item)), case.alpha)
                first = _clients(item, count)
                second = [evolve(flow, port=other.flow.port, protocol=other.flow.protocol) for flow in first]
                question = f"connections of {count} clients to both ports of the Service: {item.text}"
                _independent(case, first, second, "AFF-004", question)
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
    for item in _affine(case):
        if item.place.is_inside or item.destination is not Destination.NODE_PORT:
            continue
        for other in _at_other_nodes(case, item):
            if len(_addresses(other)) > 1 and _addresses(other) == _addresses(item):
                count = _pairs_needed(len(_addresses(item)), case.alpha)
                first = _from_outside(item.flow, count)
                second = _from_outside(other.flow, count)
                question = f"connections of {count} clients, also through {other.flow.ip}: {item.text}"
                _independent(case, first, second, "AFF-006", question)
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


def _from_outside(flow: Flow, count: int) -> list[Flow]:
    client = flow.client
    return [
        evolve(flow, client=Client(client.kind, client.node, sibling(client.ip, index + 20)))
        for index in range(count)
    ]


def _pairs_needed(set_size: int, alpha: float) -> int:
    """How many pairs of independent even picks are all equal with probability `alpha` at most."""
    return math.ceil(-math.log(alpha) / math.log(set_size))


def _independent(
    case: Case, first: Sequence[Flow], second: Sequence[Flow], requirement: str, question: str
) -> None:
    """The picks for the two flows of a client are not always one endpoint address."""
    pairs = [flow for pair in zip(first, second, strict=True) for flow in pair]
    connections = [Connection(flow, 0, 32768 + index) for index, flow in enumerate(pairs)]
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
