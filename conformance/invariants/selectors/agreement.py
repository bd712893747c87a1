# SPDX-License-Identifier: Apache-2.0
"""Agreement with the reference, language by language, well-formed and malformed apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.selectors.wording import answered, asked
from reference.frozenmap import FrozenMap
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import Operator, Requirement, SelectorSyntaxError, evaluate, requirements_of

Judged = tuple[Selection, Matching, Matching]
"""A selection, the reference's answer, the implementation's answer."""


def _judged(case: Case) -> list[Judged]:
    def compute() -> list[Judged]:
        selections = case.example.selections
        answers = case.ask("select", selections)
        expected = [evaluate(selection) for selection in selections]
        return list(zip(selections, expected, answers, strict=True))

    return case.memo("selectors.judged", compute)


def _of_form(case: Case, form: SelectorForm, *, malformed: bool) -> Iterable[Judged]:
    for judged in _judged(case):
        if judged[0].form is form and (judged[1] is Matching.INVALID) is malformed:
            yield judged


def _compare(case: Case, judged: Judged, rule: Callable[[Judged], str]) -> None:
    selection, expected, got = judged
    if got is expected:
        return
    decided = rule(judged)
    case.fail(
        decided,
        question=asked(selection),
        expected=answered(expected),
        got=answered(got),
        because=(decided,),
    )


# -- spec.selector of a Service -----------------------------------------------------


@invariant(
    "selectors.service-agrees",
    kind=Kind.AGREEMENT,
    requirements=("SEL-001", "SEL-002", "SEL-003", "SEL-004", "SEL-005"),
    asks=("select",),
    classes=("selected", "not selected", "absent selector", "empty selector"),
)
def service_agrees(case: Case) -> None:
    """A Service's selector selects the objects that the reference says it selects."""
    for judged in _of_form(case, SelectorForm.SERVICE, malformed=False):
        selection, expected, _ = judged
        case.judged(_service_class(selection), _result_class(expected))
        _compare(case, judged, _service_rule)


def _result_class(expected: Matching) -> str:
    return "selected" if expected is Matching.MATCHES else "not selected"


def _service_class(selection: Selection) -> str:
    selector = selection.selector
    if not isinstance(selector, FrozenMap):
        return "absent selector"
    if not selector:
        return "empty selector"
    return "pair with an empty value" if "" in selector.values() else "pairs"


def _service_rule(judged: Judged) -> str:
    selection, expected, _ = judged
    selector = selection.selector
    if not isinstance(selector, FrozenMap):
        return "SEL-004"
    if not selector:
        return "SEL-005"
    if expected is Matching.MATCHES:
        return "SEL-001"
    return _pair_rule(selector, selection)


def _pair_rule(pairs: FrozenMap[str, str], selection: Selection) -> str:
    """Why the first pair that does not hold does not."""
    for key, value in pairs.items():
        held = selection.labels.get(key)
        if held == value:
            continue
        if held is None:
            return "SEL-002" if value == "" else "SEL-001"
        return "SEL-003" if held and value else "SEL-001"
    return "SEL-001"


# -- LabelSelector --------------------------------------------------------------------


@invariant(
    "selectors.label-selector-agrees",
    kind=Kind.AGREEMENT,
    requirements=(
        "SEL-013",
        "SEL-014",
        "SEL-015",
        "SEL-016",
        "SEL-017",
        "SEL-018",
        "SEL-020",
        "SEL-021",
    ),
    asks=("select",),
    classes=("selected", "not selected", "In", "NotIn", "Exists", "DoesNotExist"),
)
def label_selector_agrees(case: Case) -> None:
    """A well-formed LabelSelector selects the objects that the reference says it selects."""
    for judged in _of_form(case, SelectorForm.LABEL_SELECTOR, malformed=False):
        selection, expected, _ = judged
        requirements = requirements_of(selection) or ()
        case.judged(_result_class(expected), *{item.operator.value for item in requirements})
        _compare(case, judged, _label_selector_rule)


def _label_selector_rule(judged: Judged) -> str:
    selection, _, got = judged
    requirements = requirements_of(selection)
    if requirements is None:
        return "SEL-013"
    if not requirements:
        return "SEL-014"
    if got is Matching.INVALID and any(len(set(item.values)) < len(item.values) for item in requirements):
        return "SEL-020"
    if len(requirements) > 1:
        return "SEL-015"
    if "" in requirements[0].values:
        return "SEL-021"
    rules = {Operator.IN: "SEL-016", Operator.NOT_IN: "SEL-017"}
    return rules.get(requirements[0].operator, "SEL-018")


@invariant(
    "selectors.malformed-label-selector",
    kind=Kind.AGREEMENT,
    requirements=("SEL-019", "SEL-020", "SEL-033", "SEL-034", "SEL-035"),
    asks=("select",),
    classes=("SEL-019", "SEL-020"),
)
def malformed_label_selector(case: Case) -> None:
    """A malformed LabelSelector is rejected, whatever the labels."""
    for judged in _of_form(case, SelectorForm.LABEL_SELECTOR, malformed=True):
        case.judged(broken_rule(judged[0]))
        _compare(case, judged, lambda found: broken_rule(found[0]))


def broken_rule(selection: Selection) -> str:
    """The requirement that a malformed selector breaks."""
    try:
        requirements_of(selection)
    except SelectorSyntaxError as error:
        return error.rule
    return "SEL-030"


# -- the string language --------------------------------------------------------------


@invariant(
    "selectors.string-agrees",
    kind=Kind.AGREEMENT,
    requirements=(
        "SEL-022",
        "SEL-023",
        "SEL-024",
        "SEL-025",
        "SEL-026",
        "SEL-027",
        "SEL-028",
        "SEL-029",
        "SEL-031",
    ),
    asks=("select",),
    classes=("selected", "not selected", "In", "NotIn", "Exists", "DoesNotExist"),
)
def string_agrees(case: Case) -> None:
    """A well-formed string selector selects the objects that the reference says it selects."""
    for judged in _of_form(case, SelectorForm.STRING, malformed=False):
        selection, expected, _ = judged
        requirements = requirements_of(selection) or ()
        case.judged(_result_class(expected), *{item.operator.value for item in requirements})
        _compare(case, judged, _string_rule)


_BLANKS = re.compile(r"[\t\r\n]|\A | \Z|[=!<>(,] | [=!<>),]")
"""Blanks where there need not be any."""


def _string_rule(judged: Judged) -> str:
    """The row by which a reader would look: what is special about the string, then its operator.

    A string of several requirements that is left after shrinking is one whose
    requirements are right one by one.
    """
    selection, _, got = judged
    requirements = requirements_of(selection) or ()
    text = selection.selector if isinstance(selection.selector, str) else ""
    if not requirements:
        return "SEL-023"
    if got is Matching.INVALID and _BLANKS.search(text):
        return "SEL-028"
    words = {word for item in requirements for word in (item.key, *item.values)}
    if words & {"in", "notin"}:
        return "SEL-029"
    if got is Matching.INVALID and len({item.key for item in requirements}) < len(requirements):
        return "SEL-031"
    if any("" in item.values for item in requirements):
        return "SEL-027"
    return "SEL-023" if len(requirements) > 1 else _operator_rule(requirements[0], text)


def _operator_rule(item: Requirement, text: str) -> str:
    if item.operator in (Operator.GREATER_THAN, Operator.LESS_THAN):
        return "SEL-022"
    if item.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        return "SEL-026"
    return "SEL-025" if "(" in text else "SEL-024"


@invariant(
    "selectors.malformed-string",
    kind=Kind.AGREEMENT,
    requirements=("SEL-022", "SEL-026", "SEL-030", "SEL-033", "SEL-034", "SEL-035"),
    asks=("select",),
    classes=("SEL-030", "SEL-033"),
)
def malformed_string(case: Case) -> None:
    """A malformed string selector is rejected, whatever the labels."""
    for judged in _of_form(case, SelectorForm.STRING, malformed=True):
        case.judged(broken_rule(judged[0]))
        _compare(case, judged, lambda found: broken_rule(found[0]))
