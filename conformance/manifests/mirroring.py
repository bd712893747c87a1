# SPDX-License-Identifier: Apache-2.0
"""Legacy Endpoints objects, mirrored to EndpointSlices as a cluster does (EP-041, EP-042).

The usual way to give a Service without a selector its addresses by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from conformance.convert import from_plain
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    ObjectMeta,
    ObjectReference,
    OwnerReference,
    Service,
)

MIRRORING_CONTROLLER = "endpointslicemirroring-controller.k8s.io"
_SKIP = "endpointslice.kubernetes.io/skip-mirror"
_LEADER = "control-plane.alpha.kubernetes.io/leader"


@frozen
class EndpointAddress:
    """`subsets[].addresses[]`."""

    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


@frozen
class SubsetPort:
    """`subsets[].ports[]`."""

    port: int
    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None


@frozen
class EndpointSubset:
    """`subsets[]`."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[SubsetPort, ...] = ()


@frozen
class Endpoints:
    """A legacy Endpoints object."""

    metadata: ObjectMeta
    subsets: tuple[EndpointSubset, ...] = ()

    @classmethod
    def read(cls, data: dict[str, Any]) -> Endpoints:
        """The object that plain data describe."""
        return from_plain(data, cls)


def mirrored(
    endpoints: Iterable[Endpoints], services: Iterable[Service], existing: Iterable[EndpointSlice]
) -> Iterator[EndpointSlice]:
    """The slices that mirror `endpoints`, but for those that are mirrored already."""
    named = {(service.metadata.namespace, service.metadata.name): service for service in services}
    done = {
        (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL))
        for item in existing
        if item.metadata.labels.get(MANAGED_BY_LABEL) == MIRRORING_CONTROLLER
    }
    for item in endpoints:
        key = (item.metadata.namespace, item.metadata.name)
        service = named.get(key)
        if service is not None and not service.spec.selector and key not in done and _is_mirrored(item):
            yield from _slices(item)


def _is_mirrored(item: Endpoints) -> bool:
    return item.metadata.labels.get(_SKIP) != "true" and _LEADER not in item.metadata.annotations


def _slices(item: Endpoints) -> Iterator[EndpointSlice]:
    number = 0
    for subset in item.subsets:
        ports = tuple(
            EndpointPort(port.name, port.port, port.protocol or "TCP", port.app_protocol)
            for port in subset.ports
        )
        for address_type in ("IPv4", "IPv6"):
            members = tuple(
                _endpoint(address, ready=ready)
                for addresses, ready in ((subset.addresses, True), (subset.not_ready_addresses, False))
                for address in addresses
                if (":" in address.ip) == (address_type == "IPv6")
            )
            if members:
                yield EndpointSlice(_metadata(item, number), address_type, members, ports)
                number += 1


def _metadata(item: Endpoints, number: int) -> ObjectMeta:
    metadata = item.metadata
    return ObjectMeta(
        name=f"{metadata.name}-mirrored-{number}",
        namespace=metadata.namespace,
        uid=f"endpointslice-{metadata.namespace}-{metadata.name}-mirrored-{number}",
        labels=metadata.labels | {SERVICE_NAME_LABEL: metadata.name, MANAGED_BY_LABEL: MIRRORING_CONTROLLER},
        annotations=metadata.annotations,
        owner_references=(OwnerReference("Endpoints", metadata.name, metadata.uid, controller=True),),
    )


def _endpoint(address: EndpointAddress, *, ready: bool) -> Endpoint:
    return Endpoint(
        (address.ip,),
        EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )
