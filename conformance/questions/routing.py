# SPDX-License-Identifier: Apache-2.0
"""The flows, health checks and connections asked of a cluster.

Every frontend of every Service is asked for by clients of each kind.  In a small
cluster every client asks for every frontend; in a larger one they take turns:
which client meets which frontend follows from the cluster alone, so that over many
clusters all combinations are met and equal clusters are asked equal questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from conformance.questions import spread, turn_of
from reference.dns.names import canonical
from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_NAME_LABEL,
    Cluster,
    NamespacedName,
    Node,
    Pod,
    Service,
    ServicePort,
)
from reference.questions import (
    FIRST_PORT_IN_TURN,
    PORTS_IN_TURN,
    Client,
    ClientKind,
    Connection,
    Flow,
    HealthCheck,
)
from reference.routing.addresses import IPV4, IPV6, family_of

MOST_FLOWS = 40
FEW_FLOWS = 16
"""With no more combinations of clients and frontends than these, all are asked for."""
OUTSIDE = {
    IPV4: ("203.0.113.7", "198.51.100.9"),
    IPV6: ("2001:db8:203::7", "2001:db8:198::9"),
}
"""Addresses outside the cluster; generated source ranges hold the first, the second, or neither."""
NOBODY = {IPV4: "198.18.0.77", IPV6: "2001:2::77"}
"""Addresses that no Service, node or pod has: of the ranges set apart for benchmarks (RFC 2544, RFC 5180)."""
UNALLOCATED_IP = {IPV4: "10.96.250.250", IPV6: "fd00:10:96::fafa"}
NOBODYS_CHECK_PORT = 32700
_OTHER_PROTOCOL = {"TCP": "UDP", "UDP": "TCP", "SCTP": "TCP"}


# -- clients -------------------------------------------------------------------


def internal_ip(node: Node, family: str = IPV4) -> str | None:
    """The node's first InternalIP of a family."""
    return next(
        (
            entry.address
            for entry in node.status.addresses
            if entry.type == "InternalIP" and family_of(entry.address) == family
        ),
        None,
    )


def pod_ip(pod: Pod, family: str = IPV4) -> str | None:
    """The pod's address of a family, as packets have it: its status may spell it otherwise."""
    ips = [entry.ip for entry in pod.status.pod_ips] or [pod.status.pod_ip]
    return next((canonical(ip) for ip in ips if ip and family_of(ip) == family), None)


def pod_client(pod: Pod, family: str = IPV4) -> Client | None:
    """A client in a pod; None if it has no address of the family."""
    ip = pod_ip(pod, family)
    if ip is None:
        return None
    return Client(
        ClientKind.NODE if pod.spec.host_network else ClientKind.POD,
        pod.spec.node_name,
        ip,
        NamespacedName(pod.metadata.namespace, pod.metadata.name),
    )


def unlabelled_pod_ip(node: Node, family: str = IPV4) -> str | None:
    """An address in the node's range of pods that no generated pod has."""
    for cidr in node.spec.pod_cidrs or (node.spec.pod_cidr,):
        if family == IPV4 and cidr.endswith(".0/24"):
            return cidr.removesuffix("0/24") + "250"
        if family == IPV6 and cidr.endswith("::/64"):
            return cidr.removesuffix("/64") + "fa"
    return None


def can_connect(pod: Pod, nodes: frozenset[str]) -> bool:
    """Whether a process can run in the pod and open a connection."""
    return bool(pod.status.pod_ip) and pod.status.phase == "Running" and pod.spec.node_name in nodes


def inside_clients(cluster: Cluster, family: str = IPV4) -> list[Client]:
    """Pods that run, and on each node the node itself and a pod without labels."""
    names = frozenset(node.metadata.name for node in cluster.nodes)
    found = [pod_client(pod, family) for pod in cluster.pods if can_connect(pod, names)]
    clients = [client for client in found if client is not None]
    for node in cluster.nodes:
        ip = internal_ip(node, family)
        if ip is not None:
            clients.append(Client(ClientKind.NODE, node.metadata.name, ip))
            # A pod that no selector selects, so that pods are clients where no pod was made.
            ip = unlabelled_pod_ip(node, family)
            if ip is not None:
                clients.append(Client(ClientKind.POD, node.metadata.name, ip))
    return clients


def outside_clients(cluster: Cluster, family: str = IPV4) -> list[Client]:
    """Both outside addresses, by each node that has an address of the family."""
    return [
        Client(ClientKind.EXTERNAL, node.metadata.name, ip)
        for node in cluster.nodes
        if internal_ip(node, family) is not None
        for ip in OUTSIDE[family]
    ]


@frozen
class Clients:
    """The clients of one family in a cluster by kind; each kind has one at least."""

    pods: list[Client]
    hosts: list[Client]
    outside: list[Client]

    @property
    def all(self) -> list[Client]:
        """Every client."""
        return [*self.pods, *self.hosts, *self.outside]

    @property
    def inside(self) -> list[Client]:
        """Every client in the cluster."""
        return [*self.pods, *self.hosts]


def clients_of(cluster: Cluster, family: str = IPV4) -> Clients | None:
    """The clients of a family in a cluster; None in one in which some kind has none."""
    inside = inside_clients(cluster, family)
    pods = [client for client in inside if client.kind is ClientKind.POD]
    hosts = [client for client in inside if client.kind is ClientKind.NODE]
    outside = outside_clients(cluster, family)
    return Clients(pods, hosts, outside) if pods and hosts and outside else None


# -- flows ---------------------------------------------------------------------


def direct_frontends(service: Service) -> list[tuple[str, ServicePort]]:
    """The addresses of a Service at its own ports, those that a proxy must leave alone included."""
    addresses = [
        *service.spec.cluster_ips,
        *service.spec.external_ips,
        *(entry.ip for entry in service.status.load_balancer.ingress if entry.ip),
    ]
    return [(ip, port) for ip in addresses if ip != CLUSTER_IP_NONE for port in service.spec.ports]


def flows(cluster: Cluster, *, most: int = MOST_FLOWS) -> tuple[Flow, ...]:
    """At most `most` of the flows to every frontend, and to what is nearly one."""
    clients = {family: found for family in (IPV4, IPV6) if (found := clients_of(cluster, family)) is not None}
    if not clients:
        return ()
    turn = turn_of(cluster)
    # Told apart by the client's identity, as hashing clients that are not asked is dear.
    every = {(id(asked[0]), *asked[1:]): asked for asked in _flows(cluster, clients, turn)}
    return tuple(Flow(*asked) for asked in spread(list(every.values()), most=most, turn=turn))


_Asked = tuple[Client, str, int, str]


def _flows(cluster: Cluster, by_family: Mapping[str, Clients], turn: int) -> Iterator[_Asked]:
    """The flows of all families, a flow's client being of the family of its address."""
    frontends = [
        [(ip, port) for ip, port in direct_frontends(service) if family_of(ip) in by_family]
        for service in cluster.services
    ]
    count = sum(map(len, frontends))
    few = count * max(len(clients.all) for clients in by_family.values()) <= FEW_FLOWS
    for service, own in zip(cluster.services, frontends, strict=True):
        turn += 1
        began: set[str] = set()
        for ip, port in own:
            turn += 1
            family = family_of(ip)
            clients = by_family[family]
            for client in clients.all if few else _one_of_each(clients, turn):
                yield client, ip, port.port, port.protocol
            if family not in began:
                began.add(family)
                itself = _own_pod(cluster, service, clients, turn)
                if itself is not None:
                    yield itself, ip, port.port, port.protocol
        for family, clients in by_family.items():
            yield from _node_port_flows(cluster, service, family, clients, turn)
        yield from _near_misses(cluster, service, own[:1], by_family, turn)
    for family, clients in by_family.items():
        client = _turn(clients.inside, turn)
        yield client, UNALLOCATED_IP[family], 80, "TCP"
        for pod in cluster.pods[:1]:
            own_ip = pod_ip(pod, family)
            if own_ip:
                yield client, own_ip, 80, "TCP"


def _turn(clients: list[Client], turn: int) -> Client:
    return clients[turn % len(clients)]


def _one_of_each(clients: Clients, turn: int) -> tuple[Client, Client, Client]:
    return _turn(clients.pods, turn), _turn(clients.hosts, turn // 3), _turn(clients.outside, turn // 2)


def _own_pod(cluster: Cluster, service: Service, clients: Clients, turn: int) -> Client | None:
    """A pod that is an endpoint of the Service, and so may get its own connection."""
    meta = service.metadata
    addresses = {
        endpoint.addresses[0]
        for item in cluster.endpoint_slices
        if item.metadata.namespace == meta.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == meta.name
        for endpoint in item.endpoints
        if endpoint.addresses
    }
    own = [client for client in clients.pods if client.ip in addresses]
    return _turn(own, turn) if own else None


def _node_port_flows(
    cluster: Cluster, service: Service, family: str, clients: Clients, turn: int
) -> Iterator[_Asked]:
    """From outside at each node, and from one client inside, at its own node or another."""
    addresses = [
        (node.metadata.name, ip) for node in cluster.nodes if (ip := internal_ip(node, family)) is not None
    ]
    for port in service.spec.ports:
        if not port.node_port:
            continue
        for index, (name, ip) in enumerate(addresses):
            # Packets to a node's address arrive at that node.
            arriving = [client for client in clients.outside if client.node == name]
            yield _turn(arriving, turn + index), ip, port.node_port, port.protocol
        turn += 1
        _, ip = addresses[turn % len(addresses)]
        yield _turn(clients.pods, turn // 3), ip, port.node_port, port.protocol
        yield _turn(clients.hosts, turn // 2), ip, port.node_port, port.protocol


def _near_misses(
    cluster: Cluster,
    service: Service,
    first: Sequence[tuple[str, ServicePort]],
    by_family: Mapping[str, Clients],
    turn: int,
) -> Iterator[_Asked]:
    """Almost a frontend: another port or protocol, the node's port at the Service's address or reversed."""
    for ip, port in first:
        family = family_of(ip)
        client = _turn(by_family[family].inside, turn)
        if turn % 2:
            yield client, ip, port.port + 1, port.protocol
        else:
            yield client, ip, port.port, _OTHER_PROTOCOL[port.protocol]
        if port.node_port and turn % 4 < 2:
            yield client, ip, port.node_port, port.protocol
        else:
            yield client, internal_ip(cluster.nodes[0], family) or ip, port.port, port.protocol


# -- health checks and connections -----------------------------------------------


def health_checks(cluster: Cluster) -> tuple[HealthCheck, ...]:
    """Each health check node port on each node, in each of its families, and a port that nobody has."""
    ports = [
        service.spec.health_check_node_port
        for service in cluster.services
        if service.spec.health_check_node_port
    ]
    return tuple(
        HealthCheck(node.metadata.name, port, family)
        for node in cluster.nodes
        for family in (IPV4, IPV6)
        if internal_ip(node, family) is not None
        for port in dict.fromkeys((*ports, NOBODYS_CHECK_PORT))
    )


def each_new(flows: Iterable[Flow]) -> list[Connection]:
    """One connection of each flow, each from another source port, all at once."""
    return [
        Connection(flow, 0, FIRST_PORT_IN_TURN + index % PORTS_IN_TURN) for index, flow in enumerate(flows)
    ]


def burst(flow: Flow, *, count: int, at: int = 0, apart: int = 0) -> tuple[Connection, ...]:
    """`count` connections of one flow, each from another source port, `apart` seconds after one another."""
    return tuple(
        Connection(flow, at + index * apart, FIRST_PORT_IN_TURN + index % PORTS_IN_TURN)
        for index in range(count)
    )
