# SPDX-License-Identifier: Apache-2.0
"""The survey: each example is applied once and judged by every invariant.

Generation is the limit of speed, so one generated example serves all invariants;
nothing is shrunk here.  What failed is shrunk afterwards, one by one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from attrs import define, field
from hypothesis import strategies as st

from conformance.adapters.session import Session
from conformance.areas import OPERATIONS
from conformance.clock import Clock
from conformance.engine.blame import blamed
from conformance.engine.generation import generate
from conformance.engine.records import Failure, Record
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant, Kind, Tally
from conformance.outcomes import AdapterFailure, Hang

FALSE_ALARM = 1e-6
"""The probability that a whole run accuses a correct implementation of an uneven choice."""

MOST_ADAPTER_FAILURES = 3
"""After so many crashes, hangs and broken answers an operation is given up."""
MOST_HANGS = 3
"""After so many hangs, which may take long, the survey stops."""


class StopSurvey(BaseException):
    """Ends a survey early; not an `Exception`, so that Hypothesis lets it through."""


@define
class Survey:
    """Judges examples one after the other and keeps the records.

    An invariant of a kind that is in `most` is judged on so many examples: a
    metamorphic one applies further clusters, and a statistical one has its share of the
    false-alarm probability to spread over them.
    """

    session: Session
    invariants: Sequence[Invariant]
    most: Mapping[Kind, int]
    clock: Clock = field(factory=Clock)
    on_example: Callable[[int], None] = lambda _: None
    on_failure: Callable[[Record], None] = lambda _: None
    clusters: int = 0
    adapter_failures: Counter[str] = field(factory=Counter)
    """How often the adapter failed, by operation."""
    hangs: int = 0
    stopped: str | None = None
    prefix: list[int] = field(factory=list)
    """Hashes of the generated examples in order, to check that a shrink sees the same."""
    records: dict[str, Record] = field(init=False)
    _statistical: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.records = {invariant.id: Record(invariant) for invariant in self.invariants}
        self._statistical = sum(each.kind is Kind.STATISTICAL for each in self.invariants)

    @property
    def alpha(self) -> float:
        """What one statistical check may add to the run's false-alarm probability."""
        return alpha(self._statistical, self.most[Kind.STATISTICAL])

    def judge_all(self, example: Example, *, source: str) -> None:
        """Judge an example that was given, by every invariant."""
        self._judge(example, list(self.records.values()), source=source)

    def generate(self, strategy: st.SearchStrategy[Example], *, examples: int, seed_value: int) -> None:
        """Judge `examples` generated examples, or as many as it takes until nothing more can come of it."""

        def visit(example: Example) -> None:
            if not any(record.failure is None and not record.given_up for record in self._open()):
                # Nobody is left to be judged by one more.
                raise StopSurvey
            self.clusters += 1
            self.prefix.append(hash(example))
            self._judge(example, list(self._open()))
            self.on_example(self.clusters)
            if self.stopped:
                raise StopSurvey

        with suppress(StopSurvey):
            generate(strategy, visit, examples=examples, seed_value=seed_value)

    def _open(self) -> Iterator[Record]:
        """Those that are judged by one more example."""
        for record in self.records.values():
            kind = record.invariant.kind
            if kind not in self.most or record.inputs < self.most[kind]:
                yield record

    def _judge(
        self, example: Example, records: Iterable[Record], *, source: str = "", case: Case | None = None
    ) -> Case:
        """Judge an example by some invariants; the case is returned with what it remembers."""
        case = case or Case(example, self.session, self.alpha, clock=self.clock)
        tally = case.tally = Tally()
        for record in records:
            if record.failure is not None or self.stopped or record.given_up:
                continue
            started = time.perf_counter()
            case.shows = None
            try:
                record.invariant.check(case)
            except Deviation as error:
                self._failed(record, error, example, source)
            except AdapterFailure as error:
                self._failed(record, error, example, source)
                # What was remembered of this example may be half an answer.
                case = Case(example, self.session, self.alpha, clock=self.clock)
                self._recover(error)
            except Exception as error:
                self._failed(record, blamed(error, example, record.invariant), example, source)
            finally:
                record.seconds += time.perf_counter() - started
                if tally.comparisons:
                    record.add(tally)
                    tally = Tally()
                case.tally = tally
        return case

    def _failed(self, record: Record, error: Exception, example: Example, source: str) -> None:
        record.failure = Failure.of(error, example, record.invariant)
        if source:
            record.source = source
        else:
            record.first_failing = self.clusters
        self.on_failure(record)

    def _recover(self, error: AdapterFailure) -> None:
        """Start the adapter again, without an operation that failed too often.

        One operation that does not work must not hide how the others do.
        """
        operation = error.operation
        self.adapter_failures[operation] += 1
        self.hangs += isinstance(error, Hang)
        if self.hangs >= MOST_HANGS:
            self.stopped = f"the adapter hung {self.hangs} times"
            return
        if self.adapter_failures[operation] >= MOST_ADAPTER_FAILURES:
            if operation not in OPERATIONS:
                self.stopped = f"the adapter failed {self.adapter_failures[operation]} times in {operation}"
                return
            for record in self.records.values():
                if operation in record.invariant.asks:
                    record.given_up = f"{operation} failed {MOST_ADAPTER_FAILURES} times and was given up"
        try:
            self.session.recover()
        except AdapterFailure as again:
            self.stopped = f"the adapter did not start again: {again.message}"


def alpha(invariants: int, examples: int) -> float:
    """The false-alarm probability of one statistical check, so that a run keeps to its own."""
    return FALSE_ALARM / max(1, invariants * examples)
