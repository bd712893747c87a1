# SPDX-License-Identifier: Apache-2.0
"""Topology hints, as `trafficDistribution` asks for them."""

from __future__ import annotations

from functools import lru_cache

from reference.objects import EndpointHints, ForNode, ForZone, Service

PREFER_CLOSE = "PreferClose"
PREFER_SAME_ZONE = "PreferSameZone"
PREFER_SAME_NODE = "PreferSameNode"

TOPOLOGY_MODE_ANNOTATION = "service.kubernetes.io/topology-mode"
DEPRECATED_TOPOLOGY_ANNOTATION = "service.kubernetes.io/topology-aware-hints"

_KNOWN = frozenset({PREFER_CLOSE, PREFER_SAME_ZONE, PREFER_SAME_NODE})


def has_topology_mode_auto(service: Service) -> bool:
    """Whether an annotation asks for proportional hints instead, as in `topology` (SLICE-027, SLICE-028)."""
    annotations = service.metadata.annotations
    value = annotations.get(DEPRECATED_TOPOLOGY_ANNOTATION, annotations.get(TOPOLOGY_MODE_ANNOTATION))
    return value in ("Auto", "auto")


def distribution(service: Service) -> str | None:
    """The traffic distribution by which endpoints get hints; None if they get none (SLICE-026, SLICE-027)."""
    wanted = service.spec.traffic_distribution
    if wanted not in _KNOWN or has_topology_mode_auto(service):
        return None
    return wanted


@lru_cache(maxsize=1024)
def hints(wanted: str | None, *, ready: bool, zone: str | None, node: str | None) -> EndpointHints | None:
    """The hints of one endpoint: its own zone, and its own node if that is wanted.

    Only a ready endpoint has any (SLICE-021), each only where it is known
    (SLICE-022, SLICE-023, SLICE-024), whatever the other endpoints are (SLICE-025).
    """
    if wanted is None or not ready:
        return None
    for_zones = (ForZone(zone),) if zone else ()
    for_nodes = (ForNode(node),) if node and wanted == PREFER_SAME_NODE else ()
    if not for_zones and not for_nodes:
        return None
    return EndpointHints(for_zones=for_zones, for_nodes=for_nodes)
