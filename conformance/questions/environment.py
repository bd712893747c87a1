# SPDX-License-Identifier: Apache-2.0
"""The questions about environments: which variables does each container have?"""

from __future__ import annotations

from itertools import chain, zip_longest

from reference.objects import Cluster, Pod
from reference.questions import ContainerName

MOST_CONTAINERS = 12


def started(pod: Pod) -> list[ContainerName]:
    """The containers of a pod that were started, init containers and sidecars last."""
    known = {container.name for container in (*pod.spec.containers, *pod.spec.init_containers)}
    return [
        ContainerName(pod.metadata.namespace, pod.metadata.name, status.name)
        for status in (*pod.status.container_statuses, *pod.status.init_container_statuses)
        if status.state.running is not None and status.name in known
    ]


def containers(cluster: Cluster) -> tuple[ContainerName, ...]:
    """At most twelve containers that were started: one of each pod, then the second ones, and so on."""
    rounds = zip_longest(*(started(pod) for pod in cluster.pods))
    every = (name for name in chain.from_iterable(rounds) if name is not None)
    return tuple(name for name, _ in zip(every, range(MOST_CONTAINERS), strict=False))
