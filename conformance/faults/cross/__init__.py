# SPDX-License-Identifier: Apache-2.0
"""Implementations of which one area answers otherwise than the others expect."""

from __future__ import annotations

from conformance.faults.cross import answers, views

__all__ = ["answers", "views"]
