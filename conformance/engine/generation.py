# SPDX-License-Identifier: Apache-2.0
"""The generated inputs of a run: the same ones for the same strategy, seed and number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.engine.backend import BACKEND

T = TypeVar("T")


def generate(
    strategy: st.SearchStrategy[T], visit: Callable[[T], object], *, examples: int, seed_value: int
) -> None:
    """Call `visit` with each of `examples` generated inputs; nothing is shrunk, what it raises passes."""
    if examples <= 0:
        return

    @seed(seed_value)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        backend=BACKEND,
        # An adapter may take as long as its profile allows; that is no fault
        # of the generation that this check is about.
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def body(example: T) -> None:
        visit(example)

    body()


def drawn(strategy: st.SearchStrategy[T], *, examples: int, seed_value: int = 0) -> tuple[T, ...]:
    """The generated inputs themselves, in order."""
    found: list[T] = []
    generate(strategy, found.append, examples=examples, seed_value=seed_value)
    return tuple(found)
