# SPDX-License-Identifier: Apache-2.0
"""A session without an adapter behind it, and invariants that are easy to break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from conformance.areas import Area
from conformance.example import Example
from conformance.invariants.base import Case, Invariant, Kind


class FakeSession:
    """Answers by a function of the example; counts how often it was asked and recovered."""

    name = "fake"
    version = "1"

    def __init__(self, answer: Callable[[Example, Any], Any] = lambda example, question: True) -> None:
        self.answer = answer
        self.asked = 0
        self.recovered = 0

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """One answer for each question."""
        self.asked += 1
        return [self.answer(example, question) for question in questions]

    def supports(self, operation: str) -> bool:
        """It supports everything but `connect`."""
        return operation != "connect"

    def recover(self) -> None:
        """Count it."""
        self.recovered += 1


def expects_true(
    id: str, *, kind: Kind = Kind.STATED, classes: tuple[str, ...] = (), asks: tuple[str, ...] = ("route",)
) -> Invariant:
    """An invariant that asks one question named like itself and wants the answer True."""

    def check(case: Case) -> None:
        """The answer is true."""
        (answer,) = case.ask("route", [id])
        case.judged("many pods" if len(case.cluster.pods) > 2 else "few pods")
        if answer is not True:
            case.fail("RT-001", question=id, expected=True, got=answer)

    return Invariant(id, Area.ROUTING, kind, ("RT-001",), asks, check, classes=classes)
