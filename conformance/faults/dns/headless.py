# SPDX-License-Identifier: Apache-2.0
"""The endpoints of headless Services are wrong."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.faults.base import sees
from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    asked_as,
    at_service,
    labels_of,
    resolves,
    service_of,
    swaps,
    with_records,
)
from reference.dns import Zone, index
from reference.dns.index import Kind, PublishedEndpoint, published_endpoints
from reference.dns.names import dashed, join
from reference.objects import SERVICE_NAME_LABEL, Cluster, Endpoint, EndpointSlice
from reference.questions import Answer, Query, Record


@swaps(index, "is_published", "DNS-HEADLESS-013", "DNS-PTR-009")
def endpoints_that_are_not_ready(endpoint: Endpoint) -> bool:
    """Endpoints are published whether they are ready or not."""
    return True


@swaps(index, "is_published", "DNS-HEADLESS-015")
def endpoints_that_still_serve(endpoint: Endpoint) -> bool:
    """A terminating endpoint stays published while it serves."""
    conditions = endpoint.conditions
    return conditions.ready is not False or bool(conditions.terminating and conditions.serving)


@sees("DNS-HEADLESS-023", bugs=("BUG-122",))
def last_slice_only(cluster: Cluster) -> Cluster:
    """One EndpointSlice is kept for each Service; the last one wins."""
    kept = {
        (each.metadata.namespace, each.metadata.labels.get(SERVICE_NAME_LABEL, each.metadata.name)): each
        for each in cluster.endpoint_slices
    }
    return evolve(cluster, endpoint_slices=tuple(kept.values()))


@sees("DNS-HEADLESS-017")
def slices_with_every_port_only(cluster: Cluster) -> Cluster:
    """Endpoints that lack one of the Service's ports are not published at all."""
    ports = {
        (each.metadata.namespace, each.metadata.name): {port.name for port in each.spec.ports}
        for each in cluster.services
    }

    def has_all(piece: EndpointSlice) -> bool:
        meta = piece.metadata
        wanted = ports.get((meta.namespace, meta.labels.get(SERVICE_NAME_LABEL, "")), set())
        return wanted <= {port.name or "" for port in piece.ports}

    return evolve(cluster, endpoint_slices=tuple(filter(has_all, cluster.endpoint_slices)))


def _nameless(piece: EndpointSlice) -> Iterator[PublishedEndpoint]:
    return (endpoint._replace(hostname=None) for endpoint in published_endpoints(piece))


@swaps(index, "published_endpoints", "DNS-HEADLESS-003")
def hostnames_are_ignored(piece: EndpointSlice) -> Iterator[PublishedEndpoint]:
    """Endpoints are called by their addresses, also those that have a hostname."""
    return _nameless(piece)


@resolves("DNS-HEADLESS-004", bugs=("BUG-134",))
def one_address_for_a_hostname(zone: Zone, query: Query) -> Answer:
    """The last endpoint of a hostname takes the place of the others."""
    answer = zone.resolve(query)
    service = service_of(zone, query)
    labels = labels_of(zone, query)
    if service is None or service.kind is not Kind.HEADLESS or len(labels) not in (3, 4):
        return answer
    last = {endpoint.hostname or endpoint.ip: endpoint.ip for endpoint in service.endpoints}
    return with_records(answer, (each for each in answer.records if each.data in last.values()))


@resolves("DNS-HEADLESS-005")
def generated_names_lead_nowhere(zone: Zone, query: Query) -> Answer:
    """The names that the server makes up for endpoints without a hostname do not resolve."""
    service = service_of(zone, query)
    labels = labels_of(zone, query)
    if service is None or len(labels) != 4:
        return zone.resolve(query)
    made_up = {dashed(each.ip) for each in service.endpoints if not each.hostname}
    return NXDOMAIN if labels[0] in made_up else zone.resolve(query)


def _called_like_its_pod(piece: EndpointSlice) -> Iterator[PublishedEndpoint]:
    return (each._replace(hostname=each.hostname or each.pod_name) for each in published_endpoints(piece))


@swaps(index, "published_endpoints", "DNS-HEADLESS-006")
def named_like_pods(piece: EndpointSlice) -> Iterator[PublishedEndpoint]:
    """An endpoint without a hostname is called like its pod, not by its address."""
    return _called_like_its_pod(piece)


@resolves("DNS-HEADLESS-009")
def services_are_targets(zone: Zone, query: Query) -> Answer:
    """The target of an SRV record is the headless Service, not its endpoints."""
    answer = zone.resolve(query)
    service = service_of(zone, query)
    if query.type != "SRV" or service is None or service.kind is not Kind.HEADLESS:
        return answer
    target = join(service.name, zone.name)
    return with_records(
        answer,
        (evolve(each, data=" ".join([*each.data.split()[:3], target])) for each in answer.records),
    )


@resolves("DNS-HEADLESS-010")
def number_of_the_first_port(zone: Zone, query: Query) -> Answer:
    """Every SRV record of a headless Service has the number of its first port."""
    answer = zone.resolve(query)
    service = service_of(zone, query)
    if query.type != "SRV" or service is None or service.kind is not Kind.HEADLESS:
        return answer
    numbers = [str(port.port) for port in service.service.spec.ports[:1]]
    return with_records(
        answer,
        (
            evolve(each, data=" ".join([*each.data.split()[:2], *numbers, each.data.split()[3]]))
            for each in answer.records
        ),
    )


@resolves("DNS-HEADLESS-011", "DNS-NEG-014")
def empty_services_exist(zone: Zone, query: Query) -> Answer:
    """The name of a headless Service exists while it has no ready endpoint."""
    service = at_service(zone, query)
    if service is not None and service.kind is Kind.HEADLESS and not service.endpoints:
        return NODATA
    return zone.resolve(query)


@resolves("DNS-HEADLESS-016")
def no_port_is_port_zero(zone: Zone, query: Query) -> Answer:
    """A headless Service without ports has SRV records of port 0."""
    service = at_service(zone, query)
    if service is None or service.kind is not Kind.HEADLESS or query.type != "SRV":
        return zone.resolve(query)
    if service.service.spec.ports or not service.endpoints:
        return zone.resolve(query)
    return with_records(
        NODATA,
        (
            Record(query.name, "SRV", f"0 100 0 {each.label}.{service.name}.{zone.name}")
            for each in service.endpoints
        ),
    )


@resolves("DNS-HEADLESS-026")
def endpoints_are_not_told_apart(zone: Zone, query: Query) -> Answer:
    """Any name one label below a headless Service has the addresses of the Service."""
    service = service_of(zone, query)
    labels = labels_of(zone, query)
    if service is not None and service.kind is Kind.HEADLESS and len(labels) == 4:
        answer = zone.resolve(query)
        return asked_as(zone, query, ".".join(labels[1:])) if answer == NXDOMAIN else answer
    return zone.resolve(query)
