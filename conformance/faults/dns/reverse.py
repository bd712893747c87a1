# SPDX-License-Identifier: Apache-2.0
"""Addresses point back to the wrong names."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import unobservable
from conformance.faults.dns.making import NXDOMAIN, resolves, with_records
from reference.dns import Zone
from reference.dns.index import Kind
from reference.dns.names import plain
from reference.questions import Answer, Query


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
