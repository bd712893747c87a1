# SPDX-License-Identifier: Apache-2.0
"""Planted faults of cluster DNS servers, and of what the node agent writes into resolv.conf."""

from __future__ import annotations

from conformance.faults.dns import (
    edits,
    external,
    headless,
    messages,
    names,
    options,
    pod_names,
    pods_behind,
    ports,
    rare,
    resolvers,
    reverse,
    services,
)

__all__ = [
    "edits",
    "external",
    "headless",
    "messages",
    "names",
    "options",
    "pod_names",
    "pods_behind",
    "ports",
    "rare",
    "resolvers",
    "reverse",
    "services",
]
