# SPDX-License-Identifier: Apache-2.0
"""Small clusters with two nodes, and short ways to ask about them."""

from __future__ import annotations

from typing import Any

from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    ClientIPConfig,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForNode,
    ForZone,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Namespace,
    Node,
    NodeAddress,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)
from reference.questions import Backend, Client, ClientKind, Flow

VIP, EXTERNAL_IP, LB_IP = "10.96.0.20", "198.18.0.20", "198.19.0.20"
NODE_A, NODE_B = "192.168.0.11", "192.168.0.12"
POD_A, POD_B = "10.244.0.2", "10.244.1.2"
HTTP = ServicePort(80, "http", "TCP", 8080, 30100)
SLICE_HTTP = EndpointPort("http", 8080, "TCP")

READY = EndpointConditions(True, True, False)
DRAINING = EndpointConditions(False, True, True)
GONE = EndpointConditions(False, False, True)
UNREADY = EndpointConditions(False, False, False)

# Clients that are no endpoints.
POD = Client(ClientKind.POD, "node-a", "10.244.0.250")
HOST = Client(ClientKind.NODE, "node-a", NODE_A)
OUTSIDE = Client(ClientKind.EXTERNAL, "node-a", "203.0.113.7")


def node(name: str, ip: str, *, index: int = 0, zone: str | None = None, more: tuple[str, ...] = ()) -> Node:
    """A node with these InternalIPs."""
    labels = FrozenMap({ZONE_LABEL: zone}) if zone is not None else FrozenMap[str, str]()
    cidr = f"10.244.{index}.0/24"
    return Node(
        ObjectMeta(name=name, labels=labels),
        NodeSpec(cidr, (cidr,)),
        NodeStatus(tuple(NodeAddress("InternalIP", each) for each in (ip, *more))),
    )


NODES = (node("node-a", NODE_A), node("node-b", NODE_B, index=1))


def endpoint(
    ip: str,
    on: str | None = "node-a",
    conditions: EndpointConditions = READY,
    *,
    zones: tuple[str, ...] = (),
    nodes: tuple[str, ...] = (),
) -> Endpoint:
    """An endpoint on a node, with hints for zones and nodes."""
    hints = EndpointHints(tuple(map(ForZone, zones)), tuple(map(ForNode, nodes))) if zones or nodes else None
    return Endpoint((ip,), conditions, node_name=on, hints=hints)


def piece(
    *endpoints: Endpoint,
    owner: str = "web",
    namespace: str = "default",
    name: str = "web-1",
    ports: tuple[EndpointPort, ...] = (SLICE_HTTP,),
    labels: dict[str, str] | None = None,
    family: str = "IPv4",
) -> EndpointSlice:
    """A slice of a Service."""
    meta = ObjectMeta(
        name=name, namespace=namespace, labels=FrozenMap({SERVICE_NAME_LABEL: owner, **(labels or {})})
    )
    return EndpointSlice(meta, family, endpoints, ports)


def service(
    name: str = "web",
    *,
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    internal: str = "Cluster",
    external: str = "Cluster",
    affinity: int | None = None,
    ingress: tuple[LoadBalancerIngress, ...] = (LoadBalancerIngress(LB_IP, ip_mode="VIP"),),
    **fields: Any,
) -> Service:
    """A load balancer with every kind of address, unless `fields` say otherwise."""
    usual: dict[str, Any] = {
        "type": "LoadBalancer",
        "ports": (HTTP,),
        "cluster_ip": VIP,
        "external_ips": (EXTERNAL_IP,),
        "health_check_node_port": 30900 if external == "Local" else 0,
        "ip_families": ("IPv4",),
        "session_affinity": "None" if affinity is None else "ClientIP",
        "session_affinity_config": affinity and SessionAffinityConfig(ClientIPConfig(affinity)),
    }
    spec = {**usual, **fields}
    spec.setdefault("cluster_ips", (spec["cluster_ip"],))
    return Service(
        ObjectMeta(name=name, namespace=namespace, uid=name, labels=FrozenMap(labels or {})),
        ServiceSpec(internal_traffic_policy=internal, external_traffic_policy=external, **spec),
        ServiceStatus(LoadBalancerStatus(ingress)),
    )


BOTH = (endpoint(POD_A), endpoint(POD_B, "node-b"))


def cluster(
    *services: Service, slices: tuple[EndpointSlice, ...] = (piece(*BOTH),), **fields: Any
) -> Cluster:
    """A cluster of two nodes."""
    return Cluster(
        namespaces=(Namespace(ObjectMeta(name="default")),),
        **{
            "nodes": NODES,
            "services": services or (service(),),
            "endpoint_slices": slices,
            **fields,
        },
    )


def pod(name: str, ip: str, on: str, *, namespace: str = "default") -> Pod:
    """A running pod."""
    return Pod(
        ObjectMeta(name=name, namespace=namespace),
        PodSpec(node_name=on),
        PodStatus("Running", ip, (PodIP(ip),)),
    )


def flow(client: Client, ip: str = VIP, port: int = 80, protocol: str = "TCP") -> Flow:
    """A flow."""
    return Flow(client, ip, port, protocol)


def backends(*ips: str, port: int = 8080) -> frozenset[Backend]:
    """Backends at one port."""
    return frozenset(Backend(ip, port) for ip in ips)
