# SPDX-License-Identifier: Apache-2.0
"""SRV records are wrong."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    at_service,
    labels_of,
    resolves,
    service_of,
    with_records,
)
from reference.dns import Zone
from reference.dns.index import Kind
from reference.questions import Answer, Query, Record


def _below(zone: Zone, query: Query) -> tuple[str, str] | None:
    """The port and the protocol of `_port._protocol.S.N.svc.Z`."""
    labels = labels_of(zone, query)
    if len(labels) != 5 or service_of(zone, query) is None or query.type != "SRV":
        return None
    return labels[0].removeprefix("_"), labels[1].removeprefix("_")


def _with_data(answer: Answer, change: Callable[[list[str]], list[str]]) -> Answer:
    return (
        with_records(
            answer,
            (
                evolve(each, data=" ".join(change(each.data.split()))) if each.type == "SRV" else each
                for each in answer.records
            ),
        )
        if answer.records
        else answer
    )


@resolves("DNS-SRV-002")
def protocols_do_not_count(zone: Zone, query: Query) -> Answer:
    """A port is found below every protocol."""
    answer = zone.resolve(query)
    if _below(zone, query) is None or answer.records:
        return answer
    first, _, *rest = query.name.split(".")
    for protocol in ("_tcp", "_udp", "_sctp"):
        found = zone.resolve(evolve(query, name=".".join([first, protocol, *rest])))
        if found.records:
            return with_records(found, (evolve(each, name=query.name) for each in found.records))
    return answer


@resolves("DNS-SRV-003", "DNS-SRV-007")
def numbers_are_names(zone: Zone, query: Query) -> Answer:
    """A port without a name is called by its number."""
    service = service_of(zone, query)
    asked = _below(zone, query)
    if service is not None and asked is not None and service.kind is Kind.CLUSTER_IP:
        for port in service.service.spec.ports:
            if not port.name and asked == (str(port.port), port.protocol.lower()):
                return with_records(
                    NODATA, [Record(query.name, "SRV", f"0 100 {port.port} {service.name}.{zone.name}")]
                )
    return zone.resolve(query)


@resolves("DNS-SRV-004")
def port_before_weight(zone: Zone, query: Query) -> Answer:
    """The fields of SRV records are in another order."""
    return _with_data(zone.resolve(query), lambda data: [data[0], data[2], data[1], data[3]])


@resolves("DNS-SRV-009")
def numbers_have_one_name(zone: Zone, query: Query) -> Answer:
    """Of two ports with the same number only the last has records."""
    service = service_of(zone, query)
    asked = _below(zone, query)
    if service is not None and asked is not None and service.kind is Kind.CLUSTER_IP:
        last = {port.port: port.name for port in service.service.spec.ports}
        if asked[0] not in last.values():
            return NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-SRV-005")
def all_weights_are_zero(zone: Zone, query: Query) -> Answer:
    """Targets have no weight."""
    return _with_data(zone.resolve(query), lambda data: [data[0], "0", *data[2:]])


@resolves("DNS-SRV-007")
def unknown_ports_exist(zone: Zone, query: Query) -> Answer:
    """The name of a port that a Service does not have exists."""
    answer = zone.resolve(query)
    return NODATA if _below(zone, query) and answer == NXDOMAIN else answer


@resolves("DNS-SRV-010")
def no_ports_at_the_name(zone: Zone, query: Query) -> Answer:
    """There are no SRV records at the name of the Service."""
    if query.type == "SRV" and at_service(zone, query) is not None:
        answer = zone.resolve(query)
        return NODATA if answer.records else answer
    return zone.resolve(query)


@resolves("DNS-SRV-013", "DNS-NEG-019")
def protocols_exist(zone: Zone, query: Query) -> Answer:
    """A protocol below a Service is a name that exists."""
    labels = labels_of(zone, query)
    protocol = len(labels) == 4 and labels[0] in ("_tcp", "_udp")
    return NODATA if protocol and service_of(zone, query) is not None else zone.resolve(query)
