# SPDX-License-Identifier: Apache-2.0
"""Faults with which pods are endpoints."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from conformance.faults.base import replaces, says, sees
from conformance.faults.endpoints.changes import (
    Slices,
    each_endpoint,
    each_pod,
    each_service,
    service_of,
    with_spec,
    without_empty,
)
from reference.endpoints import endpoint_slices, packing
from reference.endpoints.membership import is_serving, parse_ip
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Cluster, Endpoint, Labels, Pod, PodIP
from reference.questions import NamespacedName


@replaces(packing, "service_selects", "SEL-001")
def one_pair_is_enough(selector: Labels | None, labels: Labels) -> bool:
    """A pod is selected as soon as one pair of the selector holds."""
    return any(labels.get(key) == value for key, value in (selector or EMPTY).items())


@replaces(packing, "service_selects", "SEL-001")
def labels_have_to_be_equal(selector: Labels | None, labels: Labels) -> bool:
    """A pod with more labels than the selector has is not selected."""
    return selector == labels


@replaces(packing, "service_selects", "SEL-002")
def absent_label_is_empty(selector: Labels | None, labels: Labels) -> bool:
    """A label that a pod lacks is read as one with an empty value."""
    return all(labels.get(key, "") == value for key, value in (selector or EMPTY).items())


@replaces(packing, "service_selects", "SEL-003")
def letter_case_is_ignored(selector: Labels | None, labels: Labels) -> bool:
    """Values of labels are compared without regard to upper and lower case."""
    return all(
        key in labels and labels[key].lower() == value.lower() for key, value in (selector or EMPTY).items()
    )


@sees("SEL-004")
def no_selector_selects_all(cluster: Cluster) -> Cluster:
    """A Service without a selector gets slices with all pods that are labelled like an application."""
    every = FrozenMap({"app": "web"})
    return each_service(
        cluster, lambda each: with_spec(each, selector=every) if each.spec.selector is None else each
    )


@says("SEL-006", of=("endpoint_slices",))
def nothing_for_no_pods(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A Service whose selector selects no pod is not managed, and has no slices."""
    return slices if any(piece.endpoints for piece in slices) else ()


@says("SEL-007", of=("endpoint_slices",))
def pods_of_all_namespaces(cluster: Cluster, name: NamespacedName, _: Slices) -> Slices:
    """Pods are looked for in all namespaces."""
    return endpoint_slices(
        each_pod(cluster, lambda pod: evolve(pod, metadata=evolve(pod.metadata, namespace=name.namespace))),
        name,
    )


@says("SEL-007", of=("endpoint_slices",))
def namespaces_are_configured(_: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Services are followed in the namespaces of a list that was written down once, and in no other."""
    return slices if name.namespace in ("default", "shop") else ()


@says("SEL-008", of=("endpoint_slices",))
def pod_backs_one_service(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A pod backs the first Service that selects it, and no other."""
    taken: set[str] = set()
    for other in cluster.services:
        found = NamespacedName(other.metadata.namespace, other.metadata.name)
        if found == name:
            break
        taken |= {str(one.target_ref) for piece in endpoint_slices(cluster, found) for one in piece.endpoints}
    return without_empty(each_endpoint(slices, lambda one: None if str(one.target_ref) in taken else one))


@says("SEL-010", of=("endpoint_slices",))
def placeholder_for_external_name(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """An ExternalName Service with a selector gets slices like any other, only without endpoints."""
    return (
        slices
        if slices
        else tuple(evolve(piece, endpoints=(), ports=()) for piece in _managed(cluster, name))[:1]
    )


@sees("EP-025", bugs=("BUG-031",))
def selector_of_external_name_counts(cluster: Cluster) -> Cluster:
    """Endpoints are computed from the selector, whatever the type of the Service."""
    return each_service(
        cluster,
        lambda each: (
            with_spec(each, type="ClusterIP", ip_families=("IPv4",))
            if each.spec.type == "ExternalName"
            else each
        ),
    )


def _managed(cluster: Cluster, name: NamespacedName) -> Slices:
    """The slices that the Service would have if it were no ExternalName."""
    if service_of(cluster, name).spec.type != "ExternalName":
        return ()
    return endpoint_slices(selector_of_external_name_counts(cluster), name)


# -- the state of a pod -----------------------------------------------------------------


@sees("EP-002")
def terminal_pods_are_endpoints(cluster: Cluster) -> Cluster:
    """The phase of a pod is not looked at."""
    return each_pod(cluster, lambda pod: evolve(pod, status=evolve(pod.status, phase="Running")))


@says("EP-002", of=("endpoint_slices",))
def terminal_pods_are_published(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Where not-ready addresses are published, pods that succeeded or failed are endpoints as well."""
    if not service_of(cluster, name).spec.publish_not_ready_addresses:
        return slices
    return endpoint_slices(terminal_pods_are_endpoints(cluster), name)


@replaces(packing, "is_eligible", "EP-004")
def only_running_pods(pod: Pod) -> bool:
    """Only pods in the phase Running are endpoints."""
    return bool(pod.status.phase == "Running" and pod.status.pod_ips)


@replaces(packing, "is_eligible", "EP-005")
def terminating_pods_vanish(pod: Pod) -> bool:
    """A pod is no endpoint any more as soon as its deletion begins."""
    usable = pod.status.phase not in ("Succeeded", "Failed") and bool(pod.status.pod_ips)
    return usable and pod.metadata.deletion_timestamp is None


@replaces(packing, "is_eligible", "EP-011")
def pods_that_are_not_ready_vanish(pod: Pod) -> bool:
    """A pod that is not ready is no endpoint."""
    usable = pod.status.phase not in ("Succeeded", "Failed") and bool(pod.status.pod_ips)
    return usable and is_serving(pod)


# -- addresses and nodes ----------------------------------------------------------------


@says("EP-003", of=("endpoint_slices",))
def pods_without_address_are_endpoints(cluster: Cluster, name: NamespacedName, _: Slices) -> Slices:
    """A pod that has no address yet is an endpoint with an empty list of addresses."""
    stand_in = "10.255.255.255"

    def with_address(pod: Pod) -> Pod:
        if pod.status.pod_ips:
            return pod
        return evolve(pod, status=evolve(pod.status, pod_ip=stand_in, pod_ips=(PodIP(stand_in),)))

    return each_endpoint(
        endpoint_slices(each_pod(cluster, with_address), name),
        lambda one: evolve(one, addresses=()) if one.addresses == (stand_in,) else one,
    )


@sees("EP-001")
def pods_at_one_place_are_one(cluster: Cluster) -> Cluster:
    """Of pods on the same node with the same labels only the first is taken up."""
    places: Counter[tuple[str, str, Labels]] = Counter()

    def first(pod: Pod) -> Pod | None:
        place = (pod.metadata.namespace, pod.spec.node_name, pod.metadata.labels)
        places[place] += 1
        return pod if places[place] == 1 else None

    return each_pod(cluster, first)


@sees("EP-012")
def host_network_pods_are_left_out(cluster: Cluster) -> Cluster:
    """Pods in the network of their node are no endpoints."""
    return each_pod(cluster, lambda pod: None if pod.spec.host_network else pod)


@says("EP-012", of=("endpoint_slices",))
def equal_addresses_are_one_endpoint(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Of pods that share an address, as those in a node's network do, only the first is an endpoint."""
    seen: set[tuple[str, ...]] = set()

    def first(one: Endpoint) -> Endpoint | None:
        if one.addresses in seen:
            return None
        seen.add(one.addresses)
        return one

    return without_empty(each_endpoint(slices, first))


@says("EP-014", of=("endpoint_slices",))
def pods_of_missing_nodes_stay(cluster: Cluster, name: NamespacedName, _: Slices) -> Slices:
    """A pod stays an endpoint when its node is gone, only without a zone."""
    publish = service_of(cluster, name).spec.publish_not_ready_addresses
    published = each_service(cluster, lambda each: with_spec(each, publish_not_ready_addresses=True))
    return each_endpoint(
        endpoint_slices(published, name),
        lambda one: (
            one
            if publish
            else evolve(
                one,
                conditions=evolve(
                    one.conditions,
                    ready=bool(one.conditions.serving and not one.conditions.terminating),
                ),
            )
        ),
    )


@sees("EP-017")
def address_of_the_node(cluster: Cluster) -> Cluster:
    """An endpoint has the address of the pod's node instead of the pod's own."""
    ips = {
        node.metadata.name: next(
            (entry.address for entry in node.status.addresses if entry.type == "InternalIP"), ""
        )
        for node in cluster.nodes
    }

    def moved(pod: Pod) -> Pod:
        ip = ips.get(pod.spec.node_name)
        return (
            evolve(pod, status=evolve(pod.status, pod_ips=(PodIP(ip),))) if ip and pod.status.pod_ips else pod
        )

    return each_pod(cluster, moved)


@sees("EP-017")
def addresses_are_not_parsed(cluster: Cluster) -> Cluster:
    """A pod whose address is not written in its canonical form has none."""

    def known(pod: Pod) -> Pod:
        ips = tuple(entry for entry in pod.status.pod_ips if parse_ip(entry.ip)[1] == entry.ip)
        return pod if ips == pod.status.pod_ips else evolve(pod, status=evolve(pod.status, pod_ips=ips))

    return each_pod(cluster, known)


@sees("EP-020")
def only_the_first_family(cluster: Cluster) -> Cluster:
    """A Service has slices of its first family only."""
    return each_service(cluster, lambda each: with_spec(each, ip_families=each.spec.ip_families[:1]))


@sees("EP-020", bugs=("BUG-025",))
def headless_means_ipv4(cluster: Cluster) -> Cluster:
    """The family is read off the cluster IP, so that a headless Service is always one of IPv4."""
    return each_service(
        cluster,
        lambda each: with_spec(each, ip_families=("IPv4",)) if each.spec.cluster_ip == "None" else each,
    )


@says("EP-021", of=("endpoint_slices",))
def families_by_position(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """The families of a Service are taken for those of the pods' addresses, the first for the first."""
    families = service_of(cluster, name).spec.ip_families
    if len(families) < 2:
        return slices
    seen = dict(zip(("IPv4", "IPv6"), families, strict=True))
    return tuple(evolve(piece, address_type=seen[piece.address_type]) for piece in slices)
