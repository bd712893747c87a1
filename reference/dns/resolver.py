# SPDX-License-Identifier: Apache-2.0
"""What a pod's resolver is configured to do, and what it asks for a short name."""

from __future__ import annotations

from reference.dns.zone import Zone
from reference.objects import Cluster, NamespacedName, Pod, PodDNSConfigOption
from reference.questions import Answer, Query, Rcode, ResolverConfig

_MOST_NAMESERVERS = 3
_MOST_SEARCHES = 32
_MOST_SEARCH_CHARACTERS = 2048
_LONGEST_SEARCH = 253

DEFAULT_NDOTS = 1


def uses_cluster_dns(pod: Pod) -> bool:
    """Whether the pod's policy is the cluster's (DNS-SEARCH-001, DNS-SEARCH-006, DNS-SEARCH-019)."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst":
        return not pod.spec.host_network
    return policy not in ("Default", "None")


def cluster_searches(domain: str, namespace: str) -> tuple[str, ...]:
    """`N.svc.Z`, `svc.Z`, `Z`; nothing where no domain is set (DNS-SEARCH-003, DNS-SEARCH-016)."""
    return (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()


def merged_options(
    options: tuple[PodDNSConfigOption, ...], more: tuple[PodDNSConfigOption, ...]
) -> tuple[PodDNSConfigOption, ...]:
    """Options by name, the pod's own before the policy's; sorted, as order means nothing (DNS-SEARCH-010)."""
    merged = {option.name: option for option in (*options, *more)}
    return tuple(merged[name] for name in sorted(merged))


def fitting_searches(searches: tuple[str, ...]) -> tuple[str, ...]:
    """Without duplicates and within the limits (DNS-SEARCH-009, DNS-SEARCH-012)."""
    kept = [
        entry for entry in tuple(dict.fromkeys(searches))[:_MOST_SEARCHES] if len(entry) <= _LONGEST_SEARCH
    ]
    while kept and len(" ".join(kept)) > _MOST_SEARCH_CHARACTERS:
        kept.pop()
    return tuple(kept)


def resolver_config(
    cluster: Cluster, pod_name: NamespacedName, *, node: ResolverConfig | None = None
) -> ResolverConfig:
    """What the node agent writes into the pod's resolv.conf (DNS-SEARCH-001..012, DNS-SEARCH-017).

    `node` is what the node's own file says; nothing by default.
    """
    node = node or ResolverConfig()
    pod = next(
        pod
        for pod in cluster.pods
        if (pod.metadata.namespace, pod.metadata.name) == (pod_name.namespace, pod_name.name)
    )
    settings = cluster.settings
    if pod.spec.dns_policy == "None":
        base = ResolverConfig()
    elif uses_cluster_dns(pod) and settings.cluster_dns:
        base = ResolverConfig(
            settings.cluster_dns,
            (*cluster_searches(settings.cluster_domain, pod_name.namespace), *node.searches),
            (PodDNSConfigOption("ndots", "5"),),
        )
    else:
        base = node
    more = pod.spec.dns_config
    nameservers = (*base.nameservers, *(more.nameservers if more else ()))
    return ResolverConfig(
        tuple(dict.fromkeys(nameservers))[:_MOST_NAMESERVERS],
        fitting_searches((*base.searches, *(more.searches if more else ()))),
        merged_options(base.options, more.options if more else ()),
    )


def ndots(config: ResolverConfig) -> int:
    """The `ndots` option; 1 where it is not set or no number (DNS-SEARCH-007)."""
    for option in config.options:
        if option.name == "ndots" and option.value and option.value.isdigit():
            return int(option.value)
    return DEFAULT_NDOTS


def candidates(name: str, config: ResolverConfig, *, musl: bool = False) -> tuple[str, ...]:
    """The names that a resolver asks for in turn (DNS-SEARCH-021, DNS-SEARCH-022, DNS-SEARCH-025..030)."""
    if name.endswith("."):
        return (name[:-1],)
    searched = tuple(f"{name}.{domain}" for domain in config.searches)
    if name.count(".") < ndots(config):
        return (*searched, name)
    return (name,) if musl else (name, *searched)


def lookup(zone: Zone, config: ResolverConfig, name: str, kind: str, *, musl: bool = False) -> Answer:
    """The answer at which a lookup ends (DNS-SEARCH-023): glibc and Go go on after NODATA, musl does not."""
    last = Answer(Rcode.NXDOMAIN)
    for candidate in candidates(name, config, musl=musl):
        last = zone.resolve(Query(candidate, kind))
        if last.records or (musl and last.rcode is Rcode.NOERROR):
            break
    return last
