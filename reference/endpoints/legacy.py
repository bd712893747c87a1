# SPDX-License-Identifier: Apache-2.0
"""The legacy Endpoints object that the endpoints controller writes for each Service.

Source: kubernetes `pkg/controller/endpoint/endpoints_controller.go`,
`pkg/api/v1/endpoints/util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from attrs import evolve

from reference.endpoints.membership import addresses, hostname, is_eligible, is_serving, target_ref
from reference.endpoints.packing import View
from reference.endpoints.target_ports import DEFAULT_PROTOCOL, target_number
from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    HEADLESS_LABEL,
    LEGACY_MANAGED_BY_LABEL,
    EndpointAddress,
    Endpoints,
    EndpointSubset,
    Labels,
    ObjectMeta,
    Pod,
    Service,
    SubsetPort,
)
from reference.selectors import service_selects

MAX_ADDRESSES = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
CONTROLLER = "endpoint-controller"

Offer = tuple[EndpointAddress, SubsetPort | None, bool]
"""An address, a port that it offers (None where the Service has none), and whether it is ready."""


def endpoints_of(service: Service, view: View) -> Endpoints | None:
    """The Endpoints object of a Service; None where the controller writes none (SEL-004, EP-025, EP-029)."""
    # Unlike for slices, a Service that is being deleted is no exception.
    if not service.spec.selector or service.spec.type == "ExternalName":
        return None
    pods = [
        pod
        for pod in view.pods.get(service.metadata.namespace, ())
        if service_selects(service.spec.selector, pod.metadata.labels) and is_offered(pod, service)
    ]
    subsets = repacked(offer for pod in pods for offer in offers(pod, service))
    metadata = service.metadata
    made = Endpoints(
        ObjectMeta(name=metadata.name, namespace=metadata.namespace, labels=labels(service)), subsets
    )
    return truncated(made)


def labels(service: Service) -> Labels:
    """The Service's own, whether it is headless, and who writes the object (EP-029)."""
    own = service.metadata.labels.without(HEADLESS_LABEL)
    if service.spec.cluster_ip in ("", CLUSTER_IP_NONE):
        own |= {HEADLESS_LABEL: ""}
    return own | {LEGACY_MANAGED_BY_LABEL: CONTROLLER}


def is_offered(pod: Pod, service: Service) -> bool:
    """As for slices, but a terminating pod only where not-ready addresses are published (EP-031).

    Whether its node exists is not looked at (EP-033).
    """
    terminating = pod.metadata.deletion_timestamp is not None
    return is_eligible(pod) and (not terminating or service.spec.publish_not_ready_addresses)


def offers(pod: Pod, service: Service) -> list[Offer]:
    """What a pod offers: one address of the Service's first family, at each port that resolves.

    EP-032, EP-034; a headless Service without ports has the address alone (EP-036).
    """
    found = addresses(pod, service.spec.ip_families[0])
    if not found:
        return []
    metadata = pod.metadata
    address = EndpointAddress(
        ip=found[0],
        hostname=hostname(pod, service) or "",
        node_name=pod.spec.node_name,
        target_ref=target_ref(metadata.namespace, metadata.name, metadata.uid),
    )
    ready = service.spec.publish_not_ready_addresses or is_serving(pod)  # EP-033
    if not service.spec.ports:
        return [(address, None, ready)] if service.spec.cluster_ip == CLUSTER_IP_NONE else []
    return [
        (address, SubsetPort(number, port.name, port.protocol or DEFAULT_PROTOCOL, port.app_protocol), ready)
        for port in service.spec.ports
        if (number := target_number(port, pod)) is not None
    ]


def repacked(offered: Iterable[Offer]) -> tuple[EndpointSubset, ...]:
    """Ports that the same addresses offer in the same state share a subset (EP-035).

    An address that is both ready and not is not ready; addresses are in the order
    of their texts and then of the pods' uids.
    """
    by_port: dict[SubsetPort | None, dict[tuple[str, str], tuple[EndpointAddress, bool]]] = {}
    for address, port, ready in offered:
        key = (address.ip, address.target_ref.uid if address.target_ref else "")
        of = by_port.setdefault(port, {})
        known, was_ready = of.get(key, (address, True))
        of[key] = (known, was_ready and ready)
    ports_of: dict[tuple[tuple[EndpointAddress, bool], ...], list[SubsetPort]] = {}
    for port, of in by_port.items():
        members = tuple(of[key] for key in sorted(of))
        ports_of.setdefault(members, []).extend([] if port is None else [port])
    return tuple(
        EndpointSubset(
            addresses=tuple(address for address, ready in members if ready),
            not_ready_addresses=tuple(address for address, ready in members if not ready),
            ports=tuple(ports),
        )
        for members, ports in ports_of.items()
    )


def truncated(item: Endpoints) -> Endpoints:
    """At most 1000 addresses, ready ones first, and an annotation that says so (EP-037, EP-038)."""
    ready = sum(len(subset.addresses) for subset in item.subsets)
    rest = sum(len(subset.not_ready_addresses) for subset in item.subsets)
    if ready + rest <= MAX_ADDRESSES:
        return item
    if ready > MAX_ADDRESSES:
        kept = _shares([len(subset.addresses) for subset in item.subsets], MAX_ADDRESSES)
        subsets = tuple(
            evolve(subset, addresses=subset.addresses[:count], not_ready_addresses=())
            for subset, count in zip(item.subsets, kept, strict=True)
        )
    else:
        kept = _shares([len(subset.not_ready_addresses) for subset in item.subsets], MAX_ADDRESSES - ready)
        subsets = tuple(
            evolve(subset, not_ready_addresses=subset.not_ready_addresses[:count])
            for subset, count in zip(item.subsets, kept, strict=True)
        )
    metadata = evolve(item.metadata, annotations=FrozenMap({OVER_CAPACITY: "truncated"}))
    return Endpoints(metadata, subsets)


def _shares(sizes: list[int], budget: int) -> list[int]:
    """Of each subset its share of the budget, rounded up while it lasts (EP-038)."""
    total, left, shares = sum(sizes), budget, []
    for size in sizes:
        share = min(ceil(size / total * budget), left)
        shares.append(share)
        left -= share
    return shares
