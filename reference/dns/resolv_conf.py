# SPDX-License-Identifier: Apache-2.0
"""What the node agent writes into the resolv.conf of a pod.

The node's own file is not part of a cluster; it is a parameter, and empty
unless it is given.

Source: kubernetes `pkg/kubelet/network/dns/dns.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from reference.dns.names import join
from reference.objects import Cluster, NamespacedName, Pod, PodDNSConfig, PodDNSConfigOption
from reference.questions import ResolverConfig

MOST_NAMESERVERS = 3
MOST_SEARCHES = 32
LONGEST_SEARCH = 253
LONGEST_SEARCH_LINE = 2048

NO_NODE_CONFIG = ResolverConfig()
CLUSTER_OPTIONS = (PodDNSConfigOption("ndots", "5"),)


class Base(Enum):
    """What a pod's resolv.conf starts from."""

    CLUSTER = "cluster"
    NODE = "node"
    NOTHING = "nothing"


def base_of(pod: Pod) -> Base:
    """What the policy comes to (DNS-SEARCH-001, DNS-SEARCH-005 to DNS-SEARCH-007, DNS-SEARCH-019)."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "None":
        return Base.NOTHING
    if policy == "Default" or (policy == "ClusterFirst" and pod.spec.host_network):
        return Base.NODE
    return Base.CLUSTER


def search_domains(
    cluster: Cluster, pod: NamespacedName, *, node: ResolverConfig = NO_NODE_CONFIG
) -> tuple[str, ...]:
    """The search list of cluster policy; without a cluster domain the node's alone.

    DNS-SEARCH-003, DNS-SEARCH-016.
    """
    zone = cluster.settings.cluster_domain
    if not zone:
        return node.searches
    return _distinct((join(pod.namespace, "svc", zone), join("svc", zone), zone, *node.searches))


def resolver_config(
    cluster: Cluster, pod: NamespacedName, *, node: ResolverConfig = NO_NODE_CONFIG
) -> ResolverConfig:
    """The resolv.conf of a pod; an empty one for a pod that does not exist.

    The order of the options is the policy's, then the pod's; it has no meaning
    (DNS-SEARCH-010).
    """
    for candidate in cluster.pods:
        if candidate.metadata.name == pod.name and candidate.metadata.namespace == pod.namespace:
            return resolver_config_of(cluster, candidate, node=node)
    return ResolverConfig()


def resolver_config_of(
    cluster: Cluster, pod: Pod, *, node: ResolverConfig = NO_NODE_CONFIG
) -> ResolverConfig:
    """The resolv.conf of this pod (DNS-SEARCH-002 to DNS-SEARCH-007, DNS-SEARCH-017)."""
    base = base_of(pod)
    servers = cluster.settings.cluster_dns
    if base is Base.NOTHING:
        config = ResolverConfig()
    elif base is Base.CLUSTER and servers:
        name = NamespacedName(pod.metadata.namespace, pod.metadata.name)
        searches = search_domains(cluster, name, node=node)
        config = ResolverConfig(servers, searches, CLUSTER_OPTIONS)
    else:
        config = node
    if pod.spec.dns_config is not None:
        config = _with_own(config, pod.spec.dns_config)
    return ResolverConfig(
        config.nameservers[:MOST_NAMESERVERS],  # DNS-SEARCH-011
        _fitting(config.searches),
        config.options,
    )


def _with_own(config: ResolverConfig, own: PodDNSConfig) -> ResolverConfig:
    """The pod's own servers and searches come last; its options override (DNS-SEARCH-009, DNS-SEARCH-010)."""
    return ResolverConfig(
        _distinct((*config.nameservers, *own.nameservers)),
        _distinct((*config.searches, *own.searches)),
        _merged((*config.options, *own.options)),
    )


def _merged(options: Iterable[PodDNSConfigOption]) -> tuple[PodDNSConfigOption, ...]:
    values: dict[str, str | None] = {}
    for option in options:
        values[option.name] = option.value or None
    return tuple(PodDNSConfigOption(name, value) for name, value in values.items())


def _fitting(searches: tuple[str, ...]) -> tuple[str, ...]:
    """At most so many, then none too long, then from the end until the line fits (DNS-SEARCH-012)."""
    kept = [search for search in searches[:MOST_SEARCHES] if len(search) <= LONGEST_SEARCH]
    while len(" ".join(kept)) > LONGEST_SEARCH_LINE:
        kept.pop()
    return tuple(kept)


def _distinct(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
