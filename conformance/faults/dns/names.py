# SPDX-License-Identifier: Apache-2.0
"""Names exist that should not, or do not that should; those of pods among them."""

from __future__ import annotations

from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    asked_as,
    at_service,
    is_empty,
    labels_of,
    resolves,
    service_of,
    with_records,
)
from reference.dns import Zone
from reference.questions import Answer, Query


@resolves("DNS-NEG-001")
def empty_branches_do_not_exist(zone: Zone, query: Query) -> Answer:
    """The names svc and pod of the zone do not exist."""
    return NXDOMAIN if labels_of(zone, query) in (["svc"], ["pod"]) else zone.resolve(query)


@resolves("DNS-NEG-002")
def namespaces_do_not_exist(zone: Zone, query: Query) -> Answer:
    """The name of a namespace does not exist."""
    labels = labels_of(zone, query)
    return NXDOMAIN if len(labels) == 2 and labels[1] == "svc" else zone.resolve(query)


@resolves("DNS-NEG-002")
def every_namespace_exists(zone: Zone, query: Query) -> Answer:
    """The name of any namespace exists."""
    labels = labels_of(zone, query)
    asked = len(labels) == 2 and labels[1] == "svc" and query.type != "TXT"
    return NODATA if asked else zone.resolve(query)


@resolves("DNS-NEG-003")
def every_branch_exists(zone: Zone, query: Query) -> Answer:
    """Every name one label below the zone exists."""
    return NODATA if len(labels_of(zone, query)) == 1 else zone.resolve(query)


@resolves("DNS-NEG-004")
def version_exists_for_every_type(zone: Zone, query: Query) -> Answer:
    """The name of the version exists, whatever type is asked for."""
    labels = labels_of(zone, query)
    return NODATA if labels == ["dns-version"] and query.type != "TXT" else zone.resolve(query)


@resolves("DNS-NEG-005")
def unknown_services_exist(zone: Zone, query: Query) -> Answer:
    """Any Service of a namespace that exists is NODATA at least."""
    labels = labels_of(zone, query)
    answer = zone.resolve(query)
    known = len(labels) == 3 and labels[1] in zone.index.namespaces
    return NODATA if known and service_of(zone, query) is None else answer


@resolves("DNS-NEG-006")
def no_data_no_name(zone: Zone, query: Query) -> Answer:
    """A name that has nothing of the type is answered with NXDOMAIN."""
    answer = zone.resolve(query)
    return NXDOMAIN if is_empty(answer) else answer


@resolves("DNS-NEG-007")
def further_labels_are_ignored(zone: Zone, query: Query) -> Answer:
    """A name far below a Service is the Service's own."""
    labels = labels_of(zone, query)
    if len(labels) > 5:
        return asked_as(zone, query, ".".join(labels[-3:]))
    return zone.resolve(query)


@resolves("DNS-NEG-008")
def stars_match_all(zone: Zone, query: Query) -> Answer:
    """A star stands for every Service of a namespace."""
    labels = labels_of(zone, query)
    if len(labels) != 3 or labels[0] != "*":
        return zone.resolve(query)
    found = [
        asked_as(zone, query, f"{name}.{namespace}.svc")
        for namespace, name in zone.index.services
        if namespace == labels[1]
    ]
    return with_records(NODATA, (record for answer in found for record in answer.records))


@resolves("DNS-NEG-009")
def namespaces_exist_for_texts(zone: Zone, query: Query) -> Answer:
    """The name of a namespace exists also for who asks for a text."""
    labels = labels_of(zone, query)
    return NODATA if len(labels) == 2 and query.type == "TXT" else zone.resolve(query)


@resolves("DNS-NEG-012")
def unknown_types_do_not_exist(zone: Zone, query: Query) -> Answer:
    """Asked for a type that the server does not know, no Service exists."""
    known = query.type in ("A", "AAAA", "CNAME", "SRV", "TXT", "PTR", "NS", "SOA")
    return zone.resolve(query) if known or at_service(zone, query) is None else NXDOMAIN


@resolves("DNS-NEG-013")
def transfers_are_empty(zone: Zone, query: Query) -> Answer:
    """A zone that is to be transferred is answered as if it had nothing."""
    return NODATA if query.type in ("AXFR", "IXFR") else zone.resolve(query)


# -- short names -----------------------------------------------------------------------


@resolves("DNS-SEARCH-026")
def last_labels_are_ignored(zone: Zone, query: Query) -> Answer:
    """Of a name with a label too many the first two are read: it is found before its turn."""
    labels = labels_of(zone, query)
    if len(labels) == 4 and labels[-1] == "svc" and service_of(zone, query) is None:
        return asked_as(zone, query, f"{labels[0]}.{labels[1]}.svc")
    return zone.resolve(query)


@resolves("DNS-SEARCH-027")
def svc_may_be_repeated(zone: Zone, query: Query) -> Answer:
    """A name that ends in svc twice is read as if it did once: it is found before its turn."""
    labels = labels_of(zone, query)
    if labels[-2:] == ["svc", "svc"]:
        return asked_as(zone, query, ".".join(labels[:-1]))
    return zone.resolve(query)
