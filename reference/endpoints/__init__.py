# SPDX-License-Identifier: Apache-2.0
"""What the EndpointSlice controller writes for each Service, from an empty state.

Which pods become endpoints and with which attributes is decided in
`membership`, which ports they offer in `target_ports`, what their hints are in
`hints` and `topology`, and how they are packed into slices in `packing`.

Source: k8s.io/endpointslice `reconciler.go`, `utils.go`, `util`, `trafficdist`, `topologycache`.
"""

from __future__ import annotations

from attrs import evolve

from reference.endpoints.legacy import endpoints_of
from reference.endpoints.membership import address_families, is_managed
from reference.endpoints.mirroring import mirrored_slices
from reference.endpoints.packing import View, slices_of
from reference.endpoints.syncing import synced_slices
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoints,
    EndpointSlice,
    NamespacedName,
    Service,
)

__all__ = [
    "address_families",
    "endpoint_slices",
    "is_managed",
    "legacy_endpoints",
    "linked_slices",
    "mirrored",
    "synced",
    "with_managed_slices",
]


def endpoint_slices(cluster: Cluster, service: NamespacedName) -> tuple[EndpointSlice, ...]:
    """The slices that the controller wants for a Service; none for one that does not exist.

    EP-001 to EP-023, EP-025, SLICE-001, SLICE-003 to SLICE-006, SLICE-010,
    SLICE-016, SLICE-017, SLICE-021 to SLICE-031, PORT-003 to PORT-010.
    """
    found = _named(cluster, service)
    return () if found is None else slices_of(found, View.of(cluster))


def legacy_endpoints(cluster: Cluster, service: NamespacedName) -> Endpoints | None:
    """The Endpoints object that the controller wants for a Service, if any (EP-029 to EP-040)."""
    found = _named(cluster, service)
    return None if found is None else endpoints_of(found, View.of(cluster))


def mirrored(cluster: Cluster, item: Endpoints) -> tuple[EndpointSlice, ...]:
    """The slices that mirror an Endpoints object which was written by hand (EP-041, EP-042)."""
    return mirrored_slices(item, _named(cluster, NamespacedName(item.metadata.namespace, item.metadata.name)))


def synced(cluster: Cluster, service: NamespacedName) -> tuple[EndpointSlice, ...]:
    """The slices of a Service after the controller has looked at those that the cluster has.

    EP-024, EP-026 to EP-028, SLICE-005 to SLICE-012, SLICE-014, SLICE-015, SLICE-033 to SLICE-035.
    """
    found = _named(cluster, service)
    before = linked_slices(cluster, service)
    return before if found is None else synced_slices(found, before, View.of(cluster))


def _named(cluster: Cluster, name: NamespacedName) -> Service | None:
    for candidate in cluster.services:
        if (candidate.metadata.namespace, candidate.metadata.name) == (name.namespace, name.name):
            return candidate
    return None


def with_managed_slices(cluster: Cluster) -> Cluster:
    """The cluster with the controller's slices of every Service, instead of older ones (EP-027).

    Slices of other authors stay as they are, before the controller's (SLICE-014).
    """
    view = View.of(cluster)
    others = tuple(
        item
        for item in cluster.endpoint_slices
        if item.metadata.labels.get(MANAGED_BY_LABEL) != ENDPOINT_SLICE_CONTROLLER
    )
    managed = tuple(item for service in cluster.services for item in slices_of(service, view))
    return evolve(cluster, endpoint_slices=others + managed)


def linked_slices(cluster: Cluster, service: NamespacedName) -> tuple[EndpointSlice, ...]:
    """The slices of a Service, whoever wrote them: same namespace, service-name label (SLICE-020, EP-024)."""
    return tuple(
        item
        for item in cluster.endpoint_slices
        if item.metadata.namespace == service.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.name
    )
