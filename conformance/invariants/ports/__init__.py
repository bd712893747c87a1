# SPDX-License-Identifier: Apache-2.0
"""Invariants of the API server's part: admission, storage, allocation, updates, and relations."""

from __future__ import annotations

from conformance.invariants.ports import admission, families, metamorphic, stated, stated_fields, stored

__all__ = ["admission", "families", "metamorphic", "stated", "stated_fields", "stored"]
