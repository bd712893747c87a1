# SPDX-License-Identifier: Apache-2.0
"""ClientIP session affinity, as connections show it.

An implementation keeps its records between the connections of one batch, and may keep
them for longer: nothing is taken for granted of a client's first connection but that
it ends at an endpoint that is eligible.
"""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ask, texts
from conformance.invariants.routing.choice import CONNECT, choosable, picked
from conformance.invariants.routing.clients import (
    BURST,
    MOST_CLIENTS,
    affine,
    backends_of,
    clients,
    is_multipliable,
    one_endpoint,
)
from conformance.invariants.routing.records import renew
from conformance.invariants.routing.related import change_endpoints, change_specs
from conformance.observe import probes_needed
from conformance.questions.routing import burst
from reference.objects import ClientIPConfig, Endpoint, ServiceSpec, SessionAffinityConfig
from reference.questions import FIRST_PORT_IN_TURN, Backend, Connection


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
    every = affine(case)
    inside = [item for item in every if item.place.is_inside]
    outside = [item for item in every if not item.place.is_inside]
    for name, items in (("a client inside", inside[:1]), ("a client outside", outside[:1])):
        for item in items:
            case.judged(name)
            row = "AFF-002" if item.flow.protocol == "TCP" else "AFF-016"
            one_endpoint(case, item, picked(case, item.flow, BURST), row, "")


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
    for item in affine(case)[:1]:
        pinned = backends_of(picked(case, item.flow, 1))

        def left(endpoint: Endpoint, gone: frozenset[Backend] = pinned) -> Endpoint:
            if all(backend.ip not in endpoint.addresses for backend in gone):
                return endpoint
            return evolve(endpoint, conditions=evolve(endpoint.conditions, ready=False, serving=False))

        related = case.moved(change_endpoints(case.cluster, left))
        for after in ask(related, [item.flow]):
            if after.allowed is None or not after.allowed.sets:
                continue
            answers = related.ask_again("connect", burst(item.flow, count=BURST))
            case.judged("left")
            seen = backends_of(answers)
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
    for found in affine(case):
        assert found.allowed is not None
        count = probes_needed(found.allowed.most, case.alpha)
        if not is_multipliable(found) or count > MOST_CLIENTS:
            continue
        related, (item,) = renew(case, found)
        assert item.allowed is not None
        many = [
            Connection(flow, 0, FIRST_PORT_IN_TURN + index)
            for index, flow in enumerate(clients(item.flow, count))
        ]
        seen = backends_of(related.ask_again("connect", many))
        case.judged("a choice")
        if seen not in item.allowed.sets:
            case.fail(
                "AFF-014",
                question=f"connections of {count} clients like: {item.text}",
                expected=f"each member reached and no other: {item.wanted}",
                got=f"reached {texts(seen)}",
            )
        return


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
        one_endpoint(case, item, picked(on, item.flow, BURST), "AFF-012", " once affinity is on")
        off = on.moved(case.cluster)
        # With more members than two, it is even less likely that only one is seen.
        count = probes_needed(2, case.alpha)
        seen = backends_of(picked(off, item.flow, count))
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
