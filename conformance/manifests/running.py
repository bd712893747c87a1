# SPDX-License-Identifier: Apache-2.0
"""What a running cluster adds to nodes and pods: addresses, places, and a state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network

from attrs import evolve

from conformance.errors import UsageError
from conformance.manifests.workloads import made_uid
from reference.frozenmap import FrozenMap
from reference.objects import (
    ZONE_LABEL,
    ClusterSettings,
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    EndpointSlice,
    Node,
    NodeAddress,
    NodeCondition,
    NodeSpec,
    ObjectMeta,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    ResourceList,
)

FEWEST_NODES = 3
PODS_PER_NODE = 80
ZONES = ("zone-a", "zone-b")
_READY = (NodeCondition("Ready", "True"),)
_CPUS = ResourceList("2")
_NODE_NETWORK = int(ip_address("192.168.0.10"))
_NODE_PREFIX = {4: 24, 6: 64}


# -- nodes -------------------------------------------------------------------


def made_up_nodes(pods: Sequence[Pod], slices: Sequence[EndpointSlice], more_pods: int) -> tuple[Node, ...]:
    """The nodes that pods and slices speak of; where they speak of none, enough of our own."""
    zones = {
        endpoint.node_name: endpoint.zone
        for item in slices
        for endpoint in item.endpoints
        if endpoint.node_name
    }
    named = dict.fromkeys([*(pod.spec.node_name for pod in pods if pod.spec.node_name), *zones])
    if named:
        return tuple(
            Node(ObjectMeta(name=name, labels=_node_labels(name, zones.get(name)))) for name in named if name
        )
    number = max(FEWEST_NODES, -(-(len(pods) + more_pods) // PODS_PER_NODE))
    names = [f"node-{index + 1}" for index in range(number)]
    return tuple(
        Node(ObjectMeta(name=name, labels=_node_labels(name, ZONES[index % len(ZONES)])))
        for index, name in enumerate(names)
    )


def _node_labels(name: str, zone: str | None) -> FrozenMap[str, str]:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return FrozenMap({**labels, ZONE_LABEL: zone} if zone else labels)


def with_addresses(nodes: Sequence[Node], pods: Sequence[Pod], settings: ClusterSettings) -> tuple[Node, ...]:
    """Every node with a pod CIDR, addresses and a state; those that it has stay as they are."""
    taken = {cidr for node in nodes for cidr in (node.spec.pod_cidr, *node.spec.pod_cidrs) if cidr}
    free = [_subnets(cidr, taken) for cidr in settings.pod_cidrs]
    known = {  # a pod in its node's network shows the node's address
        pod.spec.node_name: pod.status.pod_ip
        for pod in pods
        if pod.spec.host_network and pod.spec.node_name and pod.status.pod_ip
    }
    used = {address.address for node in nodes for address in node.status.addresses} | set(known.values())
    own = (
        text for number in range(1, 2**16) if (text := str(ip_address(_NODE_NETWORK + number))) not in used
    )
    made = []
    for node in nodes:
        name, spec, status = node.metadata.name, node.spec, node.status
        if spec.pod_cidrs and not spec.pod_cidr:
            spec = NodeSpec(spec.pod_cidrs[0], spec.pod_cidrs)
        elif spec.pod_cidr and not spec.pod_cidrs:
            spec = NodeSpec(spec.pod_cidr, (spec.pod_cidr,))
        elif not spec.pod_cidr:
            cidrs = tuple(next(subnets) for subnets in free)
            spec = NodeSpec(cidrs[0], cidrs) if cidrs else spec
        if not status.addresses:
            internal = known.get(name) or next(own)
            addresses = (NodeAddress("InternalIP", internal), NodeAddress("Hostname", name))
            status = evolve(status, addresses=addresses)
        if not status.conditions and not status.allocatable.cpu:
            status = evolve(status, conditions=_READY, allocatable=_CPUS)
        metadata = node.metadata
        if not metadata.uid:
            metadata = evolve(metadata, uid=made_uid("Node", "", name))
        made.append(Node(metadata, spec, status))
    return tuple(made)


def _subnets(cidr: str, taken: set[str]) -> Iterator[str]:
    """One network for each node; a small pod CIDR is shared by all."""
    network = ip_network(cidr)
    length = _NODE_PREFIX[network.version]
    if network.prefixlen < length:
        yield from (
            text for subnet in network.subnets(new_prefix=length) if (text := str(subnet)) not in taken
        )
    while True:
        yield cidr


# -- pods --------------------------------------------------------------------


def with_pod_defaults(pod: Pod) -> Pod:
    """The defaults of the fields that count for Services."""
    spec = pod.spec
    hosted = spec.host_network
    return evolve(
        pod,
        spec=evolve(
            spec,
            containers=tuple(_with_port_defaults(item, hosted=hosted) for item in spec.containers),
            init_containers=tuple(_with_port_defaults(item, hosted=hosted) for item in spec.init_containers),
            dns_policy=spec.dns_policy or "ClusterFirst",
            enable_service_links=spec.enable_service_links is not False,
        ),
        status=_with_both_ips(pod.status),
    )


def _with_port_defaults(container: Container, *, hosted: bool) -> Container:
    """`protocol` TCP; in the node's network a port is the node's port too."""
    ports = tuple(
        ContainerPort(
            port.container_port,
            port.name,
            port.protocol or "TCP",
            port.host_port or (port.container_port if hosted else 0),
        )
        for port in container.ports
    )
    return container if ports == container.ports else evolve(container, ports=ports)


def _with_both_ips(status: PodStatus) -> PodStatus:
    """`podIP` is always the first of `podIPs`, whichever was written down."""
    if status.pod_ip and not status.pod_ips:
        return evolve(status, pod_ips=(PodIP(status.pod_ip),))
    if status.pod_ips and not status.pod_ip:
        return evolve(status, pod_ip=status.pod_ips[0].ip)
    return status


class Kubelets:
    """Places pods on nodes in turn and runs them: an address, Ready, every container started."""

    def __init__(self, nodes: Sequence[Node], pods: Iterable[Pod], *, started_at: int) -> None:
        self.nodes = {node.metadata.name: node for node in nodes}
        self.names = list(self.nodes)
        self.placed = 0
        self.taken = {pod_ip.ip for pod in pods for pod_ip in pod.status.pod_ips}
        self.free = {cidr: _hosts(cidr) for node in nodes for cidr in node.spec.pod_cidrs}
        self.started_at = started_at

    def run(self, pod: Pod, *, created_at: int) -> Pod:
        """The pod as it runs; one that has a status already keeps it, and its place."""
        metadata = pod.metadata
        if not metadata.uid:
            metadata = evolve(metadata, uid=made_uid("Pod", metadata.namespace, metadata.name))
        if not metadata.creation_timestamp and pod.status == PodStatus():
            metadata = evolve(metadata, creation_timestamp=created_at)
        if pod.status != PodStatus():
            return evolve(pod, metadata=metadata)
        spec = pod.spec if pod.spec.node_name else evolve(pod.spec, node_name=self._next_node())
        ips = self._ips(pod, spec)
        return Pod(
            metadata,
            spec,
            PodStatus(
                phase="Running",
                pod_ip=ips[0] if ips else "",
                pod_ips=tuple(PodIP(ip) for ip in ips),
                conditions=(PodCondition("Ready", "True"),),
                container_statuses=tuple(self._started(container) for container in spec.containers),
                init_container_statuses=tuple(
                    self._started(container)
                    for container in spec.init_containers
                    if container.restart_policy == "Always"  # the others have ended
                ),
            ),
        )

    def _started(self, container: Container) -> ContainerStatus:
        return ContainerStatus(container.name, ContainerState(ContainerStateRunning(self.started_at)))

    def _next_node(self) -> str:
        name = self.names[self.placed % len(self.names)]
        self.placed += 1
        return name

    def _ips(self, pod: Pod, spec: PodSpec) -> tuple[str, ...]:
        node = self.nodes.get(spec.node_name)
        if node is None:  # bound to a node that does not exist: it has no network
            return ()
        if spec.host_network:
            internal = [item.address for item in node.status.addresses if item.type == "InternalIP"]
            return tuple(internal)
        return tuple(self._free_ip(cidr, pod) for cidr in node.spec.pod_cidrs)

    def _free_ip(self, cidr: str, pod: Pod) -> str:
        for ip in self.free[cidr]:
            if ip not in self.taken:
                self.taken.add(ip)
                return ip
        raise UsageError(
            f"no address of {cidr} is left for the pod {pod.metadata.namespace}/{pod.metadata.name}",
            hint="give more nodes",
        )


def _hosts(cidr: str) -> Iterator[str]:
    """The addresses of a node's pods; the first is the node's own."""
    network = ip_network(cidr)
    last = network.num_addresses - 1 if network.version == 4 else network.num_addresses
    return (str(network[index]) for index in range(2, last))
