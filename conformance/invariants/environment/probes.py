# SPDX-License-Identifier: Apache-2.0
"""Pods, Services and ConfigMaps that are added to a cluster, to look at one thing in a related one.

A probe is a pod with one container that was started long after everything else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from attrs import evolve

from conformance.example import Example
from conformance.invariants.base import Case
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    ConfigMap,
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    Namespace,
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
from reference.questions import ContainerName, Environment

EARLY = 0
LATE = 1_000_000
"""After every Service and every start of a generated cluster."""
AFTER_LATE = 2_000_000

Named = TypeVar("Named", Pod, Service, ConfigMap)

PORT = (ServicePort(80, "", "TCP", 8080),)


@lru_cache(maxsize=64)
def _address(cidr: str, index: int) -> str:
    """An address far from the first ones of the range, which generated objects have."""
    network = ipaddress.ip_network(cidr, strict=False)
    place = max(0, network.num_addresses - 300) + index
    return str(network[place % network.num_addresses])


def service(
    cluster: Cluster,
    namespace: str,
    name: str,
    index: int,
    *,
    ports: tuple[ServicePort, ...] = PORT,
    created: int = EARLY,
    headless: bool = False,
) -> Service:
    """A ClusterIP Service without a selector; `index` tells it from others that are added."""
    ip = "None" if headless else _address(cluster.settings.service_cidrs[0], index)
    family = "IPv6" if ":" in cluster.settings.service_cidrs[0] else "IPv4"
    return Service(
        ObjectMeta(name=name, namespace=namespace, uid=f"added-service-{index}", creation_timestamp=created),
        ServiceSpec(
            type="ClusterIP",
            ports=ports,
            cluster_ip=ip,
            cluster_ips=(ip,),
            ip_families=(family,),
            ip_family_policy="SingleStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )


def config_map(namespace: str, name: str, data: Mapping[str, str]) -> ConfigMap:
    """A ConfigMap."""
    metadata = ObjectMeta(name=name, namespace=namespace, creation_timestamp=EARLY)
    return ConfigMap(metadata, FrozenMap(data))


def pod(
    cluster: Cluster,
    namespace: str,
    name: str,
    index: int,
    *,
    container: Container | None = None,
    init: tuple[Container, ...] = (),
    links: bool = True,
    at: int = LATE,
    init_at: int = LATE,
    host_network: bool = False,
    created: int = LATE,
) -> Pod:
    """A running pod on the first node, its containers started at `at` and its sidecars at `init_at`."""
    container = container or Container("main")
    node = cluster.nodes[0] if cluster.nodes else None
    ip = _address(cluster.settings.pod_cidrs[0], index)
    if host_network and node is not None and node.status.addresses:
        ip = node.status.addresses[0].address
    return Pod(
        ObjectMeta(name=name, namespace=namespace, uid=f"added-pod-{index}", creation_timestamp=created),
        PodSpec(
            containers=(container,),
            init_containers=init,
            node_name=node.metadata.name if node is not None else "",
            host_network=host_network,
            enable_service_links=links,
            dns_policy="ClusterFirst",
        ),
        PodStatus(
            phase="Running",
            pod_ip=ip,
            pod_ips=(PodIP(ip),),
            conditions=(PodCondition("Ready", "True"),),
            container_statuses=(running(container.name, at),),
            init_container_statuses=tuple(running(each.name, init_at) for each in init),
        ),
    )


def running(name: str, at: int) -> ContainerStatus:
    """The status of a container that was started at `at`."""
    return ContainerStatus(name, ContainerState(ContainerStateRunning(at)))


def added(
    cluster: Cluster,
    *,
    pods: Iterable[Pod] = (),
    services: Iterable[Service] = (),
    config_maps: Iterable[ConfigMap] = (),
) -> Cluster:
    """The cluster with more objects; one that has the name of a new one makes way."""
    more_pods, more_services = tuple(pods), tuple(services)
    wanted = dict.fromkeys(
        [item.metadata.namespace for item in more_pods] + [item.metadata.namespace for item in more_services]
    )
    known = {item.metadata.name for item in cluster.namespaces}
    return evolve(
        cluster,
        namespaces=(*cluster.namespaces, *(namespace(name) for name in wanted if name not in known)),
        pods=_with(cluster.pods, more_pods),
        services=_with(cluster.services, more_services),
        config_maps=_with(cluster.config_maps, tuple(config_maps)),
    )


def _with(present: tuple[Named, ...], more: tuple[Named, ...]) -> tuple[Named, ...]:
    taken = {(item.metadata.namespace, item.metadata.name) for item in more}
    kept = tuple(item for item in present if (item.metadata.namespace, item.metadata.name) not in taken)
    return kept + more


def namespace(name: str) -> Namespace:
    """A namespace."""
    labels = FrozenMap({"kubernetes.io/metadata.name": name})
    return Namespace(ObjectMeta(name=name, uid=f"namespace-{name}", labels=labels))


def ask(
    case: Case, requirement: str, cluster: Cluster, containers: Sequence[ContainerName]
) -> list[Environment]:
    """What the containers have in the related cluster; each of them has to have been created."""
    answers = ask_all(case, cluster, containers)
    for name, got in zip(containers, answers, strict=True):
        if got.error is not None:
            case.fail(
                requirement,
                question=f"the variables of container {name}",
                expected="variables",
                got=f"the error {got.error!r}",
                because=(requirement,),
            )
    return answers


def ask_all(case: Case, cluster: Cluster, containers: Sequence[ContainerName]) -> list[Environment]:
    """What the containers have in the related cluster, errors included."""
    related = case.variant(Example(cluster=cluster))
    return related.ask("environment", containers)


def expect(
    case: Case,
    requirement: str,
    container: ContainerName,
    got: Environment,
    expected: Mapping[str, str | None],
    *met: str,
) -> None:
    """Judge that each of the variables has its value; None means that it must not be set."""
    case.judged(*met)
    for name, value in expected.items():
        found = got.variables.get(name)
        if found != value:
            case.fail(
                requirement,
                question=f"{name} in the variables of container {container}",
                expected="not set" if value is None else repr(value),
                got="not set" if found is None else repr(found),
                because=(requirement,),
            )


def host_port(ip: str, port: int) -> str:
    """An address with a port, as in a URL."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def variables_of(item: Service) -> dict[str, str]:
    """All variables of a Service, spelt out by the table of the catalogue (ENV-001)."""
    prefix = item.metadata.name.upper().replace("-", "_")
    ip, ports = item.spec.cluster_ip, item.spec.ports
    first = ports[0]
    found = {
        f"{prefix}_SERVICE_HOST": ip,
        f"{prefix}_SERVICE_PORT": str(first.port),
        f"{prefix}_PORT": f"{first.protocol.lower()}://{host_port(ip, first.port)}",
    }
    for port in ports:
        group = f"{prefix}_PORT_{port.port}_{port.protocol}"
        if port.name:
            found[f"{prefix}_SERVICE_PORT_{port.name.upper().replace('-', '_')}"] = str(port.port)
        found[group] = f"{port.protocol.lower()}://{host_port(ip, port.port)}"
        found[f"{group}_PROTO"] = port.protocol.lower()
        found[f"{group}_PORT"] = str(port.port)
        found[f"{group}_ADDR"] = ip
    return found
