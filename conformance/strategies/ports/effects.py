# SPDX-License-Identifier: Apache-2.0
"""Services and what is changed of them, by what the change does.

Most pairs of a body and an edit do the same as many others, and a few do what no
other does.  So that these are met as often, pairs are chosen by their effect.
"""

from __future__ import annotations

from functools import lru_cache

from attrs import evolve

from conformance.strategies.ports.edits import OWN, own_edit
from conformance.strategies.ports.numbers import SETTINGS, numbers
from conformance.strategies.ports.objects import SHAPES
from reference.objects import Service
from reference.ports.allocation import lowest
from reference.ports.server import Accepted, Server, answer
from reference.questions import ApiRequest, Verb

Pair = tuple[str, int]
"""The name of a shape, and the number of an edit that matters to its type."""


@lru_cache(maxsize=1)
def effects() -> tuple[tuple[Pair, ...], ...]:
    """The pairs of each effect, the effects in the order in which they are met."""
    found: dict[object, list[Pair]] = {}
    for shape, make in SHAPES.items():
        body = _named(make(numbers(SETTINGS[0], 0)))
        for index in range(len(OWN[body.spec.type or "ClusterIP"])):
            found.setdefault(_effect(body, index), []).append((shape, index))
    return tuple(map(tuple, found.values()))


def _named(service: Service) -> Service:
    return evolve(service, metadata=evolve(service.metadata, name="web"))


def _effect(body: Service, index: int) -> object:
    """What is refused, or what is stored otherwise than it was sent and than it was before."""
    server = Server(SETTINGS[0])
    _, server = answer(server, ApiRequest(Verb.CREATE, body))
    sent = own_edit(body, index)(body, numbers(SETTINGS[0], 1))
    expectation = server.decide(ApiRequest(Verb.UPDATE, sent), lowest, [], relaxed_names=True)
    if expectation.rejected is not None:
        return body.spec.type, expectation.rejected.rules
    assert expectation.accepted is not None
    return _difference(body, sent, expectation.accepted)


def _difference(body: Service, sent: Service, accepted: Accepted) -> object:
    after = accepted.service
    assert after is not None
    changed = tuple(name for name in _DECIDED if getattr(sent.spec, name) != getattr(after.spec, name))
    return body.spec.type, after.spec.type, body.spec.allocate_load_balancer_node_ports, changed


_DECIDED = (
    "cluster_ip",
    "ports",
    "external_traffic_policy",
    "health_check_node_port",
    "load_balancer_class",
    "allocate_load_balancer_node_ports",
)
"""The fields of which an update keeps, gives or clears what was not sent."""
