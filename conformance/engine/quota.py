# SPDX-License-Identifier: Apache-2.0
"""On how many examples an invariant is judged in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field

from conformance.adapters.session import Session
from conformance.clock import Clock
from conformance.engine.records import Failure
from conformance.engine.shrink import judge_case
from conformance.invariants.base import Case, Invariant, Kind
from conformance.profiles import Budget, load_profile


def most_examples(budget: Budget) -> Mapping[Kind, int]:
    """The most examples for an invariant, by kind; a kind that is not there has no limit."""
    return {
        Kind.METAMORPHIC: budget.metamorphic_examples,
        Kind.STATISTICAL: budget.statistical_examples,
    }


def is_observed(session: Session) -> bool:
    """Whether the implementation shows what became of connections, and does not tell its decisions."""
    return session.supports("connect") and not session.supports("route")


def budget_for(session: Session, budget: Budget) -> Budget:
    """What of a profile's budget is meant for this implementation."""
    return budget.of_observed() if is_observed(session) else budget


CLOCK_SECONDS = 30
"""How long a run waits for an implementation that is observed, where its profile does not say."""


def clock_of(session: Session, budget: Budget, invariants: Sequence[Invariant]) -> Clock:
    """The clock of a run: those that let time pass share what the budget allows.

    Who only shows connections makes them for real, and then has to wait in real time.
    """
    seconds = budget.clock_seconds
    if seconds is None and is_observed(session):
        seconds = CLOCK_SECONDS
    if seconds is None:
        return Clock()
    return Clock(seconds / max(1, sum(each.waits for each in invariants)))


@define
class Quota:
    """Judges one example after the other, and each invariant on as many as the profile `standard` does."""

    most: Mapping[Kind, int] = field(factory=lambda: most_examples(load_profile("standard").budget))
    _judged: Counter[str] = field(factory=Counter)

    def judge(self, session: Session, invariant: Invariant, case: Case) -> Failure | None:
        """How the invariant fails on the example, if it does and has not had all of its examples."""
        most = self.most.get(invariant.kind)
        if most is not None and self._judged[invariant.id] >= most:
            return None
        before = case.tally.comparisons
        failure = judge_case(session, invariant, case)
        self._judged[invariant.id] += case.tally.comparisons > before
        return failure
