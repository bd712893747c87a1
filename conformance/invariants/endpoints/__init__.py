# SPDX-License-Identifier: Apache-2.0
"""Invariants of endpoints: what an EndpointSlice controller writes.

Slices are compared by what they say, never by how they are packed: a controller
may spread endpoints over slices as its history has it, in any order and under
any names.  UIDs, time stamps and annotations are not compared.
"""

from __future__ import annotations

from conformance.invariants.endpoints import (
    agreement,
    alike,
    kept_hints,
    kept_slices,
    left_alone,
    legacy,
    metamorphic,
    mirroring,
    packing,
    places,
    service_changes,
    single_change,
    stated,
    syncing,
    topology,
    transitions,
)

__all__ = [
    "agreement",
    "alike",
    "kept_hints",
    "kept_slices",
    "left_alone",
    "legacy",
    "metamorphic",
    "mirroring",
    "packing",
    "places",
    "service_changes",
    "single_change",
    "stated",
    "syncing",
    "topology",
    "transitions",
]
