# SPDX-License-Identifier: Apache-2.0
"""The node agent writes a wrong resolv.conf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from attrs import evolve

from conformance.faults.base import replaces, says
from reference.dns import resolv_conf
from reference.dns.resolv_conf import Base, base_of
from reference.objects import Cluster, NamespacedName, Pod, PodDNSConfig, PodDNSConfigOption
from reference.questions import ResolverConfig

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
