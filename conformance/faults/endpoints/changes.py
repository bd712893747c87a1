# SPDX-License-Identifier: Apache-2.0
"""What faults of endpoints have in common: every pod, Service, slice or endpoint changed alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from reference.objects import Cluster, Container, Endpoint, EndpointPort, EndpointSlice, Pod, Service
from reference.questions import NamespacedName

Slices = tuple[EndpointSlice, ...]


def each_slice(slices: Slices, change: Callable[[EndpointSlice], EndpointSlice | None]) -> Slices:
    """Each slice changed or left out."""
    return tuple(new for piece in slices if (new := change(piece)) is not None)


def each_endpoint(slices: Slices, change: Callable[[Endpoint], Endpoint | None]) -> Slices:
    """The slices with each endpoint changed or left out."""
    return tuple(
        evolve(piece, endpoints=tuple(new for one in piece.endpoints if (new := change(one)) is not None))
        for piece in slices
    )


def each_port(slices: Slices, change: Callable[[EndpointPort], EndpointPort]) -> Slices:
    """The slices with each port changed."""
    return tuple(evolve(piece, ports=tuple(map(change, piece.ports))) for piece in slices)


def without_empty(slices: Slices) -> Slices:
    """The slices without those that have lost all endpoints, but one of them if there is no other."""
    return tuple(piece for piece in slices if piece.endpoints) or tuple(
        evolve(piece, ports=()) for piece in slices[:1]
    )


def each_pod(cluster: Cluster, change: Callable[[Pod], Pod | None]) -> Cluster:
    """The cluster with each pod changed or left out."""
    return evolve(cluster, pods=tuple(new for pod in cluster.pods if (new := change(pod)) is not None))


def each_service(cluster: Cluster, change: Callable[[Service], Service]) -> Cluster:
    """The cluster with each Service changed."""
    return evolve(cluster, services=tuple(map(change, cluster.services)))


def with_spec(service: Service, **changes: Any) -> Service:
    """The Service with fields of its spec changed."""
    return evolve(service, spec=evolve(service.spec, **changes))


def with_conditions(one: Endpoint, **changes: bool | None) -> Endpoint:
    """The endpoint with some of its conditions changed."""
    return evolve(one, conditions=evolve(one.conditions, **changes))


def with_containers(pod: Pod, change: Callable[[Container], Container]) -> Pod:
    """The pod with each of its containers changed."""
    return evolve(pod, spec=evolve(pod.spec, containers=tuple(map(change, pod.spec.containers))))


def service_of(cluster: Cluster, name: NamespacedName) -> Service:
    """The Service of that name."""
    return next(
        each
        for each in cluster.services
        if (each.metadata.namespace, each.metadata.name) == (name.namespace, name.name)
    )


def pods_of(cluster: Cluster, one: Endpoint) -> list[Pod]:
    """The pod to which an endpoint refers."""
    target = one.target_ref
    return [
        pod
        for pod in cluster.pods
        if target is not None
        and (pod.metadata.namespace, pod.metadata.name) == (target.namespace, target.name)
    ]
