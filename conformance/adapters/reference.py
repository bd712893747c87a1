# SPDX-License-Identifier: Apache-2.0
"""The reference model as an adapter: what the suite judges when it judges itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from attrs import evolve

import conformance
from conformance.model import Model, model_of
from reference import questions as q
from reference.objects import Cluster, Endpoints, EndpointSlice, NamespacedName

if TYPE_CHECKING:
    from reference.routing import AffinityState, Mode, RoutingTable


class ReferenceAdapter:
    """Answers every operation by the model; `connect` picks by chance, from `seed`, anew with each `apply`.

    As in a kernel, records of affinity and UDP flows outlive batches and updates.

    A subclass that changes `answer` or `pick` changes what the implementation does.
    """

    name = "reference"
    mode: Mode | None = None
    """The mode of kube-proxy where modes differ; None for what is common to them."""
    version = conformance.__version__

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self.model = Model(Cluster())
        self._begin()

    def _begin(self) -> None:
        self._random = random.Random(self.seed)
        self._affinity: AffinityState | None = None
        self._flows: dict[tuple[q.Flow, int], q.Observation] = {}
        self._now = 0

    @property
    def cluster(self) -> Cluster:
        """The present state."""
        return self.model.cluster

    # -- the state -------------------------------------------------------------

    def apply(self, cluster: Cluster) -> None:
        """Forget everything, and take this state."""
        self.model = model_of(cluster)
        self._begin()

    def update(self, cluster: Cluster) -> None:
        """Move to this state: as `apply`, but records of affinity and flows are kept, and chance goes on."""
        chance, affinity, now, flows = self._random, self._affinity, self._now, self._flows
        self.apply(cluster)
        self._random, self._now, self._flows = chance, now, flows
        self._affinity = None if affinity is None else affinity.synced(self.model.routing)

    def restart(self) -> None:
        """Restart with the applied state."""
        self.update(self.cluster)

    # -- the questions ---------------------------------------------------------

    def answer(self, operation: str, questions: Sequence[object]) -> list[object]:
        """The answers to the questions of any operation but `connect`."""
        if operation == "route" and self.mode is not None:
            table = self.model.routing
            return [in_mode(table, flow, self.mode) for flow in cast("Sequence[q.Flow]", questions)]
        return self.model.answer(operation, questions)

    def select(self, questions: Sequence[q.Selection]) -> Sequence[q.Matching]:
        """Label selectors."""
        return self.answer("select", questions)  # type: ignore[return-value]

    def endpoint_slices(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[EndpointSlice]]:
        """The EndpointSlice controller."""
        return self.answer("endpoint_slices", services)  # type: ignore[return-value]

    def endpoints(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[Endpoints]]:
        """The controller of legacy Endpoints."""
        return self.answer("endpoints", services)  # type: ignore[return-value]

    def synced_slices(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[EndpointSlice]]:
        """The EndpointSlice controller, where there are slices already."""
        return self.answer("synced_slices", services)  # type: ignore[return-value]

    def mirrored_slices(self, items: Sequence[Endpoints]) -> Sequence[Sequence[EndpointSlice]]:
        """The mirroring controller."""
        return self.answer("mirrored_slices", items)  # type: ignore[return-value]

    def route(self, flows: Sequence[q.Flow]) -> Sequence[q.Decision]:
        """The service proxy, as it decides."""
        return self.answer("route", flows)  # type: ignore[return-value]

    def health_checks(self, checks: Sequence[q.HealthCheck]) -> Sequence[q.HealthCheckAnswer]:
        """The service proxy's health check node ports."""
        return self.answer("health_checks", checks)  # type: ignore[return-value]

    def resolve(self, queries: Sequence[q.Query]) -> Sequence[q.Answer]:
        """The DNS server."""
        return self.answer("resolve", queries)  # type: ignore[return-value]

    def resolver_configs(self, pods: Sequence[NamespacedName]) -> Sequence[q.ResolverConfig]:
        """The node agent's resolv.conf."""
        return self.answer("resolver_configs", pods)  # type: ignore[return-value]

    def environment(self, containers: Sequence[q.ContainerName]) -> Sequence[q.Environment]:
        """The node agent's variables."""
        return self.answer("environment", containers)  # type: ignore[return-value]

    def admit(self, sessions: Sequence[q.ApiSession]) -> Sequence[Sequence[q.ApiResponse]]:
        """The API server."""
        return self.answer("admit", sessions)  # type: ignore[return-value]

    def admit_endpoints(self, requests: Sequence[q.EndpointsRequest]) -> Sequence[q.ApiResponse]:
        """The API server, as to EndpointSlices and legacy Endpoints."""
        return self.answer("admit_endpoints", requests)  # type: ignore[return-value]

    # -- one connection after the other ----------------------------------------

    def connect(self, connections: Sequence[q.Connection]) -> Sequence[q.Observation]:
        """The service proxy, as it is seen from outside; the clock goes on from batch to batch."""
        from reference.routing import AffinityState

        table = self.model.routing
        state = AffinityState() if self._affinity is None else self._affinity
        observations = []
        start = self._now
        for connection in connections:
            now = evolve(connection, at=start + connection.at)
            observation, state = self._connected(table, state, now)
            observations.append(observation)
            self._now = now.at
        self._affinity = state
        return observations

    def _connected(
        self, table: RoutingTable, state: AffinityState, connection: q.Connection
    ) -> tuple[q.Observation, AffinityState]:
        """What one connection meets, and the affinity state after it."""
        key = connection.flow, connection.source_port
        known = self._flows.get(key) if connection.may_go_on else None
        if known is not None and known.backend and self.stays(table, connection.flow, known.backend):
            return known, state
        decision = self.decide(table, state, connection)
        if decision.outcome is not q.Outcome.FORWARD:
            return q.Observation(decision.outcome), state
        backend = self.pick(sorted(decision.backends))
        masqueraded = backend in (decision.masqueraded or ())
        observation = q.Observation(
            decision.outcome,
            backend=backend,
            source_ip=table.node_address(connection.flow) if masqueraded else connection.flow.client.ip,
        )
        if connection.may_go_on:
            self._flows[key] = observation
        return observation, state.record(table, connection, backend)

    def decide(self, table: RoutingTable, state: AffinityState, connection: q.Connection) -> q.Decision:
        """What may happen to one connection."""
        kept = state.allowed(table, connection)
        if self.mode is None:
            return kept
        decision = in_mode(table, connection.flow, self.mode)
        return kept if decision == table.decide(connection.flow) else decision

    def stays(self, table: RoutingTable, flow: q.Flow, backend: q.Backend) -> bool:
        """Whether an established UDP flow goes on to its endpoint."""
        from reference.routing import stays

        return stays(table, flow, backend)

    def pick(self, backends: Sequence[q.Backend]) -> q.Backend:
        """One of the eligible backends, each as likely as any other."""
        return self._random.choice(backends)


class IptablesAdapter(ReferenceAdapter):
    """As kube-proxy in mode iptables."""

    name = "reference, mode iptables"

    def __init__(self, *, seed: int = 0) -> None:
        from reference.routing import Mode

        super().__init__(seed=seed)
        self.mode = Mode.IPTABLES


class NftablesAdapter(ReferenceAdapter):
    """As kube-proxy in mode nftables."""

    name = "reference, mode nftables"

    def __init__(self, *, seed: int = 0) -> None:
        from reference.routing import Mode

        super().__init__(seed=seed)
        self.mode = Mode.NFTABLES


def in_mode(table: RoutingTable, flow: q.Flow, mode: Mode) -> q.Decision:
    """The decision of one mode; imported late, as everything of routing here."""
    from reference.routing import decide_in_mode

    return decide_in_mode(table, flow, mode)


adapter = ReferenceAdapter
"""The factory, for `--adapter conformance.adapters.reference:adapter`."""
