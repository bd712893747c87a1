# SPDX-License-Identifier: Apache-2.0
"""The network: nodes, the pods of each, and the outside, as network namespaces."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from types import TracebackType

from conformance.data_plane.addresses import IPV4, IPV6, canonical, family_of
from conformance.data_plane.batch import TOO_LONG, Loop
from conformance.data_plane.clients import Attempt
from conformance.data_plane.errors import NetworkError, UnsupportedProtocolError
from conformance.data_plane.icmp import Failure
from conformance.data_plane.links import Outside, Rooms, give_addresses, make_node, make_outside
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.nowhere import Nowhere
from conformance.data_plane.plan import HOST, OUTSIDE, PODS, Frontend, Place, Plan, plan
from conformance.data_plane.routes import LOOPBACK, Route, Routes
from conformance.data_plane.servers import LISTENERS, Key, Servers
from reference.objects import Cluster
from reference.questions import Backend, Client, ClientKind, Connection, Observation, Outcome

__all__ = ["Network", "NetworkError", "UnsupportedProtocolError"]

_MOST_LISTENERS = 256
"""More than so many in one namespace, and those that no endpoint needs any more are closed."""

_OUTCOMES = {
    Failure.REFUSED: Outcome.REJECT,
    Failure.NOWHERE: Outcome.NOT_A_SERVICE,
    Failure.LOST: Outcome.FORWARD,
    Failure.SILENT: Outcome.DROP,
}


class Network:
    """Nodes, the pods of each, and the outside; a context manager.

    Needs to be root, or root of a user namespace.  Everything is gone with the process,
    however it ends.  One thread uses it.
    """

    def __init__(self, *, families: tuple[str, ...] = (IPV4, IPV6)) -> None:
        """Raises NetworkError where the kernel or the privileges do not allow it."""
        if not families or not set(families) <= {IPV4, IPV6}:
            raise NetworkError(f"no families of addresses: {families}", hint=f"{IPV4}, {IPV6}, or both")
        self._families = families
        self._nodes: dict[str, Rooms] = {}
        self._servers: dict[Place, Servers] = {}
        self._places: dict[str, Place] = {}
        self._guests: dict[str, Place] = {}
        self._used: set[str] = set()
        self._plan = Plan()
        self._outside: Outside = make_outside(families)
        self._loop = Loop(Nowhere(self._outside, families))
        self._serve(OUTSIDE, self._outside.namespace)

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away."""
        for servers in self._servers.values():
            servers.close()
        self._servers.clear()
        for node in self._nodes.values():
            for routes in (node.host_routes, node.pods_routes):
                routes.close()
            for namespace in (node.pods, node.host):
                namespace.close()
        self._nodes.clear()
        self._outside.routes.close()
        self._outside.namespace.close()
        self._outside.nowhere.close()
        self._loop.close()

    def inside(self, node: str) -> AbstractContextManager[None]:
        """The thread is in the node's namespace, to start a program or make a socket there."""
        return self._node(node).host.inside()

    def _node(self, name: str) -> Rooms:
        node = self._nodes.get(name)
        if node is None:
            raise NetworkError(
                f"there is no node {name!r}", where="network", hint="prepare the cluster first"
            )
        return node

    def _serve(self, place: Place, namespace: Namespace) -> None:
        self._servers[place] = Servers(namespace, self._loop.poller, self._loop.listeners)

    # -- a cluster -----------------------------------------------------------------

    def prepare(self, cluster: Cluster) -> None:
        """Make what the cluster needs: nodes, addresses, routes and listeners.

        A node that the cluster does not have stays, as the programs in it do, and keeps
        its addresses unless the cluster has them elsewhere.
        """
        new = plan(cluster, self._families)
        for name in new.hosts:
            if name not in self._nodes:
                node = make_node(name, len(self._nodes) + 1, self._outside, self._families)
                self._nodes[name] = node
                self._serve(Place(HOST, name), node.host)
                self._serve(Place(PODS, name), node.pods)
        self._shut_host_listeners(new)
        self._give_addresses(new)
        self._guests = {
            ip: place for ip, place in self._guests.items() if ip in self._used and ip not in new.places
        }
        self._used.clear()
        self._plan = new
        absent = {
            ip: Place(HOST, name)
            for name, node in self._nodes.items()
            if name not in new.hosts
            for ip in node.addresses
        }
        self._route({**self._guests, **absent, **new.places})
        self._listen()

    def _give_addresses(self, new: Plan) -> None:
        wanted = {
            name: new.hosts[name]
            if name in new.hosts
            else tuple(ip for ip in node.addresses if ip not in new.places)
            for name, node in self._nodes.items()
        }
        changed = [name for name, ips in wanted.items() if ips != self._nodes[name].addresses]
        for name in changed:
            # First away everywhere: two nodes may have changed places.
            give_addresses(self._nodes[name], ())
        for name in changed:
            give_addresses(self._nodes[name], wanted[name])

    def _route(self, places: dict[str, Place]) -> None:
        """Make these the places of addresses."""
        removed: dict[int, tuple[Routes, list[Route]]] = {}
        added: dict[int, tuple[Routes, list[Route]]] = {}
        for ip, place in self._places.items():
            if places.get(ip) != place:
                self._ways(ip, place, removed)
        for ip, place in places.items():
            if self._places.get(ip) != place:
                self._ways(ip, place, added)
        for routes, gone in removed.values():
            routes.change(removed=gone, added=())
        for routes, new in added.values():
            routes.change(removed=(), added=new)
        self._places = places

    def _ways(self, ip: str, place: Place, found: dict[int, tuple[Routes, list[Route]]]) -> None:
        """The routes that an address needs."""

        def need(routes: Routes, link: int) -> None:
            found.setdefault(id(routes), (routes, []))[1].append(Route(ip, link))

        if place == OUTSIDE:
            need(self._outside.routes, LOOPBACK)
            return
        node = self._nodes[place.node]
        need(self._outside.routes, node.from_outside)
        if place.kind == PODS:
            need(node.host_routes, node.to_pods)
            need(node.pods_routes, LOOPBACK)

    def _listen(self) -> None:
        everywhere = {
            Key(family, port.protocol, port.number) for family in self._families for port in self._plan.ports
        }
        for place, servers in self._servers.items():
            if place.kind == HOST:
                servers.open(self._host_keys(self._plan, place.node))
                continue
            servers.open(everywhere)
            if len(servers.keys()) > _MOST_LISTENERS:
                servers.shut(servers.keys() - everywhere)

    def _host_keys(self, wanted: Plan, node: str) -> set[Key]:
        return {
            Key(family_of(entry.ip), entry.protocol, entry.port, entry.ip)
            for entry in wanted.host_endpoints
            if wanted.places[entry.ip].node == node
        }

    def _shut_host_listeners(self, new: Plan) -> None:
        for place, servers in self._servers.items():
            if place.kind == HOST:
                servers.shut(servers.keys() - self._host_keys(new, place.node))

    # -- connections -----------------------------------------------------------------

    def connect(
        self,
        connections: Sequence[Connection],
        *,
        expected_to_answer: Callable[[Connection], bool] | None = None,
        in_order: Callable[[Connection], Hashable | None] | None = None,
    ) -> list[Observation]:
        """What each connection met, in the order in which they were given.

        Those of different `at` are made so many seconds after one another; those with
        the same key by `in_order` one after the other, in their order, and those with
        None all at once.  Without `in_order` those of one client to one Service are
        made in order.

        What is silent is tried again, for three seconds in all, if `expected_to_answer`;
        without that, always.
        """
        key = in_order or self._client_and_service
        attempts = [
            Attempt(index, connection, key(connection)) for index, connection in enumerate(connections)
        ]
        self._welcome({attempt.source_ip: attempt.connection.flow.client for attempt in attempts})
        for attempt in attempts:
            self._place(attempt)
        lent = self._listen_at_dialled(attempts)
        started = time.monotonic()
        by_time = sorted(attempts, key=lambda attempt: attempt.connection.at)
        try:
            first = by_time[0].connection.at if by_time else 0
            for at, group in groupby(by_time, key=lambda attempt: attempt.connection.at):
                time.sleep(max(0.0, started + at - first - time.monotonic()))
                self._loop.run(list(group), expected=expected_to_answer, until=time.monotonic() + TOO_LONG)
        finally:
            for servers, keys in lent:
                servers.shut(keys)
        return [self._observed(attempt) for attempt in attempts]

    def _client_and_service(self, connection: Connection) -> Hashable:
        flow = connection.flow
        frontend = Frontend(canonical(flow.ip) or flow.ip, flow.port, flow.protocol)
        return flow.client, self._plan.frontends.get(frontend, frontend)

    def _welcome(self, clients: dict[str, Client]) -> None:
        """Clients that the cluster does not know have their addresses too, for as long as they are asked."""
        news: dict[str, Place] = {}
        for ip, client in clients.items():
            if ip in self._plan.places:
                continue
            self._used.add(ip)
            if ip not in self._places:
                place = OUTSIDE
                if client.kind is not ClientKind.EXTERNAL:
                    self._node(client.node)
                    place = Place(PODS if client.kind is ClientKind.POD else HOST, client.node)
                news[ip] = place
        if news:
            self._guests |= news
            self._route(self._places | news)

    def _place(self, attempt: Attempt) -> None:
        """Where a connection is made."""
        client = attempt.connection.flow.client
        node = self._node(client.node)
        if client.kind is ClientKind.EXTERNAL:
            attempt.namespace, attempt.mark = self._outside.namespace, node.mark
        else:
            attempt.namespace = node.pods if client.kind is ClientKind.POD else node.host

    def _listen_at_dialled(self, attempts: Iterable[Attempt]) -> list[tuple[Servers, list[Key]]]:
        """Listen at what is dialled, if it is an address of the network's own, and nobody else does.

        What no proxy translated is seen to arrive then; else the kernel of the node
        would refuse it, as a proxy does.  On a node only for as long as it takes: the
        port may be a proxy's soon.
        """
        wanted: dict[Place, set[Key]] = {}
        for ip, port, protocol in {
            (attempt.ip, attempt.connection.flow.port, attempt.connection.flow.protocol)
            for attempt in attempts
        }:
            place = self._places.get(ip)
            if place is not None and protocol in LISTENERS:
                own = ip if place.kind == HOST else ""
                wanted.setdefault(place, set()).add(Key(family_of(ip), protocol, port, own))
        lent = []
        for place, keys in wanted.items():
            servers = self._servers[place]
            opened = servers.open(keys, must=False)
            if place.kind == HOST:
                lent.append((servers, opened))
        return lent

    def _observed(self, attempt: Attempt) -> Observation:
        outcome = _OUTCOMES[attempt.failure] if attempt.failure else Outcome.FORWARD
        if outcome is not Outcome.FORWARD:
            return Observation(outcome)
        arrival = attempt.arrival
        if arrival is None:
            # The token came back, and no listener had it.
            return Observation(Outcome.FORWARD)
        flow = attempt.connection.flow
        reached = Frontend(arrival.ip, arrival.port, flow.protocol)
        untouched = arrival.ip == attempt.ip and arrival.port == flow.port
        if untouched and not (reached in self._plan.endpoints and reached in self._plan.frontends):
            return Observation(Outcome.NOT_A_SERVICE)
        source = flow.client.ip if arrival.source_ip == attempt.source_ip else arrival.source_ip
        return Observation(
            Outcome.FORWARD,
            Backend(self._plan.written.get(arrival.ip, arrival.ip), arrival.port),
            self._plan.written.get(source, source),
        )
