# SPDX-License-Identifier: Apache-2.0
"""Faults with maps of labels, and with selectors that are absent or empty."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says
from conformance.faults.selectors.changes import met
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Labels, LabelSelector
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import evaluate


def _pairs(selection: Selection) -> Labels | None:
    """The pairs of a Service's selector; None if there are none."""
    pairs = selection.selector
    is_map = selection.form is SelectorForm.SERVICE and isinstance(pairs, FrozenMap) and pairs
    return pairs if is_map and isinstance(pairs, FrozenMap) else None


@says("SEL-001", of=("select",))
def one_pair_is_enough(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A Service selects an object as soon as one pair of its selector holds."""
    pairs = _pairs(selection)
    return answer if pairs is None else met(set(pairs.items()) & set(selection.labels.items()))


@says("SEL-001", of=("select",))
def labels_have_to_be_equal(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A Service selects only objects that have no other labels than those of its selector."""
    pairs = _pairs(selection)
    return answer if pairs is None else met(pairs == selection.labels)


@says("SEL-002", of=("select",))
def absent_label_is_empty(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A label that is absent is read as one with an empty value."""
    pairs = _pairs(selection)
    if pairs is None:
        return answer
    return met(all(selection.labels.get(key, "") == value for key, value in pairs.items()))


@says("SEL-001", "SEL-002", of=("select",), bugs=("BUG-004",))
def unlabelled_objects_match(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An object without labels is selected without comparing anything."""
    compared = selection.form is not SelectorForm.STRING and selection.selector is not None
    return Matching.MATCHES if compared and not selection.labels else answer


@says("SEL-003", of=("select",))
def letter_case_is_ignored(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Values are compared without regard to upper and lower case."""
    pairs = _pairs(selection)
    if pairs is None:
        return answer
    held = {key: value.lower() for key, value in selection.labels.items()}
    return met(all(held.get(key) == value.lower() for key, value in pairs.items()))


@says("SEL-003", of=("select",))
def values_match_by_their_beginning(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A label matches if its value begins with the one that is asked for."""
    pairs = _pairs(selection)
    if pairs is None:
        return answer
    return met(
        all(
            key in selection.labels and selection.labels[key].startswith(value)
            for key, value in pairs.items()
        )
    )


@says("SEL-004", of=("select",))
def absent_service_selector_selects_all(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A Service without a selector selects every object."""
    absent = selection.form is SelectorForm.SERVICE and selection.selector is None
    return Matching.MATCHES if absent else answer


@says("SEL-005", of=("select",), bugs=("BUG-006",))
def empty_service_selector_selects_all(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An empty selector of a Service selects every object, as an empty LabelSelector does."""
    empty = selection.form is SelectorForm.SERVICE and selection.selector == FrozenMap()
    return Matching.MATCHES if empty else answer


@says("SEL-013", of=("select",))
def absent_label_selector_selects_all(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An absent LabelSelector is read as an empty one, and so selects every object."""
    absent = selection.form is SelectorForm.LABEL_SELECTOR and selection.selector is None
    return Matching.MATCHES if absent else answer


@says("SEL-014", of=("select",))
def empty_label_selector_selects_nothing(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An empty LabelSelector selects nothing, as an empty selector of a Service does."""
    return Matching.DOES_NOT_MATCH if selection.selector == LabelSelector() else answer


@says("SEL-015", of=("select",))
def match_labels_are_forgotten(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """The matchLabels of a LabelSelector count only if it has no matchExpressions."""
    selector = selection.selector
    if not isinstance(selector, LabelSelector) or not selector.match_expressions:
        return answer
    return evaluate(evolve(selection, selector=evolve(selector, match_labels=FrozenMap())))
