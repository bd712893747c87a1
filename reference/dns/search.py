# SPDX-License-Identifier: Apache-2.0
"""How a client's resolver library turns a name into queries, and what it finds.

Source: Go `net/dnsconfig_unix.go`, res_search of the BIND family, musl
`lookup_name.c`.
"""

from __future__ import annotations

from attrs import frozen

from reference.dns.names import join, plain
from reference.dns.resolv_conf import resolver_config
from reference.dns.zone import NXDOMAIN, Zone
from reference.objects import Cluster, NamespacedName
from reference.questions import Answer, Query, Rcode, ResolverConfig

RESOLVERS = ("glibc", "go", "musl")
MOST_DOTS = 15
"""The largest `ndots` that resolvers obey."""


@frozen
class Lookup:
    """What a resolver found: the last answer, the name that gave it, and all names in order.

    `name` is None when no name gave a record.
    """

    name: str | None
    answer: Answer
    tried: tuple[str, ...]


def ndots(config: ResolverConfig) -> int:
    """The number of dots from which a name is tried as it is first; 1 unless set (DNS-SEARCH-007)."""
    found = 1
    for option in config.options:
        if option.name == "ndots" and option.value and option.value.isdigit():
            found = min(int(option.value), MOST_DOTS)
    return found


def candidates(name: str, config: ResolverConfig, *, resolver: str = "glibc") -> tuple[str, ...]:
    """The names that a resolver asks for, in order, without trailing dots.

    A trailing dot stops all searching (DNS-SEARCH-029).  With fewer dots than
    `ndots` the search list comes first, else the name itself does and musl stops
    there (DNS-SEARCH-021, DNS-SEARCH-022, DNS-SEARCH-028, DNS-SEARCH-030).
    """
    if resolver not in RESOLVERS:
        raise ValueError(f"unknown resolver {resolver!r}: known are {', '.join(RESOLVERS)}")
    if name.endswith("."):
        return (name.rstrip("."),)
    searched = [join(name, search.strip(".")) for search in config.searches]
    if name.count(".") < ndots(config):
        return tuple(dict.fromkeys((*searched, name)))
    if resolver == "musl":
        return (name,)
    return tuple(dict.fromkeys((name, *searched)))


def goes_on(answer: Answer, resolver: str) -> bool:
    """Whether the resolver tries its next candidate after an answer without records of the type.

    NXDOMAIN always; NODATA and failures not with musl (DNS-SEARCH-023, DNS-SEARCH-024).
    """
    return answer.rcode is Rcode.NXDOMAIN or resolver != "musl"


def lookup(zone: Zone, pod: NamespacedName, name: str, type: str, *, resolver: str = "glibc") -> Lookup:
    """What a process in a pod finds under a name, as far as the cluster's own zones go.

    A name outside of them is taken not to exist (DNS-SEARCH-025 to
    DNS-SEARCH-027, DNS-SEARCH-031, DNS-SEARCH-032).
    """
    tried: list[str] = []
    answer = NXDOMAIN
    for candidate in candidates(name, resolver_config(zone.cluster, pod), resolver=resolver):
        tried.append(candidate)
        answer = zone.resolve(Query(candidate, type))
        if answer.rcode is Rcode.REFUSED:
            answer = NXDOMAIN
        if answer.records:
            return Lookup(candidate, answer, tuple(tried))
        if not goes_on(answer, resolver):
            break
    return Lookup(None, answer, tuple(tried))


def in_zone(name: str, cluster: Cluster) -> bool:
    """Whether a name is in the cluster's zone, so that its own server answers."""
    zone = plain(cluster.settings.cluster_domain)
    lower = plain(name)
    return not zone or lower == zone or lower.endswith(f".{zone}")
