# SPDX-License-Identifier: Apache-2.0
"""A whole run: known deviations, the user's own objects, the survey, then the shrinking."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from conformance import reproducer
from conformance.adapters.session import Session
from conformance.engine.known import is_known, is_same_input
from conformance.engine.quota import budget_for, clock_of, most_examples
from conformance.engine.records import Failure, Record
from conformance.engine.result import Result
from conformance.engine.shrink import Shrinker, judge_case
from conformance.engine.survey import FALSE_ALARM, MOST_HANGS, Survey
from conformance.engine.verdicts import Verdict, of_record, unsupported
from conformance.example import Example
from conformance.features import DUAL_STACK
from conformance.invariants.base import Case
from conformance.outcomes import AdapterFailure, Outcome
from conformance.profiles import Profile
from conformance.selection import Selected, select
from conformance.strategies.clusters import Limits
from conformance.strategies.examples import examples


@frozen
class Given:
    """An example that the user gave, and the name by which reports call it."""

    name: str
    example: Example


def _nothing(*_: object) -> None:
    """A listener that is not interested."""


@frozen(kw_only=True)
class Listener:
    """What a run tells while it goes on: phases, progress, and each failure as it is found."""

    phase: Callable[[str, int], None] = _nothing
    """The name of a phase and how many steps it has at the most."""
    step: Callable[[int], None] = _nothing
    failed: Callable[[Record], None] = _nothing


@frozen(kw_only=True)
class Options:
    """How a run is done: the seed, what is judged beside generated clusters, where files go.

    `clusters` overrides the profile's number of generated clusters.  Without
    `folder` no reproducer is stored.
    """

    seed: int = 0
    clusters: int | None = None
    given: Sequence[Given] = ()
    only: Collection[str] | None = None
    folder: Path | None = None
    listener: Listener = field(factory=Listener)


def run(session: Session, profile: Profile, options: Options) -> Result:
    """Judge an implementation.

    An interrupt ends the run early: the result then holds what was done.
    """
    selected = select(profile, session.supports, only=options.only)
    return _Run(session, profile, options, selected).result()


class _Run:
    """The state of one run."""

    def __init__(self, session: Session, profile: Profile, options: Options, selected: Selected) -> None:
        self.session = session
        self.profile = profile
        self.options = options
        self.selected = selected
        self.interrupted = False
        self.seconds: dict[str, float] = {}
        self.notes: dict[str, str] = {}
        listener = options.listener
        self.budget = budget_for(session, profile.budget)
        self.survey = Survey(
            session=session,
            invariants=selected.judged,
            most=most_examples(self.budget),
            clock=clock_of(session, self.budget, selected.judged),
            on_example=listener.step,
            on_failure=self._found,
        )
        self.clusters = self.budget.clusters if options.clusters is None else options.clusters
        limits = profile.limits
        self.strategy = examples(
            areas=selected.areas,
            limits=Limits(
                services=limits.services, pods=limits.pods, nodes=limits.nodes, slices=limits.slices
            ),
            most_selections=limits.selections,
            most_requests=limits.api_requests,
            dual_stack=DUAL_STACK in profile.claims.features,
            dns_server=profile.claims.dns_server,
        )

    def result(self) -> Result:
        """Do it all."""
        known: dict[str, Verdict] = {}
        try:
            known = self._timed("known deviations", self._replay_known)
            self._timed("manifests", self._judge_given)
            self._timed("survey", self._survey)
            self._timed("shrink", self._shrink)
        except KeyboardInterrupt:
            self.interrupted = True
        verdicts = [self._verdict(record, known) for record in self.survey.records.values()]
        verdicts += [unsupported(invariant, missing) for invariant, missing in self.selected.unsupported]
        return Result(
            profile=self.profile,
            adapter=self.session.name,
            adapter_version=self.session.version,
            seed=self.options.seed,
            clusters=self.survey.clusters,
            manifests=tuple(given.name for given in self.options.given),
            verdicts=tuple(verdicts),
            stopped=self.survey.stopped,
            interrupted=self.interrupted,
            false_alarm=FALSE_ALARM,
            seconds=self.seconds,
        )

    def _timed(self, phase: str, action: Callable[[], Verdicts]) -> Verdicts:
        started = time.perf_counter()
        try:
            return action()
        finally:
            self.seconds[phase] = time.perf_counter() - started

    def _found(self, record: Record) -> None:
        """Keep what was found at once: a run can be ended at any moment."""
        self._store(record)
        self.options.listener.failed(record)

    def _store(self, record: Record) -> str:
        if self.options.folder is None or record.failure is None:
            return ""
        failure = record.failure
        made = reproducer.Reproducer(
            invariant=record.invariant.id,
            requirement=failure.requirement,
            example=reproducer.relevant(failure.example, record.invariant.area),
            expected=failure.expected,
            got=failure.got,
            question=failure.question,
            because=failure.because,
            adapter=self.session.name,
        )
        return str(reproducer.store(made, self.options.folder))

    def _replay_known(self) -> Verdicts:
        """Judge the input of each known deviation: it has to fail still, or it is fixed."""
        verdicts: Verdicts = {}
        for entry in self.profile.known_deviations:
            record = self.survey.records.get(entry.invariant)
            if record is None:
                continue
            stored = reproducer.load(entry.input)
            case = Case(stored.example, self.session, self.survey.alpha, clock=self.survey.clock.again())
            asked = self.session.questions
            try:
                failure = judge_case(self.session, record.invariant, case)
            except AdapterFailure as error:
                self.survey.stopped = f"the adapter did not start again: {error.message}"
                break
            if failure is not None and not is_known(failure, stored):
                record.failure, record.source = failure, f"known deviation at {entry.where}"
                self._found(record)
                self.survey.hangs += failure.outcome is Outcome.HANG
                if self.survey.hangs >= MOST_HANGS:
                    self.survey.stopped = f"the adapter hung {MOST_HANGS} times"
                    break
                continue
            asked = self.session.questions - asked
            if failure is None and not case.tally.comparisons and not asked:
                # Neither known nor fixed: the entry proves nothing.
                verdicts[entry.invariant] = Verdict(
                    record.invariant,
                    Outcome.NOT_EXERCISED,
                    detail=f"the stored input holds nothing that is judged: renew the entry at {entry.where}",
                    known=entry,
                )
                continue
            verdicts[entry.invariant] = (
                Verdict(
                    record.invariant,
                    Outcome.FIXED_DEVIATION,
                    detail=f"passes now: delete the entry at {entry.where}",
                    known=entry,
                )
                if failure is None
                else Verdict(
                    record.invariant,
                    Outcome.KNOWN_DEVIATION,
                    detail=entry.reason,
                    failure=failure,
                    known=entry,
                )
            )
        return verdicts

    def _judge_given(self) -> Verdicts:
        for given in self.options.given:
            self.survey.judge_all(given.example, source=given.name)
        return {}

    def _survey(self) -> Verdicts:
        self.options.listener.phase("judging clusters", self.clusters)
        if not self.survey.stopped:
            self.survey.generate(self.strategy, examples=self.clusters, seed_value=self.options.seed)
        return {}

    def _shrink(self) -> Verdicts:
        failed = [record for record in self.survey.records.values() if record.failure is not None]
        self.options.listener.phase("shrinking", len(failed))
        for done, record in enumerate(failed, start=1):
            self._shrink_one(record)
            self._store(record)
            self.options.listener.step(done)
        return {}

    def _shrink_one(self, record: Record) -> None:
        assert record.failure is not None
        shrinker = Shrinker(
            self.session,
            record.invariant,
            self.survey.alpha,
            self.budget.shrink_seconds,
            self.survey.clock,
        )
        try:
            if self.survey.stopped:
                self.session.recover()
            first = record.failure = shrinker.repeated(record.failure)
            if first.again:
                return
            if record.first_failing is None:
                record.failure = shrinker.reduce(first)
            else:
                record.failure = shrinker.shrink(
                    first,
                    strategy=self.strategy,
                    seed_value=self.options.seed,
                    examples=self.clusters,
                    prefix=self.survey.prefix[: record.first_failing],
                )
        except AdapterFailure as error:
            self.notes[record.invariant.id] = f"not shrunk: {error.message}"
        else:
            # A hang was waited for long enough.
            if record.failure.example != first.example and first.outcome is not Outcome.HANG:
                record.failure = self._sure(shrinker, record, first)
        if shrinker.diverged:
            self.notes[record.invariant.id] = "not shrunk: the second generation differed from the first"

    def _sure(self, shrinker: Shrinker, record: Record, first: Failure) -> Failure:
        """The smallest failure if it fails once more, else the first one, which did."""
        assert record.failure is not None
        again = shrinker.repeated(record.failure)
        if not again.again:
            return again
        self.notes[record.invariant.id] = "not shrunk: a smaller input failed once, and not again"
        return first

    def _verdict(self, record: Record, known: dict[str, Verdict]) -> Verdict:
        verdict = of_record(record, minimum_inputs=self.budget.minimum_inputs, stopped=self.survey.stopped)
        if record.failure is not None:
            verdict = evolve(verdict, reproducer=self._store(record))
            note = self.notes.get(record.invariant.id)
            if note:
                verdict = evolve(verdict, detail="; ".join(filter(None, (verdict.detail, note))))
        before = known.get(record.invariant.id)
        if before is None:
            return verdict
        assert before.known is not None
        if before.outcome is Outcome.FIXED_DEVIATION:
            # A new failure of the same invariant is reported as such; else the line has to go.
            return verdict if record.failure is not None else evolve(verdict, **_taken_from(before))
        if before.outcome is Outcome.NOT_EXERCISED:
            return verdict if record.failure is not None else evolve(verdict, **_taken_from(before))
        if record.failure is None or is_same_input(record, before.known):
            return evolve(verdict, **_taken_from(before), failure=before.failure)
        return verdict


Verdicts = dict[str, Verdict]


def _taken_from(before: Verdict) -> dict[str, Any]:
    return {"outcome": before.outcome, "detail": before.detail, "known": before.known}
