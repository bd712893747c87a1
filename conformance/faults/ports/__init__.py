# SPDX-License-Identifier: Apache-2.0
"""API servers that are wrong in one way each."""

from conformance.faults.ports import (
    allocation,
    answers,
    defaulting,
    endpoint_requests,
    existing,
    rules,
    status,
    strictness,
    updates,
    versions,
)

__all__ = [
    "allocation",
    "answers",
    "defaulting",
    "endpoint_requests",
    "existing",
    "rules",
    "status",
    "strictness",
    "updates",
    "versions",
]
