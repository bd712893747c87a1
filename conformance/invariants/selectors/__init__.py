# SPDX-License-Identifier: Apache-2.0
"""Invariants of selectors: the three languages in which objects are selected by their labels."""

from __future__ import annotations

from conformance.invariants.selectors import agreement, metamorphic, stated

__all__ = ["agreement", "metamorphic", "stated"]
