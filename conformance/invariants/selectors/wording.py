# SPDX-License-Identifier: Apache-2.0
"""Selections and answers in words, and in the string language."""

from __future__ import annotations

import re

from reference.frozenmap import FrozenMap
from reference.objects import Labels, LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm
from reference.syntax import is_label_key, is_label_value

_PLAIN_KEY = re.compile(r"[\w./-]+", re.ASCII)
_PLAIN_VALUE = re.compile(r"[\w./-]*", re.ASCII)


def asked(selection: Selection) -> str:
    """A selection as a question that a person would ask."""
    return f"does {_selector(selection)} select an object with {_labels(selection.labels)}?"


def answered(matching: Matching) -> str:
    """An answer in words."""
    return {
        Matching.MATCHES: "it is selected",
        Matching.DOES_NOT_MATCH: "it is not selected",
        Matching.INVALID: "the selector is rejected",
    }[matching]


def _selector(selection: Selection) -> str:
    selector = selection.selector
    if selection.form is SelectorForm.STRING:
        return f"the string selector {selector!r}"
    if selection.form is SelectorForm.SERVICE:
        if not isinstance(selector, FrozenMap):
            return "a Service without a selector"
        return f"the Service selector {_pairs(selector)}"
    if not isinstance(selector, LabelSelector):
        return "an absent LabelSelector"
    parts = [f"matchLabels {_pairs(selector.match_labels)}"] if selector.match_labels else []
    parts += [
        f"{item.key!r} {item.operator} [{', '.join(map(repr, item.values))}]"
        for item in selector.match_expressions
    ]
    return f"the LabelSelector {' and '.join(parts)}" if parts else "an empty LabelSelector"


def _labels(labels: Labels) -> str:
    return f"the labels {_pairs(labels)}" if labels else "no labels"


def _pairs(pairs: Labels) -> str:
    return "{" + ", ".join(f"{key}: {value!r}" for key, value in pairs.items()) + "}"


# -- the string language ----------------------------------------------------------


def as_string(selector: LabelSelector) -> str | None:
    """The same selector in the string language.

    None where it cannot be written: an operator that the string language lacks,
    no values for a set, or a key or value that would read as something else.
    """
    parts = [f"{key}={value}" for key, value in selector.match_labels.items()]
    for key, value in selector.match_labels.items():
        if not _PLAIN_KEY.fullmatch(key) or not _PLAIN_VALUE.fullmatch(value):
            return None
    for expression in selector.match_expressions:
        written = _written(expression)
        if written is None:
            return None
        parts.append(written)
    return ",".join(parts)


def _written(expression: LabelSelectorRequirement) -> str | None:
    key, values = expression.key, expression.values
    if not _PLAIN_KEY.fullmatch(key) or not all(_PLAIN_VALUE.fullmatch(value) for value in values):
        return None
    if expression.operator in ("In", "NotIn") and values:
        return f"{key} {expression.operator.lower()} ({','.join(values)})"
    if expression.operator == "Exists" and not values:
        return key
    if expression.operator == "DoesNotExist" and not values:
        return f"!{key}"
    return None


def split(text: str) -> list[str] | None:
    """The text between the commas outside parentheses; None if parentheses do not match."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
        if depth not in (0, 1):
            return None
    return [*parts, text[start:]] if depth == 0 else None


_SINGLE = re.compile(
    r"""[ \t\r\n]*
    (?P<negated>!?)[ \t\r\n]*
    (?P<key>[A-Za-z0-9._/-]+)
    (
        [ \t\r\n]*(?P<comparison>!=|==?)[ \t\r\n]*(?P<value>[A-Za-z0-9._-]*)
        | [ \t\r\n]+(?P<set>notin|in)[ \t\r\n]*\((?P<values>[^()]*)\)
    )?
    [ \t\r\n]*""",
    re.VERBOSE,
)


def single(text: str) -> LabelSelectorRequirement | None:
    """The one well-formed requirement of a string selector, in the words of the object language.

    None if the string is anything else.  Written apart from the reference's
    parser, for properties that have to hold without it.
    """
    found = _SINGLE.fullmatch(text)
    if found is None:
        return None
    key, comparison, in_set = found["key"], found["comparison"], found["set"]
    operator = "Exists"
    values: tuple[str, ...] = ()
    if found["negated"]:
        if comparison or in_set:
            return None
        operator = "DoesNotExist"
    elif comparison:
        operator, values = "NotIn" if comparison == "!=" else "In", (found["value"],)
    elif in_set:
        operator = "NotIn" if in_set == "notin" else "In"
        values = tuple(value.strip(" \t\r\n") for value in found["values"].split(","))
    if not is_label_key(key) or not all(map(is_label_value, values)):
        return None
    return LabelSelectorRequirement(key, operator, values)
