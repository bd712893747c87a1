# SPDX-License-Identifier: Apache-2.0
"""Properties of selectors that are read off the selection itself, without the reference."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.selectors.wording import answered, asked, single, split
from reference.frozenmap import FrozenMap
from reference.objects import LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm
from reference.syntax import is_label_key, is_label_value


def _answers(case: Case) -> Iterator[tuple[Selection, Matching]]:
    selections = case.example.selections
    return zip(selections, case.ask("select", selections), strict=True)


def _must(case: Case, rule: str, selection: Selection, got: Matching, expected: Matching) -> None:
    if got is not expected:
        case.fail(
            rule,
            question=asked(selection),
            expected=answered(expected),
            got=answered(got),
            because=(rule,),
        )


@invariant(
    "selectors.empty-selector",
    kind=Kind.STATED,
    requirements=("SEL-004", "SEL-005", "SEL-013", "SEL-014", "SEL-023"),
    asks=("select",),
    classes=("absent Service selector", "empty Service selector"),
)
def empty_selector(case: Case) -> None:
    """An absent selector selects nothing; an empty one nothing for a Service, and else everything."""
    for selection, got in _answers(case):
        selector = selection.selector
        if selection.form is SelectorForm.SERVICE and not selector:
            rule, name = ("SEL-004", "absent") if selector is None else ("SEL-005", "empty")
            case.judged(f"{name} Service selector")
            _must(case, rule, selection, got, Matching.DOES_NOT_MATCH)
        elif selection.form is SelectorForm.LABEL_SELECTOR and selector is None:
            case.judged("absent LabelSelector")
            _must(case, "SEL-013", selection, got, Matching.DOES_NOT_MATCH)
        elif selector == LabelSelector():
            case.judged("empty LabelSelector")
            _must(case, "SEL-014", selection, got, Matching.MATCHES)
        elif isinstance(selector, str) and not selector.strip(" \t\r\n"):
            case.judged("empty string")
            _must(case, "SEL-023", selection, got, Matching.MATCHES)


def _single(selection: Selection) -> LabelSelectorRequirement | None:
    """The one well-formed requirement of a LabelSelector or a string; None if it is anything else."""
    selector = selection.selector
    if isinstance(selector, str):
        return single(selector)
    if not isinstance(selector, LabelSelector) or selector.match_labels:
        return None
    if len(selector.match_expressions) != 1:
        return None
    item = selector.match_expressions[0]
    if item.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        return None
    if bool(item.values) is not (item.operator in ("In", "NotIn")):
        return None
    if not is_label_key(item.key) or not all(map(is_label_value, item.values)):
        return None
    return item


@invariant(
    "selectors.absent-key",
    kind=Kind.STATED,
    requirements=("SEL-016", "SEL-017", "SEL-024", "SEL-025"),
    asks=("select",),
    classes=("negative", "positive"),
)
def absent_key(case: Case) -> None:
    """An object without the key satisfies `!=`, `notin` and NotIn, and satisfies no `=`, `in` or In."""
    for selection, got in _answers(case):
        item = _single(selection)
        if item is None or not item.values or item.key in selection.labels:
            continue
        negative = item.operator == "NotIn"
        case.judged("negative" if negative else "positive")
        expected = Matching.MATCHES if negative else Matching.DOES_NOT_MATCH
        text = selection.selector
        if isinstance(text, str):
            rule = "SEL-025" if "(" in text else "SEL-024"
        else:
            rule = "SEL-017" if negative else "SEL-016"
        _must(case, rule, selection, got, expected)


@invariant(
    "selectors.presence",
    kind=Kind.STATED,
    requirements=("SEL-018", "SEL-026"),
    asks=("select",),
    classes=("present", "absent"),
)
def presence(case: Case) -> None:
    """Exists and DoesNotExist look at the key alone, never at its value."""
    for selection, got in _answers(case):
        item = _single(selection)
        if item is None or item.values:
            continue
        present = item.key in selection.labels
        case.judged("present" if present else "absent")
        expected = Matching.MATCHES if present is (item.operator == "Exists") else Matching.DOES_NOT_MATCH
        rule = "SEL-026" if selection.form is SelectorForm.STRING else "SEL-018"
        _must(case, rule, selection, got, expected)


@invariant(
    "selectors.every-pair",
    kind=Kind.STATED,
    requirements=("SEL-001", "SEL-002", "SEL-003"),
    asks=("select",),
    classes=("all hold", "value differs"),
)
def every_pair(case: Case) -> None:
    """A map selects an object exactly if each of its pairs is among the object's labels, byte for byte."""
    for selection, got in _answers(case):
        pairs = selection.selector
        if isinstance(pairs, LabelSelector) and not pairs.match_expressions:
            pairs = pairs.match_labels
        if not isinstance(pairs, FrozenMap) or not pairs:
            continue
        if not all(is_label_key(key) and is_label_value(value) for key, value in pairs.items()):
            continue
        held = set(selection.labels.items())
        if set(pairs.items()) <= held:
            case.judged("all hold")
            _must(case, "SEL-001", selection, got, Matching.MATCHES)
            continue
        missing = [key for key in pairs if key not in selection.labels]
        case.judged("key is missing" if missing else "value differs")
        _must(case, "SEL-002" if missing else "SEL-003", selection, got, Matching.DOES_NOT_MATCH)


@invariant(
    "selectors.arity",
    kind=Kind.STATED,
    requirements=("SEL-019", "SEL-020"),
    asks=("select",),
    classes=("operator", "number of values"),
)
def arity(case: Case) -> None:
    """An operator that is not one of the four, or that has values where it takes none, is rejected."""
    for selection, got in _answers(case):
        if not isinstance(selection.selector, LabelSelector):
            continue
        for item in selection.selector.match_expressions:
            if item.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
                case.judged("operator")
                _must(case, "SEL-019", selection, got, Matching.INVALID)
            elif bool(item.values) is not (item.operator in ("In", "NotIn")):
                case.judged("number of values")
                _must(case, "SEL-020", selection, got, Matching.INVALID)


@invariant(
    "selectors.stray-comma",
    kind=Kind.STATED,
    requirements=("SEL-030",),
    asks=("select",),
    classes=("stray comma",),
)
def stray_comma(case: Case) -> None:
    """Outside the values of a set, a comma stands between two requirements or the selector is rejected."""
    for selection, got in _answers(case):
        text = selection.selector
        parts = split(text) if isinstance(text, str) else None
        if parts is None or len(parts) < 2 or all(part.strip(" \t\r\n") for part in parts):
            continue
        case.judged("stray comma")
        _must(case, "SEL-030", selection, got, Matching.INVALID)
