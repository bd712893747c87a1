# SPDX-License-Identifier: Apache-2.0
"""What only some implementations or releases do: a profile says which of it is claimed."""

from __future__ import annotations

from attrs import frozen

Release = tuple[int, int]


@frozen
class Feature:
    """A feature by its sentence; `since` is the Kubernetes release from which on it is there by default."""

    sentence: str
    since: Release


FEATURES: dict[str, Feature] = {
    "dry-run": Feature("Requests can be tried without being carried out (ALLOC-005).", (1, 18)),
    "dual-stack": Feature("Clusters and Services of two IP families.", (1, 21)),
    "multiple-service-cidrs": Feature("Several ranges of cluster IPs of one family (ALLOC-031).", (1, 33)),
    "relaxed-service-names": Feature("The name of a Service may begin with a digit (VAL-002).", (1, 36)),
    "topology-mode": Feature("Proportional hints, asked for by an annotation (SLICE-027).", (1, 27)),
}

OLDEST: Release = (1, 24)
"""The catalogue does not look further back."""


def of_release(release: Release) -> frozenset[str]:
    """The features that a Kubernetes release has by default."""
    return frozenset(name for name, feature in FEATURES.items() if feature.since <= release)
