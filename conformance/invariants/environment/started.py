# SPDX-License-Identifier: Apache-2.0
"""Each container with the variables that it got, and the Services that they may mean.

Worked out from the cluster itself, without the reference's rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from attrs import define

from conformance.invariants.base import Case
from conformance.invariants.environment.answers import asked, environment_of
from reference.objects import Container, ContainerStatus, Pod, Service
from reference.questions import ContainerName

_GROUP = re.compile(r"(.+)_PORT_([0-9]+)_(TCP|UDP|SCTP)")


@define(eq=False)
class Started:
    """A container with its variables, and the Services that could be meant by them.

    `own` are the names that the container defines itself, `nearby` the Services of
    the pod's namespace by prefix, `api_server` the Service of the API server.
    `imitated` are prefixes whose host variable a port name of another Service gives.
    """

    name: ContainerName
    question: str
    pod: Pod
    container: Container
    at: int
    variables: Mapping[str, str]
    own: frozenset[str]
    nearby: dict[str, Service]
    api_server: Service | None
    imitated: frozenset[str]


@lru_cache(maxsize=1024)
def prefix_of(name: str) -> str:
    """How the variables of a Service begin."""
    return name.upper().replace("-", "_")


@lru_cache(maxsize=4096)
def group_of(name: str) -> tuple[str, str, str] | None:
    """The Service's prefix, the port's number and its protocol, if a variable is a port's URL."""
    found = _GROUP.fullmatch(name)
    return (found[1], found[2], found[3]) if found else None


def started(case: Case) -> list[Started]:
    """Each container that has variables; computed once for a case."""
    return case.memo("environment.started", lambda: list(_started(case)))


def _started(case: Case) -> Iterator[Started]:
    cluster = case.cluster
    names = asked(case)
    if not names:
        return
    pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in cluster.pods}
    nearby: dict[str, dict[str, Service]] = {}
    for service in cluster.services:
        nearby.setdefault(service.metadata.namespace, {})[prefix_of(service.metadata.name)] = service
    api_server = nearby.get("default", {}).get("KUBERNETES")
    keys = {(item.metadata.namespace, item.metadata.name): tuple(item.data) for item in cluster.config_maps}
    for name, got in zip(names, case.ask("environment", names), strict=True):
        if got.error is not None:
            continue
        pod = pods[name.namespace, name.pod]
        container = next(
            found
            for found in (*pod.spec.containers, *pod.spec.init_containers)
            if found.name == name.container
        )
        at = _start(pod, name.container)
        around = nearby.get(name.namespace, {})
        yield Started(
            name=name,
            question=environment_of(name, at),
            pod=pod,
            container=container,
            at=at,
            variables=got.variables,
            own=_own_names(container, name.namespace, keys),
            nearby=around,
            api_server=api_server,
            imitated=frozenset(_imitated(around)),
        )


def _start(pod: Pod, name: str) -> int:
    statuses: Iterable[ContainerStatus] = (
        *pod.status.container_statuses,
        *pod.status.init_container_statuses,
    )
    for status in statuses:
        if status.name == name and status.state.running is not None:
            return status.state.running.started_at
    raise AssertionError(f"{name} was not started")


def _own_names(
    container: Container, namespace: str, keys: Mapping[tuple[str, str], tuple[str, ...]]
) -> frozenset[str]:
    """The names that `env` and `envFrom` can define; those of missing optional sources too."""
    names = {variable.name for variable in container.env}
    for source in container.env_from:
        if source.config_map_ref is not None:
            found = keys.get((namespace, source.config_map_ref.name), ())
            names.update(source.prefix + key for key in found)
    return frozenset(names)


def _imitated(nearby: Mapping[str, Service]) -> Iterator[str]:
    for prefix, service in nearby.items():
        for port in service.spec.ports:
            name = prefix_of(port.name)
            if name.endswith("_SERVICE_HOST"):
                yield f"{prefix}_SERVICE_PORT_{name.removesuffix('_SERVICE_HOST')}"


def has_cluster_ip(service: Service) -> bool:
    """Whether the Service has an address of its own."""
    return service.spec.cluster_ip not in ("", "None")


def is_ambiguous(item: Started, prefix: str) -> bool:
    """Whether the variables of another Service around can have names that begin with this prefix."""
    for other in (*item.nearby, *(("KUBERNETES",) if item.api_server else ())):
        if other != prefix and (other.startswith(f"{prefix}_") or prefix.startswith(f"{other}_")):
            return True
    # Of two Services `kubernetes` either may be meant; agreement knows which.
    return prefix == "KUBERNETES" and item.nearby.get(prefix, item.api_server) is not item.api_server
