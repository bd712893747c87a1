# SPDX-License-Identifier: Apache-2.0
"""Endpoint controllers that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import says, sees
from reference.objects import Cluster, Endpoint, EndpointSlice, Pod
from reference.questions import NamespacedName

Slices = tuple[EndpointSlice, ...]


def each_endpoint(slices: Slices, change: Callable[[Endpoint], Endpoint | None]) -> Slices:
    """The slices with each endpoint changed or left out."""
    return tuple(
        evolve(piece, endpoints=tuple(new for one in piece.endpoints if (new := change(one)) is not None))
        for piece in slices
    )


def each_pod(cluster: Cluster, change: Callable[[Pod], Pod]) -> Cluster:
    """The cluster with each pod changed."""
    return evolve(cluster, pods=tuple(map(change, cluster.pods)))


@says("EP-008", of=("endpoint_slices",), bugs=("BUG-029",))
def ready_while_terminating(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The pod's readiness is copied without a look at its deletion."""
    return each_endpoint(
        slices,
        lambda one: evolve(
            one, conditions=evolve(one.conditions, ready=one.conditions.ready or one.conditions.serving)
        ),
    )


@sees("EP-025", bugs=("BUG-022",))
def named_ports_by_name_alone(cluster: Cluster) -> Cluster:
    """Named target ports are resolved whatever the protocol."""

    def blind(pod: Pod) -> Pod:
        containers = tuple(
            evolve(each, ports=tuple(evolve(port, protocol="TCP") for port in each.ports))
            for each in pod.spec.containers
        )
        return evolve(pod, spec=evolve(pod.spec, containers=containers))

    return each_pod(cluster, blind)
