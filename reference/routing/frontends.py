# SPDX-License-Identifier: Apache-2.0
"""Which service port a packet is for (decision procedure, steps 1 to 5)."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    LoadBalancerIngress,
    Node,
    Service,
    ServicePort,
)
from reference.questions import Client, ClientKind, Flow
from reference.routing.addresses import addresses_of, is_pod_address


class Destination(Enum):
    """What kind of address a packet is for, in the order in which they match (RT-025)."""

    CLUSTER_IP = "cluster IP"
    EXTERNAL_IP = "external IP"
    LOAD_BALANCER_IP = "load-balancer IP"
    NODE_PORT = "node port"


@frozen
class Match:
    """The service port that a packet is for."""

    service: Service
    port: ServicePort
    destination: Destination


def is_proxied(service: Service) -> bool:
    """Step 3: not headless, not ExternalName, not another proxy's (HEADLESS-001, -003, -004)."""
    return (
        service.spec.type != "ExternalName"
        and service.spec.cluster_ip not in ("", CLUSTER_IP_NONE)
        and SERVICE_PROXY_NAME_LABEL not in service.metadata.labels
    )


def is_intercepted(ingress: LoadBalancerIngress) -> bool:
    """An address in VIP mode; in mode Proxy clients go out to the load balancer (LB-001, LB-002)."""
    return bool(ingress.ip) and ingress.ip_mode in (None, "", "VIP")


def direct_addresses(service: Service) -> list[tuple[Destination, str]]:
    """The addresses at which a Service's own ports are served on every node (step 4)."""
    return [
        *((Destination.CLUSTER_IP, ip) for ip in service.spec.cluster_ips),
        *((Destination.EXTERNAL_IP, ip) for ip in service.spec.external_ips),
        *(
            (Destination.LOAD_BALANCER_IP, entry.ip)
            for entry in service.status.load_balancer.ingress
            if is_intercepted(entry)
        ),
    ]


def match(cluster: Cluster, node: Node, flow: Flow) -> Match | None:
    """Steps 4 and 5: an exact address and port, else a node port on the node's own address.

    RT-004, RT-025, RT-028, NP-001, NP-002, NP-012, NP-016, EXT-001, EXT-003, LB-001.
    """
    found: dict[Destination, Match] = {}
    on_node = flow.ip in addresses_of(node)
    for service in filter(is_proxied, cluster.services):
        for port in service.spec.ports:
            if port.protocol != flow.protocol:
                continue
            if port.port == flow.port:
                for destination, ip in direct_addresses(service):
                    if ip == flow.ip:
                        found.setdefault(destination, Match(service, port, destination))
            if on_node and port.node_port and port.node_port == flow.port:
                found.setdefault(Destination.NODE_PORT, Match(service, port, Destination.NODE_PORT))
    return next((found[destination] for destination in Destination if destination in found), None)


def processing_node(cluster: Cluster, flow: Flow) -> Node | None:
    """Step 1: the node whose address the packet is for, else the client's own (NP-014)."""
    own = None
    for node in cluster.nodes:
        if flow.ip in addresses_of(node):
            return node
        if node.metadata.name == flow.client.node:
            own = node
    return own


def client_kind(cluster: Cluster, node: Node, client: Client) -> ClientKind:
    """How the proxy on `node` takes the client: by its source address alone (RT-027).

    A process or a pod with the address of `node` is a local one; one of another
    node is external, unless the pod range tells that it is a pod (ETP-013, ETP-014).
    """
    if client.ip in addresses_of(node):
        return ClientKind.NODE
    if is_pod_address(cluster, client.ip):
        return ClientKind.POD
    return ClientKind.EXTERNAL
