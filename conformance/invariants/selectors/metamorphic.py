# SPDX-License-Identifier: Apache-2.0
"""Two selections that are related, and so are their answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.selectors.wording import answered, as_string, asked, single, split
from reference.frozenmap import FrozenMap
from reference.objects import LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm

UNRELATED = FrozenMap({"unrelated.example.com/label": "value"})


def _same_answer(
    case: Case,
    rule: str | Callable[[Selection], str],
    related: Callable[[Selection], Selection | None],
) -> None:
    """Judge that the related selection is answered as the selection itself.

    `rule` is the row that speaks of them, or says which one it is.
    """
    pairs = [
        (selection, other)
        for selection in case.example.selections
        if (other := related(selection)) is not None and other != selection
    ]
    if not pairs:
        return
    answers = case.ask("select", [selection for selection, _ in pairs])
    others = case.ask("select", [other for _, other in pairs])
    for (selection, other), answer, got in zip(pairs, answers, others, strict=True):
        case.judged(selection.form.value)
        if got is not answer:
            row = rule if isinstance(rule, str) else rule(selection)
            case.fail(
                row,
                question=asked(other),
                expected=f"{answered(answer)}, as for: {asked(selection)}",
                got=answered(got),
                because=(row,),
            )


@invariant(
    "selectors.unrelated-label",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-001",),
    asks=("select",),
)
def unrelated_label(case: Case) -> None:
    """A label that the selector does not mention changes no answer."""
    _same_answer(case, "SEL-001", lambda selection: evolve(selection, labels=selection.labels | UNRELATED))


@invariant(
    "selectors.requirement-order",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-015", "SEL-031"),
    asks=("select",),
)
def requirement_order(case: Case) -> None:
    """The order of the requirements of a selector changes no answer."""
    _same_answer(case, "SEL-015", _reversed_object)
    _same_answer(case, "SEL-031", _reversed_string)


def _reversed_object(selection: Selection) -> Selection | None:
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return None
    reversed_selector = evolve(selector, match_expressions=selector.match_expressions[::-1])
    return evolve(selection, selector=reversed_selector)


def _reversed_string(selection: Selection) -> Selection | None:
    parts = split(selection.selector) if isinstance(selection.selector, str) else None
    return evolve(selection, selector=",".join(parts[::-1])) if parts else None


@invariant(
    "selectors.values-are-a-set",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-020",),
    asks=("select",),
)
def values_are_a_set(case: Case) -> None:
    """The order of the values of a set, and a value that is given twice, change no answer."""
    _same_answer(case, "SEL-020", _repeated_values)


def _repeated_values(selection: Selection) -> Selection | None:
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return None
    expressions = tuple(
        evolve(item, values=(*item.values[::-1], *item.values[:1])) for item in selector.match_expressions
    )
    return evolve(selection, selector=evolve(selector, match_expressions=expressions))


@invariant(
    "selectors.repeated-requirement",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-015", "SEL-031"),
    asks=("select",),
)
def repeated_requirement(case: Case) -> None:
    """A requirement that is given twice is as one that is given once."""
    _same_answer(case, "SEL-015", _repeated_expression)
    _same_answer(case, "SEL-031", _repeated_text)


def _repeated_expression(selection: Selection) -> Selection | None:
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return None
    again = selector.match_expressions + selector.match_expressions[:1]
    return evolve(selection, selector=evolve(selector, match_expressions=again))


def _repeated_text(selection: Selection) -> Selection | None:
    text = selection.selector
    if not isinstance(text, str) or not text.strip(" \t\r\n"):
        return None
    # A malformed selector stays so, unless its two copies close each other's parentheses.
    return evolve(selection, selector=f"{text},{text}") if split(text) else None


@invariant(
    "selectors.blanks",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-028",),
    asks=("select",),
)
def blanks(case: Case) -> None:
    """Blanks around commas, parentheses and the whole of a string selector change no answer."""
    _same_answer(case, "SEL-028", _with_blanks)


def _with_blanks(selection: Selection) -> Selection | None:
    if not isinstance(selection.selector, str):
        return None
    return evolve(selection, selector=" " + re.sub(r"([,()])", "\t\\1\r\n ", selection.selector))


@invariant(
    "selectors.string-equals-object",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-023", "SEL-024", "SEL-025", "SEL-026", "SEL-027"),
    asks=("select",),
)
def string_equals_object(case: Case) -> None:
    """A LabelSelector that is written as a string is answered as the object is."""
    _same_answer(case, _string_row, _as_string)


def _as_string(selection: Selection) -> Selection | None:
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return None
    text = as_string(selector)
    return None if text is None else Selection(SelectorForm.STRING, text, selection.labels)


_ROWS = {"In": "SEL-025", "NotIn": "SEL-025", "Exists": "SEL-026", "DoesNotExist": "SEL-026"}


def _string_row(selection: Selection) -> str:
    """The row of the string language that speaks of what a LabelSelector asks for."""
    selector = selection.selector
    assert isinstance(selector, LabelSelector)
    if len(selector.match_labels) + len(selector.match_expressions) != 1:
        return "SEL-023"
    values = [*selector.match_labels.values(), *(v for e in selector.match_expressions for v in e.values)]
    if "" in values:
        return "SEL-027"
    return next((_ROWS[item.operator] for item in selector.match_expressions), "SEL-024")


@invariant(
    "selectors.service-map-equals-match-labels",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-015",),
    asks=("select",),
)
def service_map_equals_match_labels(case: Case) -> None:
    """Equal pairs select alike in a Service's selector, in matchLabels and in matchExpressions."""
    _same_answer(case, "SEL-015", _as_match_labels)
    _same_answer(case, "SEL-015", _as_expressions)


def _as_match_labels(selection: Selection) -> Selection | None:
    pairs = selection.selector
    if selection.form is not SelectorForm.SERVICE or not isinstance(pairs, FrozenMap) or not pairs:
        return None
    return Selection(SelectorForm.LABEL_SELECTOR, LabelSelector(pairs), selection.labels)


def _as_expressions(selection: Selection) -> Selection | None:
    selector = selection.selector
    if not isinstance(selector, LabelSelector) or not selector.match_labels:
        return None
    pairs = tuple(
        LabelSelectorRequirement(key, "In", (value,)) for key, value in selector.match_labels.items()
    )
    return evolve(selection, selector=LabelSelector(match_expressions=pairs + selector.match_expressions))


_OPPOSITES = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}


@invariant(
    "selectors.negation",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-016", "SEL-017", "SEL-018", "SEL-024", "SEL-025", "SEL-026"),
    asks=("select",),
)
def negation(case: Case) -> None:
    """Of a well-formed requirement and its negation exactly one is met by any object."""
    pairs = [(selection, other) for selection in case.example.selections for other in _negations(selection)]
    answers = case.ask("select", [selection for selection, _ in pairs])
    others = case.ask("select", [other for _, other in pairs])
    for (selection, other), answer, got in zip(pairs, answers, others, strict=True):
        case.judged(selection.form.value)
        if {answer, got} != {Matching.MATCHES, Matching.DOES_NOT_MATCH}:
            rule = _negation_rule(other)
            case.fail(
                rule,
                question=asked(other),
                expected=f"the opposite of what holds for its negation: {asked(selection)}",
                got=f"{answered(got)}, and for the negation: {answered(answer)}",
                because=(rule,),
            )


def _negations(selection: Selection) -> Iterable[Selection]:
    """The negation of a string or a LabelSelector of one well-formed requirement."""
    selector = selection.selector
    if isinstance(selector, str):
        item = single(selector)
        if item is not None:
            opposite = evolve(item, operator=_OPPOSITES[item.operator])
            text = as_string(LabelSelector(match_expressions=(opposite,)))
            if len(item.values) == 1:
                text = f"{item.key}{'=' if item.operator == 'NotIn' else '!='}{item.values[0]}"
            if text is not None:
                yield evolve(selection, selector=text)
    elif isinstance(selector, LabelSelector) and not selector.match_labels:
        text = as_string(selector)
        item = single(text) if text is not None and len(selector.match_expressions) == 1 else None
        if item is not None:
            opposite = evolve(selector.match_expressions[0], operator=_OPPOSITES[item.operator])
            yield evolve(selection, selector=LabelSelector(match_expressions=(opposite,)))


def _negation_rule(selection: Selection) -> str:
    selector = selection.selector
    if isinstance(selector, LabelSelector):
        operator = selector.match_expressions[0].operator
        return {"In": "SEL-016", "NotIn": "SEL-017"}.get(operator, "SEL-018")
    text = selector if isinstance(selector, str) else ""
    return "SEL-025" if "(" in text else "SEL-024" if "=" in text else "SEL-026"
