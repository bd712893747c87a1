# SPDX-License-Identifier: Apache-2.0
"""Addresses point back to the wrong names."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import unobservable
from conformance.faults.dns.making import NODATA, NXDOMAIN, resolves, with_records
from reference.dns import Zone, index
from reference.dns.facts import reversed_address
from reference.dns.index import Kind
from reference.dns.names import dashed, plain
from reference.questions import Answer, Query, Record


def _kinds(zone: Zone, query: Query) -> dict[str, Kind]:
    """The names that are pointed to, each with the kind of its Service; of a Service itself, None."""
    suffixes = {f"{each.name}.{zone.name}": each.kind for each in zone.index.services.values()}
    answer = zone.resolve(query)
    return {
        each.data: kind
        for each in answer.records
        for suffix, kind in suffixes.items()
        if plain(each.data).endswith(f".{suffix}")
    }


@resolves("DNS-PTR-001")
def no_names_of_cluster_ips(zone: Zone, query: Query) -> Answer:
    """Cluster IPs point back to nothing."""
    if query.type == "PTR" and not _kinds(zone, query):
        return NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-PTR-003")
def no_names_of_endpoints(zone: Zone, query: Query) -> Answer:
    """Endpoints point back to nothing."""
    return NXDOMAIN if query.type == "PTR" and _kinds(zone, query) else zone.resolve(query)


@resolves("DNS-PTR-003")
def names_of_services_for_endpoints(zone: Zone, query: Query) -> Answer:
    """An endpoint points back to another name than the one that has its address."""
    answer = zone.resolve(query)
    if query.type != "PTR" or not _kinds(zone, query):
        return answer
    return with_records(answer, (evolve(each, data=f"x-{each.data}") for each in answer.records))


@resolves("DNS-PTR-006")
def endpoints_of_headless_services_point_back(zone: Zone, query: Query) -> Answer:
    """Only the endpoints of headless Services point back to names."""
    if query.type != "PTR":
        return zone.resolve(query)
    kinds = _kinds(zone, query)
    answer = zone.resolve(query)
    kept = [each for each in answer.records if kinds.get(each.data, Kind.HEADLESS) is Kind.HEADLESS]
    return with_records(answer, kept) if kept else NXDOMAIN


@resolves("DNS-PTR-007")
def first_name_only(zone: Zone, query: Query) -> Answer:
    """An endpoint of several Services points back to one of its names."""
    answer = zone.resolve(query)
    if query.type != "PTR" or len(answer.records) < 2:
        return answer
    return with_records(answer, [min(answer.records, key=lambda each: each.data)])


@resolves("DNS-PTR-016")
def endpoints_without_hostname_do_not_point_back(zone: Zone, query: Query) -> Answer:
    """An endpoint without a hostname points back to nothing."""
    answer = zone.resolve(query)
    if query.type != "PTR" or not _kinds(zone, query):
        return answer
    kept = [each for each in answer.records if "-" not in each.data.split(".")[0][2:4]]
    return with_records(answer, kept) if kept else NXDOMAIN


@unobservable(
    "DNS-PTR-006",
    bugs=("BUG-130",),
    missing=(
        "the specification permits further records (DNS-META-007) and CoreDNS publishes these on purpose, "
        "so no suite may report them"
    ),
)
def names_below_every_service() -> None:
    """A pod points back to a name below every Service that selects it, headless or not."""


def _reversed(query: Query, change: Callable[[list[str]], list[str]]) -> Query:
    labels = query.name.split(".")
    return evolve(query, name=".".join(change(labels))) if "in-addr" in labels else query


@resolves("DNS-PTR-008")
def endpoints_before_cluster_ips(zone: Zone, query: Query) -> Answer:
    """An address that is both points back to the endpoint, not to the Service that has it."""
    answer = zone.resolve(query)
    address = reversed_address(plain(query.name)) if query.type == "PTR" else None
    found = [
        Record(query.name, "PTR", f"{each.label}.{service.name}.{zone.name}")
        for service in zone.index.services.values()
        for each in service.endpoints
        if each.ip == address
    ]
    return with_records(answer, found) if found else answer


@resolves("DNS-PTR-011")
def a_name_for_each_slice(zone: Zone, query: Query) -> Answer:
    """An endpoint that two slices hold has a name for each."""
    answer = zone.resolve(query)
    address = reversed_address(plain(query.name)) if query.type == "PTR" else None
    found = [
        Record(query.name, "PTR", f"{each.label}-{piece.metadata.name}.{service.name}.{zone.name}")
        for service in zone.index.services.values()
        for piece in service.slices
        for each in index.published_endpoints(piece)
        if each.ip == address
    ]
    return with_records(answer, found) if len(found) > 1 else answer


@resolves("DNS-PTR-013")
def octets_are_bytes(zone: Zone, query: Query) -> Answer:
    """Of an octet above 255 the lowest eight bits are taken."""

    def wrapped(labels: list[str]) -> list[str]:
        return [str(int(label) % 256) if label.isdigit() else label for label in labels]

    answer = zone.resolve(_reversed(query, wrapped))
    return evolve(answer, records=frozenset(evolve(each, name=query.name) for each in answer.records))


@resolves("DNS-PTR-013")
def further_octets_are_ignored(zone: Zone, query: Query) -> Answer:
    """What is before the four octets of an address is not looked at."""
    answer = zone.resolve(_reversed(query, lambda labels: labels[-6:]))
    return evolve(answer, records=frozenset(evolve(each, name=query.name) for each in answer.records))


@resolves("DNS-PTR-014")
def reverse_names_have_addresses(zone: Zone, query: Query) -> Answer:
    """A reverse name has its address for who asks for it."""
    address = reversed_address(plain(query.name)) if query.type == "A" else None
    if address is None or not zone.index.names_of(plain(query.name)):
        return zone.resolve(query)
    return with_records(NODATA, [Record(query.name, "A", address)])


@resolves("DNS-PTR-014")
def reverse_names_exist_for_every_type(zone: Zone, query: Query) -> Answer:
    """A reverse name that has a PTR record is NODATA for another type."""
    answer = zone.resolve(query)
    return NODATA if answer == NXDOMAIN and zone.index.names_of(plain(query.name)) else answer


@resolves("DNS-PTR-015")
def pods_point_back(zone: Zone, query: Query) -> Answer:
    """The address of any pod points back to its name below `pod`."""
    answer = zone.resolve(query)
    address = reversed_address(plain(query.name)) if query.type == "PTR" else None
    if address is None or answer.records:
        return answer
    found = [
        Record(query.name, "PTR", f"{dashed(address)}.{each.metadata.namespace}.pod.{zone.name}")
        for each in zone.cluster.pods
        if each.status.pod_ip == address
    ]
    return with_records(answer, found) if found else answer


@resolves("DNS-PTR-015")
def external_addresses_point_back(zone: Zone, query: Query) -> Answer:
    """External and load-balancer addresses point back to the Services that have them."""
    answer = zone.resolve(query)
    address = reversed_address(plain(query.name)) if query.type == "PTR" else None
    found = [
        Record(query.name, "PTR", f"{each.name}.{zone.name}")
        for each in zone.index.services.values()
        if address is not None
        and address
        in (
            *each.service.spec.external_ips,
            *(entry.ip for entry in each.service.status.load_balancer.ingress),
        )
    ]
    return with_records(answer, found) if found and not answer.records else answer
