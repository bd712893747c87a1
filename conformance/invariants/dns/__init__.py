# SPDX-License-Identifier: Apache-2.0
"""Invariants of DNS: what the server answers, and how names are looked up from a pod."""

from __future__ import annotations

from conformance.invariants.dns import agreement, coredns, metamorphic, names, rare, resolvers, search, stated

__all__ = ["agreement", "coredns", "metamorphic", "names", "rare", "resolvers", "search", "stated"]
