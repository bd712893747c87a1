# SPDX-License-Identifier: Apache-2.0
"""The flows, health checks and connections asked of a cluster.

Every frontend of every Service is asked for by clients that take turns: which
client meets which frontend follows from the cluster alone, so that over many
clusters all combinations are met and equal clusters are asked equal questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from reference.objects import CLUSTER_IP_NONE, Cluster, NamespacedName, Node, Pod, Service, ServicePort
from reference.questions import Client, ClientKind, Connection, Flow, HealthCheck

MOST_FLOWS = 48
OUTSIDE = ("203.0.113.7", "198.51.100.9")
"""Addresses outside the cluster; generated source ranges hold the first, the second, or neither."""
UNALLOCATED_IP = "10.96.250.250"
_OTHER_PROTOCOL = {"TCP": "UDP", "UDP": "TCP", "SCTP": "TCP"}


def internal_ip(node: Node) -> str | None:
    """The node's InternalIP."""
    return next((entry.address for entry in node.status.addresses if entry.type == "InternalIP"), None)


def pod_client(pod: Pod) -> Client:
    """A client in a pod that has an address."""
    return Client(
        ClientKind.NODE if pod.spec.host_network else ClientKind.POD,
        pod.spec.node_name,
        pod.status.pod_ip,
        NamespacedName(pod.metadata.namespace, pod.metadata.name),
    )


def can_connect(pod: Pod, nodes: frozenset[str]) -> bool:
    """Whether a process can run in the pod and open a connection."""
    return bool(pod.status.pod_ip) and pod.status.phase == "Running" and pod.spec.node_name in nodes


def inside_clients(cluster: Cluster) -> list[Client]:
    """Pods that run, and the node itself on each node."""
    names = frozenset(node.metadata.name for node in cluster.nodes)
    clients = [pod_client(pod) for pod in cluster.pods if can_connect(pod, names)]
    for node in cluster.nodes:
        ip = internal_ip(node)
        if ip is not None:
            clients.append(Client(ClientKind.NODE, node.metadata.name, ip))
            cidr = node.spec.pod_cidr
            if cidr.endswith(".0/24"):
                # A pod without any label, so that pods are clients where no pod was made.
                ip = cidr.removesuffix("0/24") + "250"
                clients.append(Client(ClientKind.POD, node.metadata.name, ip))
    return clients


def outside_clients(cluster: Cluster) -> list[Client]:
    """Both outside addresses, by each node."""
    return [
        Client(ClientKind.EXTERNAL, node.metadata.name, ip) for node in cluster.nodes for ip in OUTSIDE
    ]


def direct_frontends(service: Service) -> list[tuple[str, ServicePort]]:
    """The addresses of a Service at its own ports, those that a proxy must leave alone included."""
    addresses = [
        *service.spec.cluster_ips,
        *service.spec.external_ips,
        *(entry.ip for entry in service.status.load_balancer.ingress if entry.ip),
    ]
    return [
        (ip, port) for ip in addresses if ip != CLUSTER_IP_NONE for port in service.spec.ports
    ]


def flows(cluster: Cluster) -> tuple[Flow, ...]:
    """At most `MOST_FLOWS` flows, all that there are if they are fewer."""
    found = list(dict.fromkeys(_flows(cluster)))
    if len(found) > MOST_FLOWS:
        step = len(found) / MOST_FLOWS
        found = [found[int(index * step)] for index in range(MOST_FLOWS)]
    return tuple(found)


def turn_of(cluster: Cluster) -> int:
    """A number that differs from cluster to cluster and is the same for equal ones."""
    text = "|".join(
        f"{service.metadata.name} {service.spec.type} {service.spec.internal_traffic_policy}"
        for service in cluster.services
    ) + "".join(f"{pod.spec.node_name}{pod.status.phase}" for pod in cluster.pods)
    return crc32(text.encode())


def _flows(cluster: Cluster) -> Iterator[Flow]:
    inside, outside = inside_clients(cluster), outside_clients(cluster)
    if not inside or not outside:
        return
    turn = turn_of(cluster)
    for service in cluster.services:
        for ip, port in direct_frontends(service):
            turn += 1
            yield Flow(inside[turn % len(inside)], ip, port.port, port.protocol)
            yield Flow(inside[(turn // 5 + 1) % len(inside)], ip, port.port, port.protocol)
            yield Flow(outside[turn % len(outside)], ip, port.port, port.protocol)
        yield from _node_port_flows(cluster, service, inside, outside, turn)
        yield from _near_misses(service, inside[turn % len(inside)])
    first = inside[turn % len(inside)]
    yield Flow(first, UNALLOCATED_IP, 80)
    for pod in cluster.pods[:1]:
        if pod.status.pod_ip:
            yield Flow(first, pod.status.pod_ip, 80)


def _node_port_flows(
    cluster: Cluster, service: Service, inside: list[Client], outside: list[Client], turn: int
) -> Iterator[Flow]:
    for port in service.spec.ports:
        if not port.node_port:
            continue
        for index, node in enumerate(cluster.nodes):
            ip = internal_ip(node)
            if ip is None:
                continue
            turn += 1
            # Packets to a node's address arrive at that node.
            yield Flow(
                Client(ClientKind.EXTERNAL, node.metadata.name, OUTSIDE[(turn + index) % 2]),
                ip,
                port.node_port,
                port.protocol,
            )
            yield Flow(inside[turn % len(inside)], ip, port.node_port, port.protocol)


def _near_misses(service: Service, client: Client) -> Iterator[Flow]:
    """Almost a Service's address: another port, another protocol, the target's or node's port."""
    for ip, port in direct_frontends(service)[:1]:
        yield Flow(client, ip, port.port + 1, port.protocol)
        yield Flow(client, ip, port.port, _OTHER_PROTOCOL[port.protocol])
        if port.node_port:
            yield Flow(client, ip, port.node_port, port.protocol)


def health_checks(cluster: Cluster) -> tuple[HealthCheck, ...]:
    """Each health check node port on each node, and a port that nobody has."""
    ports = [
        service.spec.health_check_node_port
        for service in cluster.services
        if service.spec.health_check_node_port
    ]
    return tuple(
        HealthCheck(node.metadata.name, port) for node in cluster.nodes for port in (*ports, 32700)
    )


def connections(flow: Flow, *, count: int, at: int = 0, first_port: int = 32768) -> tuple[Connection, ...]:
    """`count` connections of one flow at one moment, each from another source port."""
    return tuple(Connection(flow, at, first_port + index) for index in range(count))
