# SPDX-License-Identifier: Apache-2.0
"""Service proxies that are wrong in one way each, a module for each topic."""

from conformance.faults.routing import (
    affinity,
    arrivals,
    conditions,
    endpoint_updates,
    families,
    flows,
    frontends,
    health,
    membership,
    modes,
    parity,
    policies,
    updates,
)

__all__ = [
    "affinity",
    "arrivals",
    "conditions",
    "endpoint_updates",
    "families",
    "flows",
    "frontends",
    "health",
    "membership",
    "modes",
    "parity",
    "policies",
    "updates",
]
