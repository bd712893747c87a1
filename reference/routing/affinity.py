# SPDX-License-Identifier: Apache-2.0
"""ClientIP session affinity: which backend a further connection may get."""

from __future__ import annotations

from typing import NamedTuple

from attrs import field, frozen

from reference.frozenmap import FrozenMap
from reference.objects import ServiceSpec
from reference.questions import Backend, Connection, Decision, Outcome
from reference.routing.addresses import family_of
from reference.routing.frontends import is_proxied
from reference.routing.table import RoutingTable

DEFAULT_TIMEOUT = 10800


class Key(NamedTuple):
    """Whose record it is.

    Per node and service port, whatever the frontend, and by the client's address as
    the node sees it; the source port is none of it (AFF-003, AFF-004, AFF-005, AFF-006).
    """

    node: str
    namespace: str
    service: str
    port_name: str
    protocol: str
    client_ip: str


@frozen
class Record:
    """The backend that a client got, and when it last opened a connection."""

    backend: Backend
    at: int


def timeout(spec: ServiceSpec) -> int | None:
    """How long a record lives in seconds; None without affinity (AFF-001)."""
    if spec.session_affinity != "ClientIP":
        return None
    config = spec.session_affinity_config
    client_ip = config.client_ip if config else None
    seconds = client_ip.timeout_seconds if client_ip else None
    return DEFAULT_TIMEOUT if seconds is None else seconds


def key_of(table: RoutingTable, connection: Connection) -> tuple[Key, int] | None:
    """The record's key and its life in seconds; None where there is no affinity."""
    flow = connection.flow
    found = table.found(flow)
    if found is None:
        return None
    node, match = found
    life = timeout(match.service.spec)
    if life is None:
        return None
    meta, port = match.service.metadata, match.port
    key = Key(node.name, meta.namespace, meta.name, port.name, port.protocol, flow.client.ip)
    return key, life


@frozen
class AffinityState:
    """The records of all nodes.  A value: `record` gives the next one."""

    records: FrozenMap[Key, Record] = field(factory=FrozenMap)

    def allowed(self, table: RoutingTable, connection: Connection) -> Decision:
        """The decision, narrowed to the recorded backend while the record lives.

        A record counts only while its backend is in the set that the policy allows,
        whatever came into that set since (AFF-002, AFF-007, AFF-008, AFF-010, AFF-013).
        """
        decision = table.decide(connection.flow)
        if decision.outcome is not Outcome.FORWARD:
            return decision
        found = key_of(table, connection)
        if found is None:
            return decision
        key, life = found
        record = self.records.get(key)
        if record is None or connection.at - record.at > life or record.backend not in decision.backends:
            return decision
        backends = frozenset({record.backend})
        replaced = decision.masqueraded
        return Decision(
            decision.outcome,
            backends,
            None if replaced is None else replaced & backends,
            rules=(*decision.rules, "AFF-002"),
        )

    def synced(self, table: RoutingTable) -> AffinityState:
        """The state after a change to the cluster of `table`.

        The record of an endpoint that left what its node may reach is gone, and so are
        those of a port without affinity (AFF-009, AFF-012).
        """
        ports = {
            (service.metadata.namespace, service.metadata.name, port.name, port.protocol): (service, port)
            for service in table.cluster.services
            for port in service.spec.ports
            if is_proxied(service) and timeout(service.spec) is not None
        }
        kept: dict[Key, Record] = {}
        for key, record in self.records.items():
            found = ports.get((key.namespace, key.service, key.port_name, key.protocol))
            node = table.nodes.get(key.node)
            if found is None or node is None:
                continue
            sets = table.sets(*found, family_of(key.client_ip))
            if record.backend in sets.cluster(node).backends | sets.local(node).backends:
                kept[key] = record
        return AffinityState(FrozenMap(kept))

    def record(self, table: RoutingTable, connection: Connection, backend: Backend) -> AffinityState:
        """The state after the connection got `backend`: each new one restarts the timer (AFF-007)."""
        found = key_of(table, connection)
        if found is None:
            return self
        return AffinityState(self.records | {found[0]: Record(backend, connection.at)})
