# SPDX-License-Identifier: Apache-2.0
"""Queries beside the usual ones: other types, names that nearly exist, other letter case."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.questions import spread, turn_of
from reference.dns import Zone, reverse_name
from reference.dns.index import Kind
from reference.objects import Cluster
from reference.questions import Query

MOST_NEAR_MISSES = 8
UNKNOWN_ENDPOINT = "no-such"


def near_misses(cluster: Cluster, zone: Zone, *, most: int = MOST_NEAR_MISSES) -> tuple[Query, ...]:
    """At most `most` queries, evenly taken from all."""
    every = tuple(dict.fromkeys(_near_misses(cluster, zone)))
    return spread(every, most=most, turn=turn_of(cluster))


def _near_misses(cluster: Cluster, zone: Zone) -> Iterator[Query]:
    domain = zone.name
    services = zone.index.services
    for place, service in enumerate(services.values()):
        name = f"{service.name}.{domain}"
        namespace, own = service.service.metadata.namespace, service.service.metadata.name
        if place == 0:
            yield Query(f"{namespace}.svc.{domain}", "A")
        for other in sorted(zone.index.namespaces - {namespace}):
            if (other, own) not in services:
                yield Query(f"{own}.{other}.svc.{domain}", "A")
        if service.kind is Kind.EXTERNAL_NAME:
            yield Query(name, "SRV")
            for port in service.service.spec.ports[:1]:
                yield Query(f"_{port.name or port.port}._tcp.{name}", "SRV")
            continue
        yield Query(name, ("TXT", "CNAME", "MX")[place % 3])
        for port in service.service.spec.ports[:1]:
            protocol = (port.protocol or "TCP").lower()
            yield Query(f"_{'x' if port.name else port.port}._{protocol}.{name}", "SRV")
        if service.kind is Kind.HEADLESS:
            for ip, hostname in unpublished(zone, namespace, own)[:2]:
                yield Query(reverse_name(ip), "PTR")
                if hostname:
                    yield Query(f"{hostname}.{name}", "A")


def unpublished(zone: Zone, namespace: str, name: str) -> list[tuple[str, str]]:
    """Addresses, with hostnames, of endpoints that no slice of the Service calls ready."""
    service = zone.index.services[namespace, name]
    ready = {endpoint.ip for endpoint in service.endpoints}
    found = {
        address: endpoint.hostname or ""
        for piece in service.slices
        if piece.address_type != "FQDN"
        for endpoint in piece.endpoints
        if endpoint.conditions.ready is False
        for address in endpoint.addresses
        if address not in ready
    }
    return list(found.items())
