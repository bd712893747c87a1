# SPDX-License-Identifier: Apache-2.0
"""Decisions seen from outside: what many connections of one flow tell of the eligible set.

An adapter that knows its decisions is asked for them; of one that can only be
observed, each flow is tried again and again.  How often follows from the size of
the set and a stated probability of error, never from a guess.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NoReturn

from conformance.invariants.base import Case, Deviation
from conformance.model import model_of
from conformance.questions.routing import burst
from reference.questions import Backend, Connection, Decision, Flow, Observation, Outcome

MISS_PROBABILITY = 1e-12
"""The probability with which the connections of one flow miss a member of its set.

A run asks for some hundred thousand flows at most, so that it stays below one in
a million for a whole run.
"""

LEAST_SHARE = 0.75
"""A member may be picked as seldom as this share of an even one, and still has to be seen."""

AskConnect = Callable[[Sequence[Connection]], Sequence[Observation]]


def probes_needed(set_size: int, error_probability: float, *, least_share: float = LEAST_SHARE) -> int:
    """How many independent picks show every one of `set_size` members.

    The coupon collector's bound: a member with the share p of the picks is missed by
    n of them with probability (1 - p)^n, so some of the k members is with k (1 - p)^n
    at most; this is the smallest n that brings it down to `error_probability`, for
    p = `least_share` / k.
    """
    if set_size < 0 or not 0 < error_probability < 1 or not 0 < least_share <= 1:
        raise ValueError(f"no probes for {set_size} members at error probability {error_probability}")
    if set_size <= 1:
        return 1
    return math.ceil(math.log(error_probability / set_size) / math.log1p(-least_share / set_size))


def decisions(case: Case, flows: Sequence[Flow], *, sizes: Sequence[int]) -> list[Decision]:
    """The decision on each flow: asked for where the adapter tells it, else observed.

    `sizes` are the sizes of the expected sets; see `decisions_by_observation`.
    """
    if case.supports("route"):
        return case.ask("route", flows)
    return case.memo(
        ("observed", tuple(flows), tuple(sizes)),
        lambda: decisions_by_observation(
            lambda connections: case.ask_again("connect", connections),
            flows,
            sizes,
            MISS_PROBABILITY,
            by_chance=model_of(case.cluster).routing.is_answered_past_the_node,
        ),
    )


def decisions_by_observation(
    ask_connect: AskConnect,
    flows: Sequence[Flow],
    expected_sizes: Sequence[int],
    alpha: float,
    *,
    by_chance: Callable[[Flow], bool] = lambda _: False,
) -> list[Decision]:
    """What repeated connections of each flow were seen to meet, as decisions.

    A few connections first; flows that were not seen to reach as many members as
    expected are tried on, until a member could be missed with probability `alpha`
    only.  A size of 0 or 1 takes a few connections, no more: nothing is missed then.
    Of flows whose connections succeed `by_chance` those that do not tell nothing.
    """
    found: list[list[Observation]] = [[] for _ in flows]
    first = [_first_probes(size) for size in expected_sizes]
    _probe(ask_connect, flows, found, first)
    missing = [
        max(0, probes_needed(size, alpha) - len(seen)) if _forwards(seen) and reached(seen) < size else 0
        for seen, size in zip(found, expected_sizes, strict=True)
    ]
    _probe(ask_connect, flows, found, missing)
    return [
        summarise(flow, (by_chance(flow) and _forwards(seen)) or seen)
        for flow, seen in zip(flows, found, strict=True)
    ]


def _first_probes(size: int) -> int:
    """Enough to reach every member more often than not, and a stranger as likely."""
    return 4 * (size + 1)


def _forwards(seen: Sequence[Observation]) -> list[Observation]:
    return [entry for entry in seen if entry.outcome is Outcome.FORWARD]


def reached(seen: Sequence[Observation]) -> int:
    """How many backends were reached."""
    return len({entry.backend for entry in seen if entry.backend is not None})


def _probe(
    ask_connect: AskConnect, flows: Sequence[Flow], found: list[list[Observation]], counts: Sequence[int]
) -> None:
    """Open so many further connections of each flow, all in one batch, from source ports not used yet."""
    owners: list[int] = []
    connections: list[Connection] = []
    for index, (flow, count) in enumerate(zip(flows, counts, strict=True)):
        used = len(found[index])
        connections += burst(flow, count=used + count)[used:]
        owners += [index] * count
    if connections:
        for index, seen in zip(owners, ask_connect(connections), strict=True):
            found[index].append(seen)


def summarise(flow: Flow, observations: Sequence[Observation]) -> Decision:
    """What was seen, as a decision; one that is `Unsteady` where outcomes differ.

    The source address is known if every backend told it.
    """
    if len({entry.outcome for entry in observations}) > 1:
        return Unsteady(flow, observations)
    forwarded = [
        (entry.backend, entry.source_ip)
        for entry in observations
        if entry.outcome is Outcome.FORWARD and entry.backend is not None
    ]
    if not forwarded:
        return Decision(next((entry.outcome for entry in observations), Outcome.DROP))
    known = all(source is not None for _, source in forwarded)
    replaced = frozenset(backend for backend, source in forwarded if source != flow.client.ip)
    return Decision(
        Outcome.FORWARD,
        frozenset(backend for backend, _ in forwarded),
        replaced if known else None,
    )


class Unsteady(Decision):
    """Connections of one flow, to one state of the cluster, that ended differently.

    No rule leaves that open: whether a flow is forwarded follows from the flow and the
    state.  So whoever looks at what was decided reports it, as a Deviation.
    """

    __slots__ = ("_flow", "_seen")
    _flow: Flow
    _seen: tuple[Observation, ...]

    def __init__(self, flow: Flow, observations: Sequence[Observation]) -> None:
        object.__setattr__(self, "_flow", flow)
        object.__setattr__(self, "_seen", tuple(observations))

    def _reported(self) -> NoReturn:
        flow = self._flow
        raise Deviation(
            requirement="",
            question=f"{len(self._seen)} connections from {flow.client.kind.value} {flow.client.ip} on "
            f"{flow.client.node} -> {flow.protocol} {flow.ip}:{flow.port}",
            expected="one outcome for all of them",
            got=", ".join(f"{shown} {times} times" for shown, times in _counted(self._seen).items()),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(_counted(self._seen))})"

    @property
    def outcome(self) -> Outcome:
        """There is none."""
        self._reported()

    @property
    def backends(self) -> frozenset[Backend]:
        """There are none for sure."""
        self._reported()

    @property
    def masqueraded(self) -> frozenset[Backend] | None:
        """Nobody knows."""
        self._reported()


def _counted(observations: Sequence[Observation]) -> Counter[str]:
    return Counter(
        entry.outcome.value if entry.backend is None else f"{entry.outcome.value} to {entry.backend}"
        for entry in observations
    )
