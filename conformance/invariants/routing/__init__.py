# SPDX-License-Identifier: Apache-2.0
"""Invariants of the area `routing`."""

from conformance.invariants.routing import agreement, choice, health, metamorphic, stated

__all__ = ["agreement", "choice", "health", "metamorphic", "stated"]
