# SPDX-License-Identifier: Apache-2.0
"""The invariants find no fault with the reference, and find planted faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any
from unittest import mock

import pytest
from attrs import frozen

import conformance.invariants.ports  # noqa: F401
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant, Kind, registered
from conformance.strategies.ports import sessions
from reference.ports import allocation, answer_endpoints, server
from reference.ports.pools import Allowed
from reference.questions import ApiResponse, ApiSession

_COUNT = 700
_METAMORPHIC = 60
"""On so many of them metamorphic invariants are judged, which ask sessions of their own."""


@lru_cache(maxsize=1)
def _examples() -> tuple[tuple[ApiSession, ...], ...]:
    return drawn(sessions(), examples=_COUNT)


def _invariants() -> dict[str, Invariant]:
    return {name: item for name, item in registered().items() if name.startswith("ports.")}


Responses = tuple[ApiResponse, ...]


@frozen
class _Adapter:
    """The reference server with some of its parts replaced while it answers."""

    patches: tuple[tuple[Any, str, Any], ...] = ()
    change: Callable[[ApiSession, Responses], Responses] = lambda _, responses: responses
    choose: Callable[[str, Allowed], int] = allocation.lowest

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        if operation == "admit_endpoints":
            return [answer_endpoints(request) for request in questions]
        with ExitStack() as stack:
            for target, name, replacement in self.patches:
                stack.enter_context(mock.patch.object(target, name, replacement))
            return [self.change(session, server.serve(session, choose=self.choose)) for session in questions]

    def supports(self, operation: str) -> bool:
        return True


def _found_by(adapter: _Adapter, *, until: frozenset[str] = frozenset()) -> dict[str, Deviation]:
    """Which invariants fail, and how; stops early once all of `until` do."""
    found: dict[str, Deviation] = {}
    for number, example in enumerate(_examples()):
        case = Case(Example(sessions=example), adapter)
        for name, item in _invariants().items():
            if name in found or (item.kind is Kind.METAMORPHIC and number >= _METAMORPHIC):
                continue
            try:
                item.check(case)
            except Deviation as error:
                found[name] = error
        if until and until <= found.keys():
            break
    known = {name: item.requirements for name, item in _invariants().items()}
    unlisted = {name: error for name, error in found.items() if error.requirement not in known[name]}
    assert not unlisted, "an invariant names a requirement that it does not list"
    return found


@pytest.mark.thorough
def test_the_reference_is_right() -> None:
    """No invariant fails when numbers are chosen from the bottom."""
    assert _found_by(_Adapter()) == {}


@pytest.mark.thorough
def test_any_choice_is_right() -> None:
    """No invariant fails when numbers are chosen at random among what is allowed."""
    chance = random.Random(1)

    def choose(field: str, allowed: Allowed) -> int:
        numbers = [number for band in allowed.bands for number in band[:40] if number in allowed]
        return chance.choice(numbers or [allowed.lowest()])

    assert _found_by(_Adapter(choose=choose)) == {}


def test_every_class_is_met() -> None:
    """What an invariant says that it needs to see is seen."""
    missing: dict[str, set[str]] = {name: set(item.classes) for name, item in _invariants().items()}
    for example in _examples():
        case = Case(Example(sessions=example), _Adapter())
        for name in [name for name, classes in missing.items() if classes]:
            _invariants()[name].check(case)
            missing[name] -= set(case.tally.classes)
    assert not {name: classes for name, classes in missing.items() if classes}
