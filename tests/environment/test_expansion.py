# SPDX-License-Identifier: Apache-2.0
"""`$(NAME)`: the vectors of the catalogue, and the rule said in another way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.invariants.environment.expansion import VECTORS
from reference.environment import expand

DEFINED = {"A": "A", "B": "B", "REF": "$(A)", "E": ""}

TABLE = (
    ("$(A)-$(B)", "A-B"),
    ("$$(B)_$(A)", "$(B)_A"),
    ("x$$A", "x$A"),
    ("$(A$(B))", "$(A$(B))"),
    ("$(REF)", "$(A)"),
    ("p$(E)q", "pq"),
    ("p$(Aq", "p$(Aq"),
    ("$?_$!", "$?_$!"),
    ("$$$$$$(A)", "$$$(A)"),
    ("$$$$$$$(A)", "$$$A"),
    ("${A} $A) $A", "${A} $A) $A"),
    ("$(A)z$", "Az$"),
    ("--$($($(--", "--$($($(--"),
    ("$(a$$b)", "$(a$$b)"),
    ("$()", "$()"),
    ("", ""),
)


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_vectors_of_the_catalogue(text: str, expected: str) -> None:
    """Each vector of section 13 comes out as the catalogue says."""
    assert expand(text, DEFINED) == expected


@pytest.mark.parametrize(("rule", "text", "expected"), VECTORS)
def test_vectors_of_the_invariant(rule: str, text: str, expected: str) -> None:
    """What the invariant expects of an implementation is what the model does."""
    assert expand(text, DEFINED) == expected, rule


def test_first_context_wins() -> None:
    """Of two contexts that have a name the first one is used, and the second for the others."""
    assert expand("$(A)$(B)", {"A": "1"}, {"A": "2", "B": "3"}) == "13"


def test_an_empty_name_that_is_defined() -> None:
    """`$()` is a reference to the empty name like any other."""
    assert expand("$()", {"": "nothing"}) == "nothing"


@given(st.text(alphabet="$()AB{}x", max_size=14))
@settings(derandomize=True, deadline=None, database=None, max_examples=400)
def test_rule_as_a_pattern(text: str) -> None:
    """One pass over `$$` and `$(...)` from the left says the same as the model."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else DEFINED.get(match[1], match[0])

    assert expand(text, DEFINED) == re.sub(r"\$\$|\$\(([^)]*)\)", replace, text)
