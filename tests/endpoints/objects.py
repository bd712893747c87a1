# SPDX-License-Identifier: Apache-2.0
"""Short ways to write down the objects of these tests."""

from __future__ import annotations

from typing import Any

from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    ZONE_LABEL,
    Cluster,
    Container,
    ContainerPort,
    Namespace,
    NamespacedName,
    Node,
    ObjectMeta,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)

FRONTEND = NamespacedName("default", "frontend")


def node(name: str, zone: str | None = None) -> Node:
    """A node, in a zone or in none."""
    return Node(ObjectMeta(name=name, labels=FrozenMap({ZONE_LABEL: zone}) if zone else EMPTY))


def pod(
    name: str,
    *ips: str,
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    phase: str = "Running",
    ready: str | None = "True",
    deleted: bool = False,
    **spec: Any,
) -> Pod:
    """A pod, by default a ready one of the frontend on the first node."""
    containers = spec.pop("containers", (Container("main", ports=(ContainerPort(8080, "http", "TCP"),)),))
    return Pod(
        ObjectMeta(
            name=name,
            namespace=namespace,
            uid=f"uid-{name}",
            labels=FrozenMap({"app": "frontend"} if labels is None else labels),
            deletion_timestamp=100 if deleted else None,
        ),
        PodSpec(containers=containers, **{"node_name": "node-a", **spec}),
        PodStatus(
            phase=phase,
            pod_ip=ips[0] if ips else "",
            pod_ips=tuple(PodIP(ip) for ip in ips),
            conditions=() if ready is None else (PodCondition("Ready", ready),),
        ),
    )


def service(
    *ports: ServicePort,
    name: str = "frontend",
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> Service:
    """A Service over the frontend's pods, by default of one port."""
    defaults: dict[str, Any] = {
        "type": "ClusterIP",
        "selector": FrozenMap({"app": "frontend"}),
        "ports": ports or (ServicePort(80, "", "TCP", 8080),),
        "cluster_ip": "10.96.0.20",
        "cluster_ips": ("10.96.0.20",),
        "ip_families": ("IPv4",),
        "ip_family_policy": "SingleStack",
        "session_affinity": "None",
        "internal_traffic_policy": "Cluster",
    }
    return Service(
        ObjectMeta(name=name, namespace=namespace, uid=f"uid-{name}", labels=FrozenMap(labels or {})),
        ServiceSpec(**{**defaults, **spec}),
    )


def cluster(*objects: Pod | Service | Node) -> Cluster:
    """A cluster of these objects; without a node it has `node-a` in `zone-a` and `node-b`."""
    nodes = tuple(item for item in objects if isinstance(item, Node))
    return Cluster(
        namespaces=(Namespace(ObjectMeta(name="default")), Namespace(ObjectMeta(name="shop"))),
        nodes=nodes or (node("node-a", "zone-a"), node("node-b")),
        pods=tuple(item for item in objects if isinstance(item, Pod)),
        services=tuple(item for item in objects if isinstance(item, Service)),
    )
