# SPDX-License-Identifier: Apache-2.0
"""The rest of a message: times to live, the flag AA, and the authority and additional sections.

Source: coredns `plugin/backend_lookup.go` (SOA, BackendError, SRV), `plugin/kubernetes/handler.go`.
"""

from __future__ import annotations

from reference.dns.names import REVERSE_ZONES, plain
from reference.dns.soa import LONGEST_TTL_OF_AUTHORITY, start_of_authority
from reference.dns.targets import target_addresses
from reference.dns.zone import PodRecords, Zone
from reference.questions import Answer, Query, Rcode, Record

TTL_OF_VERSION = 28800

_NONE: frozenset[Record] = frozenset()


def message(zone: Zone, query: Query, answer: Answer) -> Answer:
    """The answer with all that its message has besides, where it does not say itself.

    DNS-META-002, DNS-META-006, DNS-META-009, DNS-META-011, DNS-NEG-010, DNS-NEG-017,
    DNS-SRV-006.
    """
    records = answer.records and frozenset(_with_ttl(zone, record) for record in answer.records)
    ours = answer.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN) and zone.zone_of(plain(query.name)) is not None
    section, more = answer.authority, answer.additional
    if section is None:
        section = frozenset({authority(zone, query)}) if ours and not records else _NONE
    if more is None:
        more = additional(zone, query) if records else _NONE
    return Answer(
        answer.rcode,
        records,
        authoritative=ours if answer.authoritative is None else answer.authoritative,
        authority=section,
        additional=more,
        repeated=_NONE if answer.repeated is None else answer.repeated,
    )


def _with_ttl(zone: Zone, record: Record) -> Record:
    """Nothing is known of the times to live of other zones."""
    if record.ttl is not None or zone.zone_of(plain(record.name)) is None:
        return record
    return Record(record.name, record.type, record.data, ttl_of(zone, record.type))


def ttl_of(zone: Zone, kind: str) -> int:
    """The time to live in seconds of the records of a type (DNS-META-002, DNS-META-006)."""
    if kind == "TXT":
        return TTL_OF_VERSION
    ttl = zone.index.server.ttl
    return min(ttl, LONGEST_TTL_OF_AUTHORITY) if kind == "SOA" else ttl


def authority(zone: Zone, query: Query) -> Record:
    """The SOA record of a negative answer, at the apex of the zone that is asked (DNS-NEG-017)."""
    found = zone.zone_of(plain(query.name))
    return start_of_authority(query.name, found[0] if found is not None else "", zone.index.server.ttl)


def additional(zone: Zone, query: Query) -> frozenset[Record]:
    """The addresses of the targets of SRV records; nothing for any other type (DNS-SRV-006)."""
    found = zone.zone_of(plain(query.name)) if query.type == "SRV" else None
    if found is None or found[0] in REVERSE_ZONES:
        return _NONE
    entries = zone.entries(found[1], pods=zone.pods or PodRecords.DISABLED) or ()
    records = target_addresses(query.name, found[0], entries)
    return frozenset(_with_ttl(zone, record) for record in records)
