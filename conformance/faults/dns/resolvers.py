# SPDX-License-Identifier: Apache-2.0
"""The node agent writes a wrong resolv.conf, or the server misleads resolvers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.dns.making import NODATA, NXDOMAIN, asked_as, is_empty, labels_of, resolves
from reference.dns import Zone, resolv_conf
from reference.dns.resolv_conf import Base, base_of
from reference.objects import (
    Cluster,
    ClusterSettings,
    NamespacedName,
    Pod,
    PodDNSConfig,
    PodDNSConfigOption,
)
from reference.questions import Answer, Query, ResolverConfig

F = TypeVar("F", bound=Callable[..., Any])

NODE_SERVER = "192.0.2.253"


def _writes(*breaks: str) -> Callable[[F], F]:
    return says(*breaks, of=("resolver_configs",))


def _pod(cluster: Cluster, name: NamespacedName) -> Pod:
    return next(
        each
        for each in cluster.pods
        if (each.metadata.namespace, each.metadata.name) == (name.namespace, name.name)
    )


@_writes("DNS-SEARCH-002")
def servers_of_the_node_too(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """A pod of cluster policy asks the node's servers as well."""
    if base_of(_pod(cluster, name)) is not Base.CLUSTER:
        return config
    return evolve(config, nameservers=(*config.nameservers, NODE_SERVER))


@_writes("DNS-SEARCH-003")
def widest_domain_first(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """The search list is in the reverse order."""
    return evolve(config, searches=config.searches[::-1])


@_writes("DNS-SEARCH-003")
def no_domain_of_all_services(
    cluster: Cluster, name: NamespacedName, config: ResolverConfig
) -> ResolverConfig:
    """The search list lacks the domain of all Services."""
    lacking = f"svc.{cluster.settings.cluster_domain}"
    return evolve(config, searches=tuple(each for each in config.searches if each != lacking))


@_writes("DNS-SEARCH-004")
def no_ndots(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """Cluster policy sets no option."""
    return evolve(config, options=tuple(each for each in config.options if each.value != "5"))


@replaces(resolv_conf, "base_of", "DNS-SEARCH-005")
def default_is_cluster_first(pod: Pod) -> Base:
    """The policy Default is taken for the one that is the default."""
    return Base.CLUSTER if pod.spec.dns_policy == "Default" else base_of(pod)


@replaces(resolv_conf, "base_of", "DNS-SEARCH-006")
def host_network_does_not_count(pod: Pod) -> Base:
    """A pod on the host's network asks the cluster's servers, whatever its policy."""
    return Base.CLUSTER if pod.spec.host_network and base_of(pod) is Base.NODE else base_of(pod)


@replaces(resolv_conf, "base_of", "DNS-SEARCH-006")
def host_network_is_node_policy(pod: Pod) -> Base:
    """A pod on the host's network asks the node's servers, also where its policy says otherwise."""
    return Base.NODE if pod.spec.host_network and base_of(pod) is Base.CLUSTER else base_of(pod)


@replaces(resolv_conf, "base_of", "DNS-SEARCH-007")
def none_is_cluster_first(pod: Pod) -> Base:
    """The policy None keeps the cluster's servers, search list and options."""
    return Base.CLUSTER if base_of(pod) is Base.NOTHING else base_of(pod)


@replaces(resolv_conf, "_with_own", "DNS-SEARCH-009")
def own_entries_first(config: ResolverConfig, own: PodDNSConfig) -> ResolverConfig:
    """A pod's own servers and search domains come before those of its policy."""
    made = _with_own(config, own)
    return evolve(
        made,
        nameservers=tuple(dict.fromkeys((*own.nameservers, *config.nameservers))),
        searches=tuple(dict.fromkeys((*own.searches, *config.searches))),
    )


_with_own = resolv_conf._with_own


@replaces(resolv_conf, "_merged", "DNS-SEARCH-010")
def options_of_the_policy_stand(options: Iterable[PodDNSConfigOption]) -> tuple[PodDNSConfigOption, ...]:
    """A pod's own options do not override those of its policy."""
    first: dict[str, PodDNSConfigOption] = {}
    for option in options:
        first.setdefault(option.name, option)
    return tuple(first.values())


@_writes("DNS-SEARCH-010")
def own_options_are_lost(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """A pod's own options are not written."""
    own = _pod(cluster, name).spec.dns_config
    return evolve(
        config, options=tuple(each for each in config.options if own is None or each not in own.options)
    )


# -- odd entries, and what a node may lack or not know ----------------------------------------


@_writes("DNS-SEARCH-013")
def odd_domains_are_tidied(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """Search domains are written without trailing dots, and the root not at all."""
    tidy = (each.rstrip(".") for each in config.searches)
    return evolve(config, searches=tuple(each for each in tidy if each))


@_writes("DNS-SEARCH-013")
def no_underscores(cluster: Cluster, name: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """Search domains with underscores are left out."""
    return evolve(config, searches=tuple(each for each in config.searches if "_" not in each))


@replaces(resolv_conf, "search_domains", "DNS-SEARCH-016")
def the_usual_domain_without_one(
    cluster: Cluster, pod: NamespacedName, *, node: ResolverConfig = resolv_conf.NO_NODE_CONFIG
) -> tuple[str, ...]:
    """Without a cluster domain the search list has those of cluster.local."""
    usual = cluster.settings.cluster_domain or ClusterSettings().cluster_domain
    settings = evolve(cluster.settings, cluster_domain=usual)
    return _search_domains(evolve(cluster, settings=settings), pod, node=node)


@replaces(resolv_conf, "search_domains", "DNS-SEARCH-016")
def domains_of_an_empty_one(
    cluster: Cluster, pod: NamespacedName, *, node: ResolverConfig = resolv_conf.NO_NODE_CONFIG
) -> tuple[str, ...]:
    """Without a cluster domain the search list has domains that end where it would begin."""
    if cluster.settings.cluster_domain:
        return _search_domains(cluster, pod, node=node)
    return (f"{pod.namespace}.svc.", "svc.", *node.searches)


_search_domains = resolv_conf.search_domains


@_writes("DNS-SEARCH-017")
def cluster_policy_without_servers(
    cluster: Cluster, name: NamespacedName, config: ResolverConfig
) -> ResolverConfig:
    """Without cluster DNS servers a pod of cluster policy has the cluster's search list all the same."""
    if cluster.settings.cluster_dns or base_of(_pod(cluster, name)) is not Base.CLUSTER:
        return config
    return evolve(config, searches=(*_search_domains(cluster, name), *config.searches))


@_writes("DNS-SEARCH-017")
def no_own_entries_without_servers(
    cluster: Cluster, name: NamespacedName, config: ResolverConfig
) -> ResolverConfig:
    """Without cluster DNS servers the entries of a pod of cluster policy are lost."""
    if cluster.settings.cluster_dns or base_of(_pod(cluster, name)) is not Base.CLUSTER:
        return config
    return resolv_conf.NO_NODE_CONFIG


@replaces(resolv_conf, "base_of", "DNS-SEARCH-019")
def unknown_policy_is_default(pod: Pod) -> Base:
    """An unknown policy is taken for Default."""
    known = ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    return base_of(pod) if pod.spec.dns_policy in known else Base.NODE


@replaces(resolv_conf, "base_of", "DNS-SEARCH-019")
def unknown_policy_in_the_host_network(pod: Pod) -> Base:
    """An unknown policy is taken for ClusterFirst, which in the host's network means Default."""
    known = ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    if pod.spec.dns_policy in known or not pod.spec.host_network:
        return base_of(pod)
    return Base.NODE


# -- what a server answers to resolvers ---------------------------------------------------------


@resolves("DNS-SEARCH-031")
def services_before_endpoints(zone: Zone, query: Query) -> Answer:
    """A name that is an endpoint and, in the namespace of its Service's name, a Service is the Service."""
    labels = labels_of(zone, query)
    if len(labels) == 4 and labels[-1] == "svc" and (labels[1], labels[0]) in zone.index.services:
        return asked_as(zone, query, f"{labels[0]}.{labels[1]}.svc")
    return zone.resolve(query)


@resolves("DNS-SEARCH-031")
def top_level_domains_are_no_namespaces(zone: Zone, query: Query) -> Answer:
    """A namespace that is called as a top-level domain has no names."""
    labels = labels_of(zone, query)
    return NXDOMAIN if labels[-2:] == ["com", "svc"] else zone.resolve(query)


@resolves("DNS-SEARCH-034")
def no_aaaa_in_search(zone: Zone, query: Query) -> Answer:
    """Asked for an IPv6 address, no name in the zone exists that has none."""
    answer = zone.resolve(query)
    return NXDOMAIN if query.type == "AAAA" and is_empty(answer) else answer


@resolves("DNS-SEARCH-034")
def every_aaaa_in_search(zone: Zone, query: Query) -> Answer:
    """Asked for an IPv6 address, names far below a namespace exist that do not."""
    answer = zone.resolve(query)
    deep = len(labels_of(zone, query)) > 3
    return NODATA if query.type == "AAAA" and deep and answer == NXDOMAIN else answer
