# SPDX-License-Identifier: Apache-2.0
"""Every invariant of the suite, one module for each area."""

from __future__ import annotations

from importlib import import_module

from conformance.areas import Area
from conformance.invariants.base import Case, Deviation, Invariant, Kind, registered

__all__ = ["Case", "Deviation", "Invariant", "Kind", "all_invariants"]


def all_invariants() -> dict[str, Invariant]:
    """Every invariant by id: the areas in their order, each in order of definition."""
    for area in Area:
        import_module(f"conformance.invariants.{area.value}")
    order = list(Area)
    # Whichever area was imported first: the order must not depend on it.
    return dict(sorted(registered().items(), key=lambda entry: order.index(entry[1].area)))
