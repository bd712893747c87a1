# SPDX-License-Identifier: Apache-2.0
"""Faults with what an endpoint says of its pod: conditions, host name, place, reference."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces, says, sees
from conformance.faults.endpoints.changes import (
    Slices,
    each_endpoint,
    each_service,
    with_conditions,
    with_spec,
)
from reference.endpoints import packing
from reference.endpoints.membership import hostname
from reference.objects import Cluster, Endpoint, Pod, Service
from reference.questions import NamespacedName


@says("EP-008", of=("endpoint_slices",), bugs=("BUG-029",))
def ready_while_terminating(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The pod's readiness is copied without a look at its deletion."""
    return each_endpoint(
        slices, lambda one: with_conditions(one, ready=one.conditions.ready or one.conditions.serving)
    )


@sees("EP-008")
def not_ready_addresses_are_not_published(cluster: Cluster) -> Cluster:
    """PublishNotReadyAddresses is not looked at."""
    return each_service(cluster, lambda each: with_spec(each, publish_not_ready_addresses=False))


@says("EP-006", of=("endpoint_slices",))
def serving_is_ready(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """`serving` is the same as `ready`, so that a terminating pod never serves."""
    return each_endpoint(slices, lambda one: with_conditions(one, serving=one.conditions.ready))


@replaces(packing, "is_serving", "EP-006")
def unknown_is_ready(pod: Pod) -> bool:
    """A pod is ready unless its Ready condition is False, also while that is Unknown."""
    states = [entry.status for entry in pod.status.conditions if entry.type == "Ready"]
    return bool(states) and states != ["False"]


@replaces(packing, "is_serving", "EP-009")
def first_condition_counts(pod: Pod) -> bool:
    """Whatever condition the pod's status lists first is taken for its readiness."""
    return bool(pod.status.conditions) and pod.status.conditions[0].status == "True"


@replaces(packing, "is_serving", "EP-009")
def containers_have_to_be_ready(pod: Pod) -> bool:
    """A pod serves if its Ready and ContainersReady conditions are both True, where it has both."""
    states = {entry.type: entry.status for entry in pod.status.conditions}
    return states.get("Ready") == "True" and states.get("ContainersReady", "True") == "True"


@says("EP-007", of=("endpoint_slices",))
def nothing_terminates(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """`terminating` is always false."""
    return each_endpoint(slices, lambda one: with_conditions(one, terminating=False))


@says("EP-010", of=("endpoint_slices",))
def false_conditions_are_left_out(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Conditions that are false are not written."""

    def sparse(one: Endpoint) -> Endpoint:
        state = one.conditions
        return with_conditions(one, serving=state.serving or None, terminating=state.terminating or None)

    return each_endpoint(slices, sparse)


# -- the host name, the place and the reference -----------------------------------------


@replaces(packing, "hostname", "EP-015")
def hostname_is_the_pod_name(pod: Pod, service: Service) -> str | None:
    """A pod without a host name of its own has its name as host name."""
    if pod.spec.subdomain != service.metadata.name:
        return None
    return pod.spec.hostname or pod.metadata.name


@replaces(packing, "hostname", "EP-015")
def hostname_without_subdomain(pod: Pod, _: Service) -> str | None:
    """A pod's host name is copied whatever its subdomain."""
    return pod.spec.hostname or None


@replaces(packing, "hostname", "DNS-SEARCH-042")
def no_hostname_in_the_host_network(pod: Pod, service: Service) -> str | None:
    """A pod in the host's network has no host name of its own."""
    return None if pod.spec.host_network else hostname(pod, service)


@says("EP-013", of=("endpoint_slices",))
def zone_is_not_known(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The label of the node that names its zone is not looked up."""
    return each_endpoint(slices, lambda one: evolve(one, zone=None))


@says("EP-013", of=("endpoint_slices",))
def node_is_not_named(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """An endpoint does not say on which node its pod is."""
    return each_endpoint(slices, lambda one: evolve(one, node_name=None))


@says("EP-016", of=("endpoint_slices",))
def no_reference_to_the_pod(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """An endpoint does not refer to its pod."""
    return each_endpoint(slices, lambda one: evolve(one, target_ref=None))
