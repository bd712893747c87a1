# SPDX-License-Identifier: Apache-2.0
"""Pods: three choices each (what it is, what state it is in, what its containers are)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from conformance.strategies import pools
from conformance.strategies.addresses import ONE_STACK, node_ip, pod_ip
from reference.frozenmap import FrozenMap
from reference.objects import (
    ConfigMap,
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    Labels,
    ObjectMeta,
    Pod,
    PodCondition,
    PodDNSConfig,
    PodDNSConfigOption,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
)


@frozen
class State:
    """A pod's phase, Ready condition (None: there is none), deletion and addresses.

    With `one_family` it has only one in a cluster of two, as a pod from before the second.
    """

    phase: str = "Running"
    ready: str | None = "True"
    terminating: bool = False
    has_ip: bool = True
    one_family: bool = False


STATES = (
    # Ready ones often, or most Services would have no endpoint that is of use.
    *[State()] * 9,
    *[State(ready="False")] * 2,
    *[State(terminating=True)] * 2,
    State(ready="False", terminating=True),
    State(phase="Pending", ready="False", has_ip=False),
    State(phase="Succeeded", ready="False"),
    State(phase="Failed", ready="True"),  # evicted, with a condition that nobody took back
    State(ready=None),
    State(ready="Unknown"),
    State(phase="Pending", ready="False"),
)

CONTAINERS: tuple[tuple[tuple[Container, ...], tuple[Container, ...]], ...] = (
    ((Container("main", "pause", ports=(ContainerPort(8080, "http", "TCP"),)),), ()),
    ((Container("main", "pause"),), ()),
    (
        (
            Container(
                "main",
                "pause",
                ports=(
                    ContainerPort(8081, "http", "TCP"),
                    ContainerPort(5353, "dns", "UDP"),
                    ContainerPort(9090, "metrics", "TCP"),
                ),
            ),
        ),
        (),
    ),
    (
        (
            Container(
                "main",
                "pause",
                ports=(ContainerPort(8080, "http", "UDP"), ContainerPort(7000, protocol="TCP")),
            ),
            Container(
                "second",
                "pause",
                ports=(ContainerPort(8082, "http", "TCP"), ContainerPort(8443, "https", "TCP")),
            ),
        ),
        (),
    ),
    (
        (Container("main", "pause", ports=(ContainerPort(9090, "metrics", "TCP"),)),),
        (
            Container("setup", "pause", ports=(ContainerPort(1111, "http", "TCP"),)),
            Container(
                "sidecar", "pause", ports=(ContainerPort(8083, "http", "TCP"),), restart_policy="Always"
            ),
        ),
    ),
)

VARIABLES: tuple[tuple[tuple[EnvVar, ...], tuple[EnvFromSource, ...]], ...] = (
    ((), ()),
    (
        (EnvVar("WEB_SERVICE_HOST", "mine"), EnvVar("URL", "http://$(WEB_SERVICE_HOST):$(WEB_SERVICE_PORT)")),
        (),
    ),
    ((EnvVar("KUBERNETES_SERVICE_HOST", ""), EnvVar("A", "$$(B) $(B) $(KUBERNETES_SERVICE_PORT)")), ()),
    ((), (EnvFromSource(config_map_ref=ConfigMapEnvSource("settings")),)),
    (
        (
            EnvVar(
                "WEB_PORT", value_from=EnvVarSource(ConfigMapKeySelector("settings", "PORT", optional=True))
            ),
        ),
        (EnvFromSource("WEB_", ConfigMapEnvSource("absent", optional=True)),),
    ),
    (
        (
            EnvVar(
                "WEB_PORT", value_from=EnvVarSource(ConfigMapKeySelector("settings", "NONE", optional=True))
            ),
        ),
        (EnvFromSource("WEB_SERVICE_", ConfigMapEnvSource("settings")),),
    ),
)

DNS: tuple[tuple[str, str, bool, str, PodDNSConfig | None], ...] = (
    # hostname, subdomain, hostNetwork, dnsPolicy, dnsConfig
    ("", "", False, "ClusterFirst", None),
    ("pod-0", "web", False, "ClusterFirst", None),
    ("", "web", False, "ClusterFirst", PodDNSConfig(options=(PodDNSConfigOption("ndots", "2"),))),
    ("pod-0", "db-1", False, "Default", PodDNSConfig(searches=("example.com",))),
    ("", "", True, "ClusterFirst", None),
    (
        "pod-1",
        "web",
        True,
        "ClusterFirstWithHostNet",
        PodDNSConfig(nameservers=("192.0.2.53",), searches=("shop.svc.cluster.local",)),
    ),
    ("", "", False, "None", PodDNSConfig(nameservers=("192.0.2.53",), searches=("cluster.local",))),
)

MEMBER = -1
"""Stands for the labels that the chosen Service selects."""

_PLACES = pools.choices(
    pools.USUAL_NAMESPACES,
    # Selected by one of the Services more often than not, or with labels that nearly are.
    (*(2 * len(pools.LABELS) * [MEMBER]), *pools.LABELS),
    tuple(range(len(pools.NODE_NAMES))),
)
_STARTS = (25, 15, 5, 20)
_CONDITIONS = pools.choices(STATES, _STARTS, (True, False))
_CONDITIONS_OF_TWO_FAMILIES = pools.choices((*STATES, *[State(one_family=True)] * 3), _STARTS, (True, False))
_CONTENTS = pools.choices(CONTAINERS, VARIABLES, DNS)

Choice = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def pod_choices(*, dual_stack: bool = False) -> st.SearchStrategy[Choice]:
    """The three choices that make a pod; `dual_stack` for clusters that may have two families."""
    conditions = _CONDITIONS_OF_TWO_FAMILIES if dual_stack else _CONDITIONS
    return st.tuples(st.sampled_from(_PLACES), st.sampled_from(conditions), st.sampled_from(_CONTENTS))


def build(
    index: int,
    choice: Choice,
    *,
    nodes: int,
    services: Sequence[Service],
    families: tuple[str, ...] = ONE_STACK,
) -> Pod:
    """The pod at `index` on one of the first `nodes` nodes, made for one of `services` or for none."""
    (namespace, labels, place), (state, started_at, links), (containers, variables, dns) = choice
    if labels == MEMBER:
        namespace, labels = _membership(services, index, namespace)
    hostname, subdomain, host_network, dns_policy, dns_config = dns
    node = place % nodes
    own = families[:1] if state.one_family else families
    ips = tuple(node_ip(node, family) if host_network else pod_ip(node, index + 2, family) for family in own)
    regular, init = containers
    env, env_from = variables
    if env or env_from:
        first = regular[0]
        regular = (
            Container(first.name, first.image, first.ports, env, env_from, first.restart_policy),
            *regular[1:],
        )
    started = () if state.phase == "Pending" else regular
    return Pod(
        metadata=ObjectMeta(
            name=f"pod-{index}",
            namespace=namespace,
            uid=f"pod-{index}",
            labels=labels,
            creation_timestamp=1,
            deletion_timestamp=100 if state.terminating else None,
        ),
        spec=PodSpec(
            containers=regular,
            init_containers=init,
            node_name=pools.NODE_NAMES[node],
            host_network=host_network,
            hostname=hostname,
            subdomain=subdomain,
            enable_service_links=links,
            dns_policy=dns_policy,
            dns_config=dns_config,
        ),
        status=PodStatus(
            phase=state.phase,
            pod_ip=ips[0] if state.has_ip else "",
            pod_ips=tuple(map(PodIP, ips)) if state.has_ip else (),
            conditions=() if state.ready is None else (PodCondition("Ready", state.ready),),
            container_statuses=tuple(
                ContainerStatus(container.name, ContainerState(ContainerStateRunning(started_at)))
                for container in started
            ),
        ),
    )


def _membership(services: Sequence[Service], index: int, namespace: str) -> tuple[str, Labels]:
    """The namespace and labels of a pod that one of the Services selects; each has its turn."""
    selecting = [service for service in services if service.spec.selector]
    if not selecting:
        return namespace, pools.LABELS[0]
    # Two after one another, as a choice needs two.
    service = selecting[index // 2 % len(selecting)]
    return service.metadata.namespace, service.spec.selector or pools.LABELS[0]


SETTINGS_DATA = FrozenMap({"PORT": "from-settings", "WEB_SERVICE_HOST": "settings-host", "HOST": "$(PORT)"})


def config_maps(pods: tuple[Pod, ...]) -> tuple[ConfigMap, ...]:
    """The ConfigMap `settings` of each namespace whose pods refer to it."""
    namespaces = dict.fromkeys(
        pod.metadata.namespace
        for pod in pods
        for container in pod.spec.containers
        if container.env_from or any(variable.value_from for variable in container.env)
    )
    return tuple(
        ConfigMap(ObjectMeta(name="settings", namespace=namespace, creation_timestamp=1), SETTINGS_DATA)
        for namespace in namespaces
    )
