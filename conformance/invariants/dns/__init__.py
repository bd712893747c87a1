# SPDX-License-Identifier: Apache-2.0
"""Invariants of DNS: what the server answers, and how names are looked up from a pod."""

from __future__ import annotations

from conformance.invariants.dns import (
    agreement,
    coredns,
    edits,
    messages,
    metamorphic,
    names,
    options,
    pod_names,
    pods_behind,
    ports,
    rare,
    resolvers,
    reverse,
    search,
    set_up_messages,
    stated,
)

__all__ = [
    "agreement",
    "coredns",
    "edits",
    "messages",
    "metamorphic",
    "names",
    "options",
    "pod_names",
    "pods_behind",
    "ports",
    "rare",
    "resolvers",
    "reverse",
    "search",
    "set_up_messages",
    "stated",
]
