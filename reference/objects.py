# SPDX-License-Identifier: Apache-2.0
"""The API objects of a cluster: a frozen mirror of the fields that Services need.

Names and nesting are those of the Kubernetes API in snake_case
(`spec.internalTrafficPolicy` is `spec.internal_traffic_policy`).  Defaults are
those of an object that was *not* sent through defaulting, so `None` or an empty
value means "not written down"; `reference.ports.defaulting` fills them in.

Times are whole seconds on the cluster's own clock; nothing reads a real clock.

Source: k8s.io/api `core/v1/types.go`, `discovery/v1/types.go`.
"""

from __future__ import annotations

from attrs import frozen

from reference.frozenmap import EMPTY, FrozenMap

Labels = FrozenMap[str, str]

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
LEGACY_MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
ENDPOINT_SLICE_CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS_LABEL = "service.kubernetes.io/headless"
SERVICE_PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
ZONE_LABEL = "topology.kubernetes.io/zone"
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
CLUSTER_IP_NONE = "None"


@frozen
class OwnerReference:
    """`metadata.ownerReferences[]`."""

    kind: str
    name: str
    uid: str = ""
    controller: bool | None = None


@frozen
class ObjectMeta:
    """`metadata`.  `namespace` is empty for nodes and namespaces."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: Labels = EMPTY
    annotations: Labels = EMPTY
    creation_timestamp: int = 0
    deletion_timestamp: int | None = None
    generate_name: str = ""
    owner_references: tuple[OwnerReference, ...] = ()


@frozen
class NamespacedName:
    """The name by which a namespaced object is asked for."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@frozen
class Namespace:
    """A namespace."""

    metadata: ObjectMeta


@frozen
class NodeAddress:
    """`status.addresses[]` of a node; `type` is InternalIP, ExternalIP or Hostname."""

    type: str
    address: str


@frozen
class NodeCondition:
    """`status.conditions[]` of a node."""

    type: str
    status: str


@frozen
class ResourceList:
    """`status.allocatable` of a node: quantities, as `"500m"`.  Only CPUs are modelled."""

    cpu: str = ""


@frozen
class NodeStatus:
    """`status` of a node."""

    addresses: tuple[NodeAddress, ...] = ()
    conditions: tuple[NodeCondition, ...] = ()
    allocatable: ResourceList = ResourceList()


@frozen
class NodeSpec:
    """`spec` of a node."""

    pod_cidr: str = ""
    pod_cidrs: tuple[str, ...] = ()


@frozen
class Node:
    """A node."""

    metadata: ObjectMeta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


@frozen
class ContainerPort:
    """`containers[].ports[]`."""

    container_port: int
    name: str = ""
    protocol: str = ""
    host_port: int = 0


@frozen
class EndpointAddress:
    """`subsets[].addresses[]` of a legacy Endpoints object."""

    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


@frozen
class SubsetPort:
    """`subsets[].ports[]` of a legacy Endpoints object."""

    port: int
    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None


@frozen
class EndpointSubset:
    """`subsets[]` of a legacy Endpoints object: every address offers every port."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[SubsetPort, ...] = ()


@frozen
class Endpoints:
    """A legacy Endpoints object."""

    metadata: ObjectMeta
    subsets: tuple[EndpointSubset, ...] = ()


@frozen
class ConfigMapKeySelector:
    """`valueFrom.configMapKeyRef`."""

    name: str
    key: str
    optional: bool | None = None


@frozen
class EnvVarSource:
    """`env[].valueFrom`.  Only ConfigMap keys are modelled."""

    config_map_key_ref: ConfigMapKeySelector | None = None


@frozen
class EnvVar:
    """`containers[].env[]`."""

    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


@frozen
class ConfigMapEnvSource:
    """`envFrom[].configMapRef`."""

    name: str
    optional: bool | None = None


@frozen
class EnvFromSource:
    """`containers[].envFrom[]`.  Only ConfigMaps are modelled."""

    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None


@frozen
class Container:
    """`spec.containers[]` and `spec.initContainers[]`."""

    name: str
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    restart_policy: str | None = None


@frozen
class PodDNSConfigOption:
    """`spec.dnsConfig.options[]`."""

    name: str
    value: str | None = None


@frozen
class PodDNSConfig:
    """`spec.dnsConfig`."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


@frozen
class PodSpec:
    """`spec` of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    node_name: str = ""
    host_network: bool = False
    hostname: str = ""
    subdomain: str = ""
    enable_service_links: bool | None = None
    dns_policy: str = ""
    dns_config: PodDNSConfig | None = None


@frozen
class PodIP:
    """`status.podIPs[]`."""

    ip: str


@frozen
class PodCondition:
    """`status.conditions[]`."""

    type: str
    status: str


@frozen
class ContainerStateRunning:
    """`state.running`."""

    started_at: int = 0


@frozen
class ContainerState:
    """`status.containerStatuses[].state`."""

    running: ContainerStateRunning | None = None


@frozen
class ContainerStatus:
    """`status.containerStatuses[]`, which says when a container was started."""

    name: str
    state: ContainerState = ContainerState()
    restart_count: int = 0


@frozen
class PodStatus:
    """`status` of a pod."""

    phase: str = ""
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


@frozen
class Pod:
    """A pod."""

    metadata: ObjectMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


@frozen
class ServicePort:
    """`spec.ports[]` of a Service.  `node_port` 0 and `target_port` None mean unset."""

    port: int
    name: str = ""
    protocol: str = ""
    target_port: int | str | None = None
    node_port: int = 0
    app_protocol: str | None = None


@frozen
class ClientIPConfig:
    """`sessionAffinityConfig.clientIP`; the time-out is in seconds."""

    timeout_seconds: int | None = None


@frozen
class SessionAffinityConfig:
    """`spec.sessionAffinityConfig`."""

    client_ip: ClientIPConfig | None = None


@frozen
class ServiceSpec:
    """`spec` of a Service."""

    type: str = ""
    selector: Labels | None = None
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    external_ips: tuple[str, ...] = ()
    external_name: str = ""
    external_traffic_policy: str = ""
    internal_traffic_policy: str | None = None
    session_affinity: str = ""
    session_affinity_config: SessionAffinityConfig | None = None
    publish_not_ready_addresses: bool = False
    load_balancer_class: str | None = None
    load_balancer_ip: str = ""
    load_balancer_source_ranges: tuple[str, ...] = ()
    allocate_load_balancer_node_ports: bool | None = None
    health_check_node_port: int = 0
    traffic_distribution: str | None = None


@frozen
class LoadBalancerIngress:
    """`status.loadBalancer.ingress[]`."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


@frozen
class LoadBalancerStatus:
    """`status.loadBalancer`."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


@frozen
class ServiceStatus:
    """`status` of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


@frozen
class Service:
    """A Service."""

    metadata: ObjectMeta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


@frozen
class EndpointConditions:
    """`endpoints[].conditions`; None means that nobody wrote it."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


@frozen
class ForZone:
    """`hints.forZones[]`."""

    name: str


@frozen
class ForNode:
    """`hints.forNodes[]`."""

    name: str


@frozen
class EndpointHints:
    """`endpoints[].hints`."""

    for_zones: tuple[ForZone, ...] = ()
    for_nodes: tuple[ForNode, ...] = ()


@frozen
class ObjectReference:
    """`endpoints[].targetRef`."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


@frozen
class Endpoint:
    """`endpoints[]` of a slice."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None
    hints: EndpointHints | None = None


@frozen
class EndpointPort:
    """`ports[]` of a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None
    app_protocol: str | None = None


@frozen
class EndpointSlice:
    """An EndpointSlice."""

    metadata: ObjectMeta
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


@frozen
class ConfigMap:
    """A ConfigMap, as a source of a container's variables."""

    metadata: ObjectMeta
    data: FrozenMap[str, str] = EMPTY


@frozen
class LabelSelectorRequirement:
    """`matchExpressions[]` of a general label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@frozen
class LabelSelector:
    """A general label selector (`metav1.LabelSelector`)."""

    match_labels: Labels = EMPTY
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


@frozen(kw_only=True)
class DNSServer:
    """How the cluster's DNS server is set up: the options of CoreDNS, with its defaults.

    `pods` is one of disabled, insecure and verified (DNS-POD-002 to DNS-POD-004).  `ttl`
    is in seconds, 0 to 3600 (DNS-META-006); with `cached` answers may come from a cache,
    whose times to live are lower.  `more_zones` are served besides the cluster domain,
    which is the first (DNS-PTR-010), and `reverse_zones` says whether those of addresses
    are (DNS-PTR-005).  `namespaces` are the only ones that are seen, all if there are
    none (DNS-META-012).  With `fall_through` a name that does not exist is left to the
    next server, which in the model answers nothing (DNS-NEG-015).

    Source: coredns 1.15.0 `plugin/kubernetes/setup.go`, ParseStanza.
    """

    pods: str = "disabled"
    ttl: int = 5
    cached: bool = False
    endpoint_pod_names: bool = False
    no_endpoints: bool = False
    ignore_empty_service: bool = False
    zonal: bool = False
    fall_through: bool = False
    reverse_zones: bool = True
    more_zones: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


@frozen
class ClusterSettings:
    """The few settings of a cluster that decide what Services do.

    `service_cidrs` is ordered, primary family first.  `node_port_range` is
    inclusive at both ends.  `pod_cidrs` is what a proxy takes for pod traffic.
    `max_endpoints_per_slice` is the EndpointSlice controller's flag, with its default (SLICE-001).
    `dns_server` is None where nobody says how the DNS server is set up.
    """

    cluster_domain: str = "cluster.local"
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16",)
    pod_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    node_port_range: tuple[int, int] = (30000, 32767)
    cluster_dns: tuple[str, ...] = ("10.96.0.10",)
    max_endpoints_per_slice: int = 100
    dns_server: DNSServer | None = None


@frozen
class Cluster:
    """An immutable state of a cluster: its settings and its API objects.

    `endpoint_slices` holds every slice that the API serves: those that were
    written by hand and those of the EndpointSlice controller, which carry
    `MANAGED_BY_LABEL`.
    """

    settings: ClusterSettings = ClusterSettings()
    namespaces: tuple[Namespace, ...] = ()
    nodes: tuple[Node, ...] = ()
    config_maps: tuple[ConfigMap, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
