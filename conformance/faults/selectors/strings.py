# SPDX-License-Identifier: Apache-2.0
"""Faults with the string language: what a well-formed text means."""

from __future__ import annotations

import re

from conformance.faults.base import says
from conformance.faults.selectors.changes import each_requirement, is_string, met, read_as, text_of
from reference.objects import Cluster
from reference.questions import Matching, Selection
from reference.selectors import Operator, Requirement, parse


@says("SEL-022", of=("select",))
def numbers_are_compared_as_text(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`>` and `<` compare character by character, so that 9 is more than 10."""

    def as_text(item: Requirement) -> bool | None:
        held = selection.labels.get(item.key)
        if item.operator is Operator.GREATER_THAN:
            return held is not None and held > item.values[0]
        return held is not None and held < item.values[0] if item.operator is Operator.LESS_THAN else None

    return each_requirement(selection, as_text)


@says("SEL-022", of=("select",))
def comparison_includes_the_bound(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`>` and `<` are met by the very number that they name."""

    def inclusive(item: Requirement) -> bool | None:
        compares = item.operator in (Operator.GREATER_THAN, Operator.LESS_THAN)
        return True if compares and selection.labels.get(item.key) == item.values[0] else None

    return each_requirement(selection, inclusive)


@says("SEL-023", "SEL-031", of=("select",))
def only_the_first_requirement_counts(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Of a string of several requirements the first one alone is looked at."""
    text = text_of(selection)
    if text is None or answer is Matching.INVALID:
        return answer
    return met(all(item.matches(selection.labels) for item in parse(text)[:1]))


@says("SEL-023", of=("select",))
def empty_string_selects_nothing(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """An empty string selects nothing."""
    text = text_of(selection)
    return Matching.DOES_NOT_MATCH if text is not None and not text.strip() else answer


@says("SEL-024", of=("select",), bugs=("BUG-002",))
def inequality_needs_the_key(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`!=` is met only by objects that have the key, while `notin` is right."""
    text = text_of(selection)
    if text is None or "!=" not in text:
        return answer
    keys = set(re.findall(r"([\w./-]+)\s*!=", text))

    def absent(item: Requirement) -> bool | None:
        unequal = item.operator is Operator.NOT_IN and item.key in keys
        return False if unequal and item.key not in selection.labels else None

    return each_requirement(selection, absent)


@says("SEL-024", of=("select",))
def double_equals_is_unknown(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`==` is rejected."""
    text = text_of(selection)
    return Matching.INVALID if text is not None and "==" in text else answer


@says("SEL-025", of=("select",))
def sets_are_compared_as_one_text(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """What is between the parentheses of a set is taken for a single value."""

    def whole(item: Requirement) -> bool | None:
        if len(item.values) < 2:
            return None
        same = selection.labels.get(item.key) == ",".join(item.values)
        return same if item.operator is Operator.IN else not same

    return each_requirement(selection, whole) if is_string(selection) else answer


@says("SEL-027", of=("select",))
def comparison_with_nothing_is_rejected(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`=`, `==` and `!=` with nothing after them are malformed."""
    text = text_of(selection)
    return Matching.INVALID if text is not None and re.search(r"=\s*(,|\Z)", text) else answer


@says("SEL-028", of=("select",), bugs=("BUG-012",))
def split_at_the_first_equal_sign(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """The text is split at the first `=` before `!=` is looked for, so that `k != v` has the key `k !`."""
    text = text_of(selection)
    return Matching.INVALID if text is not None and re.search(r"[ \t\r\n]!=", text) else answer


@says("SEL-028", of=("select",))
def only_spaces_are_blanks(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Tabs and line ends are rejected."""
    text = text_of(selection)
    return Matching.INVALID if text is not None and re.search(r"[\t\r\n]", text) else answer


@says("SEL-029", of=("select",))
def keywords_are_reserved(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`in` and `notin` are rejected as keys and values."""
    text = text_of(selection)
    if text is None or answer is Matching.INVALID:
        return answer
    words = {word for item in parse(text) for word in (item.key, *item.values)}
    return Matching.INVALID if words & {"in", "notin"} else answer


@says("SEL-031", of=("select",))
def later_requirement_of_a_key_wins(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Requirements are kept by key, so that a later one replaces an earlier one."""
    text = text_of(selection)
    if text is None or answer is Matching.INVALID:
        return answer
    by_key = {item.key: item for item in parse(text)}
    return met(all(item.matches(selection.labels) for item in by_key.values()))


@says("SEL-031", of=("select",))
def keys_have_to_differ(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A key that occurs twice in a string makes it malformed."""
    text = text_of(selection)
    if text is None or answer is Matching.INVALID:
        return answer
    keys = [item.key for item in parse(text)]
    return Matching.INVALID if len(set(keys)) < len(keys) else answer


@says("SEL-030", of=("select",))
def stray_commas_are_skipped(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Commas at the start, at the end and one after the other are read as if they were not there."""
    text = text_of(selection)
    if text is None or "(" in text:
        return answer
    return read_as(selection, ",".join(part for part in text.split(",") if part.strip()))
