# SPDX-License-Identifier: Apache-2.0
"""The addresses of one Service lead to the same backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from conformance.areas import Level
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
from reference.objects import Cluster, Service, ServicePort
from reference.questions import Client

Pair = tuple[Service, ServicePort, str]
"""A port of a Service, and the node's address at which it has its node port."""


def _node_ports(cluster: Cluster, client: Client, services: tuple[Service, ...]) -> Iterator[Pair]:
    """The node ports of those Services whose both policies are Cluster, at the client's own node."""
    node = next((item for item in cluster.nodes if item.metadata.name == client.node), None)
    if node is None:
        return
    taken = Counter(
        (port.node_port, port.protocol) for service in cluster.services for port in service.spec.ports
    )
    for service in services:
        if service.spec.external_traffic_policy == "Local":
            continue
        family = questions.family(service.spec.cluster_ip)
        ip = next(
            (
                entry.address
                for entry in node.status.addresses
                if entry.type == "InternalIP" and questions.family(entry.address) == family
            ),
            None,
        )
        for port in service.spec.ports:
            if ip is not None and port.node_port and taken[port.node_port, port.protocol] == 1:
                yield service, port, ip


@invariant(
    "cross.node-port-and-cluster-ip",
    kind=Kind.STATED,
    requirements=("NP-001", "PORT-012"),
    asks=(ROUTING,),
    level=Level.CLASS,
    classes=(ENDPOINTS, NO_ENDPOINTS),
)
def node_port_and_cluster_ip(case: Case) -> None:
    """If both traffic policies are Cluster, the node port and the cluster IP of a port of a Service lead a
    pod to the same endpoints.
    """
    client = client_of(case)
    if client is None:
        return
    pairs = list(_node_ports(case.cluster, client, followed(case)))
    if not pairs:
        return
    direct = [
        flow_to(client, service.spec.cluster_ip, port.port, port.protocol) for service, port, _ in pairs
    ]
    by_node = [flow_to(client, ip, port.node_port, port.protocol) for _, port, ip in pairs]
    for (service, port, ip), first, second in zip(
        pairs, follow(case, direct), follow(case, by_node), strict=True
    ):
        way = f"a {port.protocol} connection from {client.ip} to node port {ip}:{port.node_port}"
        judge(case, "NP-001", way, second, offered(slices_of(case, service), port, ip))
        same = first.backends == second.backends or not first.complete
        if first.forwarded != second.forwarded or not same:
            case.fail(
                "PORT-012",
                question=f"{way}, and one to cluster IP {service.spec.cluster_ip}:{port.port}",
                expected=f"the same, {first}",
                got=str(second),
                because=("PORT-012",),
            )
