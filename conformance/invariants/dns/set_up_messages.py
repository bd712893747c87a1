# SPDX-License-Identifier: Apache-2.0
"""The messages of servers of which it is known how they are set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.messages import fail_message, judge_authority, judge_ttls, shown
from conformance.invariants.dns.scenarios import Ask, Look, Scenario, below, looks, reverse
from conformance.invariants.dns.view import Asked, exact
from reference.objects import DNSServer
from reference.questions import Answer


def _upper(name: str) -> str:
    return "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(name))


@cache
def _times() -> Sequence[Scenario]:
    crew = below("crew")
    asks = (
        Ask("dns-version", "TXT", "DNS-META-002"),
        Ask(below("web"), "A", "DNS-META-006"),
        Ask(f"_http._tcp.{crew}", "SRV", "DNS-META-006"),
        Ask(reverse("10.96.254.1"), "PTR", "DNS-META-006"),
        Ask(below("ext"), "CNAME", "DNS-META-006"),
        Ask(below("no-such"), "A", "DNS-NEG-017"),
        Ask("@", "SOA", "DNS-NEG-010"),
        Ask(_upper(below("web")), "A", "DNS-META-005"),
        Ask(_upper(f"_http._tcp.{crew}"), "SRV", "DNS-META-005"),
    )
    return tuple(
        Scenario(
            name=f"{ttl} seconds",
            services=(
                probes.service("web", "10.96.254.1"),
                probes.headless("crew"),
                probes.external("ext", "www.example.com"),
            ),
            slices=(
                probes.piece(
                    "crew", 1, [probes.endpoint("10.244.250.1", "a"), probes.endpoint("10.244.250.2")]
                ),
            ),
            asks=asks,
            server=DNSServer(ttl=ttl),
        )
        for ttl in (0, 5, 30, 3600)
    )


def _spellings(answer: Answer) -> frozenset[tuple[str, str, str]]:
    return frozenset((each.name.rstrip("."), each.type, each.data.rstrip(".")) for each in answer.records)


def _asked(look: Look) -> Iterator[tuple[str, Asked]]:
    return look.asked() if look.view.zone.cluster.settings.dns_server is not None else iter(())


@invariant(
    "dns.coredns-messages",
    kind=Kind.METAMORPHIC,
    requirements=(
        "DNS-META-002",
        "DNS-META-005",
        "DNS-META-006",
        "DNS-META-011",
        "DNS-NEG-010",
        "DNS-NEG-017",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages", "dns-options"),
)
def messages(case: Case) -> None:
    """Messages have the time to live that is set, the flag AA, and the letter case of the query; within the
    target of a SRV record only the zone has it.
    """
    for look in looks(case, "dns.coredns-messages", _times, most=2):
        zone = look.view.zone
        for rule, asked in _asked(look):
            case.judged(look.scenario.name)
            judge_ttls(case, zone, asked)
            judge_authority(case, zone, asked)
            if asked.answer.authoritative is not True:
                told = "not told" if asked.answer.authoritative is None else "not set"
                fail_message(case, "DNS-META-011", asked, "the flag AA", told)
            expected = zone.resolve(asked.query)
            if exact(zone, asked.answer) != exact(zone, expected):
                fail_message(case, rule, asked, shown(expected.records), shown(asked.answer.records))
            if rule == "DNS-META-005" and _spellings(asked.answer) != _spellings(expected):
                fail_message(case, rule, asked, shown(expected.records), shown(asked.answer.records))
