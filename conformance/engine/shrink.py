# SPDX-License-Identifier: Apache-2.0
"""Finds the smallest example that breaks one invariant.

The survey's generation is run again with the same seed and strategy, so that its
inputs are the same; this time the failure is raised and Hypothesis shrinks it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

from attrs import define, evolve, field
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisWarning

from conformance.adapters.session import Session
from conformance.clock import Clock
from conformance.engine.backend import BACKEND
from conformance.engine.blame import blamed
from conformance.engine.records import Failure
from conformance.engine.reduce import objects, reduce
from conformance.engine.survey import StopSurvey
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant
from conformance.outcomes import AdapterFailure, Outcome

# Each of these costs a whole time-out or a new process, so a few attempts must do.
_DEAR = frozenset({Outcome.HANG})
_DEAR_ATTEMPTS = 8


class _Broken(Exception):
    """Tells Hypothesis that the example fails; always the same place, so one failure to shrink."""


@define
class Shrinker:
    """Judges one invariant again and again; remembers every failing example."""

    session: Session
    invariant: Invariant
    alpha: float
    seconds: float
    clock: Clock = field(factory=Clock)
    failures: dict[Example, Failure] = field(factory=dict)
    diverged: bool = False
    _wanted: Failure | None = None
    _deadline: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds

    def fails(self, example: Example) -> bool:
        """Whether the invariant fails on `example`; known failures are not judged again."""
        if example in self.failures:
            return True
        if time.monotonic() > self._deadline:
            return False
        failure = judge(self.session, self.invariant, example, alpha=self.alpha, clock=self.clock)
        if failure is None or not self._is_alike(failure):
            return False
        self.failures[example] = failure
        return True

    def _is_alike(self, failure: Failure) -> bool:
        """Whether it shows what is to be shown: another requirement is another deviation."""
        wanted = self._wanted
        return wanted is None or (failure.outcome, failure.requirement) == (
            wanted.outcome,
            wanted.requirement,
        )

    def repeated(self, failure: Failure) -> Failure:
        """The failure after its example was applied and judged anew; `again` says what came of it instead."""
        self.session.forget()
        second = judge(self.session, self.invariant, failure.example, alpha=self.alpha, clock=self.clock)
        if second is None:
            return evolve(failure, again="the invariant held")
        if second.outcome is not failure.outcome:
            return evolve(failure, again=f"{second.outcome.value}: {second.got}")
        return failure

    def shrink(
        self,
        first: Failure,
        *,
        strategy: st.SearchStrategy[Example],
        seed_value: int,
        examples: int,
        prefix: Sequence[int],
    ) -> Failure:
        """The smallest failure found, starting from the survey's generated `first`.

        `examples` is how many the survey was to generate, `prefix` are the hashes of
        its examples up to `first`; `diverged` tells afterwards whether the second
        generation was another one.
        """
        self._wanted = first
        self.failures[first.example] = first
        if first.shows is not None and self.fails(first.shows):
            return self.reduce(self.failures[first.shows])
        if first.outcome in _DEAR:
            return self.reduce(first, attempts=_DEAR_ATTEMPTS)
        seen = 0
        last = first

        @seed(seed_value)
        @settings(
            # As many as in the survey: what Hypothesis generates depends on it.
            max_examples=examples,
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            backend=BACKEND,
            # The time that an adapter takes is bounded by its own limits.
            suppress_health_check=[HealthCheck.too_slow],
            report_multiple_bugs=False,
            print_blob=False,
        )
        @given(strategy)
        def body(example: Example) -> None:
            nonlocal seen, last
            if len(self.failures) == 1 and seen < len(prefix):
                if hash(example) != prefix[seen]:
                    self.diverged = True
                    raise StopSurvey
                seen += 1
                if seen < len(prefix):
                    return  # it passed in the survey
            if self.fails(example):
                last = self.failures[example]
                raise _Broken

        try:
            with warnings.catch_warnings():
                # Hypothesis writes the example out for a message of its own, which nobody reads.
                warnings.filterwarnings("ignore", "Generating overly large repr", HypothesisWarning)
                body()
        except (_Broken, StopSurvey):
            pass
        except Flaky:
            # An implementation that answers differently on the same example: what
            # was seen stands, and the smallest of it is reported.
            last = min(self.failures.values(), key=lambda failure: objects(failure.example))
        return self.reduce(last)

    def reduce(self, failure: Failure, *, attempts: int = 200) -> Failure:
        """The failure on the smallest example that is left when objects are taken away."""
        self._wanted = failure
        self.failures[failure.example] = failure
        return self.failures[reduce(failure.example, self.fails, attempts=attempts)]


def judge(
    session: Session, invariant: Invariant, example: Example, *, alpha: float, clock: Clock | None = None
) -> Failure | None:
    """Judge one example by one invariant; a broken adapter is started again."""
    case = Case(example, session, alpha, clock=Clock() if clock is None else clock.again())
    return judge_case(session, invariant, case)


def judge_case(session: Session, invariant: Invariant, case: Case) -> Failure | None:
    """As `judge`, with what the case remembers."""
    example = case.example
    case.shows = None
    try:
        invariant.check(case)
    except Deviation as error:
        return Failure.of(error, example, invariant)
    except AdapterFailure as error:
        try:
            session.recover()
        except AdapterFailure as again:
            again.after = error
            raise
        return Failure.of(error, example, invariant)
    except Exception as error:
        return Failure.of(blamed(error, example, invariant), example, invariant)
    return None
