# SPDX-License-Identifier: Apache-2.0
"""The health check node port of a load-balanced Service with policy Local."""

from __future__ import annotations

from collections.abc import Iterable

from reference.objects import Cluster, NamespacedName, Service
from reference.questions import HealthCheck, HealthCheckAnswer
from reference.routing.candidates import Candidate, candidates
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

    Addresses are counted, over all ports; draining endpoints are not.
    """
    local = {endpoint.backend.ip for endpoint in endpoints if endpoint.ready and endpoint.node_name == node}
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    return HealthCheckAnswer(200 if local else 503, len(local), name)


def health_check(cluster: Cluster, check: HealthCheck) -> HealthCheckAnswer:
    """What a request to a health check node port of a node gets, each family for itself (HC-002, HC-011)."""
    if all(node.metadata.name != check.node for node in cluster.nodes):
        return NOT_SERVED
    for service in cluster.services:
        if is_checked(service) and service.spec.health_check_node_port == check.port:
            if check.family not in families(service.spec):
                return NOT_SERVED
            endpoints = [
                endpoint
                for port in service.spec.ports
                for endpoint in candidates(cluster, service, port, check.family)
            ]
            return answer(service, endpoints, check.node)
    return NOT_SERVED
