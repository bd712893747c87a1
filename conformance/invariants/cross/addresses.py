# SPDX-License-Identifier: Apache-2.0
"""The addresses of one Service lead to the same backends."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.areas import Level
from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.cross.names import followed
from conformance.invariants.cross.reach import (
    ENDPOINTS,
    NO_ENDPOINTS,
    ROUTING,
    client_of,
    flow_to,
    follow,
    judge,
    offered,
    slices_of,
)
from conformance.questions import cross as questions
from reference.objects import SERVICE_PROXY_NAME_LABEL, Cluster, Service, ServicePort
from reference.questions import Client

Pair = tuple[Service, ServicePort, str]
"""A port of a Service, and the node's address at which it has its node port."""


def _with_node_ports(cluster: Cluster) -> Cluster:
    """The cluster with a node port for each port that can have one, and all traffic policies Cluster."""
    taken = {port.node_port for service in cluster.services for port in service.spec.ports}
    taken |= {service.spec.health_check_node_port for service in cluster.services}
    lowest, highest = cluster.settings.node_port_range
    free = (number for number in range(highest, lowest - 1, -1) if number not in taken)
    return evolve(
        cluster,
        services=tuple(
            _with_node_port(service, free) if questions.has_cluster_ip(service) else service
            for service in cluster.services
        ),
    )


def _with_node_port(service: Service, free: Iterator[int]) -> Service:
    spec = service.spec
    may_have = spec.type != "LoadBalancer" or spec.allocate_load_balancer_node_ports is not False
    ports = tuple(
        evolve(port, node_port=port.node_port or next(free, 0)) if may_have else port for port in spec.ports
    )
    if not all(port.node_port for port in ports):
        return service
    return evolve(
        service,
        metadata=evolve(service.metadata, labels=service.metadata.labels.without(SERVICE_PROXY_NAME_LABEL)),
        spec=evolve(
            spec,
            type="LoadBalancer" if spec.type == "LoadBalancer" else "NodePort",
            ports=ports,
            internal_traffic_policy="Cluster",
            external_traffic_policy="Cluster",
            health_check_node_port=0,
        ),
    )


def _pairs(cluster: Cluster, client: Client, services: tuple[Service, ...]) -> Iterator[Pair]:
    """The node ports of Services whose external policy is Cluster, at the client's own node."""
    node = next((item for item in cluster.nodes if item.metadata.name == client.node), None)
    if node is None:
        return
    for service in services:
        family = questions.family(service.spec.cluster_ip)
        ip = next(
            (
                entry.address
                for entry in node.status.addresses
                if entry.type == "InternalIP" and questions.family(entry.address) == family
            ),
            None,
        )
        if ip is not None and service.spec.external_traffic_policy == "Cluster":
            yield from ((service, port, ip) for port in service.spec.ports if port.node_port)


@invariant(
    "cross.node-port-and-cluster-ip",
    kind=Kind.METAMORPHIC,
    requirements=("NP-001", "PORT-012"),
    asks=(ROUTING,),
    level=Level.CLASS,
    classes=(ENDPOINTS, NO_ENDPOINTS),
)
def node_port_and_cluster_ip(case: Case) -> None:
    """If both traffic policies are Cluster, the node port and the cluster IP of a port of a Service lead a
    pod to the same endpoints.
    """
    related = case.variant(Example(cluster=_with_node_ports(case.cluster)))
    client = client_of(related)
    if client is None:
        return
    pairs = list(_pairs(related.cluster, client, followed(related)))
    if not pairs:
        return
    direct = [
        flow_to(client, service.spec.cluster_ip, port.port, port.protocol) for service, port, _ in pairs
    ]
    by_node = [flow_to(client, ip, port.node_port, port.protocol) for _, port, ip in pairs]
    answers = follow(related, [*direct, *by_node])
    for (service, port, ip), first, second in zip(
        pairs, answers[: len(pairs)], answers[len(pairs) :], strict=True
    ):
        way = f"a {port.protocol} connection from {client.ip} to node port {ip}:{port.node_port}"
        judge(case, "NP-001", way, second, offered(slices_of(related, service), port, ip))
        same = first.backends == second.backends or not first.complete
        if first.forwarded != second.forwarded or not same:
            case.fail(
                "PORT-012",
                question=f"{way}, and one to cluster IP {service.spec.cluster_ip}:{port.port}",
                expected=f"the same, {first}",
                got=str(second),
                because=("PORT-012",),
            )
