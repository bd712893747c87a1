# SPDX-License-Identifier: Apache-2.0
"""Invariants of the API server's part: admission, storage, allocation, updates, and relations."""

from __future__ import annotations

from conformance.invariants.ports import (
    admission,
    dns_names,
    dry_run,
    endpoint_requests,
    existing,
    families,
    metamorphic,
    sharing,
    stated,
    stated_fields,
    status,
    stored,
    versions,
)

__all__ = [
    "admission",
    "dns_names",
    "dry_run",
    "endpoint_requests",
    "existing",
    "families",
    "metamorphic",
    "sharing",
    "stated",
    "stated_fields",
    "status",
    "stored",
    "versions",
]
