# SPDX-License-Identifier: Apache-2.0
"""The health check node port of a load-balanced Service with policy Local."""

from __future__ import annotations

from collections.abc import Iterable

from reference.objects import Cluster, EndpointSlice, NamespacedName, Service, ServicePort
from reference.questions import HealthCheck, HealthCheckAnswer
from reference.routing.candidates import Candidate, is_slice_of, is_usable_slice, join, listings
from reference.routing.frontends import families, is_proxied

NOT_SERVED = HealthCheckAnswer(0)


def is_checked(service: Service) -> bool:
    """Type LoadBalancer, external policy Local, and a port for it (HC-001, HEADLESS-004)."""
    spec = service.spec
    return (
        is_proxied(service)
        and spec.type == "LoadBalancer"
        and spec.external_traffic_policy == "Local"
        and bool(spec.health_check_node_port)
    )


def answer(service: Service, endpoints: Iterable[Candidate], node: str) -> HealthCheckAnswer:
    """200 if a ready endpoint is on the node, else 503, and how many (HC-002 to HC-005, HC-010, TERM-011).

    Addresses are counted, once each; draining endpoints are not.
    """
    local = {endpoint.backend.ip for endpoint in endpoints if endpoint.ready and endpoint.node_name == node}
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    return HealthCheckAnswer(200 if local else 503, len(local), name)


def listed(slices: Iterable[EndpointSlice]) -> list[tuple[Candidate, ...]]:
    """The endpoints that count, under each port that slices list: the Service may lack it (HC-004).

    An endpoint that a port lists several times comes up as often.
    """
    known = tuple(slices)
    ports = dict.fromkeys(
        (entry.name or "", entry.protocol or "TCP") for item in known for entry in item.ports
    )
    return [tuple(listings(known, ServicePort(1, name, protocol))) for name, protocol in ports]


def counted(slices: Iterable[EndpointSlice]) -> list[Candidate]:
    """The endpoints that count, each once for each port (RT-007)."""
    return [endpoint for found in listed(slices) for endpoint in join(found)]


def health_check(cluster: Cluster, check: HealthCheck) -> HealthCheckAnswer:
    """What a request to a health check node port of a node gets, each family for itself (HC-002, HC-011)."""
    if all(node.metadata.name != check.node for node in cluster.nodes):
        return NOT_SERVED
    for service in cluster.services:
        if is_checked(service) and service.spec.health_check_node_port == check.port:
            if check.family not in families(service.spec):
                return NOT_SERVED
            slices = [
                item
                for item in cluster.endpoint_slices
                if is_usable_slice(item, check.family) and is_slice_of(item, service)
            ]
            return answer(service, counted(slices), check.node)
    return NOT_SERVED
