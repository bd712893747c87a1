# SPDX-License-Identifier: Apache-2.0
"""Invariants of the area `routing`, a module for each topic."""

from conformance.invariants.routing import (
    affinity,
    affinity_records,
    agreement,
    availability,
    choice,
    families,
    health,
    hints,
    interception,
    kube_proxy,
    metamorphic,
    modes,
    policies,
    sources,
    stated,
    transitions,
    ways,
)

__all__ = [
    "affinity",
    "affinity_records",
    "agreement",
    "availability",
    "choice",
    "families",
    "health",
    "hints",
    "interception",
    "kube_proxy",
    "metamorphic",
    "modes",
    "policies",
    "sources",
    "stated",
    "transitions",
    "ways",
]
