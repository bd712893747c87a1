# SPDX-License-Identifier: Apache-2.0
"""The rest of a message is wrong: times to live, flags and sections."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.dns.making import at_service, labels_of, resolves, tells
from reference.dns import NODATA, NXDOMAIN, Zone
from reference.dns.index import Kind
from reference.dns.names import plain
from reference.questions import Answer, Query, Rcode, Record


def _with_ttls(answer: Answer, ttl: int, *, kinds: frozenset[str]) -> Answer:
    records = (evolve(each, ttl=ttl) if each.type in kinds else each for each in answer.records)
    return evolve(answer, records=frozenset(records))


_USUAL = frozenset({"A", "AAAA", "SRV", "PTR", "CNAME"})


@tells("DNS-META-006")
def ttl_of_a_day(zone: Zone, query: Query, answer: Answer) -> Answer:
    """Records may be kept for a day."""
    return _with_ttls(answer, 86400, kinds=_USUAL)


@tells("DNS-META-006")
def ttl_is_fixed(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The time to live is thirty seconds, whatever is set."""
    return _with_ttls(answer, 30, kinds=_USUAL)


@tells("DNS-META-002")
def version_has_the_usual_ttl(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The version of the schema has the time to live that is set for all records."""
    return _with_ttls(answer, zone.index.server.ttl, kinds=frozenset({"TXT"}))


@tells("DNS-META-005")
def names_in_lower_case(zone: Zone, query: Query, answer: Answer) -> Answer:
    """Names are answered in lower case, however they were asked for."""
    records = (evolve(each, name=plain(each.name), data=plain(each.data)) for each in answer.records)
    return evolve(answer, records=frozenset(records))


@tells("DNS-META-009", "DNS-A-004")
def a_record_for_each_port(zone: Zone, query: Query, answer: Answer) -> Answer:
    """A Service has its address once for each of its ports."""
    labels = labels_of(zone, query)
    service = zone.index.services.get((labels[-2], labels[-3])) if len(labels) == 3 else None
    if service is None or len(service.service.spec.ports) < 2:
        return answer
    return evolve(answer, repeated=answer.records)


@tells("DNS-META-011")
def answers_are_not_authoritative(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The flag AA is not set."""
    return evolve(answer, authoritative=False)


@tells("DNS-NEG-017")
def no_authority_section(zone: Zone, query: Query, answer: Answer) -> Answer:
    """Negative answers have no SOA record."""
    return evolve(answer, authority=frozenset())


@tells("DNS-NEG-017")
def negative_answers_are_kept_for_a_day(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The minimum of the SOA record is a day."""
    section = answer.authority or frozenset()
    long = (evolve(each, data=f"{each.data.rpartition(' ')[0]} 86400", ttl=86400) for each in section)
    return evolve(answer, authority=frozenset(long))


@tells("DNS-NEG-010")
def no_authority_where_it_is_asked_for(zone: Zone, query: Query, answer: Answer) -> Answer:
    """Who asks for the SOA record of a name below the zone does not get it."""
    return evolve(answer, authority=frozenset()) if query.type == "SOA" else answer


@resolves("DNS-NEG-010")
def zones_have_no_authority(zone: Zone, query: Query) -> Answer:
    """The zone itself has no SOA record."""
    return NODATA if query.type == "SOA" else zone.resolve(query)


@tells("DNS-SRV-006")
def one_address_for_each_target(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The additional section holds the first address alone."""
    first: list[Record] = sorted(answer.additional or ())[:1]
    return evolve(answer, additional=frozenset(first)) if len(answer.additional or ()) > 1 else answer


@tells("DNS-SRV-006")
def no_additional_section(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The addresses of targets have to be asked for."""
    return evolve(answer, additional=frozenset())


@resolves("DNS-NEG-018")
def other_zones_do_not_exist(zone: Zone, query: Query) -> Answer:
    """Names outside of the cluster's zones do not exist."""
    answer = zone.resolve(query)
    outside = zone.zone_of(plain(query.name)) is None and answer.rcode is Rcode.REFUSED
    return evolve(NXDOMAIN, authoritative=True) if outside else answer


@resolves("DNS-A-004")
def services_without_tcp_are_not_published(zone: Zone, query: Query) -> Answer:
    """A Service none of whose ports is of TCP has no name."""
    service = at_service(zone, query)
    if service is None or service.kind is not Kind.CLUSTER_IP:
        return zone.resolve(query)
    tcp = any((each.protocol or "TCP") == "TCP" for each in service.service.spec.ports)
    return zone.resolve(query) if tcp else NXDOMAIN
