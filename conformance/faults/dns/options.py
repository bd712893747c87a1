# SPDX-License-Identifier: Apache-2.0
"""Options of a DNS server do something else than they should, or too much."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import sees
from conformance.faults.dns.making import NXDOMAIN, is_empty, labels_of, resolves, service_of, with_records
from reference.dns import Zone
from reference.dns.index import Kind
from reference.dns.names import plain
from reference.objects import Cluster, DNSServer
from reference.questions import Answer, Query, Rcode, Record


def _server(cluster: Cluster) -> DNSServer:
    return cluster.settings.dns_server or DNSServer()


def _set_up(cluster: Cluster, server: DNSServer) -> Cluster:
    """The cluster with another server, where it is known how that is set up."""
    if cluster.settings.dns_server is None:
        return cluster
    return evolve(cluster, settings=evolve(cluster.settings, dns_server=server))


@resolves("DNS-CNAME-013")
def empty_external_names_are_ignored(zone: Zone, query: Query) -> Answer:
    """An ExternalName Service, which has no endpoints, is ignored as an empty one."""
    service = service_of(zone, query)
    external = service is not None and service.kind is Kind.EXTERNAL_NAME
    return NXDOMAIN if external and zone.index.server.ignore_empty_service else zone.resolve(query)


@sees("DNS-A-002")
def empty_services_are_never_ignored(cluster: Cluster) -> Cluster:
    """Services without a ready endpoint are published though they are to be ignored."""
    return _set_up(cluster, evolve(_server(cluster), ignore_empty_service=False))


@sees("DNS-HEADLESS-008")
def pods_never_give_names(cluster: Cluster) -> Cluster:
    """Endpoints are called by their addresses though they are to be called like their pods."""
    return _set_up(cluster, evolve(_server(cluster), endpoint_pod_names=False))


@sees("DNS-HEADLESS-008")
def pods_come_before_hostnames(cluster: Cluster) -> Cluster:
    """Endpoints that are to be called like their pods are so also where they have a hostname."""
    if not _server(cluster).endpoint_pod_names:
        return cluster
    slices = (
        evolve(
            piece,
            endpoints=tuple(
                evolve(each, hostname=each.target_ref.name) if each.target_ref else each
                for each in piece.endpoints
            ),
        )
        for piece in cluster.endpoint_slices
    )
    return evolve(cluster, endpoint_slices=tuple(slices))


@sees("DNS-HEADLESS-027")
def endpoints_are_always_read(cluster: Cluster) -> Cluster:
    """Endpoints are published though they are not to be read."""
    return _set_up(cluster, evolve(_server(cluster), no_endpoints=False))


@sees("DNS-HEADLESS-028")
def zonal_names_always(cluster: Cluster) -> Cluster:
    """Names of topology zones exist though they are not asked for."""
    return _set_up(cluster, evolve(_server(cluster), zonal=True))


@resolves("DNS-HEADLESS-028")
def every_pin_is_a_preference(zone: Zone, query: Query) -> Answer:
    """A zone without endpoints has those of all zones, also where it is pinned."""
    if ".pin._zone." not in plain(query.name):
        return zone.resolve(query)
    other = plain(query.name).replace(".pin._zone.", ".prefer._zone.")
    answer = zone.resolve(evolve(query, name=other))
    return evolve(answer, records=frozenset(evolve(each, name=query.name) for each in answer.records))


@resolves("DNS-HEADLESS-028")
def empty_zones_do_not_exist(zone: Zone, query: Query) -> Answer:
    """A pinned zone without endpoints is NXDOMAIN."""
    answer = zone.resolve(query)
    return NXDOMAIN if ".pin._zone." in query.name and is_empty(answer) else answer


@resolves("DNS-NEG-015")
def names_without_data_fall_through(zone: Zone, query: Query) -> Answer:
    """A query falls through also where the name exists and has nothing of the type."""
    answer = zone.resolve(query)
    return Answer(Rcode.REFUSED) if zone.index.server.fall_through and is_empty(answer) else answer


@sees("DNS-PTR-005")
def reverse_zones_always(cluster: Cluster) -> Cluster:
    """Addresses point back though the reverse zones are not the server's."""
    return _set_up(cluster, evolve(_server(cluster), reverse_zones=True))


@resolves("DNS-PTR-010")
def addresses_point_back_to_the_last_zone(zone: Zone, query: Query) -> Answer:
    """Of several zones the last one is that to which addresses point back."""
    answer = zone.resolve(query)
    more = zone.index.server.more_zones
    if query.type != "PTR" or not more or not answer.records:
        return answer
    stem = {each.data.removesuffix(zone.name) for each in answer.records}
    return with_records(answer, [Record(query.name, "PTR", f"{each}{more[-1]}") for each in stem])


@sees("DNS-META-012")
def every_namespace_is_seen(cluster: Cluster) -> Cluster:
    """All namespaces are seen though only some are to be."""
    return _set_up(cluster, evolve(_server(cluster), namespaces=()))


@resolves("DNS-META-012")
def hidden_namespaces_exist(zone: Zone, query: Query) -> Answer:
    """The Services of a namespace that is not to be seen exist without records."""
    labels = labels_of(zone, query)
    known = {each.metadata.name for each in zone.cluster.namespaces}
    hidden = len(labels) >= 2 and labels[-2] in known - zone.index.namespaces
    return Answer(Rcode.NOERROR) if hidden else zone.resolve(query)


@sees("DNS-POD-002")
def pods_are_never_disabled(cluster: Cluster) -> Cluster:
    """Names of pods are answered though they are not to be."""
    server = _server(cluster)
    return _set_up(cluster, evolve(server, pods="insecure") if server.pods == "disabled" else server)


@sees("DNS-POD-003")
def pods_are_always_verified(cluster: Cluster) -> Cluster:
    """Names of pods are answered only for those that there are, though all are to be."""
    server = _server(cluster)
    return _set_up(cluster, evolve(server, pods="verified") if server.pods == "insecure" else server)


@sees("DNS-POD-004")
def pods_are_never_verified(cluster: Cluster) -> Cluster:
    """Names of pods are answered for any address, though only those of pods are to be."""
    server = _server(cluster)
    return _set_up(cluster, evolve(server, pods="insecure") if server.pods == "verified" else server)
