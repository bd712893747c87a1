# SPDX-License-Identifier: Apache-2.0
"""The resolv.conf of a pod, and the names that a resolver asks for."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.dns import candidates, compile, lookup, resolver_config
from reference.objects import ClusterSettings, NamespacedName, PodDNSConfig, PodDNSConfigOption
from reference.questions import ResolverConfig
from tests.dns.samples import CLUSTER, Z, data, endpoint, external, piece, pod, service

POD = NamespacedName("n", "p")
SEARCHES = (f"n.svc.{Z}", f"svc.{Z}", Z)
DNS = ("10.96.0.10",)
NDOTS = (PodDNSConfigOption("ndots", "5"),)
NODE = ResolverConfig(("192.0.2.1",), ("example.com", Z), (PodDNSConfigOption("rotate"),))
ZONE = compile(CLUSTER)
CLUSTER_CONFIG = ResolverConfig(DNS, SEARCHES, NDOTS)

POLICIES = [
    ("ClusterFirst", False, ResolverConfig(DNS, (*SEARCHES, "example.com"), NDOTS)),
    ("", False, ResolverConfig(DNS, (*SEARCHES, "example.com"), NDOTS)),
    ("Unknown", True, ResolverConfig(DNS, (*SEARCHES, "example.com"), NDOTS)),
    ("ClusterFirst", True, NODE),
    ("Default", False, NODE),
    ("ClusterFirstWithHostNet", True, ResolverConfig(DNS, (*SEARCHES, "example.com"), NDOTS)),
    ("None", False, ResolverConfig()),
]


@pytest.mark.parametrize(("policy", "host_network", "expected"), POLICIES)
def test_policies(policy: str, host_network: bool, expected: ResolverConfig) -> None:
    """Each policy starts from the cluster's servers, the node's file, or nothing."""
    cluster = evolve(CLUSTER, pods=(pod(policy=policy, host_network=host_network),))
    assert resolver_config(cluster, POD, node=NODE) == expected


def test_own_configuration_comes_last_and_overrides() -> None:
    """Servers and searches are appended without duplicates, options override by name."""
    own = PodDNSConfig(
        ("192.0.2.53", *DNS),
        ("example.com", Z),
        (PodDNSConfigOption("ndots", "2"), PodDNSConfigOption("edns0")),
    )
    assert resolver_config(evolve(CLUSTER, pods=(pod(config=own),)), POD) == ResolverConfig(
        (*DNS, "192.0.2.53"),
        (*SEARCHES, "example.com"),
        (PodDNSConfigOption("ndots", "2"), PodDNSConfigOption("edns0")),
    )


def test_limits() -> None:
    """Three servers, 32 searches, none over 253 characters, and a line of 2048 (DNS-SEARCH-011, -012)."""
    long = PodDNSConfig(("192.0.2.1", "192.0.2.2", "192.0.2.3"), ("x" * 254, *(f"d{i}" for i in range(40))))
    config = resolver_config(evolve(CLUSTER, pods=(pod(config=long),)), POD)
    assert config.nameservers == (*DNS, "192.0.2.1", "192.0.2.2")
    assert config.searches == (*SEARCHES, *(f"d{index}" for index in range(28)))
    wide = PodDNSConfig((), tuple(f"{index}{'x' * 200}" for index in range(20)))
    config = resolver_config(evolve(CLUSTER, pods=(pod(config=wide),)), POD)
    assert len(" ".join(config.searches)) <= 2048 < len(" ".join((*config.searches, "x" * 201)))


def test_cluster_without_domain_or_servers() -> None:
    """Without a domain only the node's searches stay; without servers cluster policy is the node's."""
    domainless = evolve(CLUSTER, settings=ClusterSettings(cluster_domain=""))
    assert resolver_config(domainless, POD, node=NODE) == ResolverConfig(DNS, NODE.searches, NDOTS)
    serverless = evolve(CLUSTER, settings=ClusterSettings(cluster_dns=()))
    assert resolver_config(serverless, POD, node=NODE) == NODE


CANDIDATES = [
    ("web", "glibc", (f"web.n.svc.{Z}", f"web.svc.{Z}", f"web.{Z}", "web")),
    (f"web.n.svc.{Z}.", "glibc", (f"web.n.svc.{Z}",)),
    # Four dots are fewer than five: the full name goes through the list first.
    (
        f"web.n.svc.{Z}",
        "go",
        (*(f"web.n.svc.{Z}.{search}" for search in SEARCHES), f"web.n.svc.{Z}"),
    ),
    (
        f"_http._tcp.web.n.svc.{Z}",
        "glibc",
        (f"_http._tcp.web.n.svc.{Z}", *(f"_http._tcp.web.n.svc.{Z}.{search}" for search in SEARCHES)),
    ),
    (f"_http._tcp.web.n.svc.{Z}", "musl", (f"_http._tcp.web.n.svc.{Z}",)),
]


@pytest.mark.parametrize(("name", "resolver", "expected"), CANDIDATES)
def test_candidates(name: str, resolver: str, expected: tuple[str, ...]) -> None:
    """The search list goes before the name as it is, or after, by the number of dots (DNS-SEARCH-021)."""
    assert candidates(name, CLUSTER_CONFIG, resolver=resolver) == expected


def test_three_label_zone_turns_the_order() -> None:
    """With a zone of three labels the full name has five dots and is tried first (DNS-SEARCH-028)."""
    config = ResolverConfig(DNS, ("n.svc.corp.example.org",), NDOTS)
    assert candidates("web.n.svc.corp.example.org", config)[0] == "web.n.svc.corp.example.org"


def test_unknown_resolver() -> None:
    """A resolver that is not known is refused."""
    with pytest.raises(ValueError, match="unknown resolver 'bind'"):
        candidates("web", CLUSTER_CONFIG, resolver="bind")


@pytest.mark.parametrize(
    ("name", "steps"), [("web", 1), ("web.n", 2), ("web.n.svc", 3), (f"web.n.svc.{Z}.", 1)]
)
def test_short_names(name: str, steps: int) -> None:
    """Each short form ends at the Service, after as many misses as it leaves out labels."""
    found = lookup(ZONE, POD, name, "A")
    assert (found.name, len(found.tried), data(found.answer)) == (f"web.n.svc.{Z}", steps, ["10.96.0.1"])


def test_bare_names_stay_in_their_namespace() -> None:
    """From another namespace a bare name finds nothing (DNS-SEARCH-025)."""
    other = evolve(pod(), metadata=evolve(pod().metadata, namespace="empty"))
    cluster = evolve(CLUSTER, pods=(other,))
    assert lookup(compile(cluster), NamespacedName("empty", "p"), "web", "A").name is None


def test_namespace_trap() -> None:
    """A bare name that is a namespace stops musl at NODATA, glibc goes on (DNS-SEARCH-032)."""
    assert lookup(ZONE, POD, "empty", "A", resolver="musl").tried[-1] == f"empty.svc.{Z}"
    assert lookup(ZONE, POD, "empty", "A").tried[-1] == "empty"


def test_an_endpoint_shadows_a_service_elsewhere() -> None:
    """`x.y` is endpoint x of Service y here before Service x of namespace y (DNS-SEARCH-031)."""
    shadow = piece("empty", endpoint("10.244.7.7", hostname="web"))
    cluster = evolve(CLUSTER, services=(service("empty", "None"),), endpoint_slices=(shadow,))
    assert data(lookup(compile(cluster), POD, "web.empty", "A").answer) == ["10.244.7.7"]


def test_nothing_is_captured_below_external_names() -> None:
    """`x.com` is not captured by an ExternalName Service named `com` (DNS-SEARCH-031)."""
    cluster = evolve(CLUSTER, services=(external("com", "example.net"),))
    assert lookup(compile(cluster), POD, "x.com", "A").name is None
