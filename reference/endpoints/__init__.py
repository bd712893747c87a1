# SPDX-License-Identifier: Apache-2.0
"""What the EndpointSlice controller writes for each Service, from an empty state.

Which pods become endpoints and with which attributes is decided in
`membership`, which ports they offer in `target_ports`, what their hints are in
`hints`, and how they are packed into slices in `packing`.

The proportional hints of the annotation `service.kubernetes.io/topology-mode`
(SLICE-029 to SLICE-031) depend on the allocatable CPU of nodes, which is not
modelled: under the annotation no endpoint gets a hint here.

Source: k8s.io/endpointslice `reconciler.go`, `utils.go`, `util`, `trafficdist`.
"""

from __future__ import annotations

from attrs import evolve

from reference.endpoints.membership import address_families, is_managed
from reference.endpoints.packing import View, slices_of
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    EndpointSlice,
    NamespacedName,
)

__all__ = [
    "address_families",
    "endpoint_slices",
    "is_managed",
    "linked_slices",
    "with_managed_slices",
]


def endpoint_slices(cluster: Cluster, service: NamespacedName) -> tuple[EndpointSlice, ...]:
    """The slices that the controller wants for a Service; none for one that does not exist.

    EP-001 to EP-023, EP-025, SLICE-001, SLICE-003 to SLICE-006, SLICE-010,
    SLICE-016, SLICE-017, SLICE-021 to SLICE-025, PORT-003 to PORT-010.
    """
    for candidate in cluster.services:
        metadata = candidate.metadata
        if metadata.name == service.name and metadata.namespace == service.namespace:
            return slices_of(candidate, View.of(cluster))
    return ()


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
