# SPDX-License-Identifier: Apache-2.0
"""Entries of one Service that ask for the same node port."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.turns import judge_admission, steps_in_turn
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports.server import names_a_node_port_twice
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 24
"""How many get their turn with one input."""

_ENTRIES = tuple(product((80, 81), ("TCP", "UDP", "SCTP"), (0, 30080, 30081)))


def _service(*entries: tuple[int, str, int], allocates: bool = True) -> Service:
    ports = tuple(
        ServicePort(port, f"port-{index}", protocol, 8080, number)
        for index, (port, protocol, number) in enumerate(entries)
    )
    spec = ServiceSpec(type="NodePort", ports=ports)
    if not allocates:
        spec = ServiceSpec(type="LoadBalancer", ports=ports, allocate_load_balancer_node_ports=False)
    return Service(ObjectMeta(name="web", namespace="default", uid="web"), spec)


@lru_cache(maxsize=1)
def sessions() -> tuple[ApiSession, ...]:
    """A Service with two entries, created so, or changed to it from one with a node port each.

    A balancer that goes without node ports has entries of one protocol that name none.
    """
    settings = ClusterSettings()
    before = ApiRequest(Verb.CREATE, _service((80, "TCP", 30080), (81, "UDP", 30081)))
    made = []
    for first, second in product(_ENTRIES, repeat=2):
        if first[:2] == second[:2]:
            continue
        without = _service(first, second, allocates=False)
        made.append(ApiSession(settings, (before, ApiRequest(Verb.UPDATE, without))))
        if not any((first[2], second[2])):
            continue
        service = _service(first, second)
        made.append(ApiSession(settings, (ApiRequest(Verb.CREATE, service),)))
        made.append(ApiSession(settings, (before, ApiRequest(Verb.UPDATE, service))))
        third = evolve(service, metadata=evolve(service.metadata, name="rival"))
        made.append(ApiSession(settings, (ApiRequest(Verb.CREATE, service), ApiRequest(Verb.CREATE, third))))
    return tuple(made)


@invariant(
    "ports.entries-with-one-node-port",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-012", "ALLOC-014", "ALLOC-017"),
    asks=("admit",),
    classes=("granted", "refused", "update refused"),
)
def entries_with_one_node_port(case: Case) -> None:
    """Two entries may name one node port only if they have the same port and differ in protocol; an update
    may give it to two entries of one protocol as little.
    """
    for step in steps_in_turn(case, "ports.sharing", sessions, most=MOST_SESSIONS):
        twice = names_a_node_port_twice(step.request.service)
        is_update = step.request.verb is Verb.UPDATE
        row = "ALLOC-012" if not twice else "ALLOC-017" if is_update else "ALLOC-014"
        rejected = step.expectation.rejected
        case.judged("granted" if rejected is None else "update refused" if is_update else "refused")
        entries = ", ".join(
            f"{port.port}/{port.protocol} node port {port.node_port or 'of the server'}"
            for port in step.request.service.spec.ports
        )
        judge_admission(case, step, row, question=f"{step} with the entries {entries}", because=(row,))
