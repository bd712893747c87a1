# SPDX-License-Identifier: Apache-2.0
"""Faults in source addresses and in answers to health checks."""

from __future__ import annotations

from attrs import evolve

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
from reference.routing import Destination, Match, RoutingTable
from tests.routing.proxies import (
    Proxy,
)


def always_masquerades(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Every client's address is replaced."""
    return evolve(decision, masqueraded=decision.backends)


def never_masquerades(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """No client's address is replaced."""
    return evolve(decision, masqueraded=frozenset())


class HostsSeemElsewhere(Proxy):
    """A host's connections come from the Service's address."""

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        if connection.flow.client.kind is ClientKind.NODE and observation.source_ip:
            return evolve(observation, source_ip=connection.flow.ip)
        return observation


class AlwaysHealthy(Proxy):
    """Every node is healthy, for every port of every Service."""

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        return HealthCheckAnswer(200, 1)


class DrainingIsHealthy(Proxy):
    """Draining endpoints count."""

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        answer = table.health_check(check)
        if answer.status != 503:
            return answer
        listed = [
            endpoint
            for item in table.cluster.endpoint_slices
            for endpoint in item.endpoints
            if endpoint.node_name == check.node and endpoint.conditions.terminating
        ]
        return evolve(answer, status=200, local_endpoints=len(listed)) if listed else answer


class CountsPorts(Proxy):
    """Endpoints are counted for each port."""

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        answer = table.health_check(check)
        return evolve(answer, local_endpoints=(answer.local_endpoints or 0) * 2) if answer.status else answer


class HealthByInternalPolicy(Proxy):
    """Internal policy Local makes a node unhealthy."""

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        answer = table.health_check(check)
        local = any(
            item.spec.health_check_node_port == check.port and item.spec.internal_traffic_policy == "Local"
            for item in table.cluster.services
        )
        return evolve(answer, status=503, local_endpoints=0) if local and answer.status else answer


class HealthyButDeaf(Proxy):
    """Node ports under policy Local are not served, whatever the health check says."""

    def decide(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match = table.match(flow)
        if match and match.destination is Destination.NODE_PORT:
            return Decision(Outcome.DROP)
        return table.decide(flow)


class NeverCloses(Proxy):
    """A health check node port stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[tuple[str, int]] = set()

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        answer = table.health_check(check)
        if answer.status:
            self.open.add((check.node, check.port))
        return HealthCheckAnswer(503, 0) if (check.node, check.port) in self.open else answer
