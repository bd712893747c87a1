# SPDX-License-Identifier: Apache-2.0
"""Planted faults: what proves that the suite would notice a bug.  One module for each area."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from conformance.areas import Area
from conformance.faults.base import Fault, registered

__all__ = ["Fault", "all_faults"]


def all_faults() -> dict[str, Fault]:
    """Every fault by id: the areas in their order, each in order of definition."""
    for area in Area:
        if find_spec(f"{__name__}.{area.value}"):
            import_module(f"{__name__}.{area.value}")
    order = list(Area)
    # Whichever area was imported first: the order must not depend on it.
    return dict(sorted(registered().items(), key=lambda entry: order.index(entry[1].area)))
