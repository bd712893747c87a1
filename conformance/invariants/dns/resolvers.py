# SPDX-License-Identifier: Apache-2.0
"""The resolv.conf of pods that are added to a cluster: limits, odd entries, and what a node may lack.

What the node's own resolv.conf has is not known, but a pod of policy Default shows
it, and the others are judged by what that pod got.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from reference.dns import resolver_config, search_domains
from reference.dns.resolv_conf import LONGEST_SEARCH, LONGEST_SEARCH_LINE, MOST_SEARCHES
from reference.objects import (
    Cluster,
    NamespacedName,
    ObjectMeta,
    Pod,
    PodDNSConfig,
    PodDNSConfigOption,
    PodSpec,
    PodStatus,
)
from reference.questions import ResolverConfig

_PLACE = "default"
_NODE = "node"
"""The pod that has the node's own resolv.conf."""
_ROOT = "."
"""The search domain of a node without a resolv.conf of its own, for pods of policy Default alone."""
_LONGEST_LABEL = 63
_SERVERS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")


class _Asked:
    """Pods of these specs beside one of policy Default, with what each got."""

    def __init__(self, case: Case, cluster: Cluster, specs: Mapping[str, PodSpec]) -> None:
        specs = {_NODE: PodSpec(dns_policy="Default"), **specs}
        pods = tuple(
            Pod(
                ObjectMeta(name=name, namespace=_PLACE, uid=f"probe-{name}"), spec, PodStatus(phase="Running")
            )
            for name, spec in specs.items()
        )
        self.case = case
        self.cluster = evolve(cluster, pods=(*cluster.pods, *pods))
        self.specs = specs
        other = case.variant(evolve(case.example, cluster=self.cluster))
        names = [_name(name) for name in specs]
        self.got: dict[str, ResolverConfig] = dict(
            zip(specs, other.ask("resolver_configs", names), strict=True)
        )
        node = self.got[_NODE]
        self.node = evolve(node, searches=tuple(each for each in node.searches if each != _ROOT))

    def expected(self, name: str) -> ResolverConfig:
        """What a pod that does not have the node's resolv.conf should have."""
        return resolver_config(self.cluster, _name(name), node=self.node)

    def judge(self, rule: str, name: str, what: str, expected: object, got: object) -> None:
        """Judge a part of the resolv.conf of a pod."""
        self.case.judged()
        if got != expected:
            policy = self.specs[name].dns_policy
            self.case.fail(
                rule,
                question=f"{what} of pod {_name(name)}, policy {policy}",
                expected=expected,
                got=got,
                because=(rule,),
            )


def _name(name: str) -> NamespacedName:
    return NamespacedName(_PLACE, name)


def _own(policy: str, *searches: str, nameservers: tuple[str, ...] = ()) -> PodSpec:
    return PodSpec(dns_policy=policy, dns_config=PodDNSConfig(nameservers, searches))


def _options(config: ResolverConfig) -> frozenset[tuple[str, str | None]]:
    return frozenset((option.name, option.value or None) for option in config.options)


# -- limits and entries -------------------------------------------------------------------------


def _domain(length: int, letter: str = "a") -> str:
    """A domain of so many characters."""
    text = (f"{_LONGEST_LABEL * letter}." * 5)[:length]
    return f"{text[:-2]}.b" if text.endswith(".") else text


def _many_searches(cluster: Cluster) -> dict[str, PodSpec]:
    """Pods that meet a limit or go beyond it, by name.

    What the API takes: at most 32 domains of 2048 characters in all.
    """
    domains = tuple(f"n{number}.example.com" for number in range(MOST_SEARCHES))
    # With the zone's own three domains before them, one of these lines just fits and the other does not.
    before = len(" ".join(search_domains(cluster, _name("")))) + 1
    long = tuple(_domain(LONGEST_SEARCH, letter) for letter in "cdefghi")
    longest = _domain(LONGEST_SEARCH)
    rest = LONGEST_SEARCH_LINE - before - len(" ".join(long)) - 1
    return {
        "domains": _own("ClusterFirst", *domains),
        "own-domains": _own("None", *domains, nameservers=_SERVERS[:1]),
        "long": _own("None", f"{longest}.", longest, "b", nameservers=_SERVERS[:1]),
        "line": _own("ClusterFirst", *long, _domain(rest)),
        "longer-line": _own("ClusterFirst", *long, _domain(rest + 1)),
    }


@invariant(
    "dns.resolver-limits",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-011", "DNS-SEARCH-012"),
    asks=("resolver_configs",),
)
def resolver_limits(case: Case) -> None:
    """A resolv.conf has 3 servers and 32 domains at most, none and no line too long; what is last goes."""
    servers = {
        "servers": _own("ClusterFirst", nameservers=_SERVERS),
        "own-servers": _own("None", nameservers=_SERVERS),
    }
    searches = _many_searches(case.cluster)
    asked = _Asked(case, case.cluster, {**servers, **searches})
    for name in servers:
        expected = asked.expected(name).nameservers
        asked.judge("DNS-SEARCH-011", name, "nameservers", expected, asked.got[name].nameservers)
    for name in searches:
        expected = asked.expected(name).searches
        asked.judge("DNS-SEARCH-012", name, "search list", expected, asked.got[name].searches)


@invariant(
    "dns.resolver-entries",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-013",),
    asks=("resolver_configs",),
)
def resolver_entries(case: Case) -> None:
    """A pod's own search domains are written as they stand, with underscores, trailing dots, and the root."""
    odd = ("_tcp.example.com", "trailing.example.com.", _ROOT)
    specs = {
        "odd": _own("ClusterFirst", *odd),
        "own-odd": _own("None", *odd, nameservers=_SERVERS[:1]),
    }
    asked = _Asked(case, case.cluster, specs)
    for name in specs:
        expected = asked.expected(name).searches
        asked.judge("DNS-SEARCH-013", name, "search list", expected, asked.got[name].searches)


# -- what a node may lack, and what it may not know ---------------------------------------------


@invariant(
    "dns.resolver-without-a-domain",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-016",),
    asks=("resolver_configs",),
    features=("unset-cluster-dns",),
)
def resolver_without_a_domain(case: Case) -> None:
    """Without a cluster domain a pod of cluster policy has the node's search domains and its own alone."""
    cluster = evolve(case.cluster, settings=evolve(case.cluster.settings, cluster_domain=""))
    specs = {
        "cluster": PodSpec(dns_policy="ClusterFirst"),
        "host-network": PodSpec(dns_policy="ClusterFirstWithHostNet", host_network=True),
        "own": _own("ClusterFirst", "own.example.com"),
    }
    asked = _Asked(case, cluster, specs)
    for name in specs:
        expected, got = asked.expected(name), asked.got[name]
        asked.judge("DNS-SEARCH-016", name, "search list", expected.searches, got.searches)
        asked.judge("DNS-SEARCH-016", name, "nameservers", expected.nameservers, got.nameservers)


@invariant(
    "dns.resolver-without-servers",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-017",),
    asks=("resolver_configs",),
    features=("unset-cluster-dns",),
)
def resolver_without_servers(case: Case) -> None:
    """Without cluster DNS servers a pod of cluster policy has what one of policy Default has."""
    cluster = evolve(case.cluster, settings=evolve(case.cluster.settings, cluster_dns=()))
    own = PodDNSConfig(("192.0.2.9",), ("own.example.com",), (PodDNSConfigOption("attempts", "3"),))
    pairs = {
        "cluster": (PodSpec(dns_policy="ClusterFirst"), _NODE),
        "host-network": (PodSpec(dns_policy="ClusterFirstWithHostNet", host_network=True), _NODE),
        "own": (PodSpec(dns_policy="ClusterFirst", dns_config=own), "own-default"),
    }
    specs = {name: spec for name, (spec, _) in pairs.items()}
    asked = _Asked(case, cluster, {**specs, "own-default": PodSpec(dns_policy="Default", dns_config=own)})
    for name, (_, like) in pairs.items():
        expected, got = asked.got[like], asked.got[name]
        asked.judge("DNS-SEARCH-017", name, "nameservers", expected.nameservers, got.nameservers)
        asked.judge("DNS-SEARCH-017", name, "search list", expected.searches, got.searches)
        asked.judge("DNS-SEARCH-017", name, "options", _options(expected), _options(got))


@invariant(
    "dns.resolver-unknown-policy",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-019",),
    asks=("resolver_configs",),
    features=("existing-objects",),
)
def resolver_unknown_policy(case: Case) -> None:
    """A policy that nobody knows is taken for that of the cluster, in the host's network too."""
    specs = {
        "unknown": PodSpec(dns_policy="Unheard"),
        "host-network": PodSpec(dns_policy="Unheard", host_network=True),
    }
    asked = _Asked(case, case.cluster, specs)
    for name in specs:
        expected, got = asked.expected(name), asked.got[name]
        asked.judge("DNS-SEARCH-019", name, "nameservers", expected.nameservers, got.nameservers)
        asked.judge("DNS-SEARCH-019", name, "search list", expected.searches, got.searches)
        asked.judge("DNS-SEARCH-019", name, "options", _options(expected), _options(got))
