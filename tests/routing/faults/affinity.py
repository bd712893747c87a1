# SPDX-License-Identifier: Apache-2.0
"""Faults in the choice of a member, and in session affinity."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from reference.objects import (
    Cluster,
)
from reference.questions import (
    Backend,
    ClientKind,
    Connection,
    Decision,
)
from reference.routing import AffinityState, RoutingTable
from reference.routing.affinity import Key, Record, key_of, timeout
from tests.routing.proxies import (
    Proxy,
)


class AlwaysTheFirst(Proxy):
    """One member gets everything."""

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        return backends[0]


class Uneven(Proxy):
    """The first member gets twice its share."""

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        return self.adapter.chance([*backends, backends[0]])


class Affinity(Proxy):
    """Affinity of another kind: by a key of its own, in a state of its own."""

    honours_sets = True
    slides = True
    expires = True
    outlives_batches = False

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[object, Record] = {}
        self.batch: object = None

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return True

    def narrow(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        if not state.records and not self.outlives_batches:
            self.records = {}
        found = key_of(table, connection)
        if found is None or not self.is_kept(table, connection):
            return decision
        key, life = self.key(found[0], connection), found[1]
        record = self.records.get(key)
        alive = record is not None and (connection.at - record.at <= life or not self.expires)
        if record is not None and alive and (record.backend in decision.backends or not self.honours_sets):
            backend = record.backend
        else:
            record, backend = None, self.adapter.chance(sorted(decision.backends))
        at = record.at if record is not None and not self.slides else connection.at
        self.records[key] = Record(backend, at)
        return evolve(decision, backends=frozenset({backend}))


class NoAffinity(Affinity):
    """Affinity is not known."""

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return False


class NoAffinityOutside(Affinity):
    """Under external policy Local the record is not looked at (kubernetes#55429)."""

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return connection.flow.client.kind is not ClientKind.EXTERNAL


class EachFrontend(Affinity):
    """Records are kept for each address."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key, connection.flow.ip


class EachService(Affinity):
    """Records are kept for each Service, whatever the port, and by the endpoint's address."""

    def narrow(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        narrowed = super().narrow(table, state, connection, decision)
        key = ("ip", connection.flow.client.ip, connection.flow.ip)
        known = self.records.get(key)
        same = [backend for backend in decision.backends if known and backend.ip == known.backend.ip]
        chosen = same[0] if same else next(iter(narrowed.backends))
        self.records[key] = Record(chosen, connection.at)
        return evolve(decision, backends=frozenset({chosen}))


class AllNodes(Affinity):
    """All nodes share their records."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key._replace(node="")


class OneForAll(Affinity):
    """Affinity gathers all clients."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key._replace(client_ip="")


class NeverExpires(Affinity):
    """Records live for ever."""

    expires = False


class NotSliding(Affinity):
    """The timer runs from the first connection on."""

    slides = False


class AboveThePolicy(Affinity):
    """A record is honoured whatever the set."""

    honours_sets = False


class Clinging(Affinity):
    """A record outlives the endpoint, as long as the pods are the same."""

    honours_sets = False
    outlives_batches = True

    def see(self, cluster: Cluster) -> Cluster:
        """The cluster as the proxy takes it."""
        if self.adapter.cluster.pods != cluster.pods:
            self.records = {}
        return cluster


class AffinityForEver(Affinity):
    """Affinity that was switched on once is never switched off."""

    def __init__(self) -> None:
        super().__init__()
        self.pinned: dict[tuple[str, str], Backend] = {}

    def narrow(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        match = table.match(connection.flow)
        assert match is not None
        key = (connection.flow.client.ip, connection.flow.ip)
        if timeout(match.service.spec) is not None:
            narrowed = super().narrow(table, state, connection, decision)
            self.pinned[key] = next(iter(narrowed.backends))
            return narrowed
        if self.pinned.get(key) in decision.backends:
            return evolve(decision, backends=frozenset({self.pinned[key]}))
        return decision
