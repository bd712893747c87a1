# SPDX-License-Identifier: Apache-2.0
"""What a manifest leaves to the cluster is filled in; what it says stays."""

from __future__ import annotations

import pytest

from conformance.convert import cluster_from_plain, cluster_to_plain
from conformance.errors import UsageError
from conformance.manifests import dump, load, load_text, parse, shapes
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    Cluster,
    ClusterSettings,
    EndpointSlice,
    NodeCondition,
    Service,
)
from reference.ports.admission import validate_create

POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: POD, labels: {app: web}}
spec:
  containers:
  - name: web
    ports: [{containerPort: 8080}]
"""


def service(cluster: Cluster, name: str) -> Service:
    """The Service of that name."""
    return next(item for item in cluster.services if item.metadata.name == name)


def slices(cluster: Cluster, name: str) -> list[EndpointSlice]:
    """The slices of a Service."""
    return [item for item in cluster.endpoint_slices if item.metadata.labels[SERVICE_NAME_LABEL] == name]


def addresses(cluster: Cluster, name: str) -> list[str]:
    """The endpoint addresses of a Service."""
    return [ip for item in slices(cluster, name) for endpoint in item.endpoints for ip in endpoint.addresses]


def test_an_empty_manifest_is_a_cluster_of_its_own() -> None:
    """Nodes in two zones, `default`, and the API server's Service with its slice."""
    cluster = load_text("").cluster

    assert [namespace.metadata.name for namespace in cluster.namespaces] == ["default"]
    assert [node.metadata.labels[ZONE_LABEL] for node in cluster.nodes] == ["zone-a", "zone-b", "zone-a"]
    assert service(cluster, "kubernetes").spec.cluster_ip == "10.96.0.1"
    assert [port.port for port in slices(cluster, "kubernetes")[0].ports] == [6443]


def test_pods_run_in_turn_on_the_nodes() -> None:
    """Each has an address of its node's range, is ready, and started after every Service."""
    text = "".join(POD.replace("POD", f"p{number}") for number in range(4))
    late = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, creationTimestamp: '2001-01-01T00:00:00Z'}\n"
    )
    cluster = load_text(text + late + "spec: {ports: [{port: 80}]}").cluster

    assert [pod.spec.node_name for pod in cluster.pods] == ["node-1", "node-2", "node-3", "node-1"]
    assert [pod.status.pod_ip for pod in cluster.pods] == [
        "10.244.0.2",
        "10.244.1.2",
        "10.244.2.2",
        "10.244.0.3",
    ]
    created = service(cluster, "s").metadata.creation_timestamp
    for pod in cluster.pods:
        running = pod.status.container_statuses[0].state.running
        assert running is not None
        assert running.started_at > pod.metadata.creation_timestamp > created
        assert [(item.type, item.status) for item in pod.status.conditions] == [("Ready", "True")]


def test_nodes_are_ready_and_have_cpus() -> None:
    """So that proportional hints are possible; what a node says of itself stays."""
    assert {
        (node.status.conditions, node.status.allocatable.cpu) for node in load_text("").cluster.nodes
    } == {((NodeCondition("Ready", "True"),), "2")}

    text = """\
apiVersion: v1
kind: Node
metadata: {name: a}
status:
  allocatable: {cpu: 3920m, memory: 8Gi}
  conditions: [{type: Ready, status: "False", reason: KubeletNotReady}]
---
apiVersion: v1
kind: Node
metadata: {name: b}
status: {allocatable: {cpu: 4}}
"""
    first, second = load_text(text).cluster.nodes

    assert first.status.conditions == (NodeCondition("Ready", "False"),)
    assert (first.status.allocatable.cpu, second.status.allocatable.cpu) == ("3920m", "4")
    assert second.status.conditions == ()
    assert first.status.addresses


def test_pods_get_the_defaults_of_the_api() -> None:
    """Protocol TCP, DNS policy ClusterFirst, service links on."""
    pod = load_text(POD.replace("POD", "p")).cluster.pods[0]

    assert pod.spec.enable_service_links is True
    assert pod.spec.dns_policy == "ClusterFirst"
    assert pod.spec.containers[0].ports[0].protocol == "TCP"


def test_a_pod_in_the_nodes_network_has_the_nodes_address() -> None:
    """And its container ports are ports of the node."""
    text = POD.replace("POD", "p").replace("spec:\n", "spec:\n  hostNetwork: true\n")
    pod = load_text(text).cluster.pods[0]

    assert pod.status.pod_ip == "192.168.0.11"
    assert pod.spec.containers[0].ports[0].host_port == 8080


def test_a_sidecar_runs_and_an_init_container_has_ended() -> None:
    """Only init containers that restart always are running."""
    init = "  initContainers: [{name: setup}, {name: proxy, restartPolicy: Always}]\n"
    pod = load_text(POD.replace("POD", "p").replace("spec:\n", f"spec:\n{init}")).cluster.pods[0]

    assert [item.name for item in pod.status.init_container_statuses] == ["proxy"]


RUNNING = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a, namespace: shop, uid: u1, labels: {app: web}, creationTimestamp: "2001-01-01T00:00:05Z"}
  spec: {nodeName: worker-7, containers: [{name: c, ports: [{containerPort: 80, protocol: TCP}]}]}
  status:
    phase: Running
    podIP: 10.42.3.9
    podIPs: [{ip: 10.42.3.9}]
    conditions: [{type: Ready, status: "False"}]
- apiVersion: v1
  kind: Pod
  metadata: {name: waiting, namespace: shop, labels: {app: web}}
  spec: {containers: [{name: c}]}
  status: {phase: Pending}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop, uid: u2, creationTimestamp: "2001-01-01T00:00:00Z"}
  spec:
    type: LoadBalancer
    clusterIP: 10.43.7.7
    clusterIPs: [10.43.7.7]
    ipFamilies: [IPv4]
    ipFamilyPolicy: SingleStack
    selector: {app: web}
    ports: [{port: 80, protocol: TCP, targetPort: 80, nodePort: 32000}]
  status: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}
"""


def test_a_dump_of_a_running_cluster_stays_as_it_is() -> None:
    """Addresses, places, numbers, times and states of `kubectl get -o yaml` are kept."""
    cluster = load_text(RUNNING).cluster
    running, waiting = cluster.pods
    web = service(cluster, "web")

    assert (running.status.pod_ip, running.spec.node_name) == ("10.42.3.9", "worker-7")
    assert running.status.conditions[0].status == "False"
    assert running.metadata.uid == "u1"
    assert (waiting.status.phase, waiting.status.pod_ip, waiting.spec.node_name) == ("Pending", "", "")
    assert (web.spec.cluster_ip, web.spec.ports[0].node_port) == ("10.43.7.7", 32000)
    assert web.status.load_balancer.ingress[0].ip == "192.0.2.9"
    assert [node.metadata.name for node in cluster.nodes] == ["worker-7"]
    assert [namespace.metadata.name for namespace in cluster.namespaces] == ["default", "shop"]


def test_settings_follow_from_the_objects() -> None:
    """The ranges of the cluster that was dumped, where they are not the usual ones."""
    settings = load_text(RUNNING).cluster.settings

    assert settings.service_cidrs == ("10.43.0.0/16",)
    assert settings.pod_cidrs == ("10.42.0.0/16",)
    assert settings.cluster_dns == ("10.43.0.10",)
    assert load_text(POD.replace("POD", "p")).cluster.settings == ClusterSettings()


def test_two_families_are_two_ranges_in_the_order_of_the_objects() -> None:
    """A dump of a dual-stack cluster."""
    text = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  clusterIP: "fd00:10:96::7"
  clusterIPs: ["fd00:10:96::7", 10.96.0.7]
  ipFamilies: [IPv6, IPv4]
  ipFamilyPolicy: RequireDualStack
  ports: [{port: 80}]
"""
    cluster = load_text(text).cluster

    assert cluster.settings.service_cidrs == ("fd00:10:96::/112", "10.96.0.0/16")
    assert service(cluster, "web").spec.cluster_ips == ("fd00:10:96::7", "10.96.0.7")


def test_given_settings_are_not_inferred() -> None:
    """What the caller says holds, and what lies outside is refused."""
    settings = ClusterSettings(cluster_domain="corp.example")

    assert load_text("", settings=settings).cluster.settings == settings
    with pytest.raises(UsageError, match="the API server would refuse"):
        load_text(RUNNING, settings=settings)


def test_slices_of_the_controller_in_the_manifest_are_kept() -> None:
    """For a Service that has them nothing is computed; for the others it is."""
    text = f"""\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-abc
  labels: {{{SERVICE_NAME_LABEL}: web, {MANAGED_BY_LABEL}: endpointslice-controller.k8s.io}}
addressType: IPv4
endpoints: [{{addresses: [10.244.0.99]}}]
ports: [{{port: 8080}}]
"""
    for name in ("web", "other"):
        text += f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
        text += "spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n"
    cluster = load_text(text + POD.replace("POD", "p")).cluster

    assert addresses(cluster, "web") == ["10.244.0.99"]
    assert addresses(cluster, "other") == ["10.244.0.2"]
    assert slices(cluster, "web")[0].ports[0].protocol == "TCP"


ENDPOINTS = """\
apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets:
- addresses: [{ip: 203.0.113.5}]
  notReadyAddresses: [{ip: 203.0.113.6}]
  ports: [{port: 5432}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  ports: [{port: 5432}]
"""


def test_legacy_endpoints_are_mirrored() -> None:
    """EP-041, EP-042: for a Service without a selector, with only `ready` set."""
    cluster = load_text(ENDPOINTS).cluster
    mirror = slices(cluster, "db")[0]

    assert addresses(cluster, "db") == ["203.0.113.5", "203.0.113.6"]
    assert [endpoint.conditions.ready for endpoint in mirror.endpoints] == [True, False]
    assert {endpoint.conditions.serving for endpoint in mirror.endpoints} == {None}
    assert [(port.name, port.port, port.protocol) for port in mirror.ports] == [("", 5432, "TCP")]
    assert mirror.metadata.labels[MANAGED_BY_LABEL] == "endpointslicemirroring-controller.k8s.io"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("spec:\n", "spec:\n  selector: {app: db}\n"),
        (
            "{name: db}\nsubsets",
            "{name: db, labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}}\nsubsets",
        ),
        ("{name: db}\nsubsets", "{name: elsewhere}\nsubsets"),
    ],
)
def test_some_endpoints_are_not_mirrored(old: str, new: str) -> None:
    """EP-041: with a selector, with the label that forbids it, without a Service of the name."""
    assert old in ENDPOINTS

    assert addresses(load_text(ENDPOINTS.replace(old, new)).cluster, "db") == []


def test_numbers_that_are_asked_for_are_given_to_nobody_else() -> None:
    """A Service that leaves the choice never takes what a later one asks for."""
    text = ""
    for name, spec in (("a", ""), ("b", "clusterIP: 10.96.1.1, "), ("c", "")):
        port = "{port: 80, nodePort: 30086}" if name == "b" else "{port: 80}"
        text += f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
        text += f"spec: {{type: NodePort, {spec}ports: [{port}]}}\n"
    cluster = load_text(text).cluster

    assert service(cluster, "b").spec.cluster_ip == "10.96.1.1"
    assert service(cluster, "b").spec.ports[0].node_port == 30086
    assert len({item.spec.cluster_ip for item in cluster.services}) == 4
    assert len({item.spec.ports[0].node_port for item in cluster.services}) == 4


def test_more_pods_than_three_nodes_hold_get_more_nodes() -> None:
    """No node runs out of addresses because the manifest is large."""
    text = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: big}
spec:
  replicas: 1000
  selector: {matchLabels: {app: big}}
  template:
    metadata: {labels: {app: big}}
    spec: {containers: [{name: c}]}
"""
    cluster = load_text(text).cluster

    assert len({pod.status.pod_ip for pod in cluster.pods}) == 1000
    assert len(cluster.nodes) == 13


SHAPES = sorted(shapes())


def test_the_shapes_are_there() -> None:
    """Every classic shape comes with the suite."""
    assert {
        "frontend-and-db",
        "node-port",
        "load-balancer",
        "external-ip",
        "external-name",
        "multi-port",
        "headless",
        "without-selector",
    } <= set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_valid_and_has_endpoints(name: str) -> None:
    """Its Services are admitted as stored, and each but the ExternalName leads somewhere."""
    cluster = load([shapes()[name]]).cluster

    for item in cluster.services:
        assert validate_create(item) == ()
        assert addresses(cluster, item.metadata.name) or item.spec.type == "ExternalName"


def test_what_the_shapes_say() -> None:
    """Ports, types and numbers of the classic examples."""
    loaded = load(shapes().values())
    cluster = loaded.cluster
    ports = {item.metadata.name: item.spec.ports for item in cluster.services}

    assert loaded.ignored == ()
    assert (ports["frontend-svc"][0].port, ports["frontend-svc"][0].target_port) == (80, 5000)
    assert len(addresses(cluster, "frontend-svc")) == 3
    assert [port.port for port in slices(cluster, "db-svc")[0].ports] == [5432]
    assert [(port.name, port.port, port.target_port, port.node_port) for port in ports["my-service"]] == [
        ("http", 8080, 80, 31080),
        ("https", 8443, 443, 31443),
    ]
    assert service(cluster, "my-database").spec.external_name == "my.database.example.com"
    assert service(cluster, "shop-load-balancer").status.load_balancer.ingress == ()
    assert service(cluster, "shop-load-balancer").spec.health_check_node_port
    assert service(cluster, "shop-external-ip").spec.external_traffic_policy == "Cluster"
    assert ports["shop-node-port"][0].node_port in range(30000, 32768)
    assert [pod.spec.subdomain for pod in cluster.pods if pod.spec.subdomain] == ["queue", "queue"]


def test_a_cluster_that_is_dumped_and_loaded_is_the_same_cluster() -> None:
    """Nothing is filled in twice: a dump of a loaded manifest says everything."""
    cluster = load(shapes().values()).cluster
    text = dump(cluster_to_plain(cluster)["objects"])

    assert load_text(text).cluster == cluster
    assert cluster_from_plain({"objects": parse(text, where="dump")}) == cluster


def test_a_dump_is_readable() -> None:
    """apiVersion, kind, metadata, spec and status in this order, lists indented, documents apart."""
    cluster = load([shapes()["without-selector"]]).cluster
    text = dump([service(cluster, "legacy-billing"), {"status": {}, "spec": {"a": ["x"]}, "kind": "K"}])
    first, second = text.split("---\n")

    assert [line.split(":")[0] for line in first.splitlines() if not line.startswith(" ")] == [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    ]
    assert second == "kind: K\nspec:\n  a:\n    - x\nstatus: {}\n"
