# SPDX-License-Identifier: Apache-2.0
"""Faults with legacy Endpoints objects and with the slices that mirror them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from conformance.faults.base import replaces, says
from reference import endpoints
from reference.endpoints import legacy, mirroring
from reference.endpoints.legacy import Offer
from reference.endpoints.membership import addresses, is_eligible, is_serving
from reference.frozenmap import EMPTY
from reference.objects import (
    Cluster,
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    Labels,
    Pod,
    Service,
)
from reference.questions import NamespacedName

offers = legacy.offers
repacked = legacy.repacked
truncated = legacy.truncated
labels = legacy.labels
mirrored_slices = mirroring.mirrored_slices
is_mirrored = mirroring.is_mirrored

Written = tuple[Endpoints, ...]


@says("EP-025", "SEL-004", of=("endpoints",))
def an_object_for_every_service(cluster: Cluster, name: NamespacedName, answer: Written) -> Written:
    """A Service without a selector, and an ExternalName, have an empty Endpoints object."""
    from reference.objects import ObjectMeta

    known = {(item.metadata.namespace, item.metadata.name) for item in cluster.services}
    if answer or (name.namespace, name.name) not in known:
        return answer
    return (Endpoints(ObjectMeta(name=name.name, namespace=name.namespace)),)


@says("SEL-006", of=("endpoints",))
def no_object_without_addresses(_: Cluster, __: NamespacedName, answer: Written) -> Written:
    """While there is no address there is no object."""
    return tuple(item for item in answer if item.subsets)


@replaces(legacy, "labels", "EP-029")
def headless_not_told(service: Service) -> Labels:
    """The object does not say that the Service is headless."""
    return labels(service).without("service.kubernetes.io/headless")


@replaces(legacy, "labels", "EP-029")
def labels_not_copied(service: Service) -> Labels:
    """The object has no labels of the Service."""
    return labels(evolve(service, metadata=evolve(service.metadata, labels=EMPTY)))


@replaces(legacy, "is_offered", "EP-031")
def terminating_pods_stay(pod: Pod, service: Service) -> bool:
    """Terminating pods stay in the object, as they do in slices."""
    return is_eligible(pod)


@replaces(legacy, "is_offered", "EP-031")
def terminating_pods_always_leave(pod: Pod, service: Service) -> bool:
    """Terminating pods are left out even where not-ready addresses are published."""
    return is_eligible(pod) and pod.metadata.deletion_timestamp is None


@replaces(legacy, "offers", "EP-032")
def the_first_address_of_any_family(pod: Pod, service: Service) -> list[Offer]:
    """The first address of the pod is taken, whatever the family of the Service."""
    return [
        (evolve(address, ip=pod.status.pod_ips[0].ip), port, ready)
        for address, port, ready in offers(pod, service)
    ]


@replaces(legacy, "offers", "EP-032")
def addresses_of_both_families(pod: Pod, service: Service) -> list[Offer]:
    """A pod has an address of each family in the object."""
    return [
        (evolve(address, ip=ip), port, ready)
        for address, port, ready in offers(pod, service)
        for family in ("IPv4", "IPv6")
        for ip in addresses(pod, family)
    ]


@replaces(legacy, "offers", "EP-033")
def not_ready_pods_are_left_out(pod: Pod, service: Service) -> list[Offer]:
    """Addresses that are not ready are left out instead of being listed apart."""
    return [offer for offer in offers(pod, service) if offer[2]]


@replaces(legacy, "offers", "EP-033")
def published_pods_are_not_ready(pod: Pod, service: Service) -> list[Offer]:
    """Where not-ready addresses are published, they are still listed as not ready."""
    return [(address, port, is_serving(pod)) for address, port, _ in offers(pod, service)]


@replaces(legacy, "offers", "EP-034")
def all_ports_or_none(pod: Pod, service: Service) -> list[Offer]:
    """A pod at which one port does not resolve is left out for all ports."""
    found = offers(pod, service)
    return found if len(found) == max(1, len(service.spec.ports)) else []


@replaces(legacy, "offers", "EP-036")
def no_ports_no_addresses(pod: Pod, service: Service) -> list[Offer]:
    """A headless Service without ports has no addresses."""
    return [offer for offer in offers(pod, service) if offer[1] is not None]


@replaces(legacy, "repacked", "EP-035")
def a_subset_for_each_port(offered: Iterable[Offer]) -> tuple[EndpointSubset, ...]:
    """Each port has a subset of its own."""
    return tuple(
        evolve(subset, ports=(port,) if port else ())
        for subset in repacked(offered)
        for port in (subset.ports or (None,))
    )


@replaces(legacy, "repacked", "EP-035")
def addresses_not_sorted(offered: Iterable[Offer]) -> tuple[EndpointSubset, ...]:
    """Addresses stand in the opposite order."""
    return tuple(
        evolve(
            subset,
            addresses=subset.addresses[::-1],
            not_ready_addresses=subset.not_ready_addresses[::-1],
        )
        for subset in repacked(offered)
    )


@replaces(legacy, "truncated", "EP-037")
def no_most(item: Endpoints) -> Endpoints:
    """An object has as many addresses as there are."""
    return item


@replaces(legacy, "truncated", "EP-037")
def truncated_in_silence(item: Endpoints) -> Endpoints:
    """What was left out is not told."""
    return evolve(truncated(item), metadata=item.metadata)


@replaces(legacy, "truncated", "EP-038")
def truncated_alike(item: Endpoints) -> Endpoints:
    """Ready addresses are left out as soon as others."""
    kept = truncated(item)
    if kept == item or len(item.subsets) != 1:
        return kept
    (subset,) = item.subsets
    rest = subset.not_ready_addresses[:100]
    return Endpoints(
        kept.metadata,
        (evolve(subset, addresses=subset.addresses[: 1000 - len(rest)], not_ready_addresses=rest),),
    )


@replaces(legacy, "truncated", "EP-038")
def the_last_ones_stay(item: Endpoints) -> Endpoints:
    """Of addresses in their order the first ones are left out."""
    kept = truncated(item)
    if kept == item:
        return item
    subsets = tuple(
        evolve(
            subset,
            addresses=subset.addresses[len(subset.addresses) - len(new.addresses) :],
            not_ready_addresses=subset.not_ready_addresses[
                len(subset.not_ready_addresses) - len(new.not_ready_addresses) :
            ],
        )
        for subset, new in zip(item.subsets, kept.subsets, strict=True)
    )
    return Endpoints(kept.metadata, subsets)


@replaces(legacy, "hostname", "EP-040")
def no_hostnames_in_objects(pod: Pod, service: Service) -> None:
    """Addresses have no hostname."""


@replaces(mirroring, "is_mirrored", "EP-041")
def labels_do_not_keep_from_mirroring(item: Endpoints, service: Service | None) -> bool:
    """An object is mirrored although a label or an annotation says that it is not to be."""
    return service is not None and not service.spec.selector


@replaces(mirroring, "is_mirrored", "EP-041")
def objects_of_selectors_are_mirrored(item: Endpoints, service: Service | None) -> bool:
    """An object is mirrored for a Service with a selector too."""
    return is_mirrored(item, service) or (service is not None and bool(service.spec.selector))


@replaces(mirroring, "is_mirrored", "EP-041")
def objects_without_service_are_mirrored(item: Endpoints, service: Service | None) -> bool:
    """An object is mirrored although there is no Service of its name."""
    return service is None or is_mirrored(item, service)


@replaces(mirroring, "_endpoint", "EP-042")
def mirrored_endpoints_serve(address: EndpointAddress, *, ready: bool) -> Endpoint:
    """All conditions of a mirrored endpoint are written."""
    return Endpoint(
        (address.ip,),
        EndpointConditions(ready, ready, terminating=False),
        hostname=address.hostname or None,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


@replaces(endpoints, "mirrored_slices", "EP-042")
def one_family_is_mirrored(item: Endpoints, service: Service | None) -> tuple[EndpointSlice, ...]:
    """Addresses of IPv6 are not mirrored."""
    return tuple(piece for piece in mirrored_slices(item, service) if piece.address_type == "IPv4")


@replaces(endpoints, "mirrored_slices", "EP-042")
def annotations_not_mirrored(item: Endpoints, service: Service | None) -> tuple[EndpointSlice, ...]:
    """Annotations are not copied."""
    return mirrored_slices(evolve(item, metadata=evolve(item.metadata, annotations=EMPTY)), service)
