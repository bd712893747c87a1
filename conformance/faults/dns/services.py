# SPDX-License-Identifier: Apache-2.0
"""The addresses of Services are wrong."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves, sees
from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    Server,
    asked_as,
    at_service,
    is_empty,
    labels_of,
    resolves,
    service_of,
    with_records,
)
from reference.dns import Zone
from reference.dns.index import Kind
from reference.objects import Cluster, ClusterSettings
from reference.questions import Answer, Query, Record


@sees("DNS-META-003")
def usual_zone_only(cluster: Cluster) -> Cluster:
    """The zone is cluster.local, whatever is configured."""
    return evolve(cluster, settings=evolve(cluster.settings, cluster_domain=ClusterSettings().cluster_domain))


@resolves("DNS-META-004")
def letter_case_counts(zone: Zone, query: Query) -> Answer:
    """A name is found only in the letter case in which it is stored."""
    return zone.resolve(query) if query.name == query.name.lower() else NXDOMAIN


@resolves("DNS-META-001")
def no_version(zone: Zone, query: Query) -> Answer:
    """The version of the schema is not published."""
    return NXDOMAIN if query.type == "TXT" else zone.resolve(query)


@resolves("DNS-META-001")
def version_of_the_server(zone: Zone, query: Query) -> Answer:
    """The version that is published is that of the server."""
    answer = zone.resolve(query)
    if query.type != "TXT":
        return answer
    return evolve(answer, records=frozenset(evolve(each, data="1.12.3") for each in answer.records))


@sees("DNS-A-001", "DNS-HEADLESS-001")
def one_service_for_each_namespace(cluster: Cluster) -> Cluster:
    """Services are known by their namespace alone: the last one takes the place of the others."""
    last = {each.metadata.namespace: each for each in cluster.services}
    return evolve(cluster, services=tuple(last.values()))


@resolves("DNS-A-002", "DNS-NEG-014")
def no_endpoints_no_address(zone: Zone, query: Query) -> Answer:
    """A Service with a cluster IP has no address while it has no ready endpoint."""
    service = at_service(zone, query)
    if service is not None and service.kind is Kind.CLUSTER_IP and not service.endpoints:
        return NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-A-003")
def external_addresses_too(zone: Zone, query: Query) -> Answer:
    """The name of a Service has its external and load-balancer addresses as well."""
    answer = zone.resolve(query)
    service = at_service(zone, query)
    if service is None or service.kind is Kind.EXTERNAL_NAME or query.type != "A":
        return answer
    ingress = service.service.status.load_balancer.ingress
    more = (*service.service.spec.external_ips, *(each.ip for each in ingress if each.ip))
    return with_records(answer, {*answer.records, *(Record(query.name, "A", ip) for ip in more)})


@resolves("DNS-A-007")
def no_leading_digit(zone: Zone, query: Query) -> Answer:
    """A Service whose name begins with a digit is not published."""
    service = service_of(zone, query)
    if service is not None and service.service.metadata.name[0].isdigit():
        return NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-A-009")
def endpoints_of_headless_services_only(zone: Zone, query: Query) -> Answer:
    """Endpoints have names below headless Services alone."""
    service = service_of(zone, query)
    if service is not None and service.kind is Kind.CLUSTER_IP and len(labels_of(zone, query)) == 4:
        return NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-AAAA-003", "DNS-HEADLESS-012", "DNS-NEG-006")
def no_aaaa_no_name(zone: Zone, query: Query) -> Answer:
    """A name without an IPv6 address does not exist when it is asked for one."""
    answer = zone.resolve(query)
    return NXDOMAIN if query.type == "AAAA" and is_empty(answer) else answer


@resolves("DNS-AAAA-003")
def no_name_is_no_data(zone: Zone, query: Query) -> Answer:
    """Asked for an IPv6 address, every name in the zone exists."""
    answer = zone.resolve(query)
    return NODATA if query.type == "AAAA" and answer == NXDOMAIN else answer


@resolves("DNS-NEG-005", "DNS-SEARCH-025", bugs=("BUG-143",))
def namespaces_are_alike(zone: Zone, query: Query) -> Answer:
    """Services are known by their name alone: the last one of a name answers in every namespace."""
    labels = labels_of(zone, query)
    if len(labels) < 3 or labels[-1] != "svc":
        return zone.resolve(query)
    alike = [namespace for namespace, name in zone.index.services if name == labels[-3]]
    namespace = alike[-1] if alike else labels[-2]
    return asked_as(zone, query, ".".join([*labels[:-2], namespace, "svc"]))


@behaves("DNS-A-011", bugs=("BUG-140",))
class DeletedServicesStay(Server):
    """What was published of a Service is not taken back when it is deleted."""

    def update(self, cluster: Cluster) -> None:
        """Add to what is known."""
        before = self.model.cluster
        services = {(each.metadata.namespace, each.metadata.name): each for each in before.services}
        services |= {(each.metadata.namespace, each.metadata.name): each for each in cluster.services}
        slices = {(each.metadata.namespace, each.metadata.name): each for each in before.endpoint_slices}
        slices |= {(each.metadata.namespace, each.metadata.name): each for each in cluster.endpoint_slices}
        self.apply(evolve(cluster, services=tuple(services.values()), endpoint_slices=tuple(slices.values())))
