# SPDX-License-Identifier: Apache-2.0
"""The questions that are asked of a cluster, one module for each area that has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

from reference.objects import Cluster

T = TypeVar("T")


def turn_of(cluster: Cluster) -> int:
    """A number that differs from cluster to cluster and is the same for equal ones."""
    services = "|".join(
        f"{service.metadata.name} {service.spec.type} {service.spec.internal_traffic_policy}"
        f" {service.spec.external_traffic_policy} {len(service.spec.ports)}"
        for service in cluster.services
    )
    pods = "".join(f"{pod.spec.node_name}{pod.status.phase}" for pod in cluster.pods)
    return crc32(f"{services}{pods}".encode())


def spread(items: Sequence[T], *, most: int, turn: int) -> tuple[T, ...]:
    """At most `most` of `items`, spread evenly, and others with another `turn`.

    A small cluster is asked everything; of a large one each question gets its
    turn over many clusters, and judging costs no more than generating.
    """
    if len(items) <= most:
        return tuple(items)
    step = len(items) / most
    return tuple(items[(turn + int(index * step)) % len(items)] for index in range(most))
