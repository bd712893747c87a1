# SPDX-License-Identifier: Apache-2.0
"""How an invariant can end, and the failures of an adapter that are no answer at all."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Outcome(Enum):
    """The outcome of one invariant: a closed set."""

    PASS = "pass"
    DEVIATION = "deviation"
    NOT_REPEATED = "not-repeated"
    KNOWN_DEVIATION = "known-deviation"
    FIXED_DEVIATION = "fixed-deviation"
    CRASH = "crash"
    HANG = "hang"
    GARBAGE = "garbage"
    WRONG_SHAPE = "wrong-shape"
    FLOOD = "flood"
    UNSUPPORTED = "unsupported"
    NOT_EXERCISED = "not-exercised"
    SUITE_ERROR = "suite-error"

    @property
    def explanation(self) -> str:
        """What the outcome means, in one line."""
        return _EXPLANATIONS[self]

    @property
    def fails(self) -> bool:
        """Whether one such outcome makes the whole run fail."""
        return self not in _HARMLESS


_EXPLANATIONS = {
    Outcome.PASS: "held on every input that was judged, and enough inputs were",
    Outcome.DEVIATION: "an answer breaks the invariant",
    Outcome.NOT_REPEATED: "failed once, and not when the same input was judged again: both are reported",
    Outcome.KNOWN_DEVIATION: "breaks the invariant, as the profile says that it does",
    Outcome.FIXED_DEVIATION: "the profile lists a deviation that is none any more: delete its entry",
    Outcome.CRASH: "the adapter ended, raised an exception or answered with an error",
    Outcome.HANG: "the adapter did not answer within its time limit",
    Outcome.GARBAGE: "the adapter wrote something that is not a line of JSON",
    Outcome.WRONG_SHAPE: "the adapter gave answers of the wrong number or of the wrong type",
    Outcome.FLOOD: "the adapter wrote more than one line for a request, or a line without end",
    Outcome.UNSUPPORTED: "the adapter has no operation that the invariant asks for",
    Outcome.NOT_EXERCISED: "too few inputs reached the case that the invariant is about",
    Outcome.SUITE_ERROR: "the suite itself failed, which is no fault of the adapter: please report it",
}

_HARMLESS = frozenset({Outcome.PASS, Outcome.KNOWN_DEVIATION, Outcome.UNSUPPORTED})


class AdapterFailure(Exception):
    """An adapter that did not give an answer that can be judged.

    `operation` is what it was asked to do, `message` says in one line what it did
    instead, `stderr` is the end of what it wrote on standard error (in process:
    the end of the traceback).  `after` is the failure after which it did not start
    again, where that is what it was asked to do.
    """

    outcome: ClassVar[Outcome]
    after: AdapterFailure | None = None

    def __init__(self, operation: str, message: str, *, stderr: str = "") -> None:
        super().__init__(f"{self.outcome.value} in {operation}: {message}")
        self.operation = operation
        self.message = message
        self.stderr = stderr


class Crash(AdapterFailure):
    """The adapter ended, raised an exception, or answered with an error.

    `exit_code` is that of a program which ended by itself, else None.
    """

    outcome = Outcome.CRASH
    exit_code: int | None = None


class Hang(AdapterFailure):
    """The adapter did not answer in time."""

    outcome = Outcome.HANG


class Garbage(AdapterFailure):
    """The adapter wrote something that is not one line of JSON."""

    outcome = Outcome.GARBAGE


class WrongShape(AdapterFailure):
    """The adapter gave the wrong number or the wrong type of answers."""

    outcome = Outcome.WRONG_SHAPE


class SuiteError(AdapterFailure):
    """No failure of the adapter: the invariant fails on the model's answers as well."""

    outcome = Outcome.SUITE_ERROR


class Flood(AdapterFailure):
    """The adapter wrote more than it was asked for."""

    outcome = Outcome.FLOOD


REPORTED: dict[str, type[AdapterFailure]] = {
    kind.outcome.value: kind for kind in (Crash, Hang, Garbage, WrongShape, Flood)
}
"""The failures that an adapter can report of what is behind it, by the names of their outcomes."""
