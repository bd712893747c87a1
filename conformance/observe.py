# SPDX-License-Identifier: Apache-2.0
"""Decisions seen from outside: what many connections of one flow tell of the eligible set.

How many connections are made follows from the size of the set and a stated
probability of error, never from a guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from conformance.invariants.base import Case
from conformance.questions.routing import connections
from reference.questions import Decision, Flow, Observation, Outcome

MISS_PROBABILITY = 1e-9
"""The probability with which one flow's probes miss a member that is picked as often as the others."""


def probes_needed(set_size: int, error_probability: float) -> int:
    """How many independent even picks show every one of `set_size` members.

    Each member is missed with probability (1 - 1/k)^n, so all are seen but with
    probability k (1 - 1/k)^n at most; this is the smallest n that brings it down
    to `error_probability`.
    """
    if set_size < 0 or not 0 < error_probability < 1:
        raise ValueError(f"no probes for {set_size} members at error probability {error_probability}")
    if set_size <= 1:
        return 1
    return math.ceil(math.log(error_probability / set_size) / math.log1p(-1 / set_size))


def decisions(case: Case, flows: Sequence[Flow], *, sizes: Sequence[int]) -> list[Decision]:
    """The decision on each flow: asked for where the adapter tells it, else observed.

    `sizes` are the sizes of the sets that are expected; one more is probed for, so
    that a member too many is seen as well.
    """
    if case.supports("route"):
        return case.ask("route", flows)
    key = ("observed", tuple(flows))
    return case.memo(key, lambda: _observe(case, flows, sizes))


def _observe(case: Case, flows: Sequence[Flow], sizes: Sequence[int]) -> list[Decision]:
    asked = []
    counts = []
    # Affinity pins a client, so probes of one flow come long after one another.
    for flow, size in zip(flows, sizes, strict=True):
        count = probes_needed(size + 1, MISS_PROBABILITY)
        counts.append(count)
        for index, connection in enumerate(connections(flow, count=count)):
            asked.append(type(connection)(flow, index * 200_000, connection.source_port))
    asked.sort(key=lambda connection: connection.at)
    answers: dict[Flow, list[Observation]] = {}
    for connection, observation in zip(asked, case.ask_again("connect", asked), strict=True):
        answers.setdefault(connection.flow, []).append(observation)
    return [summarise(flow, answers[flow]) for flow in flows]


def summarise(flow: Flow, observations: Sequence[Observation]) -> Decision:
    """What was seen, as a decision; outcomes that differ count as a forward to what was reached."""
    forwarded = [entry for entry in observations if entry.outcome is Outcome.FORWARD and entry.backend]
    if not forwarded:
        return Decision(observations[0].outcome)
    known = all(entry.source_ip is not None for entry in forwarded)
    return Decision(
        Outcome.FORWARD,
        frozenset(entry.backend for entry in forwarded if entry.backend),
        frozenset(entry.backend for entry in forwarded if entry.backend and entry.source_ip != flow.client.ip)
        if known
        else None,
    )
