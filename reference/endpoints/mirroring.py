# SPDX-License-Identifier: Apache-2.0
"""Endpoints objects that were written by hand, mirrored to EndpointSlices.

Source: kubernetes `pkg/controller/endpointslicemirroring`.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference.endpoints.legacy import Offer, repacked
from reference.endpoints.membership import IPV4, IPV6, parse_ip
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    ObjectMeta,
    OwnerReference,
    Service,
)

MIRRORING_CONTROLLER = "endpointslicemirroring-controller.k8s.io"
SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror"
LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = (
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
)
MAX_ADDRESSES_PER_SUBSET = 1000


def is_mirrored(item: Endpoints, service: Service | None) -> bool:
    """Whether an Endpoints object is mirrored; `service` is the one of its name, if there is one (EP-041)."""
    if service is None or service.spec.selector:
        return False
    metadata = item.metadata
    return metadata.labels.get(SKIP_MIRROR_LABEL) != "true" and LEADER_ANNOTATION not in metadata.annotations


def mirrored_slices(item: Endpoints, service: Service | None) -> tuple[EndpointSlice, ...]:
    """The slices that mirror an Endpoints object: one of each family for each subset (EP-041, EP-042)."""
    if not is_mirrored(item, service):
        return ()
    return tuple(
        EndpointSlice(_metadata(item, number), family, endpoints, ports)
        for number, (family, endpoints, ports) in enumerate(_parts(item))
    )


def _parts(item: Endpoints) -> Iterator[tuple[str, tuple[Endpoint, ...], tuple[EndpointPort, ...]]]:
    for subset in repacked(offer for given in item.subsets for offer in _offers(given)):
        ready = [(address, True) for address in subset.addresses]
        members = ready + [(address, False) for address in subset.not_ready_addresses]
        ports = tuple(
            EndpointPort(port.name, port.port, port.protocol or "TCP", port.app_protocol)
            for port in subset.ports
        )
        for family in (IPV4, IPV6):
            endpoints = tuple(
                _endpoint(address, ready=ready)
                for address, ready in members[:MAX_ADDRESSES_PER_SUBSET]
                if parse_ip(address.ip)[0] == family
            )
            if endpoints:
                yield family, endpoints, ports


def _offers(subset: EndpointSubset) -> Iterator[Offer]:
    for port in subset.ports or (None,):
        for address in subset.addresses:
            yield address, port, True
        for address in subset.not_ready_addresses:
            yield address, port, False


def _endpoint(address: EndpointAddress, *, ready: bool) -> Endpoint:
    """Only `ready` is known (EP-042)."""
    return Endpoint(
        (parse_ip(address.ip)[1],),
        EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def _metadata(item: Endpoints, number: int) -> ObjectMeta:
    """Labels and annotations are copied, and the Endpoints object owns the slice (EP-042)."""
    metadata = item.metadata
    return ObjectMeta(
        name=f"{metadata.name}-mirrored-{number}",
        namespace=metadata.namespace,
        uid=f"endpointslice-{metadata.namespace}-{metadata.name}-mirrored-{number}",
        labels=metadata.labels | {SERVICE_NAME_LABEL: metadata.name, MANAGED_BY_LABEL: MIRRORING_CONTROLLER},
        annotations=metadata.annotations.without(*NOT_COPIED),
        owner_references=(OwnerReference("Endpoints", metadata.name, metadata.uid, controller=True),),
    )
