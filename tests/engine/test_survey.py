# SPDX-License-Identifier: Apache-2.0
"""The survey and the shrinking that follows it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from attrs import evolve

from conformance.adapters.session import Session
from conformance.engine.records import Record
from conformance.engine.shrink import Shrinker
from conformance.engine.survey import FALSE_ALARM, MOST_ADAPTER_FAILURES, MOST_HANGS, Survey, alpha
from conformance.engine.verdicts import of_record
from conformance.example import Example
from conformance.invariants.base import Case, Invariant, Kind
from conformance.outcomes import Crash, Hang, Outcome
from conformance.strategies.clusters import clusters
from conformance.strategies.examples import examples
from tests.engine.fakes import FakeSession, expects_true

STRATEGY = clusters().map(Example)


def survey_of(session: FakeSession, *invariants: Invariant, **options: Any) -> Survey:
    """A survey of 60 clusters."""
    made = Survey(
        session=cast(Session, session),
        invariants=invariants,
        most={Kind.METAMORPHIC: 20, Kind.STATISTICAL: 5},
        **options,
    )
    made.generate(STRATEGY, examples=60, seed_value=3)
    return made


def test_each_cluster_is_judged_by_every_invariant() -> None:
    """Sixty clusters and two invariants make sixty inputs for each."""
    survey = survey_of(FakeSession(), expects_true("a"), expects_true("b"))
    assert survey.clusters == 60
    assert [record.inputs for record in survey.records.values()] == [60, 60]
    assert all(record.failure is None for record in survey.records.values())


def test_a_failing_invariant_does_not_disturb_another() -> None:
    """The survey goes on after a failure, and judges the failed invariant no more."""
    session = FakeSession(lambda example, question: question != "a" or len(example.cluster.pods) < 3)
    survey = survey_of(session, expects_true("a"), expects_true("b"))
    failed, good = survey.records.values()
    assert failed.failure is not None
    assert failed.failure.outcome is Outcome.DEVIATION
    assert failed.inputs == failed.first_failing
    assert failed.inputs < 60
    assert good.inputs == 60


def test_metamorphic_invariants_are_judged_a_bounded_number_of_times() -> None:
    """Of sixty clusters each metamorphic invariant gets the first twenty that it applies to, others all."""
    session = FakeSession()
    survey = survey_of(
        session, *(expects_true(name, kind=Kind.METAMORPHIC) for name in "ab"), expects_true("c")
    )
    assert [record.inputs for record in survey.records.values()] == [20, 20, 60]


def test_statistical_invariants_are_judged_a_bounded_number_of_times() -> None:
    """The false-alarm probability is spread over a number of checks that is known beforehand."""
    survey = survey_of(FakeSession(), expects_true("a", kind=Kind.STATISTICAL))
    assert survey.records["a"].inputs == 5
    assert survey.alpha == alpha(1, 5) == FALSE_ALARM / 5


def test_a_crash_is_an_outcome_and_the_survey_goes_on() -> None:
    """The adapter is started again after a crash, and the other invariants are still judged."""

    def answer(example: Example, question: str) -> bool:
        if question == "a" and len(example.cluster.pods) >= 3:
            raise Crash("route", "exit code 3", stderr="boom")
        return True

    session = FakeSession(answer)
    survey = survey_of(session, expects_true("a"), expects_true("b"))
    failure = survey.records["a"].failure
    assert failure is not None
    assert failure.outcome is Outcome.CRASH
    assert failure.stderr == "boom"
    assert session.recovered == 1
    assert survey.records["b"].inputs == 60
    assert survey.stopped is None


def test_an_answer_that_cannot_be_judged_is_an_outcome() -> None:
    """Where a check itself fails on an answer, that is said, and the other invariants are judged."""

    def answer(example: Example, question: str) -> bool:
        if question == "a":
            raise ValueError("'x' does not appear to be an IPv4 or IPv6 address")
        return True

    survey = survey_of(FakeSession(answer), expects_true("a"), expects_true("b"))
    failure = survey.records["a"].failure
    assert failure is not None
    assert failure.outcome is Outcome.WRONG_SHAPE
    assert "does not appear to be" in failure.got
    assert "ValueError" in failure.stderr
    assert survey.records["b"].inputs == 60


def test_an_adapter_that_always_hangs_stops_the_survey() -> None:
    """After a few failures of the adapter the run ends instead of waiting for each time-out."""

    def answer(example: Example, question: str) -> bool:
        raise Hang("route", "no answer within 1 s")

    names = [f"invariant-{number}" for number in range(9)]
    survey = survey_of(FakeSession(answer), *map(expects_true, names))
    assert survey.hangs == MOST_HANGS
    assert survey.stopped is not None
    assert survey.clusters == 1
    verdicts = [
        of_record(record, minimum_inputs=1, stopped=survey.stopped) for record in survey.records.values()
    ]
    assert [verdict.outcome for verdict in verdicts[:3]] == [Outcome.HANG] * 3
    assert {verdict.outcome for verdict in verdicts[3:]} == {Outcome.NOT_EXERCISED}


def test_an_operation_that_always_fails_is_given_up_alone() -> None:
    """What the adapter does in its other operations is judged to the end."""

    def answer(example: Example, question: str) -> bool:
        if question.startswith("broken"):
            raise Crash("route", "exit code 3")
        return True

    broken = [expects_true(f"broken-{number}") for number in range(6)]
    fine = evolve(expects_true("fine"), asks=("resolve",))
    survey = survey_of(FakeSession(answer), *broken, fine)
    assert survey.stopped is None
    assert survey.adapter_failures == {"route": MOST_ADAPTER_FAILURES}
    assert survey.records["fine"].inputs == 60
    verdicts = [of_record(record, minimum_inputs=1, stopped=None) for record in survey.records.values()]
    assert [verdict.outcome for verdict in verdicts] == [
        *(3 * [Outcome.CRASH]),
        *(3 * [Outcome.NOT_EXERCISED]),
        Outcome.PASS,
    ]
    assert verdicts[3].detail == "route failed 3 times and was given up"


def test_an_invariant_that_fails_by_itself_accuses_nobody() -> None:
    """Where an invariant raises on the model's own answers, the suite is wrong, and the run says so."""

    def check(case: Case) -> None:
        case.judged()
        raise ZeroDivisionError("division by zero")

    survey = survey_of(FakeSession(), evolve(expects_true("a"), check=check))
    failure = survey.records["a"].failure
    assert failure is not None
    assert failure.outcome is Outcome.SUITE_ERROR
    assert failure.got == "ZeroDivisionError: division by zero"


def test_a_failure_is_shrunk_to_what_it_needs() -> None:
    """Three running pods are needed, so three pods are left; the generation is the survey's own."""
    session = FakeSession(lambda example, question: len(example.cluster.pods) < 3)
    invariant = expects_true("a")
    survey = survey_of(session, invariant)
    record = survey.records["a"]
    assert record.failure is not None
    assert record.first_failing is not None
    shrinker = Shrinker(cast(Session, session), invariant, alpha(1, 1), seconds=60)
    smallest = shrinker.shrink(
        record.failure,
        strategy=STRATEGY,
        seed_value=3,
        examples=60,
        prefix=survey.prefix[: record.first_failing],
    )
    assert not shrinker.diverged
    cluster = smallest.example.cluster
    assert (len(cluster.pods), len(cluster.services), len(cluster.nodes)) == (3, 0, 0)


def test_another_generation_is_noticed() -> None:
    """A shrink whose inputs are not the survey's says so instead of reporting something else."""
    session = FakeSession(lambda example, question: len(example.cluster.pods) < 3)
    invariant = expects_true("a")
    survey = survey_of(session, invariant)
    record = survey.records["a"]
    assert record.failure is not None
    shrinker = Shrinker(cast(Session, session), invariant, alpha(1, 1), seconds=60)
    shrinker.shrink(
        record.failure,
        strategy=STRATEGY,
        seed_value=4,
        examples=60,
        prefix=survey.prefix[: record.first_failing],
    )
    assert shrinker.diverged


def test_an_adapter_that_answers_differently_each_time_is_still_reported() -> None:
    """A failure that does not repeat is no crash of the suite: what was seen stands."""
    calls = 0

    def answer(example: Example, question: str) -> bool:
        nonlocal calls
        calls += 1
        return calls % 7 != 0

    session = FakeSession(answer)
    invariant = expects_true("a")
    survey = survey_of(session, invariant)
    record = survey.records["a"]
    assert record.failure is not None
    shrinker = Shrinker(cast(Session, session), invariant, alpha(1, 1), seconds=60)
    shrunk = shrinker.shrink(
        record.failure,
        strategy=STRATEGY,
        seed_value=3,
        examples=60,
        prefix=survey.prefix[: record.first_failing],
    )
    assert shrunk.outcome is Outcome.DEVIATION


def test_time_for_shrinking_is_bounded() -> None:
    """Without time left, the example of the survey is what is reported."""
    session = FakeSession(lambda example, question: len(example.cluster.pods) < 3)
    invariant = expects_true("a")
    survey = survey_of(session, invariant)
    record = survey.records["a"]
    assert record.failure is not None
    shrinker = Shrinker(cast(Session, session), invariant, alpha(1, 1), seconds=0)
    shrunk = shrinker.shrink(
        record.failure,
        strategy=STRATEGY,
        seed_value=3,
        examples=60,
        prefix=survey.prefix[: record.first_failing],
    )
    assert shrunk == record.failure


@pytest.mark.parametrize(
    ("inputs", "classes", "outcome"),
    [
        (10, {"few pods": 4, "many pods": 6}, Outcome.PASS),
        (10, {"few pods": 10}, Outcome.NOT_EXERCISED),
        (9, {"few pods": 4, "many pods": 5}, Outcome.NOT_EXERCISED),
        (0, {}, Outcome.NOT_EXERCISED),
    ],
)
def test_too_little_is_never_a_pass(inputs: int, classes: dict[str, int], outcome: Outcome) -> None:
    """Too few inputs, or a class that was never met, is "not exercised"."""
    record = Record(expects_true("a", classes=("few pods", "many pods")))
    record.inputs = inputs
    record.classes.update(classes)
    assert of_record(record, minimum_inputs=10, stopped=None).outcome is outcome


def test_two_surveys_are_equal() -> None:
    """The same seed gives the same examples in the same order."""
    first, second = (survey_of(FakeSession(), expects_true("a")) for _ in range(2))
    assert first.prefix == second.prefix
    assert len(set(first.prefix)) > 50


def test_nothing_is_drawn_for_an_area_that_is_not_judged() -> None:
    """A DNS server's run spends no time on selectors or API requests."""
    from hypothesis import given, settings

    from conformance.areas import Area

    @settings(derandomize=True, database=None, deadline=None, max_examples=30)
    @given(examples(areas=frozenset({Area.DNS})))
    def check(example: Example) -> None:
        assert example.selections == ()
        assert example.sessions == ()

    check()
