# SPDX-License-Identifier: Apache-2.0
"""What becomes of a container's variables while the cluster changes.

Source: `pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`, which is called
when a container is created and at no other time.
"""

from __future__ import annotations

from reference.environment.agent import NodeAgent, find_container, started_at
from reference.environment.outcomes import Allowed
from reference.objects import Cluster
from reference.questions import ContainerName


def runs_on(before: Cluster, after: Cluster, name: ContainerName) -> bool:
    """Whether the container that runs after a change is the one that ran before it (ENV-ORDER-003)."""
    return _start(before, name) is not None and _start(before, name) == _start(after, name)


def _start(cluster: Cluster, name: ContainerName) -> int | None:
    for pod in cluster.pods:
        if (pod.metadata.namespace, pod.metadata.name) == (name.namespace, name.pod):
            return started_at(pod, name.container) if find_container(pod, name.container) else None
    return None


def after_change(before: Cluster, after: Cluster, name: ContainerName) -> tuple[Allowed, ...]:
    """All that is right for a container once the cluster has changed.

    A container that runs on has what it was started with: of a Service that was
    deleted and made again it keeps the old address (ENV-ORDER-001, ENV-ORDER-009).
    Whoever has only the present state to tell from does not know the deleted Service,
    and the new one was not there at the start: so it may also be missing.
    """
    states = (before, after) if runs_on(before, after, name) else (after,)
    found = (NodeAgent(state).allowed(name) for state in states)
    return tuple(allowed for allowed in found if allowed is not None)
