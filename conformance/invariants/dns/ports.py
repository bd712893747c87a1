# SPDX-License-Identifier: Apache-2.0
"""Services of many ports: the address does not depend on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.messages import judge_repeated
from conformance.invariants.dns.scenarios import Ask, Scenario, below, judge_exactly, looks
from reference.objects import ServicePort

_UDP = ServicePort(53, "dns", "UDP", 53)
_PORTS = {
    "one that is not TCP": (_UDP,),
    "one without a name": (ServicePort(443, "", "TCP", 8443),),
    "many": (
        probes.HTTP,
        _UDP,
        ServicePort(53, "dns-tcp", "TCP", 53),
        ServicePort(9, "sctp", "SCTP", 9),
        ServicePort(8080, "http-alt", "TCP", 8080),
    ),
}


@cache
def _services() -> Sequence[Scenario]:
    return tuple(
        Scenario(
            name=name,
            services=(probes.service("web", "10.96.254.1", ports=ports),),
            asks=(Ask(below("web"), "A", "DNS-A-004"), Ask(below("web"), "AAAA", "DNS-A-004")),
        )
        for name, ports in _PORTS.items()
    )


@invariant(
    "dns.coredns-ports-do-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-004",),
    asks=("resolve",),
    level=Level.COREDNS,
)
def ports_do_not_matter(case: Case) -> None:
    """The number, names and protocols of a Service's ports do not change its address, which comes once."""
    for look in looks(case, "dns.coredns-ports-do-not-matter", _services, most=3):
        judge_exactly(case, look)
        for rule, asked in look.asked():
            if asked.answer.repeated is not None:
                judge_repeated(case, rule, asked)
