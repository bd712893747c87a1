# SPDX-License-Identifier: Apache-2.0
"""Observing decisions: how often, and what is concluded."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from conformance.invariants.base import Deviation
from conformance.observe import MISS_PROBABILITY, decisions_by_observation, probes_needed, summarise
from reference.questions import Backend, Connection, Decision, Flow, Observation, Outcome
from tests.routing.objects import NODE_A, POD, VIP, flow

A, B, C = (Backend(f"10.244.0.{number}", 8080) for number in (2, 3, 4))


@pytest.mark.parametrize("size", [2, 3, 5, 8, 20])
@pytest.mark.parametrize("error", [1e-3, 1e-9, 1e-12])
@pytest.mark.parametrize("share", [1.0, 0.75])
def test_probes_are_enough_and_no_more(size: int, error: float, share: float) -> None:
    """The bound holds for the number, and not for one less."""
    count = probes_needed(size, error, least_share=share)
    assert size * (1 - share / size) ** count <= error < size * (1 - share / size) ** (count - 1)


def test_probes_of_small_sets() -> None:
    """One connection tells all there is to tell of a set of one, or of none."""
    assert (probes_needed(0, 1e-9), probes_needed(1, 1e-9)) == (1, 1)
    # Two faces of a coin: 2 (1/2)^n <= 1/8 from n = 4 on.
    assert probes_needed(2, 1 / 8, least_share=1.0) == 4


@pytest.mark.parametrize(
    ("size", "error", "share"), [(-1, 0.5, 1.0), (2, 0.0, 1.0), (2, 1.0, 1.0), (2, 0.5, 0.0), (2, 0.5, 1.5)]
)
def test_probes_of_nonsense(size: int, error: float, share: float) -> None:
    """What is no set size, no probability or no share is refused."""
    with pytest.raises(ValueError, match="no probes"):
        probes_needed(size, error, least_share=share)


class Proxy:
    """Picks at random among what each address leads to, and remembers what it was asked."""

    def __init__(self, members: dict[str, list[Backend]]) -> None:
        self.members = members
        self.random = random.Random(1)
        self.batches: list[list[Connection]] = []

    def __call__(self, connections: Sequence[Connection]) -> list[Observation]:
        """One observation for each connection."""
        self.batches.append(list(connections))
        return [self._one(connection.flow) for connection in connections]

    def _one(self, asked: Flow) -> Observation:
        members = self.members.get(asked.ip)
        if members is None:
            return Observation(Outcome.REJECT)
        backend = self.random.choice(members)
        return Observation(Outcome.FORWARD, backend, NODE_A if backend == A else asked.client.ip)


def test_observed_decisions() -> None:
    """Sets, sources and refusals are concluded from connections, each from a source port of its own."""
    proxy = Proxy({VIP: [A, B, C], "10.96.0.21": [B]})
    flows = [flow(POD), flow(POD, "10.96.0.21"), flow(POD, "10.96.0.22")]
    answers = decisions_by_observation(proxy, flows, [3, 1, 2], MISS_PROBABILITY)
    assert [each.outcome for each in answers] == [Outcome.FORWARD, Outcome.FORWARD, Outcome.REJECT]
    assert [each.backends for each in answers] == [{A, B, C}, {B}, frozenset()]
    assert [each.masqueraded for each in answers] == [{A}, frozenset(), None]
    every = [connection for batch in proxy.batches for connection in batch]
    ports = [(connection.flow, connection.source_port) for connection in every]
    assert len(ports) == len(set(ports))


def test_a_member_that_is_not_seen_is_looked_for() -> None:
    """Where fewer are reached than expected, as many connections are made as the bound asks for."""
    proxy = Proxy({VIP: [A, B]})
    (answer,) = decisions_by_observation(proxy, [flow(POD)], [3], 1e-9)
    assert answer.backends == {A, B}
    assert sum(map(len, proxy.batches)) == probes_needed(3, 1e-9)
    assert len(proxy.batches[0]) < 20


def test_all_is_said_when_all_are_seen() -> None:
    """Where as many are reached as expected, no more connections are made."""
    proxy = Proxy({VIP: [A]})
    decisions_by_observation(proxy, [flow(POD)], [1], 1e-9)
    assert len(proxy.batches) == 1


def test_unknown_sources() -> None:
    """Where one backend does not tell what it saw, nothing is said of sources."""
    seen = [Observation(Outcome.FORWARD, A, POD.ip), Observation(Outcome.FORWARD, B)]
    assert summarise(flow(POD), seen).masqueraded is None


def test_outcomes_that_differ() -> None:
    """Whoever looks at what became of a flow that is forwarded only sometimes reports all that was seen."""
    mixed = [Observation(Outcome.DROP), Observation(Outcome.FORWARD, A, POD.ip)]
    for looked_at in ("outcome", "backends", "masqueraded"):
        with pytest.raises(Deviation) as raised:
            getattr(summarise(flow(POD), [*mixed, mixed[0]]), looked_at)
        assert raised.value.got == "drop 2 times, forward to 10.244.0.2:8080 1 times"
    # Nobody has to look at what does not matter.
    assert summarise(flow(POD), mixed) != summarise(flow(POD), mixed[:1])
    assert summarise(flow(POD), mixed[:1] * 3) == Decision(Outcome.DROP)
    assert summarise(flow(POD), []).outcome is Outcome.DROP
