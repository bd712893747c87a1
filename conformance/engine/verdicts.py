# SPDX-License-Identifier: Apache-2.0
"""The verdict on each invariant, from what was recorded of it."""

from __future__ import annotations

from attrs import frozen

from conformance.engine.records import Failure, Record
from conformance.invariants.base import Invariant
from conformance.outcomes import Outcome
from conformance.profiles import KnownDeviation


@frozen
class Verdict:
    """What a run says of one invariant.

    `detail` says in words why, where the outcome is not "pass".  `reproducer` is
    the path of the stored file, relative to where the run was started.
    """

    invariant: Invariant
    outcome: Outcome
    detail: str = ""
    inputs: int = 0
    comparisons: int = 0
    classes: tuple[tuple[str, int], ...] = ()
    first_failing: int | None = None
    source: str = ""
    failure: Failure | None = None
    reproducer: str = ""
    known: KnownDeviation | None = None
    seconds: float = 0.0


def of_record(record: Record, *, minimum_inputs: int, stopped: str | None) -> Verdict:
    """The verdict that a record amounts to, known deviations aside."""
    outcome, detail = Outcome.PASS, ""
    missed = [name for name in record.invariant.classes if not record.classes[name]]
    if record.failure is not None:
        outcome = record.failure.outcome
        if outcome is not Outcome.DEVIATION:
            detail = record.failure.got
        if record.failure.again:
            detail = f"{outcome.value} at first, and judged again {record.failure.again}"
            outcome = Outcome.NOT_REPEATED
    elif record.given_up:
        outcome, detail = Outcome.NOT_EXERCISED, record.given_up
    elif record.inputs < max(1, minimum_inputs):
        outcome = Outcome.NOT_EXERCISED
        detail = f"{record.inputs} of the {max(1, minimum_inputs)} inputs that are asked for"
    elif missed:
        outcome = Outcome.NOT_EXERCISED
        detail = "never met: " + "; ".join(missed)
    if outcome is Outcome.NOT_EXERCISED and stopped:
        detail += f"; the run stopped early: {stopped}"
    return Verdict(
        invariant=record.invariant,
        outcome=outcome,
        detail=detail,
        inputs=record.inputs,
        comparisons=record.comparisons,
        classes=tuple(sorted(record.classes.items())),
        first_failing=record.first_failing,
        source=record.source if record.failure else "",
        failure=record.failure,
        seconds=record.seconds,
    )


def unsupported(invariant: Invariant, missing: str) -> Verdict:
    """The verdict on an invariant whose operations the adapter does not have."""
    return Verdict(
        invariant=invariant, outcome=Outcome.UNSUPPORTED, detail=f"the adapter has no operation {missing!r}"
    )
