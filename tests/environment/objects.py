# SPDX-License-Identifier: Apache-2.0
"""Short ways to write down what environments depend on."""

from __future__ import annotations

from collections.abc import Mapping

from reference.environment import environments
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    ConfigMap,
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import ContainerName, Environment

MAIN = ContainerName("shop", "pod", "main")
START = 100


def service(
    name: str, *ports: ServicePort, ip: str = "10.96.0.1", namespace: str = "shop", created: int = 1
) -> Service:
    """A ClusterIP Service, with port 80 unless told otherwise."""
    return Service(
        ObjectMeta(name=name, namespace=namespace, creation_timestamp=created),
        ServiceSpec(
            type="ClusterIP",
            ports=ports or (ServicePort(80, "", "TCP"),),
            cluster_ip=ip,
            cluster_ips=(ip,),
        ),
    )


def status(name: str, at: int = START) -> ContainerStatus:
    """The status of a container that was started at `at`."""
    return ContainerStatus(name, ContainerState(ContainerStateRunning(at)))


def pod(container: Container | None = None, *, links: bool | None = True, at: int = START) -> Pod:
    """The pod that is asked about."""
    container = container or Container("main")
    return Pod(
        ObjectMeta(name="pod", namespace="shop"),
        PodSpec(containers=(container,), enable_service_links=links),
        PodStatus(container_statuses=(status(container.name, at),)),
    )


def config_map(name: str, data: Mapping[str, str]) -> ConfigMap:
    """A ConfigMap of the pod's namespace."""
    return ConfigMap(ObjectMeta(name=name, namespace="shop"), FrozenMap(data))


def from_map(name: str, prefix: str = "", *, optional: bool | None = None) -> EnvFromSource:
    """A ConfigMap as a source of all of its keys."""
    return EnvFromSource(prefix, ConfigMapEnvSource(name, optional))


def from_key(variable: str, name: str, key: str, *, optional: bool | None = None) -> EnvVar:
    """A variable that has the value of a key."""
    return EnvVar(variable, value_from=EnvVarSource(ConfigMapKeySelector(name, key, optional)))


def outcomes(
    *services: Service, of: Pod | None = None, config_maps: tuple[ConfigMap, ...] = ()
) -> tuple[Environment, ...]:
    """All environments that are right for the container `main` of the pod."""
    cluster = Cluster(services=services, pods=(of or pod(),), config_maps=config_maps)
    return environments(cluster, MAIN)


def variables(
    *services: Service, of: Pod | None = None, config_maps: tuple[ConfigMap, ...] = ()
) -> dict[str, str]:
    """The variables of the container `main` of the pod, where just one outcome is right."""
    (only,) = outcomes(*services, of=of, config_maps=config_maps)
    assert only.error is None
    return dict(only.variables)
