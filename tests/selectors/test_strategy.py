# SPDX-License-Identifier: Apache-2.0
"""The generated selections: what they are, and that malformed ones are so in the stated way."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from conformance.strategies.selectors import (
    EDGES,
    MALFORMED_OBJECTS,
    MALFORMED_STRINGS,
    pool,
    selections,
)
from reference.frozenmap import EMPTY
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import evaluate
from reference.syntax import is_label_key, is_label_value


def test_malformed_selectors_are_malformed() -> None:
    """Each selector that is said to be malformed is rejected by the reference."""
    for reason, text in MALFORMED_STRINGS.items():
        assert evaluate(Selection(SelectorForm.STRING, text)) is Matching.INVALID, reason
    for reason, selector in MALFORMED_OBJECTS.items():
        assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, selector)) is Matching.INVALID, reason


def test_edges_are_well_formed() -> None:
    """Each string that is easily misread is accepted by the reference."""
    for text in EDGES:
        assert evaluate(Selection(SelectorForm.STRING, text)) is not Matching.INVALID, text


def test_pool_holds_every_kind() -> None:
    """Each language is drawn often, with each answer that it can have."""
    counted = Counter((item.form, evaluate(item)) for item in pool())
    for form in SelectorForm:
        for answer in Matching:
            if (form, answer) != (SelectorForm.SERVICE, Matching.INVALID):
                assert counted[form, answer] > len(pool()) / 50, (form, answer)
    assert not counted[SelectorForm.SERVICE, Matching.INVALID]


def test_labels_are_well_formed() -> None:
    """An object's labels are labels that the API server would have accepted."""
    for labels in {item.labels for item in pool()}:
        assert all(is_label_key(key) and is_label_value(value) for key, value in labels.items())
    assert any(item.labels == EMPTY for item in pool())


@given(selections(max_size=2))
@settings(derandomize=True, deadline=None, database=None, max_examples=50)
def test_number_of_selections(drawn: tuple[Selection, ...]) -> None:
    """There are as many selections as were asked for, or none, and they are of different kinds."""
    assert len(drawn) in (0, 2)
    assert len(set(drawn)) == len(drawn)
