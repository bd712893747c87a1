# SPDX-License-Identifier: Apache-2.0
"""A failure that does not come again is reported as such, with what was seen both times."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance import report, text
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.engine.result import Result
from conformance.engine.run import Options, run
from conformance.outcomes import Outcome
from conformance.profiles import load_profile
from reference.questions import Decision, Flow
from reference.questions import Outcome as Met

NAME = "routing.a-ready-endpoint-is-enough"


class Moody(ReferenceAdapter):
    """Drops what it should forward: within the first `bad` batches that hold such a flow, or always."""

    bad = 1

    def __init__(self) -> None:
        super().__init__()
        self.left = self.bad

    def route(self, flows: Sequence[Flow]) -> Sequence[Decision]:
        """The service proxy, as it decides."""
        right = super().route(flows)
        forwarded = [each.outcome is Met.FORWARD for each in right]
        if not any(forwarded) or self.left <= 0:
            return right
        self.left -= 1
        return [Decision(Met.DROP) if it else each for each, it in zip(right, forwarded, strict=True)]


class Crashing(Moody):
    """Raises instead."""

    def route(self, flows: Sequence[Flow]) -> Sequence[Decision]:
        """The service proxy, as it decides."""
        if self.left > 0:
            self.left -= 1
            raise RuntimeError("not now")
        return super().route(flows)


def judged(adapter: ReferenceAdapter) -> Result:
    """A run of one invariant."""
    with Session.of(adapter) as session:
        return run(session, load_profile("quick"), Options(clusters=60, only=[NAME]))


def test_a_failure_that_does_not_come_again() -> None:
    """It is no deviation and no pass, the run fails, and both observations are in the report."""
    result = judged(Moody())
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.NOT_REPEATED
    assert verdict.outcome.fails
    assert result.exit_code == 1
    assert verdict.failure is not None
    assert verdict.failure.got == "drop"
    assert verdict.failure.again == "the invariant held"
    assert verdict.detail == "deviation at first, and judged again the invariant held"
    shown = text.full(verdict, adapter="x")
    assert "got: drop" in shown
    assert "judged again: the invariant held" in shown
    (plain,) = report.to_plain(result)["invariants"]
    assert plain["outcome"] == "not-repeated"
    assert (plain["deviation"]["got"], plain["deviation"]["again"]) == ("drop", "the invariant held")


def test_a_crash_that_does_not_come_again() -> None:
    """So it is with an adapter that failed to answer."""
    (verdict,) = judged(Crashing()).verdicts
    assert verdict.outcome is Outcome.NOT_REPEATED
    assert verdict.failure is not None
    assert verdict.failure.outcome is Outcome.CRASH
    assert verdict.detail == "crash at first, and judged again the invariant held"


def test_a_smaller_input_that_fails_only_once() -> None:
    """What failed twice is reported where the smaller inputs did not fail again."""

    class Tired(Moody):
        bad = 3

    (verdict,) = judged(Tired()).verdicts
    assert verdict.outcome is Outcome.DEVIATION
    assert verdict.failure is not None
    assert not verdict.failure.again
    assert verdict.detail == "not shrunk: a smaller input failed once, and not again"


def test_a_failure_that_comes_again() -> None:
    """What fails each time is a deviation, and is shrunk."""

    class Always(Moody):
        bad = 10**9

    result = judged(Always())
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.DEVIATION
    assert verdict.failure is not None
    assert not verdict.failure.again
    assert len(verdict.failure.example.cluster.services) == 1
    assert evolve(verdict.failure, again="") == verdict.failure
    assert "again" not in report.to_plain(result)["invariants"][0]["deviation"]
