# SPDX-License-Identifier: Apache-2.0
"""Services that are edited: the records follow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.scenarios import Ask, Scenario, below, judge_demands, looks, reverse

_IPV4, _IPV6 = "10.96.254.1", "fd00:10:96::1"
_TARGET, _OTHER_TARGET = "db.example.com", "foo.example.com"


@cache
def _edits() -> Sequence[Scenario]:
    """An ExternalName Service that gets another target, and one that gets a cluster IP, and back."""
    name = below("edited")
    a, cname = Ask(name, "A", "DNS-A-008"), Ask(name, "CNAME", "DNS-A-008")
    external, other = probes.external("edited", _TARGET), probes.external("edited", _OTHER_TARGET)
    with_ip = probes.service("edited", _IPV4)
    return (
        Scenario(name="to a cluster IP", services=(with_ip,), services_before=(external,), asks=(a, cname)),
        Scenario(
            name="to another name",
            services=(other,),
            services_before=(external,),
            asks=(Ask(name, "CNAME", "DNS-CNAME-012"), Ask(name, "A", "DNS-CNAME-012")),
        ),
        Scenario(
            name="to an external name",
            services=(external,),
            services_before=(with_ip,),
            asks=(Ask(name, "CNAME", "DNS-CNAME-012"), Ask(name, "A", "DNS-CNAME-012")),
        ),
    )


@invariant(
    "dns.edited-services",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-008", "DNS-CNAME-012"),
    asks=("resolve",),
    classes=("to a cluster IP", "to another name", "to an external name"),
)
def edited_services(case: Case) -> None:
    """A Service that gets another external name, or a cluster IP in its place, has the records of what it
    has become, and none of what it was.
    """
    for look in looks(case, "dns.edited-services", _edits, most=2):
        judge_demands(case, look)


@cache
def _dropped_families() -> Sequence[Scenario]:
    name = below("edited")
    both = {"IPv4": (_IPV4, _IPV6), "IPv6": (_IPV6, _IPV4)}
    return tuple(
        Scenario(
            name=f"{family} is left",
            services=(probes.service("edited", ips[0]),),
            services_before=(probes.service("edited", *ips),),
            dual_stack=True,
            asks=(
                Ask(name, "AAAA", "DNS-AAAA-005"),
                Ask(name, "A", "DNS-AAAA-005"),
                Ask(reverse(ips[0]), "PTR", "DNS-AAAA-005"),
            ),
        )
        for family, ips in both.items()
    )


@invariant(
    "dns.dropped-family",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-AAAA-005",),
    asks=("resolve",),
    features=("dual-stack",),
    classes=("IPv4 is left", "IPv6 is left"),
)
def dropped_family(case: Case) -> None:
    """A Service of two families that becomes one of its first alone keeps that address, and is NODATA for
    the other type.
    """
    for look in looks(case, "dns.dropped-family", _dropped_families, most=2):
        judge_demands(case, look)
