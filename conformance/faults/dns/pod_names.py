# SPDX-License-Identifier: Apache-2.0
"""Names made of the addresses of pods are wrong."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.faults.dns.making import NODATA, NXDOMAIN, is_empty, labels_of, resolves, with_records
from reference.dns import PodRecords, Zone
from reference.dns.names import canonical, undashed
from reference.questions import Answer, Query, Record


def _of_pods(zone: Zone, query: Query) -> Sequence[str]:
    """The labels of a name below the branch of pods."""
    labels = labels_of(zone, query)
    return labels if labels[-1:] == ["pod"] else ()


def _of_address(query: Query, label: str) -> Answer:
    address = undashed(label)
    return with_records(NODATA, [Record(query.name, "A", address)] if address else [])


@resolves("DNS-POD-002")
def namespaces_of_pods_only(zone: Zone, query: Query) -> Answer:
    """The namespaces of pods exist, the pods in them do not."""
    return NODATA if len(_of_pods(zone, query)) == 2 else zone.resolve(query)


@resolves("DNS-POD-003")
def addresses_without_records(zone: Zone, query: Query) -> Answer:
    """The names of pod addresses exist but have no address."""
    if len(_of_pods(zone, query)) == 3:
        answer = zone.resolve(query, pods=PodRecords.INSECURE)
        return NODATA if answer.records else answer
    return zone.resolve(query, pods=PodRecords.INSECURE)


@resolves("DNS-POD-004")
def pods_of_all_namespaces(zone: Zone, query: Query) -> Answer:
    """The address of a pod is found in every namespace but its own."""
    labels = _of_pods(zone, query)
    if len(labels) != 3:
        return zone.resolve(query, pods=PodRecords.VERIFIED)
    exists = any(
        pod.status.pod_ip == undashed(labels[0]) and pod.metadata.namespace != labels[1]
        for pod in zone.cluster.pods
    )
    return _of_address(query, labels[0]) if exists else NXDOMAIN


@resolves("DNS-POD-009")
def labels_that_are_no_address(zone: Zone, query: Query) -> Answer:
    """A label below the branch of pods that is no address exists without records."""
    labels = _of_pods(zone, query)
    if len(labels) == 3 and undashed(labels[0]) is None:
        return NODATA
    return zone.resolve(query, pods=PodRecords.INSECURE)


@resolves("DNS-POD-010")
def pods_of_unknown_namespaces(zone: Zone, query: Query) -> Answer:
    """An address is found in every namespace, whether it exists or not."""
    labels = _of_pods(zone, query)
    if len(labels) == 3 and undashed(labels[0]) is not None:
        return _of_address(query, labels[0])
    return zone.resolve(query, pods=PodRecords.INSECURE)


def _insecure(zone: Zone, query: Query) -> Answer:
    return zone.resolve(query, pods=PodRecords.INSECURE)


@resolves("DNS-POD-007")
def pods_of_ipv4_only(zone: Zone, query: Query) -> Answer:
    """Names of IPv6 addresses of pods do not exist."""
    return NXDOMAIN if any("--" in label for label in _of_pods(zone, query)) else _insecure(zone, query)


@resolves("DNS-POD-008")
def pods_of_one_family_exist_for_it_alone(zone: Zone, query: Query) -> Answer:
    """The name of a pod's address does not exist for who asks for the other family."""
    answer = _insecure(zone, query)
    return NXDOMAIN if len(_of_pods(zone, query)) == 3 and is_empty(answer) else answer


@resolves("DNS-POD-011")
def namespaces_of_pods_do_not_exist(zone: Zone, query: Query) -> Answer:
    """Names of pods exist, those of their namespaces do not."""
    return NXDOMAIN if len(_of_pods(zone, query)) == 2 else _insecure(zone, query)


@resolves("DNS-POD-013")
def labels_below_pods_count(zone: Zone, query: Query) -> Answer:
    """Nothing is below the name of a pod."""
    return NXDOMAIN if len(_of_pods(zone, query)) > 3 else _insecure(zone, query)


@resolves("DNS-POD-014")
def pods_have_no_ports(zone: Zone, query: Query) -> Answer:
    """The name of a pod has addresses alone."""
    answer = _insecure(zone, query)
    return NODATA if query.type == "SRV" and _of_pods(zone, query) and answer.records else answer


def _verified(zone: Zone, query: Query) -> Answer:
    return zone.resolve(query, pods=PodRecords.VERIFIED)


@resolves("DNS-POD-005")
def second_addresses_without_records(zone: Zone, query: Query) -> Answer:
    """The name of a pod's second address exists, but has no address."""
    labels = _of_pods(zone, query)
    second = {ip.ip for each in zone.cluster.pods for ip in each.status.pod_ips[1:]}
    if len(labels) == 3 and undashed(labels[0]) in second:
        return NODATA
    return _verified(zone, query)


@resolves("DNS-POD-006")
def pods_that_have_ended(zone: Zone, query: Query) -> Answer:
    """Pods that have ended are found as well as those that run."""
    labels = _of_pods(zone, query)
    answer = _verified(zone, query)
    if len(labels) != 3 or query.type != "A" or answer.records:
        return answer
    known = {(each.status.pod_ip, each.metadata.namespace) for each in zone.cluster.pods}
    return _of_address(query, labels[0]) if (undashed(labels[0]), labels[1]) in known else answer


@resolves("DNS-POD-012")
def every_spelling_is_verified(zone: Zone, query: Query) -> Answer:
    """A pod is found by any spelling of its address."""
    labels = _of_pods(zone, query)
    address = undashed(labels[0]) if len(labels) == 3 else None
    if address is None or query.type != "AAAA":
        return _verified(zone, query)
    known = zone.index.verified_pods(labels[1], canonical(address))
    return with_records(NODATA, [Record(query.name, "AAAA", canonical(address))]) if known else NXDOMAIN


@resolves("DNS-POD-015")
def pods_are_called_by_name(zone: Zone, query: Query) -> Answer:
    """A pod is found by its own name."""
    labels = _of_pods(zone, query)
    found = [
        Record(query.name, "A", each.status.pod_ip)
        for each in zone.cluster.pods
        if len(labels) == 3 and query.type == "A" and each.metadata.name == labels[0]
    ]
    return with_records(NODATA, found) if found else _verified(zone, query)
