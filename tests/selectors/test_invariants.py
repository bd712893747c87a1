# SPDX-License-Identifier: Apache-2.0
"""The invariants of selectors pass the reference, and each fault is found by those that speak of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen

from conformance.areas import Area
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants import selectors as _selectors  # registers them
from conformance.invariants.base import Case, Deviation, Invariant, registered
from conformance.invariants.selectors.wording import as_string, single, split
from conformance.strategies.selectors import selections
from reference.frozenmap import FrozenMap
from reference.objects import LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import Operator, SelectorSyntaxError, evaluate, requirements_of

assert _selectors

Select = Callable[[Selection], Matching]
INVARIANTS = [item for item in registered().values() if item.area is Area.SELECTORS]


@frozen
class Asker:
    """Answers each selection by one function."""

    select: Select

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers."""
        return [self.select(question) for question in questions]

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True


EXAMPLES = [Example(selections=some) for some in drawn(selections(max_size=8), examples=250, seed_value=1)]
"""What a run would judge."""


def deviation(item: Invariant, case: Case) -> Deviation | None:
    """What the invariant finds."""
    try:
        item.check(case)
    except Deviation as error:
        return error
    return None


def broken(select: Select) -> dict[str, set[str]]:
    """The invariants that an implementation breaks, each with the requirements it was told."""
    found: dict[str, set[str]] = {}
    for example in EXAMPLES:
        case = Case(example, Asker(select))
        for item in INVARIANTS:
            error = deviation(item, case)
            if error is not None:
                found.setdefault(item.id, set()).add(error.requirement)
    return found


def test_the_reference_breaks_nothing_and_everything_is_met() -> None:
    """The reference passes every invariant, and each class that an invariant needs is met."""
    assert broken(evaluate) == {}
    for item in INVARIANTS:
        case_tally = [Case(example, Asker(evaluate)) for example in EXAMPLES]
        for case in case_tally:
            item.check(case)
        assert sum(case.tally.comparisons for case in case_tally) >= 5, item.id
        for name in item.classes:
            assert any(case.tally.classes.get(name) for case in case_tally), (item.id, name)


def by_requirements(change: Callable[[Selection, Any], bool | None]) -> Select:
    """The reference with one requirement judged otherwise where `change` says so."""

    def select(selection: Selection) -> Matching:
        try:
            requirements = requirements_of(selection)
        except SelectorSyntaxError:
            return Matching.INVALID
        if requirements is None:
            return Matching.DOES_NOT_MATCH
        for item in requirements:
            changed = change(selection, item)
            if not (item.matches(selection.labels) if changed is None else changed):
                return Matching.DOES_NOT_MATCH
        return Matching.MATCHES

    return select


def instead(condition: Callable[[Selection], bool], answer: Matching) -> Select:
    """The reference with another answer where the condition holds."""
    return lambda selection: answer if condition(selection) else evaluate(selection)


def lower(selection: Selection) -> Matching:
    """Ignores the letter case of values."""

    def small(labels: FrozenMap[str, str]) -> FrozenMap[str, str]:
        return FrozenMap({key: value.lower() for key, value in labels.items()})

    selector = selection.selector
    if isinstance(selector, FrozenMap):
        return evaluate(evolve(selection, selector=small(selector), labels=small(selection.labels)))
    return evaluate(selection)


def tutorial_split(selection: Selection) -> Matching:
    """Splits at the first `=` before it looks for `!=` (a bug of an operator proxy)."""
    text = selection.selector
    if not isinstance(text, str) or "!=" not in text:
        return evaluate(selection)
    return Matching.INVALID if " != " in text else evaluate(selection)


def _absent(operator: Operator, form: SelectorForm) -> Select:
    def change(selection: Selection, item: Any) -> bool | None:
        wrong = item.operator is operator and selection.form is form and item.key not in selection.labels
        return False if wrong else None

    return by_requirements(change)


def _is_string(selection: Selection) -> bool:
    return selection.form is SelectorForm.STRING


FAULTS: dict[str, tuple[Select, dict[str, str]]] = {
    "NotIn needs the key": (
        _absent(Operator.NOT_IN, SelectorForm.LABEL_SELECTOR),
        {
            "selectors.absent-key": "SEL-017",
            "selectors.label-selector-agrees": "SEL-017",
            "selectors.negation": "SEL-017",
            "selectors.string-equals-object": "SEL-025",
        },
    ),
    "!= and notin need the key": (
        _absent(Operator.NOT_IN, SelectorForm.STRING),
        {
            "selectors.absent-key": "SEL-024",
            "selectors.string-agrees": "SEL-024",
            "selectors.negation": "SEL-024",
        },
    ),
    "an empty Service selector selects everything": (
        instead(lambda s: s.form is SelectorForm.SERVICE and s.selector == FrozenMap(), Matching.MATCHES),
        {"selectors.service-agrees": "SEL-005", "selectors.empty-selector": "SEL-005"},
    ),
    "an absent Service selector selects everything": (
        instead(lambda s: s.form is SelectorForm.SERVICE and s.selector is None, Matching.MATCHES),
        {"selectors.service-agrees": "SEL-004", "selectors.empty-selector": "SEL-004"},
    ),
    "letter case is ignored": (
        lower,
        {"selectors.service-agrees": "SEL-003", "selectors.every-pair": "SEL-003"},
    ),
    "unlabelled objects match everything": (
        instead(lambda s: not s.labels and evaluate(s) is not Matching.INVALID, Matching.MATCHES),
        {"selectors.every-pair": "SEL-002", "selectors.unrelated-label": "SEL-001"},
    ),
    "the values of a set are cut off after the first": (
        by_requirements(
            lambda s, item: s.labels.get(item.key) == item.values[0] if item.operator is Operator.IN else None
        ),
        {"selectors.values-are-a-set": "SEL-020", "selectors.label-selector-agrees": "SEL-016"},
    ),
    "Exists looks at the value": (
        by_requirements(
            lambda s, item: bool(s.labels.get(item.key)) if item.operator is Operator.EXISTS else None
        ),
        {"selectors.presence": "SEL-018", "selectors.label-selector-agrees": "SEL-018"},
    ),
    "only the first requirement counts": (
        lambda s: (
            evaluate(evolve(s, selector=str(s.selector).split(",")[0]))
            if _is_string(s) and "(" not in str(s.selector) and evaluate(s) is not Matching.INVALID
            else evaluate(s)
        ),
        {"selectors.requirement-order": "SEL-031", "selectors.string-agrees": "SEL-023"},
    ),
    "trailing and double commas are tolerated": (
        lambda s: (
            evaluate(evolve(s, selector=",".join(filter(None, str(s.selector).split(",")))))
            if _is_string(s) and "(" not in str(s.selector)
            else evaluate(s)
        ),
        {"selectors.stray-comma": "SEL-030", "selectors.malformed-string": "SEL-030"},
    ),
    "blanks are not expected": (
        tutorial_split,
        {"selectors.string-agrees": "SEL-028", "selectors.negation": "SEL-024"},
    ),
    "commas and parentheses are not set apart by blanks": (
        instead(lambda s: _is_string(s) and "\t(" in str(s.selector), Matching.INVALID),
        {"selectors.blanks": "SEL-028"},
    ),
    "malformed is read as not selected": (
        lambda s: Matching.DOES_NOT_MATCH if evaluate(s) is Matching.INVALID else evaluate(s),
        {
            "selectors.arity": "SEL-019",
            "selectors.malformed-label-selector": "SEL-020",
            "selectors.malformed-string": "SEL-033",
        },
    ),
    "matchLabels are forgotten beside expressions": (
        lambda s: (
            evaluate(evolve(s, selector=evolve(s.selector, match_labels=FrozenMap())))
            if isinstance(s.selector, LabelSelector) and s.selector.match_expressions
            else evaluate(s)
        ),
        {
            "selectors.label-selector-agrees": "SEL-015",
            "selectors.service-map-equals-match-labels": "SEL-015",
        },
    ),
    "a repeated key is an error": (
        instead(lambda s: _is_string(s) and str(s.selector).count("app") > 1, Matching.INVALID),
        {"selectors.repeated-requirement": "SEL-031", "selectors.string-agrees": "SEL-031"},
    ),
}


@cache
def broken_by(name: str) -> dict[str, set[str]]:
    """What a fault breaks."""
    return broken(FAULTS[name][0])


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name: str) -> None:
    """Each fault is found by the invariants that speak of it, under the row that it breaks."""
    found, expected = broken_by(name), FAULTS[name][1]
    for invariant, requirement in expected.items():
        assert requirement in found.get(invariant, set()), (invariant, found)


def test_every_deviation_names_a_requirement_of_its_invariant() -> None:
    """Whatever is wrong, the row that is named is one that the invariant lists."""
    rows = {item.id: set(item.requirements) for item in INVARIANTS}
    for name in FAULTS:
        for invariant, requirements in broken_by(name).items():
            assert requirements <= rows[invariant], (invariant, requirements)


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
