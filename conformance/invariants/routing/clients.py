# SPDX-License-Identifier: Apache-2.0
"""Clients that session affinity keeps, and what is said of all of their connections."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import evolve

from conformance.invariants.base import Case
from conformance.invariants.routing.asked import Served, texts
from conformance.invariants.routing.choice import choosable
from conformance.invariants.routing.fresh import sibling
from reference.questions import Backend, ClientKind, Flow, Observation, Outcome
from reference.routing import Destination
from reference.routing.affinity import timeout

BURST = 8
"""So many connections of one client follow on each other."""
MOST_CLIENTS = 200
LEAST_LIFE = 30
"""A time-out from which on connections of one batch follow closely enough on each other, in seconds."""
TIMEOUT_MARGIN = 1
"""So many seconds before and after its end a record may live or not, in real time."""


def life(item: Served) -> int:
    """The time-out of the Service of a flow, in seconds."""
    return timeout(item.match.service.spec) or 0


def affine(case: Case, *, any_life: bool = False) -> list[Served]:
    """Flows of which affinity makes the choice, for longer than a batch takes unless `any_life` will do."""
    return [item for item in choosable(case, affinity=True) if any_life or life(item) >= LEAST_LIFE]


def backends_of(observations: Iterable[Observation]) -> frozenset[Backend]:
    """The backends that were reached."""
    return frozenset(entry.backend for entry in observations if entry.backend is not None)


def one_endpoint(
    case: Case, item: Served, answers: Sequence[Observation], requirement: str, how: str
) -> None:
    """All connections were forwarded, and to one endpoint."""
    outcomes = {entry.outcome for entry in answers}
    seen = backends_of(answers)
    if outcomes != {Outcome.FORWARD} or len(seen) != 1:
        case.fail(
            requirement,
            question=f"{len(answers)} connections{how}: {item.text}",
            expected=f"all at one endpoint, the time-out being {life(item)} s",
            got=f"{texts(seen)}, {', '.join(sorted(outcome.value for outcome in outcomes))}",
        )


def is_multipliable(item: Served) -> bool:
    """Whether other pods of the same node would be treated alike."""
    return item.destination is Destination.CLUSTER_IP and item.flow.client.kind is ClientKind.POD


def clients(flow: Flow, count: int) -> list[Flow]:
    """The same flow from so many clients of the same net, on the same node."""
    client = flow.client
    return [
        evolve(flow, client=evolve(client, ip=sibling(client.ip, index + 20), pod=None))
        for index in range(count)
    ]


def pairs_needed(set_size: int, alpha: float) -> int:
    """How many pairs of independent even picks are all equal with probability `alpha` at most."""
    return math.ceil(-math.log(alpha) / math.log(set_size))
