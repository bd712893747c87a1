# SPDX-License-Identifier: Apache-2.0
"""External names are wrong."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    asked_as,
    at_service,
    labels_of,
    resolves,
    service_of,
    with_records,
)
from reference.dns import Zone
from reference.dns.index import Kind, PublishedService
from reference.dns.names import is_address, labels_below, plain
from reference.questions import Answer, Query, Record


def _external(zone: Zone, query: Query) -> PublishedService | None:
    """The ExternalName Service whose own name is asked for."""
    service = at_service(zone, query)
    return service if service is not None and service.kind is Kind.EXTERNAL_NAME else None


def _target(service: PublishedService) -> str:
    return service.own_entries[0].host if service.own_entries else ""


@resolves("DNS-CNAME-001")
def targets_in_the_zone(zone: Zone, query: Query) -> Answer:
    """An external name is taken for one below the cluster's zone."""
    answer = zone.resolve(query)
    service = _external(zone, query)
    if service is None or not answer.records:
        return answer
    target = f"{_target(service)}.{zone.name}"
    return with_records(answer, [Record(query.name, "CNAME", target)])


@resolves("DNS-CNAME-002")
def only_when_asked_for(zone: Zone, query: Query) -> Answer:
    """The CNAME is not given to who asks for an address."""
    if _external(zone, query) is not None and query.type in ("A", "AAAA"):
        return NODATA
    return zone.resolve(query)


@resolves("DNS-CNAME-003")
def targets_have_to_resolve(zone: Zone, query: Query) -> Answer:
    """A CNAME whose target has no address is not given."""
    if _external(zone, query) is not None and query.type == "CNAME":
        found = zone.resolve(evolve(query, type="A"))
        return zone.resolve(query) if any(each.type == "A" for each in found.records) else NODATA
    return zone.resolve(query)


@resolves("DNS-CNAME-004")
def targets_decide_the_rcode(zone: Zone, query: Query) -> Answer:
    """NXDOMAIN of an external target is passed on, with the CNAME."""
    answer = zone.resolve(query)
    service = _external(zone, query)
    if service is None or query.type != "A" or not answer.records:
        return answer
    outside = labels_below(plain(_target(service)), zone.name) is None
    return evolve(answer, rcode=NXDOMAIN.rcode) if outside else answer


@resolves("DNS-CNAME-005")
def dead_ends_have_a_cname(zone: Zone, query: Query) -> Answer:
    """A CNAME to a name of the zone that has no address is given all the same."""
    answer = zone.resolve(query)
    service = _external(zone, query)
    if service is None or query.type != "A" or answer.records or not service.own_entries:
        return answer
    return with_records(answer, [Record(query.name, "CNAME", _target(service))])


@resolves("DNS-CNAME-008")
def addresses_are_answered(zone: Zone, query: Query) -> Answer:
    """An external name that is an address is answered with that address."""
    service = _external(zone, query)
    if service is not None and is_address(service.service.spec.external_name):
        if query.type != "A":
            return NODATA
        return with_records(NODATA, [Record(query.name, "A", service.service.spec.external_name)])
    return zone.resolve(query)


@resolves("DNS-CNAME-010")
def addresses_beside_the_cname(zone: Zone, query: Query) -> Answer:
    """An ExternalName Service has the addresses of its endpoints beside its CNAME."""
    answer = zone.resolve(query)
    service = _external(zone, query)
    if service is None or query.type != "A" or not answer.records:
        return answer
    found = {Record(query.name, "A", each.ip) for each in service.endpoints}
    return with_records(answer, {*answer.records, *found, Record(query.name, "A", "192.0.2.1")})


@resolves("DNS-SRV-012", bugs=("BUG-129",))
def external_names_have_port_zero(zone: Zone, query: Query) -> Answer:
    """An ExternalName Service has an SRV record of port 0."""
    service = service_of(zone, query)
    if service is None or service.kind is not Kind.EXTERNAL_NAME or query.type != "SRV":
        return zone.resolve(query)
    return with_records(NODATA, [Record(query.name, "SRV", f"0 100 0 {_target(service)}")])


@resolves("DNS-CNAME-011", bugs=("BUG-124",))
def labels_below_are_ignored(zone: Zone, query: Query) -> Answer:
    """A name below an ExternalName Service is the Service's own."""
    service = service_of(zone, query)
    if service is None or service.kind is not Kind.EXTERNAL_NAME:
        return zone.resolve(query)
    return asked_as(zone, query, ".".join(labels_of(zone, query)[-3:]))


@resolves("DNS-CNAME-014")
def every_type_has_the_cname(zone: Zone, query: Query) -> Answer:
    """The CNAME is given whatever type is asked for."""
    service = _external(zone, query)
    if service is None or not service.own_entries or query.type in ("A", "AAAA", "SRV"):
        return zone.resolve(query)
    return with_records(NODATA, [Record(query.name, "CNAME", _target(service))])
