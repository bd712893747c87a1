# SPDX-License-Identifier: Apache-2.0
"""The small cluster and the questions with which `smoke` tries out an adapter."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from conformance.example import Example
from reference import questions as q
from reference.frozenmap import FrozenMap
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    ClusterSettings,
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    Namespace,
    NamespacedName,
    Node,
    NodeAddress,
    NodeStatus,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
    SubsetPort,
)

_WEB = FrozenMap({"app": "web"})
_NODE_IP, _POD_IP, _CLUSTER_IP = "192.168.0.1", "10.244.0.5", "10.96.0.20"


def _service(name: str) -> Service:
    return Service(
        ObjectMeta(name=name, namespace="default", uid="uid-service"),
        ServiceSpec(
            type="ClusterIP",
            selector=_WEB,
            ports=(ServicePort(port=80, name="http", protocol="TCP", target_port=8080),),
            cluster_ip=_CLUSTER_IP,
            cluster_ips=(_CLUSTER_IP,),
            ip_families=("IPv4",),
            ip_family_policy="SingleStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )


def _pod() -> Pod:
    running = ContainerState(running=ContainerStateRunning(started_at=60))
    return Pod(
        ObjectMeta(name="web-0", namespace="default", uid="uid-pod", labels=_WEB),
        PodSpec(
            containers=(
                Container("main", ports=(ContainerPort(8080, name="http", protocol="TCP"),), image="web"),
            ),
            node_name="node-a",
            dns_policy="ClusterFirst",
        ),
        PodStatus(
            phase="Running",
            pod_ip=_POD_IP,
            pod_ips=(PodIP(_POD_IP),),
            conditions=(PodCondition("Ready", "True"),),
            container_statuses=(ContainerStatus("main", running),),
        ),
    )


def _slice() -> EndpointSlice:
    return EndpointSlice(
        ObjectMeta(
            name="web-1",
            namespace="default",
            labels=FrozenMap(
                {SERVICE_NAME_LABEL: "web", MANAGED_BY_LABEL: ENDPOINT_SLICE_CONTROLLER},
            ),
        ),
        "IPv4",
        (
            Endpoint(
                (_POD_IP,),
                EndpointConditions(ready=True, serving=True, terminating=False),
                node_name="node-a",
                target_ref=ObjectReference("Pod", "default", "web-0", "uid-pod"),
            ),
        ),
        (EndpointPort("http", 8080, "TCP"),),
    )


SMALL = Example(
    Cluster(
        namespaces=(Namespace(ObjectMeta(name="default")),),
        nodes=(
            Node(
                ObjectMeta(name="node-a", labels=FrozenMap({"kubernetes.io/hostname": "node-a"})),
                status=NodeStatus((NodeAddress("InternalIP", _NODE_IP), NodeAddress("Hostname", "node-a"))),
            ),
        ),
        pods=(_pod(),),
        services=(_service("web"),),
        endpoint_slices=(_slice(),),
    )
)

_CLIENT = q.Client(q.ClientKind.POD, "node-a", _POD_IP, NamespacedName("default", "web-0"))
_FLOWS = (q.Flow(_CLIENT, _CLUSTER_IP, 80), q.Flow(_CLIENT, "10.96.0.99", 80))

QUESTIONS: dict[str, tuple[Any, ...]] = {
    "select": (
        q.Selection(q.SelectorForm.SERVICE, _WEB, _WEB),
        q.Selection(q.SelectorForm.SERVICE, _WEB, FrozenMap({"app": "db"})),
    ),
    "endpoint_slices": (NamespacedName("default", "web"), NamespacedName("default", "no-such-service")),
    "endpoints": (NamespacedName("default", "web"), NamespacedName("default", "no-such-service")),
    "synced_slices": (NamespacedName("default", "web"), NamespacedName("default", "no-such-service")),
    "mirrored_slices": (
        Endpoints(
            ObjectMeta(name="no-such-service", namespace="default"),
            (EndpointSubset((EndpointAddress("10.0.0.9"),), ports=(SubsetPort(80),)),),
        ),
    ),
    "route": _FLOWS,
    "connect": tuple(q.Connection(flow, source_port=40000 + number) for number, flow in enumerate(_FLOWS)),
    "health_checks": (q.HealthCheck("node-a", 32000), q.HealthCheck("node-a", 32001)),
    "resolve": (
        q.Query("web.default.svc.cluster.local", "A"),
        *(q.Query("web.default.svc.cluster.local", kind) for kind in ("AAAA", "SRV", "CNAME", "PTR")),
        q.Query("10.0.96.10.in-addr.arpa", "PTR"),
        q.Query("dns-version.cluster.local", "TXT"),
        q.Query("no-such-service.default.svc.cluster.local", "A"),
    ),
    "resolver_configs": (NamespacedName("default", "web-0"),),
    "environment": (q.ContainerName("default", "web-0", "main"),),
    "admit": tuple(
        q.ApiSession(
            ClusterSettings(),
            (
                q.ApiRequest(
                    q.Verb.CREATE,
                    Service(
                        ObjectMeta(name=name, namespace="default"),
                        ServiceSpec(selector=_WEB, ports=(ServicePort(port=80),)),
                    ),
                ),
            ),
        )
        for name in ("web", "-no-good-name-")
    ),
    "admit_endpoints": (
        q.EndpointsRequest(_slice()),
        q.EndpointsRequest(evolve(_slice(), address_type="IPX")),
        q.EndpointsRequest(_slice(), old=evolve(_slice(), ports=())),
        q.EndpointsRequest(
            Endpoints(
                ObjectMeta(name="web", namespace="default"),
                (EndpointSubset((EndpointAddress("10.0.0.9"),), ports=(SubsetPort(80),)),),
            )
        ),
    ),
}
"""For each operation the questions about SMALL, the first of them the plainest."""
