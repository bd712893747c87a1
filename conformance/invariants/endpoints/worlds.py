# SPDX-License-Identifier: Apache-2.0
"""Nodes in zones, and Services with pods on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, frozen

from reference.endpoints.hints import TOPOLOGY_MODE_ANNOTATION
from reference.endpoints.membership import IPV4, IPV6
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    ZONE_LABEL,
    Cluster,
    ClusterSettings,
    Container,
    ContainerPort,
    Labels,
    Namespace,
    Node,
    NodeAddress,
    NodeCondition,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    ResourceList,
    Service,
    ServicePort,
    ServiceSpec,
)

AUTO: Labels = FrozenMap({TOPOLOGY_MODE_ANNOTATION: "Auto"})

Counts = tuple[int, ...]


@frozen
class Scenario:
    """A Service and its pods: so many ready ones, and so many that are not, on each node.

    `lost` of them are on a node that is gone.  With `two_ports` every other pod has
    its own number for the Service's port; with `families` of two every third pod has
    one address alone.
    """

    ready: Counts
    not_ready: Counts = ()
    lost: int = 0
    annotations: Labels = AUTO
    distribution: str | None = None
    publish: bool = False
    headless: bool = False
    two_ports: bool = False
    families: tuple[str, ...] = (IPV4,)

    @property
    def size(self) -> int:
        """How many pods it has."""
        return sum(self.ready) + sum(self.not_ready) + self.lost


@frozen
class World:
    """Some nodes, and what can be on them; a slice holds `most` endpoints."""

    nodes: tuple[Node, ...]
    scenarios: tuple[Scenario, ...]
    most: int = 100


# -- nodes -------------------------------------------------------------------


def node_in(zone: str | None, cpu: str = "2", *, ready: str | None = "True", labels: Labels = EMPTY) -> Node:
    """A node in a zone, or in none; without `ready` nobody says whether it is."""
    own = labels if zone is None else labels | {ZONE_LABEL: zone}
    conditions = () if ready is None else (NodeCondition("Ready", ready),)
    return Node(
        ObjectMeta(labels=own),
        status=NodeStatus(
            conditions=(NodeCondition("MemoryPressure", "False"), *conditions), allocatable=ResourceList(cpu)
        ),
    )


def named(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes with names and addresses of their own."""
    return tuple(
        evolve(
            node,
            metadata=evolve(node.metadata, name=f"node-{number}", uid=f"node-{number}"),
            status=evolve(node.status, addresses=(NodeAddress("InternalIP", f"192.168.0.{number}"),)),
        )
        for number, node in enumerate(nodes, start=1)
    )


# -- objects -----------------------------------------------------------------


def cluster_of(world: World, chosen: Sequence[Scenario]) -> Cluster:
    """The cluster with a Service for each scenario."""
    services: list[Service] = []
    pods: list[Pod] = []
    for number, scenario in enumerate(chosen):
        services.append(_service(number, scenario))
        pods += _pods(number, scenario, [node.metadata.name for node in world.nodes])
    return Cluster(
        ClusterSettings(
            service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"), max_endpoints_per_slice=world.most
        ),
        namespaces=(Namespace(ObjectMeta(name="default")),),
        nodes=world.nodes,
        pods=tuple(pods),
        services=tuple(services),
    )


def _service(number: int, scenario: Scenario) -> Service:
    name = f"web-{number}"
    own = {IPV4: f"10.96.1.{number + 1}", IPV6: f"fd00:10:96::1:{number + 1:x}"}
    ips = tuple(own[family] for family in scenario.families)
    if scenario.headless:
        ips = (CLUSTER_IP_NONE,)
    return Service(
        ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", annotations=scenario.annotations),
        ServiceSpec(
            type="ClusterIP",
            selector=FrozenMap({"app": name}),
            ports=(ServicePort(80, "http", "TCP", "http" if scenario.two_ports else 8080),),
            cluster_ip=ips[0],
            cluster_ips=ips,
            ip_families=scenario.families,
            ip_family_policy="SingleStack" if len(scenario.families) == 1 else "RequireDualStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
            publish_not_ready_addresses=scenario.publish,
            traffic_distribution=scenario.distribution,
        ),
    )


def _pods(number: int, scenario: Scenario, nodes: Sequence[str]) -> Iterator[Pod]:
    states = [
        (node, "True") for node, count in zip(nodes, scenario.ready, strict=False) for _ in range(count)
    ]
    states += [
        (node, "False") for node, count in zip(nodes, scenario.not_ready, strict=False) for _ in range(count)
    ]
    states += [("gone", "True")] * scenario.lost
    for place, (node, ready) in enumerate(states):
        name = f"web-{number}-{place}"
        ips = [f"10.244.{number}.{place + 1}", f"fd00:10:244:{number + 1:x}::{place + 1:x}"]
        if len(scenario.families) == 1:
            ips = ips[:1]
        elif place % 3 == 2:
            ips = ips[place % 2 :][:1]
        port = 8081 if scenario.two_ports and place % 2 else 8080
        yield Pod(
            ObjectMeta(
                name=name, namespace="default", uid=f"uid-{name}", labels=FrozenMap({"app": f"web-{number}"})
            ),
            PodSpec(
                node_name=node,
                containers=(Container("web", ports=(ContainerPort(port, "http", "TCP"),)),),
            ),
            PodStatus(
                phase="Running",
                pod_ip=ips[0],
                pod_ips=tuple(map(PodIP, ips)),
                conditions=(PodCondition("Ready", ready),),
            ),
        )
