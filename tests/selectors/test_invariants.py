# SPDX-License-Identifier: Apache-2.0
"""The invariants of selectors pass the reference, and each fault is found by those that speak of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from attrs import frozen

from conformance.areas import Area
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants.base import Case
from conformance.invariants.selectors.wording import as_string, single, split
from conformance.strategies.selectors import selections
from reference.frozenmap import FrozenMap
from reference.objects import LabelSelector, LabelSelectorRequirement
from reference.selectors import evaluate
from tests.planted import Found, faults_of, idle, invariants_of, not_listed, reported

INVARIANTS = invariants_of(Area.SELECTORS)


@frozen
class Reference:
    """Answers each selection as the reference does."""

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers."""
        return list(map(evaluate, questions))

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True


EXAMPLES = [Example(selections=some) for some in drawn(selections(max_size=8), examples=250, seed_value=1)]
"""What a run would judge."""


def test_the_reference_breaks_nothing_and_everything_is_met() -> None:
    """The reference passes every invariant, and each class that an invariant needs is met."""
    for item in INVARIANTS:
        case_tally = [Case(example, Reference()) for example in EXAMPLES]
        for case in case_tally:
            item.check(case)
        assert sum(case.tally.comparisons for case in case_tally) >= 5, item.id
        for name in item.classes:
            assert any(case.tally.classes.get(name) for case in case_tally), (item.id, name)


@cache
def reported_of(name: str) -> Found:
    """What the invariants report of a fault."""
    return reported(all_faults()[name], INVARIANTS, EXAMPLES)


@pytest.mark.thorough
@pytest.mark.parametrize("name", faults_of(Area.SELECTORS))
def test_fault_is_reported(name: str) -> None:
    """Each fault is reported under every row that it breaks, by invariants that list the row."""
    found = reported_of(name)
    assert set(all_faults()[name].breaks) <= set().union(*found.values()), found
    assert not_listed(found) == {}


@pytest.mark.thorough
def test_every_invariant_reports_a_fault() -> None:
    """No invariant is idle: of each there is a fault that it reports."""
    assert idle(Area.SELECTORS, map(reported_of, faults_of(Area.SELECTORS)), EXAMPLES) == set()


def test_single_reads_only_single_requirements() -> None:
    """The suite's own reading of plain requirements keeps its hands off everything else."""
    assert single("app in (web)") == LabelSelectorRequirement("app", "In", ("web",))
    assert single(" ! app ") == LabelSelectorRequirement("app", "DoesNotExist")
    assert single("app != ") == LabelSelectorRequirement("app", "NotIn", ("",))
    for text in ("appin (web)", "app=web,tier", "!app=web", "a/b/c", "app=-", "app>1", "in (web)", ""):
        assert single(text) is None, text


def test_split_and_as_string() -> None:
    """Strings are split at commas outside sets; an object is written so that it reads back."""
    assert split("a in (b,c),d") == ["a in (b,c)", "d"]
    assert split("a in (b") is None
    assert split("a)") is None
    selector = LabelSelector(FrozenMap({"a": "b"}), (LabelSelectorRequirement("c", "NotIn", ("", "d")),))
    assert as_string(selector) == "a=b,c notin (,d)"
    assert as_string(LabelSelector(match_expressions=(LabelSelectorRequirement("c", "Gt", ("1",)),))) is None
