# SPDX-License-Identifier: Apache-2.0
"""Service proxies that differ from the model, rightly or wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from conformance.adapters.reference import ReferenceAdapter
from conformance.example import Example
from reference.objects import Cluster, Endpoint, EndpointSlice, Service, ServiceSpec
from reference.questions import (
    Backend,
    Connection,
    Decision,
    Flow,
    HealthCheck,
    HealthCheckAnswer,
    Observation,
    Outcome,
)
from reference.routing import AffinityState, Destination, Match, RoutingTable, compile

OPERATIONS = frozenset({"route", "connect", "health_checks"})


class Proxy:
    """The model; a subclass changes what it sees, decides, picks or answers."""

    def __init__(self, operations: frozenset[str] = OPERATIONS) -> None:
        self.operations = operations
        self.adapter = _Picking(self)
        self._applied: Cluster | None = None

    # -- what a subclass changes -----------------------------------------------

    def see(self, cluster: Cluster) -> Cluster:
        """The cluster as the proxy takes it."""
        return cluster

    def decide(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        return table.decide(flow)

    def narrow(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        kept = state.allowed(table, connection)
        both = decision.backends & kept.backends
        return evolve(decision, backends=both) if both else decision

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        return self.adapter.chance(backends)

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        return observation

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        return table.health_check(check)

    # -- Asker -----------------------------------------------------------------

    def supports(self, operation: str) -> bool:
        """The operations of the area, or some of them."""
        return operation in self.operations

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers in a state."""
        if example.cluster is not self._applied:
            self._applied = example.cluster
            self.adapter.apply(self.see(example.cluster))
            self.table = compile(self.adapter.cluster)
        if operation == "route":
            return [self.decide(self.table, flow) for flow in questions]
        if operation == "health_checks":
            return [self.health(self.table, check) for check in questions]
        answers = self.adapter.connect(questions)
        return [self.seen(*pair) for pair in zip(questions, answers, strict=True)]


class _Picking(ReferenceAdapter):
    """Makes connections by the proxy's decisions."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self.proxy = proxy

    def decide(self, table: RoutingTable, state: AffinityState, connection: Connection) -> Decision:
        decision = self.proxy.decide(table, connection.flow)
        if decision.outcome is not Outcome.FORWARD:
            return decision
        return self.proxy.narrow(table, state, connection, decision)

    def pick(self, backends: Sequence[Backend]) -> Backend:
        return self.proxy.pick(backends)

    def chance(self, backends: Sequence[Backend]) -> Backend:
        """One of several, by chance."""
        return super().pick(backends)


# -- ways to make one ------------------------------------------------------------


def seeing(change: Callable[[Cluster], Cluster]) -> type[Proxy]:
    """A proxy that takes another cluster for the true one."""

    class Seeing(Proxy):
        def see(self, cluster: Cluster) -> Cluster:
            return change(cluster)

    return Seeing


def deciding(change: Callable[[RoutingTable, Flow, Match, Decision], Decision]) -> type[Proxy]:
    """A proxy that decides otherwise on flows that are for a service port."""

    class Deciding(Proxy):
        def decide(self, table: RoutingTable, flow: Flow) -> Decision:
            match = table.match(flow)
            decision = table.decide(flow)
            return decision if match is None else change(table, flow, match, decision)

    return Deciding


def with_specs(change: Callable[[ServiceSpec], ServiceSpec]) -> Callable[[Cluster], Cluster]:
    """A cluster whose specs are changed."""
    return with_services(lambda item: evolve(item, spec=change(item.spec)))


def with_services(change: Callable[[Service], Service]) -> Callable[[Cluster], Cluster]:
    """A cluster whose Services are changed."""
    return lambda cluster: evolve(cluster, services=tuple(map(change, cluster.services)))


def with_slices(change: Callable[[EndpointSlice], EndpointSlice]) -> Callable[[Cluster], Cluster]:
    """A cluster whose slices are changed."""
    return lambda cluster: evolve(cluster, endpoint_slices=tuple(map(change, cluster.endpoint_slices)))


def with_endpoints(change: Callable[[Endpoint], Endpoint]) -> Callable[[Cluster], Cluster]:
    """A cluster whose endpoints are changed."""
    return with_slices(lambda item: evolve(item, endpoints=tuple(map(change, item.endpoints))))


def forward(backends: frozenset[Backend], otherwise: Outcome = Outcome.DROP) -> Decision:
    """A forward to a set, or something else if it is empty."""
    return Decision(Outcome.FORWARD, backends, frozenset()) if backends else Decision(otherwise)


def is_outer(match: Match) -> bool:
    """Whether an address is one for the outside."""
    return match.destination is not Destination.CLUSTER_IP
