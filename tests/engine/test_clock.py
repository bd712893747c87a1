# SPDX-License-Identifier: Apache-2.0
"""Time that has to be waited for: a run lets no more of it pass than its profile allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest
from attrs import evolve

from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.clock import Clock
from conformance.engine.quota import CLOCK_SECONDS, clock_of
from conformance.engine.run import Options, run
from conformance.invariants import all_invariants
from conformance.outcomes import Outcome as Verdict
from conformance.profiles import load_profile
from reference.objects import Cluster
from reference.questions import Connection, Observation, Outcome

WAITING = [each for each in all_invariants().values() if each.waits]


class Waiting(ReferenceAdapter):
    """Counts the seconds that it would have to wait."""

    waited: ClassVar[list[int]] = []

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """As it is seen from outside."""
        assert [each.at for each in connections] == sorted(each.at for each in connections)
        self.waited.append(connections[-1].at - connections[0].at)
        return super().connect(connections)


def test_seconds_are_spent_once() -> None:
    """Each invariant has its own seconds; an attempt that is too dear costs nothing."""
    clock = Clock(10)
    assert clock.spend("a", 8)
    assert not clock.spend("a", 3)
    assert clock.spend("a", 2)
    assert clock.spend("b", 10)
    assert clock.again().spend("a", 10)


def test_no_limit() -> None:
    """Who has the time told lets any number of seconds pass."""
    assert all(Clock().spend("a", 10**6) for _ in range(3))


def test_those_that_wait_share_the_budget() -> None:
    """What a profile allows is divided among the invariants about time."""
    budget = evolve(load_profile("standard").budget, clock_seconds=30)
    assert len(WAITING) == 2
    with Session.of(factory=ReferenceAdapter) as session:
        assert clock_of(session, budget, list(all_invariants().values())).seconds == 15
        assert clock_of(session, load_profile("standard").budget, WAITING).seconds is None


class Observed:
    """A proxy of which only connections are seen."""

    def apply(self, cluster: Cluster) -> None:
        """Nothing has to be done."""

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """Nothing is ever served."""
        return [Observation(Outcome.DROP) for _ in connections]


def test_who_is_observed_is_waited_for_a_while() -> None:
    """Without a word in the profile, time that really passes has a limit."""
    with Session.of(factory=Observed) as session:
        clock = clock_of(session, load_profile("standard").budget, WAITING)
        assert clock.seconds == CLOCK_SECONDS / len(WAITING)


@pytest.mark.parametrize("seconds", [20, None])
def test_a_run_waits_no_longer_than_it_may(seconds: int | None) -> None:
    """With a limit the invariants about time are judged on short time-outs alone, and still are judged."""
    profile = load_profile("kube-proxy")
    profile = evolve(profile, budget=evolve(profile.budget, clock_seconds=seconds))
    Waiting.waited = []
    with Session.of(factory=Waiting) as session:
        result = run(session, profile, Options(clusters=250, only=[each.id for each in WAITING]))
    assert {verdict.outcome for verdict in result.verdicts} == {Verdict.PASS}
    assert (sum(Waiting.waited) <= 20) == (seconds is not None)
