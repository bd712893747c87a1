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
}

OLDEST: Release = (1, 34)
"""The oldest release that can be claimed.

What has changed since is a feature.  What changed before, such as the distributions
PreferSameZone and PreferSameNode (1.34), canonical addresses and sidecars (1.33) or the
bands of node ports (1.28), is judged as it is now: an older release would be accused of
what was right in its day.
"""


def of_release(release: Release) -> frozenset[str]:
    """The features that a Kubernetes release has by default."""
    return frozenset(name for name, feature in FEATURES.items() if feature.since <= release)
