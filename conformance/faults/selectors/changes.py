# SPDX-License-Identifier: Apache-2.0
"""What faults of selectors have in common: a requirement judged otherwise, a text read otherwise."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import Requirement, SelectorSyntaxError, evaluate, requirements_of


def met(holds: object) -> Matching:
    """The answer where the selector is well-formed."""
    return Matching.MATCHES if holds else Matching.DOES_NOT_MATCH


def each_requirement(selection: Selection, change: Callable[[Requirement], bool | None]) -> Matching:
    """The answer if `change` judges the requirements, except those of which it says None."""
    try:
        requirements = requirements_of(selection)
    except SelectorSyntaxError:
        return Matching.INVALID
    if requirements is None:
        return Matching.DOES_NOT_MATCH
    return met(
        all(
            item.matches(selection.labels) if (changed := change(item)) is None else changed
            for item in requirements
        )
    )


def text_of(selection: Selection) -> str | None:
    """The text of a string selector; None if it is another one."""
    return selection.selector if isinstance(selection.selector, str) else None


def read_as(selection: Selection, text: str) -> Matching:
    """The answer to the text of a string selector, read as another one."""
    return evaluate(evolve(selection, selector=text))


def rejected_by(selection: Selection) -> str | None:
    """The requirement for which the selector has to be rejected; None if it is well-formed."""
    try:
        requirements_of(selection)
    except SelectorSyntaxError as error:
        return error.rule
    return None


def is_string(selection: Selection) -> bool:
    """Whether it is written in the string language."""
    return selection.form is SelectorForm.STRING
