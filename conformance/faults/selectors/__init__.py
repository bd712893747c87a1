# SPDX-License-Identifier: Apache-2.0
"""Evaluators of selectors that are wrong in one way each."""

from __future__ import annotations

from conformance.faults.selectors import expressions, maps, strings, syntax

__all__ = ["expressions", "maps", "strings", "syntax"]
