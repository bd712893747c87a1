# SPDX-License-Identifier: Apache-2.0
"""Proxies that pick wrongly among the endpoints, or keep clients wrongly at theirs."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance.faults.base import behaves
from conformance.faults.routing.making import Proxy, with_services
from conformance.model import Model
from reference.objects import Cluster, Service
from reference.questions import Backend, ClientKind, Connection, Decision
from reference.routing import AffinityState, RoutingTable
from reference.routing.addresses import family_of
from reference.routing.affinity import Key, Record, key_of


@behaves("RT-012", "RT-011", "AFF-014")
class AlwaysTheFirst(Proxy):
    """One member of the set gets every connection."""

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        return backends[0]


@behaves("RT-011")
class TwoSharesForTheFirst(Proxy):
    """The first member of the set gets twice its share."""

    def pick(self, backends: Sequence[Backend]) -> Backend:
        """One of several."""
        return super().pick([*backends, backends[0]])


class Affinity(Proxy):
    """Affinity of another kind: by a key of its own, in records of its own."""

    honours_sets = True
    slides = True
    expires = True

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[object, Record] = {}

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return True

    def apply(self, cluster: Cluster) -> None:
        """Begin anew."""
        super().apply(cluster)
        self.records = {}

    def update(self, cluster: Cluster) -> None:
        """Move to this state, with the records."""
        records = self.records
        super().update(cluster)
        self.records = self.after_update(records)

    def after_update(self, records: dict[object, Record]) -> dict[object, Record]:
        """The records that are left after an update."""
        return records

    def narrowed(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        found = key_of(table, connection)
        if found is None or not self.is_kept(table, connection):
            return decision
        key, life = self.key(found[0], connection), found[1]
        record = self.records.get(key)
        alive = record is not None and (connection.at - record.at <= life or not self.expires)
        if record is not None and alive and (record.backend in decision.backends or not self.honours_sets):
            backend = record.backend
        else:
            record, backend = None, self.pick(sorted(decision.backends))
        at = record.at if record is not None and not self.slides else connection.at
        self.records[key] = Record(backend, at)
        return evolve(decision, backends=frozenset({backend}))


@behaves("AFF-002", "AFF-016", "AFF-012")
class NoAffinity(Affinity):
    """Session affinity is not known."""

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return False


@behaves("AFF-016")
class AffinityForTcpOnly(Affinity):
    """Session affinity is kept for TCP alone."""

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        return connection.flow.protocol == "TCP"


@behaves("AFF-002", bugs=("BUG-071",))
class NoAffinityOnTheLocalPath(Affinity):
    """Under external policy Local the record of a client outside is not looked at."""

    def is_kept(self, table: RoutingTable, connection: Connection) -> bool:
        """Whether affinity holds for the connection."""
        match = table.match(connection.flow)
        local = match is not None and match.service.spec.external_traffic_policy == "Local"
        return not local or connection.flow.client.kind is not ClientKind.EXTERNAL


@behaves("AFF-003")
class EachSourcePort(Affinity):
    """A client is told by its address and its port."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key, connection.source_port


@behaves("AFF-005")
class EachFrontend(Affinity):
    """Records are kept for each address of a service port."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key, connection.flow.ip


@behaves("AFF-004")
class EachService(Affinity):
    """Records are kept for each Service, by the endpoint's address, whatever the port."""

    def narrowed(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        narrowed = super().narrowed(table, state, connection, decision)
        key = ("address", connection.flow.client.ip, connection.flow.ip)
        known = self.records.get(key)
        same = [backend for backend in sorted(decision.backends) if known and backend.ip == known.backend.ip]
        chosen = same[0] if same else next(iter(narrowed.backends))
        self.records[key] = Record(chosen, connection.at)
        return evolve(decision, backends=frozenset({chosen}))


@behaves("AFF-006")
class AllNodes(Affinity):
    """All nodes share their records."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key._replace(node="")


@behaves("AFF-014")
class OneRecordForAll(Affinity):
    """The record is found by the service port, whoever the client is."""

    def key(self, key: Key, connection: Connection) -> object:
        """Whose record it is."""
        return key._replace(client_ip="")


@behaves("AFF-007")
class NeverExpires(Affinity):
    """Records live for ever."""

    expires = False


@behaves("AFF-007")
class TimerOfTheFirstConnection(Affinity):
    """The time-out runs from the first connection on."""

    slides = False


@behaves("AFF-010")
class AboveThePolicy(Affinity):
    """A record is honoured whatever the set that the policy allows."""

    honours_sets = False


@behaves("AFF-008", bugs=("BUG-077",))
class KeptUntilDeleted(Affinity):
    """A record is honoured until its endpoint is deleted, ready or not."""

    def narrowed(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        match = table.match(connection.flow)
        assert match is not None
        listed = {
            each.backend
            for each in table.candidates(match.service, match.port, family_of(connection.flow.ip))
        }
        found = key_of(table, connection)
        record = self.records.get(found[0]) if found else None
        if record is not None and record.backend in listed - decision.backends:
            return evolve(decision, backends=frozenset({record.backend}))
        return super().narrowed(table, state, connection, decision)


@behaves("AFF-013")
class UpdatesClearTheRecords(Affinity):
    """Whenever the endpoints of any Service change, all records are dropped."""

    def after_update(self, records: dict[object, Record]) -> dict[object, Record]:
        """The records that are left after an update."""
        return {}


@behaves("AFF-013")
class TheNewestGetsAll(Affinity):
    """Records are kept by the place in the list of endpoints, which changes when one comes."""

    def narrowed(
        self, table: RoutingTable, state: AffinityState, connection: Connection, decision: Decision
    ) -> Decision:
        """What affinity leaves of a decision."""
        found = key_of(table, connection)
        if found is None:
            return decision
        members = sorted(decision.backends)
        known = self.places.get(found[0])
        place = members.index(self.pick(members)) if known is None else known
        self.places[found[0]] = place
        return evolve(decision, backends=frozenset({members[place % len(members)]}))

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[Key, int] = {}


@behaves("AFF-009")
class RecordsOutliveEndpoints(Affinity):
    """The record of an endpoint is kept while the endpoint is gone, and honoured once it is back."""


@behaves("AFF-012")
class NeverSwitchedOff(Proxy):
    """Session affinity that was switched on once stays on."""

    def update(self, cluster: Cluster) -> None:
        """Move to this state."""
        sticky = {
            (item.metadata.namespace, item.metadata.name): item.spec
            for item in self.model.cluster.services
            if item.spec.session_affinity == "ClientIP"
        }
        self.apply(cluster)

        def stays(item: Service) -> Service:
            old = sticky.get((item.metadata.namespace, item.metadata.name))
            if old is None:
                return item
            config = old.session_affinity_config
            spec = evolve(item.spec, session_affinity="ClientIP", session_affinity_config=config)
            return evolve(item, spec=spec)

        self.model = Model(with_services(cluster, stays))
