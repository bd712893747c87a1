# SPDX-License-Identifier: Apache-2.0
"""Shapes that no generated cluster has: two families, long chains, very many endpoints, odd names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.view import exact, fail, judge, worded
from reference.dns import reverse_name
from reference.objects import Cluster, EndpointSlice, Service
from reference.questions import Query

Rules = Mapping[Query, str]
"""The requirement that each query is about."""

_IPV4, _TURNED_IPV4 = "10.96.254.1", "10.96.254.2"
_IPV6, _TURNED_IPV6, _ONLY_IPV6 = "fd00:10:96::1", "fd00:10:96::2", "fd00:10:96::3"
_POD_IPV4, _POD_IPV6 = "10.244.250.1", "fd00:10:244::1"
_PLAIN_IPV4, _PLAIN_IPV6 = "10.244.250.2", "fd00:10:244:1::"
_PLAIN_IPV6_LABEL = "fd00-10-244-1--0"


@cache
def _two_families() -> tuple[tuple[Service, ...], tuple[EndpointSlice, ...]]:
    return (
        (
            probes.service("dual", _IPV4, _IPV6),
            probes.service("turned", _TURNED_IPV6, _TURNED_IPV4),
            probes.service("six", _ONLY_IPV6),
            probes.service("both"),
        ),
        (
            probes.piece("both", 1, [probes.endpoint(_POD_IPV4, hostname="a"), probes.endpoint(_PLAIN_IPV4)]),
            probes.piece("both", 2, [probes.endpoint(_POD_IPV6, hostname="a"), probes.endpoint(_PLAIN_IPV6)]),
        ),
    )


def _exactly(case: Case, cluster: Cluster, rules: Rules) -> None:
    """Judge that the answers are those of CoreDNS."""
    seen = probes.seen(case, cluster, rules)
    for asked in seen.asked:
        case.judged()
        expected = seen.zone.resolve(asked.query)
        if exact(seen.zone, asked.answer) != exact(seen.zone, expected):
            fail(case, rules[asked.query], asked, worded(expected))


@invariant(
    "dns.two-families",
    kind=Kind.METAMORPHIC,
    requirements=(
        "DNS-A-005",
        "DNS-AAAA-001",
        "DNS-AAAA-002",
        "DNS-PTR-002",
        "DNS-PTR-004",
        "DNS-HEADLESS-002",
        "DNS-HEADLESS-003",
    ),
    asks=("resolve",),
    features=("dual-stack",),
)
def two_families(case: Case) -> None:
    """The addresses of both families stand below one name, whichever is the first, and point back to it."""
    cluster = probes.added(case.cluster, *_two_families())
    both = probes.name_of(cluster, "both")
    rules = {
        Query(probes.name_of(cluster, "dual"), "A"): "DNS-A-005",
        Query(probes.name_of(cluster, "turned"), "A"): "DNS-A-005",
        Query(probes.name_of(cluster, "six"), "AAAA"): "DNS-AAAA-001",
        Query(probes.name_of(cluster, "dual"), "AAAA"): "DNS-AAAA-002",
        Query(probes.name_of(cluster, "turned"), "AAAA"): "DNS-AAAA-002",
        Query(both, "AAAA"): "DNS-HEADLESS-002",
        Query(f"a.{both}", "A"): "DNS-HEADLESS-003",
        Query(f"a.{both}", "AAAA"): "DNS-HEADLESS-003",
        Query(reverse_name(_ONLY_IPV6), "PTR"): "DNS-PTR-002",
        Query(reverse_name(_IPV4), "PTR"): "DNS-PTR-004",
        Query(reverse_name(_IPV6), "PTR"): "DNS-PTR-004",
        Query(reverse_name(_TURNED_IPV4), "PTR"): "DNS-PTR-004",
        Query(reverse_name(_POD_IPV4), "PTR"): "DNS-PTR-004",
        Query(reverse_name(_POD_IPV6), "PTR"): "DNS-PTR-004",
    }
    for asked in probes.seen(case, cluster, rules).asked:
        judge(case, rules[asked.query], asked)


@invariant(
    "dns.coredns-two-families",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-006", "DNS-SRV-008", "DNS-HEADLESS-007", "DNS-HEADLESS-024"),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dual-stack",),
)
def coredns_two_families(case: Case) -> None:
    """Ports of Services of two families, and names made of IPv6 addresses, are those of CoreDNS."""
    cluster = probes.added(case.cluster, *_two_families())
    both = probes.name_of(cluster, "both")
    rules = {
        Query(probes.name_of(cluster, "six"), "A"): "DNS-A-006",
        Query(f"_http._tcp.{probes.name_of(cluster, 'dual')}", "SRV"): "DNS-SRV-008",
        Query(f"{_PLAIN_IPV6_LABEL}.{both}", "AAAA"): "DNS-HEADLESS-007",
        Query(reverse_name(_PLAIN_IPV6), "PTR"): "DNS-HEADLESS-007",
        Query(f"_http._tcp.{both}", "SRV"): "DNS-HEADLESS-024",
        Query(reverse_name(_PLAIN_IPV4), "PTR"): "DNS-HEADLESS-024",
    }
    _exactly(case, cluster, rules)


_CHAIN = 13
"""More links than are followed."""


@invariant(
    "dns.external-name-chains",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-CNAME-006", "DNS-CNAME-007"),
    asks=("resolve",),
    level=Level.COREDNS,
)
def external_name_chains(case: Case) -> None:
    """External names that name one another are followed so far as CoreDNS does, and not in a circle."""
    names = [f"link-{number}" for number in range(_CHAIN)]
    targets = [*names[1:], "end"]
    circle = {"left": "right", "right": "left", "self": "self"}
    cluster = case.cluster
    pairs = [*zip(names, targets, strict=True), *circle.items()]
    services = [probes.external(name, probes.name_of(cluster, target)) for name, target in pairs]
    services += [probes.service("end", _IPV4), probes.external("dotted", "www.example.com.")]
    rules = {Query(probes.name_of(cluster, name), "A"): "DNS-CNAME-006" for name in (*names[:4], *circle)}
    rules[Query(probes.name_of(cluster, "dotted"), "CNAME")] = "DNS-CNAME-007"
    _exactly(case, probes.added(cluster, services), rules)


_MANY = 101
"""So many share a hundredth each and less."""


@invariant(
    "dns.very-many-endpoints",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SRV-005",),
    asks=("resolve",),
    level=Level.COREDNS,
)
def very_many_endpoints(case: Case) -> None:
    """More endpoints than hundredths still have a weight of one each."""
    endpoints = [probes.endpoint(f"10.244.251.{number}") for number in range(1, _MANY + 1)]
    slices = [probes.piece("many", 1, endpoints[:100]), probes.piece("many", 2, endpoints[100:])]
    cluster = probes.added(case.cluster, [probes.headless("many")], slices)
    _exactly(case, cluster, {Query(f"_http._tcp.{probes.name_of(cluster, 'many')}", "SRV"): "DNS-SRV-005"})


@invariant(
    "dns.services-called-like-branches",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-NEG-020",),
    asks=("resolve",),
    level=Level.COREDNS,
)
def services_called_like_branches(case: Case) -> None:
    """A Service may be called `svc` or `pod`."""
    cluster = probes.added(case.cluster, [probes.service("svc", _IPV4), probes.service("pod", _TURNED_IPV4)])
    _exactly(
        case, cluster, {Query(probes.name_of(cluster, name), "A"): "DNS-NEG-020" for name in ("svc", "pod")}
    )
