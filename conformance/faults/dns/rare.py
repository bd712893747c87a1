# SPDX-License-Identifier: Apache-2.0
"""Faults that only rare shapes show: two families, long chains, odd names, the limits of a resolver."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces, says, sees
from conformance.faults.dns.making import (
    NODATA,
    NXDOMAIN,
    asked_as,
    at_service,
    is_empty,
    labels_of,
    resolves,
    service_of,
    swaps,
    with_records,
)
from reference.dns import Zone, index, resolv_conf, reverse_name
from reference.objects import Cluster, NamespacedName, Service
from reference.questions import Answer, Query, Record, ResolverConfig

# -- two families ----------------------------------------------------------------------

_cluster_ips = index.cluster_ips


@swaps(index, "cluster_ips", "DNS-A-005")
def first_family_only(service: Service) -> tuple[str, ...]:
    """Of a Service with two cluster IPs the first alone is published."""
    return _cluster_ips(service)[:1]


@swaps(index, "cluster_ips", "DNS-AAAA-001")
def ipv4_only(service: Service) -> tuple[str, ...]:
    """No cluster IP of IPv6 is published."""
    return tuple(ip for ip in _cluster_ips(service) if ":" not in ip)


@swaps(index, "cluster_ips", "DNS-AAAA-002")
def ipv4_where_it_is_first(service: Service) -> tuple[str, ...]:
    """Where the first cluster IP is of IPv4, the second is not published."""
    ips = _cluster_ips(service)
    return ips if ":" in "".join(ips[:1]) else ips[:1]


@resolves("DNS-PTR-002")
def no_reverse_names_of_ipv6(zone: Zone, query: Query) -> Answer:
    """Addresses of IPv6 point back to nothing."""
    return NXDOMAIN if query.type == "PTR" and "ip6.arpa" in query.name else zone.resolve(query)


@resolves("DNS-PTR-004")
def second_addresses_do_not_point_back(zone: Zone, query: Query) -> Answer:
    """The second address of a Service points back to nothing."""
    second = {reverse_name(ip) for each in zone.cluster.services for ip in _cluster_ips(each)[1:]}
    return NXDOMAIN if query.name in second else zone.resolve(query)


@sees("DNS-HEADLESS-002")
def endpoints_of_ipv4_only(cluster: Cluster) -> Cluster:
    """EndpointSlices of IPv6 are not read."""
    read = tuple(each for each in cluster.endpoint_slices if each.address_type == "IPv4")
    return evolve(cluster, endpoint_slices=read)


@resolves("DNS-A-006")
def other_family_does_not_exist(zone: Zone, query: Query) -> Answer:
    """A Service without an IPv4 address does not exist when it is asked for one."""
    answer = zone.resolve(query)
    return NXDOMAIN if query.type == "A" and is_empty(answer) else answer


@resolves("DNS-SRV-008")
def ports_of_each_family(zone: Zone, query: Query) -> Answer:
    """A Service of two families has an SRV record for each, at names that tell them apart."""
    answer = zone.resolve(query)
    service = service_of(zone, query)
    if service is None or query.type != "SRV" or len(_cluster_ips(service.service)) < 2:
        return answer
    targets = [f"ipv{number}.{service.name}.{zone.name}" for number in (4, 6)]
    return with_records(
        answer,
        (
            evolve(each, data=" ".join([*each.data.split()[:3], target]))
            for each in answer.records
            for target in targets
        ),
    )


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")


@swaps(index, "dashed", "DNS-HEADLESS-007", bugs=("BUG-132",))
def labels_that_end_in_a_dash(address: str) -> str:
    """The name made of an address that ends in two colons ends in a dash."""
    return _dashed(address)


@resolves("DNS-HEADLESS-024")
def one_name_for_both_families(zone: Zone, query: Query) -> Answer:
    """Endpoints of IPv6 without a hostname have no name of their own."""
    answer = zone.resolve(query)
    if query.type != "SRV":
        return answer
    kept = [each for each in answer.records if not each.data.split()[3].startswith("fd00-")]
    return with_records(answer, kept) if kept else answer


# -- external names ----------------------------------------------------------------------


@resolves("DNS-CNAME-006")
def no_chains(zone: Zone, query: Query) -> Answer:
    """The target of an external name that is itself one is not followed."""
    answer = zone.resolve(query)
    aliases = [each for each in answer.records if each.type == "CNAME" and each.name == query.name]
    return with_records(answer, aliases) if len(answer.records) > 2 and aliases else answer


@resolves("DNS-CNAME-007")
def trailing_dots_are_kept(zone: Zone, query: Query) -> Answer:
    """An external name with a trailing dot is taken for one that is not complete."""
    answer = zone.resolve(query)
    service = at_service(zone, query)
    if service is None or not service.service.spec.external_name.endswith("."):
        return answer
    return with_records(
        answer, (evolve(each, data=f"{each.data.rstrip('.')}.{zone.name}") for each in answer.records)
    )


# -- odd names ---------------------------------------------------------------------------


@resolves("DNS-NEG-010")
def no_authority_below_the_zone(zone: Zone, query: Query) -> Answer:
    """Asked for the authority, names below the zone do not exist."""
    return NXDOMAIN if query.type == "SOA" and labels_of(zone, query) else zone.resolve(query)


@resolves("DNS-NEG-011")
def name_server_of_every_name(zone: Zone, query: Query) -> Answer:
    """Every name that exists has the zone's name server."""
    answer = zone.resolve(query)
    if query.type != "NS" or not is_empty(answer):
        return answer
    return with_records(answer, [Record(query.name, "NS", f"ns.dns.{zone.name}")])


@resolves("DNS-NEG-011")
def name_servers_of_somebody_else(zone: Zone, query: Query) -> Answer:
    """The zone's name server is outside of the cluster."""
    if query.type != "NS" or labels_of(zone, query):
        return zone.resolve(query)
    return with_records(NODATA, [Record(query.name, "NS", "ns.example.com")])


@resolves("DNS-NEG-020")
def branches_are_reserved(zone: Zone, query: Query) -> Answer:
    """A Service cannot be called like a branch of the zone."""
    labels = labels_of(zone, query)
    return NXDOMAIN if len(labels) == 3 and labels[0] in ("svc", "pod") else zone.resolve(query)


@resolves("DNS-A-010")
def no_addresses_of_ports(zone: Zone, query: Query) -> Answer:
    """The name of a port has SRV records alone."""
    answer = zone.resolve(query)
    if query.type in ("A", "AAAA") and len(labels_of(zone, query)) == 5 and answer.records:
        return NODATA
    return answer


@resolves("DNS-SRV-011")
def underscores_are_required(zone: Zone, query: Query) -> Answer:
    """A port is found only with both underscores and both names."""
    labels = labels_of(zone, query)
    if len(labels) == 5 and service_of(zone, query) is not None:
        exact = all(label.startswith("_") and label != "_" for label in labels[:2])
        return zone.resolve(query) if exact else NXDOMAIN
    return zone.resolve(query)


@resolves("DNS-SRV-015")
def endpoints_have_no_ports(zone: Zone, query: Query) -> Answer:
    """The name of an endpoint has addresses alone."""
    answer = zone.resolve(query)
    if query.type == "SRV" and len(labels_of(zone, query)) == 4 and answer.records:
        return NODATA
    return answer


@resolves("DNS-PTR-012")
def services_point_to_themselves(zone: Zone, query: Query) -> Answer:
    """The name of a Service points to itself."""
    answer = zone.resolve(query)
    if query.type != "PTR" or at_service(zone, query) is None or not is_empty(answer):
        return answer
    return with_records(answer, [Record(query.name, "PTR", query.name)])


@resolves("DNS-HEADLESS-029")
def labels_below_endpoints_are_ignored(zone: Zone, query: Query) -> Answer:
    """A name below an endpoint is the endpoint's own."""
    answer = zone.resolve(query)
    labels = labels_of(zone, query)
    if len(labels) != 5 or answer != NXDOMAIN or service_of(zone, query) is None:
        return answer
    return asked_as(zone, query, ".".join(labels[1:]))


# -- the limits of a resolver ----------------------------------------------------------------


@says("DNS-SEARCH-011", of=("resolver_configs",))
def own_servers_take_the_last_places(
    cluster: Cluster, name: NamespacedName, config: ResolverConfig
) -> ResolverConfig:
    """More than three servers are written."""
    own = next(
        each.spec.dns_config
        for each in cluster.pods
        if (each.metadata.namespace, each.metadata.name) == (name.namespace, name.name)
    )
    if own is None:
        return config
    return evolve(config, nameservers=tuple(dict.fromkeys((*config.nameservers, *own.nameservers))))


@replaces(resolv_conf, "_fitting", "DNS-SEARCH-012")
def six_domains(searches: tuple[str, ...]) -> tuple[str, ...]:
    """Six search domains are written at the most."""
    return _fitting(searches)[:6]


@replaces(resolv_conf, "_fitting", "DNS-SEARCH-012")
def no_limit_of_domains(searches: tuple[str, ...]) -> tuple[str, ...]:
    """All search domains are written, however many and long they are."""
    return searches


_fitting = resolv_conf._fitting
