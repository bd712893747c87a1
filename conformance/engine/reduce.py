# SPDX-License-Identifier: Apache-2.0
"""Makes a failing example smaller by leaving objects out, one at a time.

Hypothesis shrinks what it has generated; this does the same for examples that a
user gave, and tidies up what generation always adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import evolve

from conformance.engine.reduce_requests import smaller_requests
from conformance.example import Example
from reference.endpoints import with_managed_slices
from reference.objects import MANAGED_BY_LABEL, Cluster

T = TypeVar("T")

_COLLECTIONS = ("services", "pods", "endpoint_slices", "config_maps", "nodes", "namespaces")


def objects(example: Example) -> int:
    """How many objects a reader of the example has to look at."""
    cluster = example.cluster
    return (
        sum(len(getattr(cluster, name)) for name in _COLLECTIONS)
        + len(example.selections)
        + sum(len(session.requests) for session in example.sessions)
        + len(example.endpoint_requests)
    )


def reduce(example: Example, fails: Callable[[Example], bool], *, attempts: int = 200) -> Example:
    """The smallest example that still fails, found by leaving out one thing at a time.

    `attempts` bounds how often `fails` is called.
    """
    left = attempts
    progress = True
    while progress and left > 0:
        progress = False
        for smaller in _smaller(example):
            if left <= 0:
                break
            left -= 1
            if fails(smaller):
                example = smaller
                progress = True
                break
    return example


def _smaller(example: Example) -> Iterator[Example]:
    if example.cluster != Cluster():
        yield evolve(example, cluster=Cluster())
    for cluster in _smaller_clusters(example.cluster):
        yield evolve(example, cluster=cluster)
    for index in range(len(example.selections)):
        yield evolve(example, selections=_without(example.selections, index))
    for index, session in enumerate(example.sessions):
        yield evolve(example, sessions=_without(example.sessions, index))
        for request in range(len(session.requests)):
            fewer = evolve(session, requests=_without(session.requests, request))
            yield evolve(
                example,
                sessions=(*example.sessions[:index], fewer, *example.sessions[index + 1 :]),
            )
        for service in range(len(session.services)):
            fewer = evolve(session, services=_without(session.services, service))
            yield evolve(
                example,
                sessions=(*example.sessions[:index], fewer, *example.sessions[index + 1 :]),
            )
    for index, asked in enumerate(example.endpoint_requests):
        yield evolve(example, endpoint_requests=_without(example.endpoint_requests, index))
        for smaller in smaller_requests(asked):
            yield evolve(
                example,
                endpoint_requests=(
                    *example.endpoint_requests[:index],
                    smaller,
                    *example.endpoint_requests[index + 1 :],
                ),
            )


def _smaller_clusters(cluster: Cluster) -> Iterator[Cluster]:
    """Clusters with one object fewer.

    Managed slices are not left out by themselves: they follow from the pods,
    where they did so before.
    """
    follow = cluster == with_managed_slices(cluster)
    for name in _COLLECTIONS:
        items = getattr(cluster, name)
        for index, item in enumerate(items):
            if follow and name == "endpoint_slices" and MANAGED_BY_LABEL in item.metadata.labels:
                continue
            fewer: dict[str, Any] = {name: _without(items, index)}
            smaller = evolve(cluster, **fewer)
            yield with_managed_slices(smaller) if follow else smaller


def _without(items: tuple[T, ...], index: int) -> tuple[T, ...]:
    return items[:index] + items[index + 1 :]
