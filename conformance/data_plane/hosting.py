# SPDX-License-Identifier: Apache-2.0
"""What the present cluster has in the network: nodes, addresses, routes and listeners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from conformance.data_plane.addresses import family_of
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.links import Outside, Rooms, give_addresses, make_node
from conformance.data_plane.listeners import LISTENERS
from conformance.data_plane.loop import Loop
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.plan import GUEST, HOST, OUTSIDE, PODS, Frontend, Place, Plan, plan
from conformance.data_plane.routes import LOOPBACK, Route, Routes
from conformance.data_plane.servers import Key, Servers
from reference.objects import Cluster
from reference.questions import Client, ClientKind

_MOST_LISTENERS = 256
"""More than so many in one namespace, and those that no endpoint needs any more are closed."""


class Hosting:
    """The nodes, where each address is, and who listens there."""

    def __init__(self, outside: Outside, loop: Loop, families: Sequence[str]) -> None:
        self._outside = outside
        self._loop = loop
        self._families = families
        self._nodes: dict[str, Rooms] = {}
        self._servers = {OUTSIDE: Servers(outside.namespace, loop)}
        self._places: dict[str, Place] = {}
        self._guests: dict[str, Place] = {}
        self._asked: set[str] = set()
        self.plan = Plan()
        self._frontends: frozenset[str] = frozenset()

    def close(self) -> None:
        """Take everything away."""
        for servers in self._servers.values():
            servers.close()
        for node in self._nodes.values():
            node.close()
        self._servers.clear()
        self._nodes.clear()

    def node(self, name: str) -> Rooms:
        """A node by its name."""
        node = self._nodes.get(name)
        if node is None:
            raise NetworkError(f"no node {name!r}", where="network", hint="prepare the cluster first")
        return node

    @property
    def outside(self) -> Namespace:
        """What is on no node."""
        return self._outside.namespace

    @property
    def namespaces(self) -> list[Namespace]:
        """Where packets arrive: the outside, the nodes, and the pods of each."""
        return [
            self._outside.namespace,
            *(namespace for node in self._nodes.values() for namespace in (node.host, node.pods)),
        ]

    # -- a cluster -------------------------------------------------------------------

    def prepare(self, cluster: Cluster) -> None:
        """Make what the cluster needs, and take away what it does not.

        A node that the cluster does not have stays, as the programs in it do, and keeps
        its addresses unless the cluster has them elsewhere.
        """
        new = plan(cluster, self._families)
        for name in new.hosts:
            if name not in self._nodes:
                node = make_node(name, len(self._nodes) + 1, self._outside, self._families)
                self._nodes[name] = node
                self._servers[Place(HOST, name)] = Servers(node.host, self._loop)
                self._servers[Place(PODS, name)] = Servers(node.pods, self._loop)
        wanted = {name: _host_keys(new, name) for name in self._nodes}
        for name, keys in wanted.items():
            servers = self._servers[Place(HOST, name)]
            servers.shut(servers.keys() - keys)
        self._give_addresses(new)
        self._guests = {
            ip: place for ip, place in self._guests.items() if ip in self._asked and ip not in new.places
        }
        self._asked.clear()
        self.plan = new
        self._frontends = frozenset(frontend.ip for frontend in new.frontends)
        self._route({**self._guests, **self._absent(new), **new.places})
        self._listen(wanted)

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

    def _absent(self, new: Plan) -> dict[str, Place]:
        """The addresses of nodes that the cluster does not have."""
        return {
            ip: Place(HOST, name)
            for name, node in self._nodes.items()
            if name not in new.hosts
            for ip in node.addresses
        }

    def _listen(self, on_hosts: Mapping[str, set[Key]]) -> None:
        everywhere = {
            Key(family, port.protocol, port.number) for family in self._families for port in self.plan.ports
        }
        for place, servers in self._servers.items():
            if place.kind == HOST:
                servers.open(on_hosts[place.node])
                continue
            servers.open(everywhere)
            if len(servers.keys()) > _MOST_LISTENERS:
                servers.shut(servers.keys() - everywhere)

    # -- routes ----------------------------------------------------------------------

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
        if place.kind == GUEST:
            need(node.host_routes, LOOPBACK)
        if place.kind == PODS:
            need(node.host_routes, node.to_pods)
            need(node.pods_routes, LOOPBACK)

    # -- who connects, and to what -----------------------------------------------------

    def welcome(self, clients: Mapping[str, Client]) -> None:
        """Give clients that the cluster does not know their addresses, for as long as they are asked."""
        news: dict[str, Place] = {}
        for ip, client in clients.items():
            if ip in self.plan.places:
                continue
            self._asked.add(ip)
            home = self._home(ip, client)
            if self._places.get(ip) != home:
                news[ip] = home
        if news:
            self._guests |= news
            self._route(self._places | news)

    def dismiss(self) -> None:
        """Take from nodes what their processes were given: to all others it is nobody's address."""
        staying = {ip: place for ip, place in self._places.items() if place.kind != GUEST}
        if len(staying) < len(self._places):
            self._guests = {ip: place for ip, place in self._guests.items() if place.kind != GUEST}
            self._route(staying)

    def may_be_guest(self, ip: str) -> bool:
        """Whether a process on a node may use it, as a load balancer gives its address to nodes."""
        return ip in self._frontends and ip not in self.plan.places

    def _home(self, ip: str, client: Client) -> Place:
        if client.kind is ClientKind.EXTERNAL:
            return OUTSIDE
        self.node(client.node)
        if client.kind is ClientKind.POD:
            return Place(PODS, client.node)
        return Place(GUEST if self.may_be_guest(ip) else HOST, client.node)

    def lend(self, dialled: Iterable[Frontend]) -> list[tuple[Servers, list[Key]]]:
        """Listen at what is dialled, if it is an address of the network's own, and nobody else does.

        What no proxy translated is seen to arrive then; else the kernel of the node
        would refuse it, as a proxy does.  On a node only for as long as it takes: the
        port may be a proxy's soon.  Gives what has to be shut again.
        """
        wanted: dict[Place, list[Key]] = {}
        for ip, port, protocol in dialled:
            place = self._places.get(ip)
            if place is not None and place.kind != GUEST and protocol in LISTENERS:
                own = ip if place.kind == HOST else ""
                wanted.setdefault(place, []).append(Key(family_of(ip), protocol, port, own))
        lent = []
        for place, keys in wanted.items():
            servers = self._servers[place]
            opened = servers.open(keys, must=False)
            if place.kind == HOST:
                lent.append((servers, opened))
        return lent


def _host_keys(wanted: Plan, node: str) -> set[Key]:
    return {
        Key(family_of(entry.ip), entry.protocol, entry.port, entry.ip)
        for entry in wanted.host_endpoints
        if wanted.places[entry.ip].node == node
    }
