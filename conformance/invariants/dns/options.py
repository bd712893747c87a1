# SPDX-License-Identifier: Apache-2.0
"""Servers that are set up otherwise, by the options of CoreDNS's plugin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.reverse import nameless
from conformance.invariants.dns.scenarios import (
    Ask,
    Scenario,
    below,
    judge_exactly,
    looks,
    reverse,
)
from conformance.invariants.dns.view import fail
from reference.objects import DNSServer

_IP, _HOLLOW_IP = "10.96.254.1", "10.96.254.2"
_NAMED, _OF_POD, _LONG, _WEB = (f"10.244.250.{number}" for number in (1, 2, 3, 4))
_LONG_NAME = "x" * 64
"""Too long for a label."""

_SERVICES = (
    probes.service("web", _IP),
    probes.service("hollow", _HOLLOW_IP),
    probes.headless("crew"),
    probes.headless("none"),
    probes.external("ext", "www.example.com"),
)
_SLICES = (
    probes.piece("web", 1, [probes.endpoint(_WEB)]),
    probes.piece(
        "crew",
        1,
        [
            probes.endpoint(_NAMED, "bow", zone="zone-a", pod="pod-0"),
            probes.endpoint(_OF_POD, zone="zone-b", pod="pod-1"),
            probes.endpoint(_LONG, zone="eu.west", pod=_LONG_NAME),
        ],
    ),
)


def _dashed(address: str) -> str:
    return address.replace(".", "-")


def _scenario(name: str, rule: str, server: DNSServer, asks: Sequence[tuple[str, str]]) -> Scenario:
    return Scenario(
        name=name,
        services=_SERVICES,
        slices=_SLICES,
        server=server,
        asks=tuple(Ask(asked, kind, rule) for asked, kind in asks),
    )


_CREW, _NONE, _EXT, _TOP = below("crew"), below("none"), below("ext"), f"{probes.NAMESPACE}.svc"
_ZONAL = (
    (f"zone-a.pin._zone.{_CREW}", "A"),
    (f"ZONE-B.pin._zone.{_CREW}", "A"),
    (f"eu.west.pin._zone.{_CREW}", "A"),
    (f"zone-c.pin._zone.{_CREW}", "A"),
    (f"zone-c.pin._zone.{_CREW}", "TXT"),
    (f"zone-a.prefer._zone.{_CREW}", "A"),
    (f"zone-c.prefer._zone.{_CREW}", "A"),
    (f"zone-a.other._zone.{_CREW}", "A"),
    (f"zone-a.pin._zone.{below('web')}", "A"),
    (f"zone-a.pin._zone.{_EXT}", "A"),
    (f"zone-a.pin._zone.{below('no-such')}", "A"),
)


@cache
def _set_up() -> Sequence[Scenario]:
    usual = DNSServer()
    web, hollow = below("web"), below("hollow")
    ignoring = _scenario(
        "ignore empty_service",
        "DNS-CNAME-013",
        DNSServer(ignore_empty_service=True),
        [(_EXT, "CNAME"), (_EXT, "A"), (web, "A"), (_NONE, "A"), (hollow, "A")],
    )
    ignoring = evolve(ignoring, asks=(*ignoring.asks[:-1], Ask(hollow, "A", "DNS-A-002")))
    passed_on = evolve(nameless()[0], name="misses", server=usual)
    return (
        _scenario(
            "endpoint_pod_names",
            "DNS-HEADLESS-008",
            DNSServer(endpoint_pod_names=True),
            [
                (f"bow.{_CREW}", "A"),
                (f"pod-0.{_CREW}", "A"),
                (f"pod-1.{_CREW}", "A"),
                (f"{_dashed(_OF_POD)}.{_CREW}", "A"),
                (f"{_dashed(_LONG)}.{_CREW}", "A"),
                (f"_http._tcp.{_CREW}", "SRV"),
                (reverse(_OF_POD), "PTR"),
            ],
        ),
        _scenario(
            "noendpoints",
            "DNS-HEADLESS-027",
            DNSServer(no_endpoints=True),
            [
                (_CREW, "A"),
                (f"bow.{_CREW}", "A"),
                (f"_http._tcp.{_CREW}", "SRV"),
                (web, "A"),
                (f"_http._tcp.{web}", "SRV"),
                (f"{_dashed(_WEB)}.{web}", "A"),
            ],
        ),
        _scenario("zonal", "DNS-HEADLESS-028", DNSServer(zonal=True), _ZONAL),
        _scenario("not zonal", "DNS-HEADLESS-028", usual, _ZONAL),
        ignoring,
        _scenario(
            "fallthrough",
            "DNS-NEG-015",
            DNSServer(fall_through=True),
            [("@", "A"), ("svc", "A"), (_TOP, "A"), (web, "AAAA"), (web, "A"), (_EXT, "TXT")],
        ),
        _scenario(
            "two zones",
            "DNS-PTR-010",
            DNSServer(more_zones=("second.test",)),
            [
                (reverse(_IP), "PTR"),
                (reverse(_NAMED), "PTR"),
                (f"{web}.second.test.", "A"),
                (f"_http._tcp.{_CREW}.second.test.", "SRV"),
                (web, "A"),
            ],
        ),
        _scenario(
            "one namespace",
            "DNS-META-012",
            DNSServer(namespaces=("elsewhere",)),
            [(web, "A"), (_TOP, "A"), (_CREW, "A"), (f"bow.{_CREW}", "A"), (_EXT, "CNAME")],
        ),
        _scenario(
            "its namespace",
            "DNS-META-012",
            DNSServer(namespaces=(probes.NAMESPACE,)),
            [(web, "A"), (_TOP, "A"), (_CREW, "A"), (reverse(_IP), "PTR")],
        ),
        passed_on,
    )


@invariant(
    "dns.coredns-options",
    kind=Kind.METAMORPHIC,
    requirements=(
        "DNS-A-002",
        "DNS-CNAME-013",
        "DNS-HEADLESS-008",
        "DNS-HEADLESS-027",
        "DNS-HEADLESS-028",
        "DNS-META-012",
        "DNS-NEG-015",
        "DNS-PTR-010",
        "DNS-PTR-013",
        "DNS-PTR-014",
        "DNS-PTR-015",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-options",),
)
def options(case: Case) -> None:
    """A server that is set up with an option of CoreDNS answers as CoreDNS does with that option."""
    for look in looks(case, "dns.coredns-options", _set_up, most=3):
        if look.case.cluster.settings.dns_server is not None:
            judge_exactly(case, look)


@cache
def _without_reverse_zones() -> Sequence[Scenario]:
    return (
        _scenario(
            "no reverse zones",
            "DNS-PTR-005",
            DNSServer(reverse_zones=False),
            [(reverse(_IP), "PTR"), (reverse(_NAMED), "PTR")],
        ),
    )


@invariant(
    "dns.reverse-zones",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-PTR-005",),
    asks=("resolve",),
    level=Level.DEPLOYMENT,
    features=("dns-options",),
)
def reverse_zones(case: Case) -> None:
    """A server that does not serve the reverse zones has no PTR record, whatever it makes of the query."""
    for look in looks(case, "dns.reverse-zones", _without_reverse_zones, most=1):
        if look.case.cluster.settings.dns_server is None:
            continue
        for rule, asked in look.asked():
            case.judged()
            if asked.own:
                fail(case, rule, asked, "no PTR record: the reverse zone is not the server's")
