# SPDX-License-Identifier: Apache-2.0
"""An adapter whose answers have the right type and say nothing much; tests break it in one way each."""

from __future__ import annotations

from collections.abc import Sequence

from reference import questions as q
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    Endpoints,
    EndpointSlice,
    NamespacedName,
    ObjectMeta,
    PodDNSConfigOption,
)


class Toy:
    """Supports everything."""

    name = "toy"
    version = "7"

    def __init__(self) -> None:
        self.states: list[Cluster] = []
        self.restarts = 0
        self.closed = 0

    def apply(self, cluster: Cluster) -> None:
        """Remember the state."""
        self.states.append(cluster)

    def update(self, cluster: Cluster) -> None:
        """Remember the state."""
        self.states.append(cluster)

    def restart(self) -> None:
        """Count."""
        self.restarts += 1

    def close(self) -> None:
        """Count."""
        self.closed += 1

    def select(self, questions: Sequence[q.Selection]) -> list[q.Matching]:
        """A selector matches labels that are equal to it."""
        return [
            q.Matching.MATCHES if asked.selector == asked.labels else q.Matching.DOES_NOT_MATCH
            for asked in questions
        ]

    def endpoint_slices(self, services: Sequence[NamespacedName]) -> list[list[EndpointSlice]]:
        """An empty slice for each Service that there is."""
        known = {(item.metadata.namespace, item.metadata.name) for item in self.states[-1].services}
        return [
            [EndpointSlice(ObjectMeta(name=f"{name.name}-1", namespace=name.namespace), "IPv4")]
            if (name.namespace, name.name) in known
            else []
            for name in services
        ]

    def endpoints(self, services: Sequence[NamespacedName]) -> list[list[Endpoints]]:
        """An empty object for each Service that there is."""
        known = {(item.metadata.namespace, item.metadata.name) for item in self.states[-1].services}
        return [
            [Endpoints(ObjectMeta(name=name.name, namespace=name.namespace))]
            if (name.namespace, name.name) in known
            else []
            for name in services
        ]

    def synced_slices(self, services: Sequence[NamespacedName]) -> list[list[EndpointSlice]]:
        """As from no slices."""
        return self.endpoint_slices(services)

    def mirrored_slices(self, items: Sequence[Endpoints]) -> list[list[EndpointSlice]]:
        """An empty slice for each object."""
        return [[EndpointSlice(ObjectMeta(name=f"{item.metadata.name}-1"), "IPv4")] for item in items]

    def route(self, flows: Sequence[q.Flow]) -> tuple[q.Decision, ...]:
        """Forwards to a backend that is made up of the question."""
        return tuple(
            q.Decision(q.Outcome.FORWARD, frozenset({q.Backend(flow.ip, flow.port)}), frozenset(), ("X-1",))
            for flow in flows
        )

    def connect(self, connections: Sequence[q.Connection]) -> list[q.Observation]:
        """Everything is dropped."""
        return [q.Observation(q.Outcome.DROP) for _ in connections]

    def health_checks(self, checks: Sequence[q.HealthCheck]) -> list[q.HealthCheckAnswer]:
        """Healthy."""
        return [q.HealthCheckAnswer(200, check.port, NamespacedName("a", check.node)) for check in checks]

    def resolve(self, queries: Sequence[q.Query]) -> list[q.Answer]:
        """Each name is an alias of itself."""
        return [
            q.Answer(q.Rcode.NOERROR, frozenset({q.Record(query.name, "CNAME", query.name, 5)}))
            for query in queries
        ]

    def resolver_configs(self, pods: Sequence[NamespacedName]) -> list[q.ResolverConfig]:
        """The usual."""
        return [
            q.ResolverConfig(("10.96.0.10",), (pod.namespace,), (PodDNSConfigOption("ndots", "5"),))
            for pod in pods
        ]

    def environment(self, containers: Sequence[q.ContainerName]) -> list[q.Environment]:
        """The container's name as a variable."""
        return [q.Environment(FrozenMap({"NAME": str(container)})) for container in containers]

    def admit(self, sessions: Sequence[q.ApiSession]) -> list[list[q.ApiResponse]]:
        """Stores the first of two requests, refuses the rest."""
        return [
            [
                q.ApiResponse(422, causes=(q.Cause("spec", "Invalid"),))
                if index
                else q.ApiResponse(201, request.service)
                for index, request in enumerate(session.requests)
            ]
            for session in sessions
        ]

    def admit_endpoints(self, requests: Sequence[q.EndpointsRequest]) -> list[q.ApiResponse]:
        """Takes what is new, refuses every update."""
        return [
            q.ApiResponse(201)
            if request.old is None
            else q.ApiResponse(422, None, (q.Cause("metadata", "Invalid"),))
            for request in requests
        ]
