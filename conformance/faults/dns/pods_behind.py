# SPDX-License-Identifier: Apache-2.0
"""Pods behind Services have the wrong names."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import sees
from conformance.faults.dns.making import NXDOMAIN, labels_of, resolves, service_of, with_records
from reference.dns import Zone
from reference.dns.index import Kind, PublishedService
from reference.dns.names import undashed
from reference.objects import Cluster, Endpoint, EndpointSlice, Pod
from reference.questions import Answer, Query, Record


def _pods(cluster: Cluster) -> dict[tuple[str, str], Pod]:
    return {(each.metadata.namespace, each.metadata.name): each for each in cluster.pods}


def _with_endpoints(cluster: Cluster, change: dict[int, Endpoint | None]) -> Cluster:
    """The cluster with some endpoints, known by their identity, changed or left out."""

    def changed(piece: EndpointSlice) -> EndpointSlice:
        found = [change.get(id(each), each) for each in piece.endpoints]
        return evolve(piece, endpoints=tuple(each for each in found if each is not None))

    return evolve(cluster, endpoint_slices=tuple(map(changed, cluster.endpoint_slices)))


def _behind(cluster: Cluster) -> list[tuple[Endpoint, Pod]]:
    """Each endpoint that is a pod, with the pod."""
    pods = _pods(cluster)
    return [
        (each, pods[piece.metadata.namespace, each.target_ref.name])
        for piece in cluster.endpoint_slices
        for each in piece.endpoints
        if each.target_ref is not None and (piece.metadata.namespace, each.target_ref.name) in pods
    ]


def _is_ready(pod: Pod) -> bool:
    ready = any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions)
    return ready and pod.metadata.deletion_timestamp is None


@sees("DNS-HEADLESS-014")
def pods_decide_readiness(cluster: Cluster) -> Cluster:
    """Whether an endpoint is ready is looked up in its pod, whatever its slice says."""
    return _with_endpoints(cluster, {id(each): None for each, pod in _behind(cluster) if not _is_ready(pod)})


@resolves("DNS-HEADLESS-014")
def ended_pods_are_published(zone: Zone, query: Query) -> Answer:
    """Where pods that are not ready are to be published, those that have ended are too."""
    answer = zone.resolve(query)
    service = service_of(zone, query)
    if service is None or query.type != "A" or len(labels_of(zone, query)) != 3 or not answer.records:
        return answer
    if service.kind is not Kind.HEADLESS or not service.service.spec.publish_not_ready_addresses:
        return answer
    ended = {Record(query.name, "A", each.status.pod_ip) for each in zone.cluster.pods if each.status.pod_ip}
    return with_records(answer, {*answer.records, *ended})


@sees("DNS-HEADLESS-021")
def numbers_of_stateful_sets_are_dropped(cluster: Cluster) -> Cluster:
    """All pods of a StatefulSet are called like the set, without their numbers."""
    return _with_endpoints(
        cluster,
        {
            id(each): evolve(each, hostname=each.hostname.rpartition("-")[0])
            for each, pod in _behind(cluster)
            if each.hostname and any(owner.kind == "StatefulSet" for owner in pod.metadata.owner_references)
        },
    )


@sees("DNS-HEADLESS-022")
def pods_on_the_host_have_no_hostname(cluster: Cluster) -> Cluster:
    """Pods on the host's network are not called by their hostnames."""
    return _with_endpoints(
        cluster,
        {id(each): evolve(each, hostname=None) for each, pod in _behind(cluster) if pod.spec.host_network},
    )


@sees("DNS-HEADLESS-020")
def endpoints_need_a_hostname(cluster: Cluster) -> Cluster:
    """A pod without a hostname is not published."""
    return _with_endpoints(cluster, {id(each): None for each, _ in _behind(cluster) if not each.hostname})


@sees("DNS-HEADLESS-019")
def any_subdomain_will_do(cluster: Cluster) -> Cluster:
    """A pod is called by its hostname below every Service that selects it."""
    return _with_endpoints(
        cluster,
        {
            id(each): evolve(each, hostname=each.hostname or pod.spec.hostname or None)
            for each, pod in _behind(cluster)
        },
    )


@sees("DNS-HEADLESS-020")
def pod_names_are_hostnames(cluster: Cluster) -> Cluster:
    """A pod with a subdomain alone is called by its own name."""
    return _with_endpoints(
        cluster,
        {
            id(each): evolve(each, hostname=each.hostname or pod.metadata.name)
            for each, pod in _behind(cluster)
            if pod.spec.subdomain and not pod.spec.hostname
        },
    )


@resolves("DNS-HEADLESS-018")
def one_number_for_a_port(zone: Zone, query: Query) -> Answer:
    """All SRV records of a port have the number that the first endpoint has for it."""
    answer = zone.resolve(query)
    if query.type != "SRV" or len(answer.records) < 2 or len(labels_of(zone, query)) != 5:
        return answer
    first = min(each.data.split()[2] for each in answer.records)
    return with_records(
        answer,
        (
            evolve(each, data=" ".join([*each.data.split()[:2], first, each.data.split()[3]]))
            for each in answer.records
        ),
    )


def _twins(service: PublishedService | None) -> set[str]:
    names = [each.hostname for each in service.endpoints if each.hostname] if service is not None else []
    return {name for name in names if names.count(name) > 1}


@resolves("DNS-HEADLESS-025")
def hostnames_have_to_be_unique(zone: Zone, query: Query) -> Answer:
    """A hostname that two endpoints share belongs to neither."""
    labels = labels_of(zone, query)
    shared = len(labels) == 4 and labels[0] in _twins(service_of(zone, query))
    return NXDOMAIN if shared else zone.resolve(query)


@resolves("DNS-HEADLESS-025")
def a_weight_for_each_name(zone: Zone, query: Query) -> Answer:
    """The endpoints that share a hostname count as one in the weights."""
    answer = zone.resolve(query)
    labels = labels_of(zone, query)
    if query.type != "SRV" or len(labels) != 4 or labels[0] not in _twins(service_of(zone, query)):
        return answer
    return with_records(
        answer,
        (evolve(each, data=" ".join(["0", "100", *each.data.split()[2:]])) for each in answer.records),
    )


@resolves("DNS-POD-016")
def addresses_are_names_too(zone: Zone, query: Query) -> Answer:
    """An endpoint with a hostname is called by its address as well."""
    answer = zone.resolve(query)
    service, labels = service_of(zone, query), labels_of(zone, query)
    if service is None or len(labels) != 4 or query.type != "A" or answer.records:
        return answer
    address = undashed(labels[0])
    known = any(each.ip == address for each in service.endpoints)
    return with_records(answer, [Record(query.name, "A", address)]) if known and address else answer
