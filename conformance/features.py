# SPDX-License-Identifier: Apache-2.0
"""What only some implementations or releases do: a profile says which of it is claimed."""

from __future__ import annotations

from attrs import frozen

Release = tuple[int, int]

DUAL_STACK = "dual-stack"
"""The feature without which no cluster of two families is generated."""


@frozen
class Feature:
    """A feature by its sentence; `since` is the Kubernetes release from which on it is there by default.

    What is no matter of a release has none, and is only claimed by its name.
    """

    sentence: str
    since: Release | None


FEATURES: dict[str, Feature] = {
    "canonical-endpoint-addresses": Feature(
        "IPv6 addresses of EndpointSlices have to be in canonical form (VAL-077).", (1, 33)
    ),
    "controller-packing": Feature(
        "New endpoints go to the slices to which kube-controller-manager puts them (SLICE-033, SLICE-034).",
        (1, 21),
    ),
    "dns-messages": Feature(
        "Answers of DNS tell the times to live, the flag AA and all sections of the message (DNS-META-006).",
        None,
    ),
    "dns-options": Feature(
        "The DNS server is set up as each cluster's settings say (DNS-POD-004, DNS-HEADLESS-028).", None
    ),
    "dry-run": Feature("Requests can be tried without being carried out (ALLOC-005).", (1, 18)),
    DUAL_STACK: Feature("Clusters and Services of two IP families.", (1, 21)),
    "existing-objects": Feature(
        "Objects that were stored before, under other rules, can be put in place "
        "(ALLOC-044, VAL-074, DNS-SEARCH-019).",
        None,
    ),
    "multiple-service-cidrs": Feature("Several ranges of cluster IPs of one family (ALLOC-031).", (1, 33)),
    "node-hints": Feature("EndpointSlices have hints for nodes (VAL-076).", (1, 34)),
    "relaxed-service-names": Feature("The name of a Service may begin with a digit (VAL-002).", (1, 36)),
    "strict-addresses": Feature(
        "Addresses with leading zeros and IPv4 addresses written as IPv6 are refused (VAL-039, VAL-077).",
        (1, 36),
    ),
    "topology-mode": Feature("Proportional hints, asked for by an annotation (SLICE-027).", (1, 27)),
    "unset-cluster-dns": Feature(
        "A node's cluster domain and its cluster DNS servers may be unset (DNS-SEARCH-016, DNS-SEARCH-017).",
        None,
    ),
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
    return frozenset(
        name for name, feature in FEATURES.items() if feature.since is not None and feature.since <= release
    )
