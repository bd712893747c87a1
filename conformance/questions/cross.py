# SPDX-License-Identifier: Apache-2.0
"""The questions by which areas are compared: names, and flows to what names and variables give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from conformance.questions.routing import inside_clients
from reference.objects import CLUSTER_IP_NONE, SERVICE_PROXY_NAME_LABEL, Cluster, Service, ServicePort
from reference.questions import Client, ClientKind, Query

MOST_SERVICES = 6
"""So many Services are followed at most, so that a large cluster does not cost more than others."""

MOST_PODS = 4


def family(ip: str) -> str:
    """The family of an address, as EndpointSlices call it."""
    return "IPv6" if ":" in ip else "IPv4"


def has_cluster_ip(service: Service) -> bool:
    """Neither headless nor ExternalName nor without an address."""
    return service.spec.type != "ExternalName" and service.spec.cluster_ip not in ("", CLUSTER_IP_NONE)


def named_services(cluster: Cluster) -> Iterator[Service]:
    """The Services of which DNS is sure to know: those whose namespace exists."""
    known = {namespace.metadata.name for namespace in cluster.namespaces}
    for service in cluster.services:
        if service.metadata.namespace in known:
            yield service


def followed_services(cluster: Cluster) -> tuple[Service, ...]:
    """Services whose address leads, from any pod, to all of their endpoints, whichever node the pod is on.

    Not those that another proxy serves, nor those with an internal policy Local,
    nor those that share an address, where it is open which one answers.
    """
    addresses = Counter(ip for service in cluster.services for ip in service.spec.cluster_ips)
    found = [
        service
        for service in named_services(cluster)
        if has_cluster_ip(service)
        and SERVICE_PROXY_NAME_LABEL not in service.metadata.labels
        and service.spec.internal_traffic_policy in (None, "", "Cluster")
        and all(addresses[ip] == 1 for ip in service.spec.cluster_ips)
    ]
    return tuple(found[:MOST_SERVICES])


def client(cluster: Cluster) -> Client | None:
    """A pod from which all flows come; None in a cluster without nodes."""
    return next((found for found in inside_clients(cluster) if found.kind is ClientKind.POD), None)


def name_of(service: Service, domain: str) -> str:
    """The DNS name of a Service."""
    return f"{service.metadata.name}.{service.metadata.namespace}.svc.{domain}"


def address_query(name: str, ip: str) -> Query:
    """The query for addresses of the family of `ip`."""
    return Query(name, "AAAA" if ":" in ip else "A")


def srv_query(service: Service, port: ServicePort, domain: str) -> Query:
    """The query for the SRV record of a named port."""
    return Query(f"_{port.name}._{port.protocol.lower()}.{name_of(service, domain)}", "SRV")
