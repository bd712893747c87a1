# SPDX-License-Identifier: Apache-2.0
"""Proxies that keep UDP flows for too long, or not long enough, or lose what comes back."""

from __future__ import annotations

from conformance.faults.base import behaves
from conformance.faults.routing.making import Proxy
from reference.objects import Cluster
from reference.questions import Backend, Connection, Flow, Observation, Outcome
from reference.routing import Match, RoutingTable
from reference.routing.addresses import family_of


@behaves("SYNC-16")
class UdpFlowsAreForEver(Proxy):
    """What became of the first packet of a UDP flow becomes of all that follow from its source port."""

    def __init__(self) -> None:
        super().__init__()
        self.flows: dict[tuple[Flow, int], Observation] = {}

    def apply(self, cluster: Cluster) -> None:
        """Begin anew."""
        super().apply(cluster)
        self.flows = {}

    def update(self, cluster: Cluster) -> None:
        """Move to this state; flows are left as they are."""
        flows = self.flows
        super().update(cluster)
        self.flows = flows

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        if connection.flow.protocol != "UDP":
            return observation
        return self.flows.setdefault((connection.flow, connection.source_port), observation)


@behaves("SYNC-16")
class UdpFlowsStayWhereNothingServes(UdpFlowsAreForEver):
    """UDP flows of a Service at which nothing serves are left alone, although something is ready."""

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        before = super().seen(connection, observation)
        match = self.model.routing.match(connection.flow)
        if match is None or self._serves(match, connection.flow):
            self.flows.pop((connection.flow, connection.source_port), None)
            return super().seen(connection, observation)
        return before

    def _serves(self, match: Match, flow: Flow) -> bool:
        slices = self.model.routing.usable_slices(match.service, family_of(flow.ip))
        return any(each.conditions.serving is not False for piece in slices for each in piece.endpoints)


@behaves("RT-010", "TERM-009", "SYNC-15")
class UdpPacketsArePickedAnew(Proxy):
    """Each packet of a UDP flow is led to an endpoint of its own."""

    def stays(self, table: RoutingTable, flow: Flow, backend: Backend) -> bool:
        """Whether an established UDP flow goes on to its endpoint."""
        return False


@behaves("TERM-009")
class UdpFlowsFollowReadiness(Proxy):
    """An established UDP flow is cut as soon as its endpoint is not ready."""

    def stays(self, table: RoutingTable, flow: Flow, backend: Backend) -> bool:
        """Whether an established UDP flow goes on to its endpoint."""
        match = table.match(flow)
        every = () if match is None else table.candidates(match.service, match.port, family_of(flow.ip))
        return any(each.backend == backend and each.ready for each in every)


@behaves("SYNC-15")
class UdpFlowsFollowPolicies(Proxy):
    """An established UDP flow is cut when policy Local would not have led it to its endpoint."""

    def stays(self, table: RoutingTable, flow: Flow, backend: Backend) -> bool:
        """Whether an established UDP flow goes on to its endpoint."""
        match = table.match(flow)
        if match is not None and match.service.spec.internal_traffic_policy == "Local":
            return backend in table.decide(flow).backends
        return super().stays(table, flow, backend)


@behaves("RT-013")
class RepliesUnderTheirOwnAddress(Proxy):
    """Endpoints on the client's own node answer it directly, from an address that it has not dialled."""

    def seen(self, connection: Connection, observation: Observation) -> Observation:
        """What is seen of a connection."""
        client = connection.flow.client
        own = {
            each.addresses[0]
            for piece in self.model.cluster.endpoint_slices
            for each in piece.endpoints
            if each.node_name == client.node
        }
        direct = observation.backend is not None and observation.backend.ip in own
        untouched = direct and observation.source_ip == client.ip
        return Observation(Outcome.DROP) if untouched else observation
