# SPDX-License-Identifier: Apache-2.0
"""Endpoint controllers that are wrong in one way each."""

from __future__ import annotations

from conformance.faults.endpoints import (
    conditions,
    hints,
    kept_hints,
    kept_slices,
    legacy,
    membership,
    packing,
    ports,
    shares,
    syncing,
    topology,
    updates,
    whose,
)

__all__ = [
    "conditions",
    "hints",
    "kept_hints",
    "kept_slices",
    "legacy",
    "membership",
    "packing",
    "ports",
    "shares",
    "syncing",
    "topology",
    "updates",
    "whose",
]
