# SPDX-License-Identifier: Apache-2.0
"""For which connections an answer is waited for patiently: what is expected counts for nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from conformance.data_plane.addresses import is_loopback
from reference.objects import Cluster
from reference.questions import Connection, Flow, Observation, Outcome
from reference.routing import RoutingTable
from reference.routing.addresses import inside
from reference.routing.affinity import timeout

_ENOUGH = 3
"""So many flows that met silence, where an error was waited for, and it is waited for no more."""


class Waiting:
    """What packets to no Service meet is learned: some proxies drop those to certain ranges."""

    def __init__(self) -> None:
        self._silent: Counter[str] = Counter()

    def answers(self, cluster: Cluster, table: RoutingTable, flow: Flow) -> bool:
        """Whether something comes back to the client, as far as the model knows."""
        decision = table.decide(flow)
        if decision.outcome is Outcome.NOT_A_SERVICE:
            return self._silent[_region(cluster, table, flow)] < _ENOUGH
        if decision.outcome is not Outcome.FORWARD:
            return decision.outcome is Outcome.REJECT
        return not table.is_answered_past_the_node(flow)

    def learn(
        self, cluster: Cluster, table: RoutingTable, seen: Iterable[tuple[Connection, Observation]]
    ) -> None:
        """Take note of what connections met."""
        for flow, outcome in {(connection.flow, each.outcome) for connection, each in seen}:
            if table.decide(flow).outcome is not Outcome.NOT_A_SERVICE:
                continue
            region = _region(cluster, table, flow)
            if outcome is Outcome.DROP:
                self._silent[region] += 1
            elif self._silent[region] < _ENOUGH:
                self._silent[region] = 0


def _region(cluster: Cluster, table: RoutingTable, flow: Flow) -> str:
    """Where a packet goes to that no rule of a Service is for."""
    if flow.ip in table.node_by_address or is_loopback(flow.ip):
        return "nodes"
    if any(inside(flow.ip, cidr) for cidr in cluster.settings.service_cidrs):
        return "Services"
    return "elsewhere"


def in_order(table: RoutingTable, connection: Connection) -> Hashable | None:
    """The same for connections that have to be made one after the other, as affinity is between them."""
    match = table.match(connection.flow)
    if match is None or timeout(match.service.spec) is None:
        return None
    if table.decide(connection.flow).outcome is not Outcome.FORWARD:
        return None
    meta = match.service.metadata
    return connection.flow.client, meta.namespace, meta.name, match.port
