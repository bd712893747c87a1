# SPDX-License-Identifier: Apache-2.0
"""The node agent's view of a cluster, made once: what is allowed for each container."""

from __future__ import annotations

from reference.environment.outcomes import Allowed, Snapshot
from reference.environment.snapshot import wants_links
from reference.environment.variables import Linked
from reference.objects import Cluster, ConfigMap, Container, Pod
from reference.questions import ContainerName, Environment

NOT_STARTED = Environment(error="there is no such container that was started")


def find_container(pod: Pod, name: str) -> Container | None:
    """The container of that name: the rule is the same for those of every kind (ENV-021)."""
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        if container.name == name:
            return container
    return None


def started_at(pod: Pod, name: str) -> int | None:
    """When the container was last started, each by itself; None if it was not.

    ENV-ORDER-001, ENV-ORDER-003, ENV-ORDER-005.
    """
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        if status.name == name and status.state.running is not None:
            return status.state.running.started_at
    return None


class NodeAgent:
    """Answers for the containers of one cluster without looking for its objects again."""

    def __init__(self, cluster: Cluster) -> None:
        self.services = tuple(Linked.of(service) for service in cluster.services)
        self.pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in cluster.pods}
        self._snapshots: dict[tuple[str, int, bool], Snapshot] = {}
        self._config_maps: dict[str, dict[str, ConfigMap]] = {}
        for item in cluster.config_maps:
            self._config_maps.setdefault(item.metadata.namespace, {})[item.metadata.name] = item

    def allowed(self, name: ContainerName) -> Allowed | None:
        """All that is right for a container; None if it is not there or was not started."""
        pod = self.pods.get((name.namespace, name.pod))
        if pod is None:
            return None
        container, moment = find_container(pod, name.container), started_at(pod, name.container)
        if container is None or moment is None:
            return None
        return Allowed(
            container=container,
            config_maps=self._config_maps.get(name.namespace, {}),
            snapshot=self._snapshot(name.namespace, moment, links=wants_links(pod)),
        )

    def _snapshot(self, namespace: str, moment: int, *, links: bool) -> Snapshot:
        key = (namespace, moment, links)
        found = self._snapshots.get(key)
        if found is None:
            found = self._snapshots[key] = Snapshot.of(self.services, namespace, moment, links=links)
        return found

    def environment(self, name: ContainerName) -> Environment:
        """The canonical one of the right environments."""
        allowed = self.allowed(name)
        return NOT_STARTED if allowed is None else allowed.canonical()
