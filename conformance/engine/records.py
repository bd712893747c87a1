# SPDX-License-Identifier: Apache-2.0
"""What is known of each invariant while a run goes on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import define, field, frozen

from conformance.example import Example
from conformance.invariants.base import Deviation, Invariant, Tally
from conformance.outcomes import AdapterFailure, Outcome

AN_ANSWER = "an answer"
"""What was expected of an adapter that gave none."""


@frozen
class Failure:
    """How an invariant failed, and on which example."""

    outcome: Outcome
    example: Example
    requirement: str
    question: str
    expected: str
    got: str
    because: tuple[str, ...] = ()
    stderr: str = ""
    shows: Example | None = None
    """A small example that is said to fail as well."""
    again: str = ""
    """What came of the same example when it was judged again; empty if it failed likewise."""

    @classmethod
    def of(cls, error: Exception, example: Example, invariant: Invariant) -> Failure:
        """The failure that a deviation or a failure of the adapter is."""
        if isinstance(error, Deviation):
            return cls(
                outcome=Outcome.DEVIATION,
                example=example,
                requirement=error.requirement or invariant.requirements[0],
                question=shown(error.question),
                expected=shown(error.expected),
                got=shown(error.got),
                because=error.because,
                shows=error.shows,
            )
        assert isinstance(error, AdapterFailure)
        return cls(
            outcome=error.outcome,
            example=example,
            requirement=invariant.requirements[0],
            question=error.operation,
            expected=AN_ANSWER,
            got=error.message,
            stderr=error.stderr,
        )


def shown(value: Any) -> str:
    """A value as a report shows it: text as it is, sets in order, the rest by its repr."""
    if isinstance(value, str):
        return value
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(shown(item) for item in value)) + "}"
    return repr(value)


@define
class Record:
    """The running result of one invariant."""

    invariant: Invariant
    inputs: int = 0
    """Examples in which at least one comparison was made."""
    comparisons: int = 0
    classes: Counter[str] = field(factory=Counter)
    seconds: float = 0.0
    failure: Failure | None = None
    source: str = "generated"
    """Where the failing example came from: generated, or the file that holds it."""
    first_failing: int | None = None
    """The number of the first failing generated example, from 1."""

    given_up: str = ""
    """Why it is not judged any more, empty while it is."""

    def add(self, tally: Tally) -> None:
        """Count what one example contributed."""
        self.inputs += 1
        self.comparisons += tally.comparisons
        for name, number in tally.classes.items():
            self.classes[name] += number
