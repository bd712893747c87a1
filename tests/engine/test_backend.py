# SPDX-License-Identifier: Apache-2.0
"""The way in which Hypothesis generates in a run."""

from __future__ import annotations

import inspect

from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from conformance.engine.backend import BACKEND, Provider
from conformance.engine.generation import drawn

_FROM_THIS_MODULE = 7_812_345
"""A constant that Hypothesis would mix in, as it does with those of local modules."""


def test_what_the_backend_overrides_is_there_to_override() -> None:
    """The name that keeps out constants belongs to Hypothesis still, and it is called."""
    assert AVAILABLE_PROVIDERS[BACKEND] == f"{Provider.__module__}.{Provider.__name__}"
    overridden = [name for name in vars(Provider) if not name.startswith(("__", "_abc_"))]
    assert overridden == ["_maybe_draw_constant"]
    source = inspect.getsource(HypothesisProvider)
    assert "def _maybe_draw_constant(" in source
    assert "self._maybe_draw_constant(" in source


def test_no_constants_of_modules_are_mixed_in() -> None:
    """Two thousand integers of a wide range hold none that a module happens to mention."""
    found = drawn(st.integers(0, 10**9), examples=2000, seed_value=1)
    assert len(set(found)) > 1000
    assert _FROM_THIS_MODULE not in found


def test_inputs_do_not_depend_on_how_many_follow() -> None:
    """The first inputs of a seed are the same whatever the budget is."""
    strategy = st.lists(st.integers(0, 100), max_size=5)
    assert drawn(strategy, examples=300, seed_value=2)[:50] == drawn(strategy, examples=50, seed_value=2)
