# SPDX-License-Identifier: Apache-2.0
"""Which service port a packet is for (decision procedure, steps 1 to 5)."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    ClusterSettings,
    LoadBalancerIngress,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Client, ClientKind, Flow
from reference.routing.addresses import ProxyNode, family_of, is_pod_address, proxy_node


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


def cluster_ips(spec: ServiceSpec) -> tuple[str, ...]:
    """The cluster IPs, one for each family of the Service (DUAL-002)."""
    return spec.cluster_ips or (spec.cluster_ip,)


def families(spec: ServiceSpec) -> frozenset[str]:
    """The families in which a Service exists at all (step 2, DUAL-002)."""
    return frozenset(map(family_of, cluster_ips(spec)))


def direct_addresses(service: Service) -> list[tuple[Destination, str]]:
    """The addresses at which a Service's own ports are served on every node (step 4).

    Those of a family that the Service lacks are not (DUAL-005, EXT-005).
    """
    spec = service.spec
    known = families(spec)
    others = [
        *((Destination.EXTERNAL_IP, ip) for ip in spec.external_ips),
        *(
            (Destination.LOAD_BALANCER_IP, entry.ip)
            for entry in service.status.load_balancer.ingress
            if is_intercepted(entry)
        ),
    ]
    return [
        *((Destination.CLUSTER_IP, ip) for ip in cluster_ips(spec)),
        *((destination, ip) for destination, ip in others if family_of(ip) in known),
    ]


def match_direct(cluster: Cluster, flow: Flow) -> Match | None:
    """Step 4: an exact address and port, whichever node the packet meets.

    RT-004, RT-025, RT-028, EXT-001, EXT-003, LB-001.
    """
    found: dict[Destination, Match] = {}
    for service in filter(is_proxied, cluster.services):
        for port in service.spec.ports:
            if (port.port, port.protocol) != (flow.port, flow.protocol):
                continue
            for destination, ip in direct_addresses(service):
                if ip == flow.ip:
                    found.setdefault(destination, Match(service, port, destination))
    return next((found[destination] for destination in Destination if destination in found), None)


def match_node_port(cluster: Cluster, node: ProxyNode, flow: Flow) -> Match | None:
    """Step 5: a node port, at an address of the node (NP-001, NP-002, NP-012, NP-016, DUAL-003)."""
    if flow.ip not in node.addresses:
        return None
    for service in filter(is_proxied, cluster.services):
        if family_of(flow.ip) not in families(service.spec):
            continue
        for port in service.spec.ports:
            if port.node_port and (port.node_port, port.protocol) == (flow.port, flow.protocol):
                return Match(service, port, Destination.NODE_PORT)
    return None


def processing_node(cluster: Cluster, flow: Flow) -> ProxyNode | None:
    """Step 1: where a packet is decided on.

    On the client's own node, or where it comes in; but a packet to the address of
    another node passes untouched, unless it matches there already, and is decided
    on at that node (NP-014).
    """
    nodes = [proxy_node(node) for node in cluster.nodes]
    if match_direct(cluster, flow) is None:
        for node in nodes:
            if flow.ip in node.addresses:
                return node
    return next((node for node in nodes if node.name == flow.client.node), None)


def client_kind(settings: ClusterSettings, node: ProxyNode, client: Client) -> ClientKind:
    """How the proxy on `node` takes the client: by its source address alone (RT-027).

    A process or a pod with an address of `node` is a local one; one of another
    node is external, unless the pod range tells that it is a pod (ETP-013, ETP-014).
    A process of `node` has an address of it in any case: it may be that of a load
    balancer, which has given it to the nodes behind it (LB-009).
    """
    if client.ip in node.addresses or (client.kind is ClientKind.NODE and client.node == node.name):
        return ClientKind.NODE
    if is_pod_address(settings, client.ip):
        return ClientKind.POD
    return ClientKind.EXTERNAL
