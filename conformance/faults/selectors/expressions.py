# SPDX-License-Identifier: Apache-2.0
"""Faults with the operators of matchExpressions, and with those that both languages share."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says
from conformance.faults.selectors.changes import each_requirement, is_string, met
from reference.objects import Cluster, LabelSelector
from reference.questions import Matching, Selection
from reference.selectors import Operator, Requirement, evaluate


@says("SEL-015", of=("select",))
def one_expression_is_enough(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A LabelSelector of several matchExpressions is met as soon as one of them is."""
    selector = selection.selector
    if not isinstance(selector, LabelSelector) or selector.match_labels or answer is Matching.INVALID:
        return answer
    single = [LabelSelector(match_expressions=(item,)) for item in selector.match_expressions]
    if not single:
        return answer
    return met(any(evaluate(evolve(selection, selector=one)) is Matching.MATCHES for one in single))


@says("SEL-016", of=("select",))
def in_looks_at_the_first_value(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """In compares with the first of its values alone."""

    def first(item: Requirement) -> bool | None:
        if item.operator is not Operator.IN:
            return None
        return bool(selection.labels.get(item.key) == item.values[0])

    return answer if is_string(selection) else each_requirement(selection, first)


@says("SEL-017", "SEL-024", "SEL-025", of=("select",), bugs=("BUG-001",))
def negative_needs_the_key(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An object without the key meets no requirement, except that the key does not exist."""

    def absent(item: Requirement) -> bool | None:
        if item.operator is Operator.DOES_NOT_EXIST or item.key in selection.labels:
            return None
        return False

    return each_requirement(selection, absent)


@says("SEL-018", "SEL-026", of=("select",))
def exists_looks_at_the_value(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A key whose value is empty does not exist."""

    def by_value(item: Requirement) -> bool | None:
        value = selection.labels.get(item.key, "")
        if item.operator is Operator.EXISTS:
            return bool(value != "")
        return bool(value == "") if item.operator is Operator.DOES_NOT_EXIST else None

    return each_requirement(selection, by_value)


@says("SEL-019", of=("select",))
def operators_in_any_spelling(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """The operators of matchExpressions are recognised whatever their upper and lower case."""
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return answer
    names = {operator.value.lower(): operator.value for operator in Operator}
    read = tuple(
        evolve(item, operator=names.get(item.operator.lower(), item.operator))
        for item in selector.match_expressions
    )
    return evaluate(evolve(selection, selector=evolve(selector, match_expressions=read)))


@says("SEL-020", of=("select",))
def sets_may_be_empty(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """In without values is accepted and never met, NotIn without values is accepted and always met."""
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return answer
    empty = [item for item in selector.match_expressions if not item.values]
    if any(item.operator == "In" for item in empty):
        return Matching.DOES_NOT_MATCH
    kept = tuple(item for item in selector.match_expressions if item.operator != "NotIn" or item not in empty)
    return evaluate(evolve(selection, selector=evolve(selector, match_expressions=kept)))


@says("SEL-020", of=("select",))
def values_have_to_differ(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A value that is given twice makes a matchExpression malformed."""
    selector = selection.selector
    if not isinstance(selector, LabelSelector):
        return answer
    doubled = any(len(set(item.values)) < len(item.values) for item in selector.match_expressions)
    return Matching.INVALID if doubled else answer


@says("SEL-021", "SEL-027", of=("select",))
def empty_values_are_skipped(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """The empty value is no member of a set."""

    def without(item: Requirement) -> bool | None:
        if "" not in item.values:
            return None
        held = selection.labels.get(item.key)
        among = bool(held) and held in item.values
        return among if item.operator is Operator.IN else not among

    return each_requirement(selection, without)
