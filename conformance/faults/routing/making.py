# SPDX-License-Identifier: Apache-2.0
"""How faulty service proxies are made: of what they see, decide, keep from before, or answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import evolve

from conformance.faults.base import Faulty, behaves
from conformance.model import Model
from reference.objects import SERVICE_NAME_LABEL, Cluster, Endpoint, EndpointSlice, Service, ServiceSpec
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
from reference.routing import AffinityState, Destination, Match, RoutingTable
from reference.routing.addresses import family_of

F = TypeVar("F", bound=Callable[..., Any])


class Proxy(Faulty):
    """A service proxy; a subclass changes what it decides, keeps, picks or answers.

    What it decides goes for `route` and for `connect`.
    """

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        return table.decide(flow)

    def narrowed(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        kept = state.allowed(table, connection)
        both = decision.backends & kept.backends
        return evolve(decision, backends=both) if both else decision

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        return observation

    def health(self, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
        """The answer to a health check."""
        return table.health_check(check)

    # -- the questions ---------------------------------------------------------

    def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers, those of a proxy by its own decisions."""
        table = self.model.routing
        if operation == "route":
            return [self.decision(table, flow) for flow in questions]
        if operation == "health_checks":
            return [self.health(table, check) for check in questions]
        return super().answer(operation, questions)

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """As it is seen from outside."""
        answers = super().connect(connections)
        return [self.seen(*pair) for pair in zip(connections, answers, strict=True)]

    def decide(self, table: RoutingTable, state: AffinityState, connection: Connection) -> Decision:
        """What may happen to one connection."""
        decision = self.decision(table, connection.flow)
        if decision.outcome is not Outcome.FORWARD:
            return decision
        return self.narrowed(table, state, connection, decision)


def decides(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault in decisions on flows for a service port: `(table, flow, match, decision) -> decision`."""

    def declare(change: F) -> F:
        def decision(self: Proxy, table: RoutingTable, flow: Flow) -> Decision:
            right, match = table.decide(flow), table.match(flow)
            changed: Decision = right if match is None else change(table, flow, match, right)
            return changed

        _made(Proxy, change, breaks, bugs, decision=decision)
        return change

    return declare


def answers_checks(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault in answers to health checks: `(table, check, answer) -> answer`."""

    def declare(change: F) -> F:
        def health(self: Proxy, table: RoutingTable, check: HealthCheck) -> HealthCheckAnswer:
            changed: HealthCheckAnswer = change(table, check, table.health_check(check))
            return changed

        _made(Proxy, change, breaks, bugs, health=health)
        return change

    return declare


def keeps(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault in how an update is taken: `(held, told, cluster) -> cluster`.

    `held` is what the implementation has, `told` the state that it was told of
    before, `cluster` what it is told of now; what it has then comes out.
    """

    def declare(change: F) -> F:
        def update(self: Proxy, cluster: Cluster) -> None:
            held, told = self.model.cluster, self.applied
            self.apply(cluster)
            self.model = Model(change(held, told, cluster))

        _made(Proxy, change, breaks, bugs, update=update)
        return change

    return declare


def _made(
    base: type[Faulty], source: Callable[..., Any], breaks: Sequence[str], bugs: Sequence[str], **methods: Any
) -> None:
    """Register a class that is called and described as the function it was made of."""
    names = {"__doc__": source.__doc__, "__module__": source.__module__}
    behaves(*breaks, bugs=bugs)(type(source.__name__, (base,), {**names, **methods}))


# -- parts of a cluster ------------------------------------------------------------


def with_services(cluster: Cluster, change: Callable[[Service], Service]) -> Cluster:
    """The cluster with each Service changed."""
    return evolve(cluster, services=tuple(map(change, cluster.services)))


def with_specs(cluster: Cluster, change: Callable[[ServiceSpec], ServiceSpec]) -> Cluster:
    """The cluster with each spec changed."""
    return with_services(cluster, lambda item: evolve(item, spec=change(item.spec)))


def with_slices(cluster: Cluster, change: Callable[[EndpointSlice], EndpointSlice]) -> Cluster:
    """The cluster with each slice changed."""
    return evolve(cluster, endpoint_slices=tuple(map(change, cluster.endpoint_slices)))


def with_endpoints(cluster: Cluster, change: Callable[[Endpoint], Endpoint | None]) -> Cluster:
    """The cluster with each endpoint changed or left out."""

    def changed(item: EndpointSlice) -> EndpointSlice:
        kept = tuple(new for one in item.endpoints if (new := change(one)) is not None)
        return evolve(item, endpoints=kept)

    return with_slices(cluster, changed)


def service_key(service: Service) -> tuple[str, str]:
    """Namespace and name."""
    return service.metadata.namespace, service.metadata.name


def services_of(cluster: Cluster) -> dict[tuple[str, str], Service]:
    """The Services by namespace and name."""
    return {service_key(item): item for item in cluster.services}


def slices_of(cluster: Cluster) -> dict[tuple[str, str], EndpointSlice]:
    """The slices by namespace and name."""
    return {(item.metadata.namespace, item.metadata.name): item for item in cluster.endpoint_slices}


def owner(item: EndpointSlice) -> tuple[str, str]:
    """Namespace and name of the Service that a slice is of."""
    return item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL, "")


def each_slice(
    old: Cluster, new: Cluster, change: Callable[[EndpointSlice, EndpointSlice], EndpointSlice]
) -> Cluster:
    """The new cluster with each slice changed that was there before: `(before, now) -> slice`."""
    before = slices_of(old)

    def changed(item: EndpointSlice) -> EndpointSlice:
        was = before.get((item.metadata.namespace, item.metadata.name))
        return item if was is None else change(was, item)

    return with_slices(new, changed)


# -- decisions ---------------------------------------------------------------------


def forward(backends: frozenset[Backend], otherwise: Outcome = Outcome.DROP) -> Decision:
    """A forward to a set, or something else if it is empty."""
    return Decision(Outcome.FORWARD, backends, frozenset()) if backends else Decision(otherwise)


def narrowed_to(decision: Decision, backends: frozenset[Backend]) -> Decision:
    """The decision with some of its backends, dropped if none is left."""
    kept = decision.backends & backends
    if not kept:
        return Decision(Outcome.DROP)
    replaced = decision.masqueraded
    return evolve(decision, backends=kept, masqueraded=None if replaced is None else replaced & kept)


def local_backends(table: RoutingTable, flow: Flow, match: Match) -> frozenset[Backend]:
    """The usable endpoints of the node that decides."""
    node = table.processing_node(flow)
    return (
        table.sets(match.service, match.port, family_of(flow.ip)).local(node).backends
        if node
        else frozenset()
    )


def all_backends(table: RoutingTable, flow: Flow, match: Match) -> frozenset[Backend]:
    """The usable endpoints of all nodes."""
    node = table.processing_node(flow)
    return (
        table.sets(match.service, match.port, family_of(flow.ip)).cluster(node).backends
        if node
        else frozenset()
    )


def is_outer(match: Match) -> bool:
    """Whether an address is one for the outside."""
    return match.destination is not Destination.CLUSTER_IP
