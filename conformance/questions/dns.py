# SPDX-License-Identifier: Apache-2.0
"""The queries and look-ups asked of a cluster's DNS server."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from conformance.questions import spread, turn_of
from reference.dns import Zone
from reference.dns.zone import reverse_name
from reference.objects import CLUSTER_IP_NONE, Cluster, NamespacedName, Pod, Service
from reference.questions import Query

MOST_QUERIES = 32
MOST_LOOKUPS = 6
UNKNOWN = "no-such"


@frozen
class Lookup:
    """A name that a program in `pod` looks up, as the program writes it."""

    pod: NamespacedName
    name: str
    type: str = "A"


def service_name(cluster: Cluster, service: Service) -> str:
    """`S.N.svc.Z`."""
    meta = service.metadata
    return f"{meta.name}.{meta.namespace}.svc.{cluster.settings.cluster_domain}"


def queries(cluster: Cluster, zone: Zone, *, most: int = MOST_QUERIES) -> tuple[Query, ...]:
    """At most `most` of the queries: every Service's names, its endpoints', and near misses."""
    found = tuple(dict.fromkeys(_queries(cluster, zone)))
    return spread(found, most=most, turn=turn_of(cluster))


def _queries(cluster: Cluster, zone: Zone) -> Iterator[Query]:
    domain = cluster.settings.cluster_domain
    yield Query(f"dns-version.{domain}", "TXT")
    for service in cluster.services:
        yield from _service_queries(cluster, zone, service)
    yield Query(f"{UNKNOWN}.default.svc.{domain}", "A")
    yield Query(f"{UNKNOWN}.{UNKNOWN}.svc.{domain}", "AAAA")
    yield Query(f"default.svc.{domain}", "A")


def _service_queries(cluster: Cluster, zone: Zone, service: Service) -> Iterator[Query]:
    name = service_name(cluster, service)
    yield Query(name, "A")
    yield Query(name, "AAAA")
    if service.spec.type == "ExternalName":
        yield Query(name, "CNAME")
        yield Query(f"x.{name}", "A")
    for port in service.spec.ports:
        if port.name:
            protocol = port.protocol.lower()
            yield Query(f"_{port.name}._{protocol}.{name}", "SRV")
    for port in service.spec.ports[:1]:
        other = "udp" if port.protocol == "TCP" else "tcp"
        yield Query(f"_{port.name or 'x'}._{other}.{name}", "SRV")
    for ip in service.spec.cluster_ips:
        if ip != CLUSTER_IP_NONE:
            yield Query(reverse_name(ip), "PTR")
    addresses = zone.addresses.get((service.metadata.namespace, service.metadata.name), ())
    if service.spec.cluster_ip == CLUSTER_IP_NONE:
        for address in addresses[:4]:
            if address.hostname is not None:
                yield Query(f"{address.hostname}.{name}", "A")
            yield Query(reverse_name(address.ip), "PTR")
        yield Query(f"{UNKNOWN}.{name}", "A")
    elif addresses:
        yield Query(f"{addresses[0].label}.{name}", "A")


def lookups(cluster: Cluster) -> tuple[Lookup, ...]:
    """Short names from the Service's own namespace and from another, and names that are complete."""
    found: list[Lookup] = []
    domain = cluster.settings.cluster_domain
    turn = turn_of(cluster)
    for index, pod in enumerate(cluster.pods[:4]):
        who = pod_name(pod)
        for service in cluster.services[index::2][:2]:
            name, namespace = service.metadata.name, service.metadata.namespace
            forms = (
                name,
                f"{name}.{namespace}",
                f"{name}.{namespace}.svc",
                f"{name}.{namespace}.svc.{domain}.",
                f"{name}.{namespace}.svc.{domain}",
            )
            same = namespace == who.namespace
            found.append(Lookup(who, forms[0] if same else forms[1]))
            found.append(Lookup(who, forms[(turn + len(found) // 2) % len(forms)]))
    return spread(tuple(dict.fromkeys(found)), most=MOST_LOOKUPS, turn=turn)


def pod_name(pod: Pod) -> NamespacedName:
    """The name of a pod."""
    return NamespacedName(pod.metadata.namespace, pod.metadata.name)


def pods(cluster: Cluster) -> tuple[NamespacedName, ...]:
    """Every pod."""
    return tuple(pod_name(pod) for pod in cluster.pods)
