# SPDX-License-Identifier: Apache-2.0
"""Proxies whose health check node ports are wrong, and what is seen of a host's connections."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves
from conformance.faults.routing.making import Proxy, answers_checks, decides
from reference.objects import SERVICE_NAME_LABEL, SERVICE_PROXY_NAME_LABEL, Cluster, Endpoint
from reference.questions import (
    ClientKind,
    Connection,
    Decision,
    Flow,
    HealthCheck,
    HealthCheckAnswer,
    Observation,
    Outcome,
)
from reference.routing import Destination, Match, RoutingTable, health


def _endpoints(table: RoutingTable, check: HealthCheck) -> list[Endpoint]:
    """The endpoints on the node of the Service that the port is for."""
    names = {
        (item.metadata.namespace, item.metadata.name)
        for item in table.cluster.services
        if item.spec.health_check_node_port == check.port
    }
    return [
        one
        for item in table.cluster.endpoint_slices
        if (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL, "")) in names
        and item.address_type == check.family
        for one in item.endpoints
        if one.node_name == check.node
    ]


@answers_checks("HC-002")
def nothing_listens_without_endpoints(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """A node without an endpoint does not open the health check node port."""
    return HealthCheckAnswer(0) if answer.status == 503 else answer


@answers_checks("HC-003", "TERM-011")
def always_healthy(table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer) -> HealthCheckAnswer:
    """Every node answers 200 as long as the proxy runs."""
    return evolve(answer, status=200) if answer.status else answer


@answers_checks("TERM-011")
def draining_is_healthy(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """Endpoints that terminate but serve count as well."""
    draining = [
        one
        for one in _endpoints(table, check)
        if one.conditions.terminating and one.conditions.serving is not False
    ]
    return (
        evolve(answer, status=200, local_endpoints=len(draining))
        if answer.status == 503 and draining
        else answer
    )


@answers_checks("HC-004")
def counts_ports_of_the_service(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """Endpoints under ports that slices list and the Service lacks are not counted."""
    for service in table.cluster.services:
        if answer.status and service.spec.health_check_node_port == check.port:
            own = [
                one for port in service.spec.ports for one in table.candidates(service, port, check.family)
            ]
            return health.answer(service, own, check.node)
    return answer


@answers_checks("HC-004")
def counts_ports(table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer) -> HealthCheckAnswer:
    """An endpoint is counted for each port of the Service."""
    ports = sum(
        len(item.spec.ports)
        for item in table.cluster.services
        if item.spec.health_check_node_port == check.port
    )
    return evolve(answer, local_endpoints=(answer.local_endpoints or 0) * ports) if answer.status else answer


@answers_checks("HC-005")
def published_pods_do_not_count(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """An endpoint that is published while its pod terminates is not counted."""
    ending = {
        one.addresses[0]
        for one in _endpoints(table, check)
        if one.conditions.terminating and one.conditions.ready is not False
    }
    left = max(0, (answer.local_endpoints or 0) - len(ending))
    return evolve(answer, local_endpoints=left) if answer.status == 200 else answer


@answers_checks("HC-006")
def name_without_namespace(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """The answer names the Service without its namespace."""
    return evolve(answer, service=evolve(answer.service, namespace="")) if answer.service else answer


@answers_checks("HC-010")
def internal_policy_makes_unhealthy(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """A Service with internal policy Local is unhealthy on every node."""
    local = any(
        item.spec.health_check_node_port == check.port and item.spec.internal_traffic_policy == "Local"
        for item in table.cluster.services
    )
    return evolve(answer, status=503, local_endpoints=0) if local and answer.status else answer


@answers_checks("HEADLESS-004")
def health_of_other_proxies_services(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """The health check node port is opened for Services of other proxies, too."""
    labelled = any(
        item.spec.health_check_node_port == check.port and SERVICE_PROXY_NAME_LABEL in item.metadata.labels
        for item in table.cluster.services
    )
    return HealthCheckAnswer(503, 0) if labelled else answer


@decides("HC-003")
def healthy_but_deaf(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Under external policy Local, node ports are closed although the health check answers 200."""
    local = match.service.spec.external_traffic_policy == "Local"
    return Decision(Outcome.DROP) if match.destination is Destination.NODE_PORT and local else decision


@behaves("HC-013")
class NeverCloses(Proxy):
    """A health check node port that was opened once stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: set[int] = set()

    def apply(self, cluster: Cluster) -> None:
        """Begin anew."""
        super().apply(cluster)
        self.opened = set()

    def update(self, cluster: Cluster) -> None:
        """Move to this state."""
        before = self.opened | {item.spec.health_check_node_port for item in self.applied.services} - {0}
        super().update(cluster)
        self.opened = before

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        answer = table.health_check(check)
        return answer if answer.status or check.port not in self.opened else HealthCheckAnswer(503, 0)


@behaves("RT-015")
class HostsSeemElsewhere(Proxy):
    """A host's connections to a cluster IP carry the Service's address."""

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        if connection.flow.client.kind is ClientKind.NODE and observation.source_ip:
            return evolve(observation, source_ip=connection.flow.ip)
        return observation
