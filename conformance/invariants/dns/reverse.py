# SPDX-License-Identifier: Apache-2.0
"""Reverse names in the corners: of addresses that are two things, of none, and those that are incomplete."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.scenarios import Ask, Scenario, judge_exactly, looks, reverse
from conformance.invariants.dns.view import fail
from reference.dns.names import labels_below
from reference.objects import (
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    ServiceStatus,
)

CLUSTER_IP = "10.96.254.1"
POD_IP, LONE_IP = "10.244.250.1", "10.244.250.9"
EXTERNAL_IP, INGRESS_IP = "192.0.2.10", "192.0.2.20"
_LONE_IPV6 = "2001:db8::9"


def _addressed() -> Scenario:
    """A cluster IP that is an endpoint as well, and an endpoint that two slices of a Service hold."""
    web, both = probes.service("web", CLUSTER_IP), probes.headless("both")
    twice = [probes.endpoint(POD_IP, hostname="a")]
    return Scenario(
        name="addresses",
        services=(web, both),
        slices=(
            probes.piece("both", 1, [probes.endpoint(CLUSTER_IP, hostname="b"), *twice]),
            probes.piece("both", 2, twice),
        ),
        asks=(Ask(reverse(CLUSTER_IP), "PTR", "DNS-PTR-008"), Ask(reverse(POD_IP), "PTR", "DNS-PTR-011")),
    )


@cache
def addressed() -> Sequence[Scenario]:
    """Addresses that have names."""
    return (_addressed(),)


@cache
def nameless() -> Sequence[Scenario]:
    """Addresses that have no name, and names that are no addresses; a server may pass them on."""
    web = probes.service("web", CLUSTER_IP)
    spec = evolve(web.spec, type="LoadBalancer", external_ips=(EXTERNAL_IP,))
    ingress = LoadBalancerStatus((LoadBalancerIngress(ip=INGRESS_IP),))
    balanced = evolve(web, spec=spec, status=ServiceStatus(load_balancer=ingress))
    lone = Pod(
        ObjectMeta(name="lone", namespace=probes.NAMESPACE, uid="probe-lone"),
        PodSpec(),
        PodStatus(phase="Running", pod_ip=LONE_IP, pod_ips=(PodIP(LONE_IP),)),
    )
    octets = reverse(CLUSTER_IP)
    asks = (
        Ask(reverse(LONE_IP), "PTR", "DNS-PTR-015"),
        Ask(reverse(EXTERNAL_IP), "PTR", "DNS-PTR-015"),
        Ask(reverse(INGRESS_IP), "PTR", "DNS-PTR-015"),
        Ask(reverse(_LONE_IPV6), "PTR", "DNS-PTR-015"),
        # 257 is 1 for whoever does not look at what is above eight bits.
        Ask(f"257.{octets.partition('.')[2]}", "PTR", "DNS-PTR-013"),
        Ask(octets.partition(".")[2], "PTR", "DNS-PTR-013"),
        Ask(f"9.{octets}", "PTR", "DNS-PTR-013"),
        Ask("1.0.0.0.0.ip6.arpa.", "PTR", "DNS-PTR-013"),
        Ask(octets, "A", "DNS-PTR-014"),
        Ask(octets, "AAAA", "DNS-PTR-014"),
        Ask(octets, "TXT", "DNS-PTR-014"),
    )
    return (Scenario(name="nothing", services=(balanced,), pods=(lone,), asks=asks),)


@invariant(
    "dns.coredns-reverse-names-of-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-PTR-008", "DNS-PTR-011"),
    asks=("resolve",),
    level=Level.COREDNS,
)
def reverse_names_of_addresses(case: Case) -> None:
    """A cluster IP has the one name of its Service though it is an endpoint too, and an endpoint that two
    slices hold has one name.
    """
    for look in looks(case, "dns.coredns-reverse-names-of-addresses", addressed, most=1):
        judge_exactly(case, look)


@invariant(
    "dns.coredns-no-reverse-names",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-PTR-013", "DNS-PTR-014", "DNS-PTR-015"),
    asks=("resolve",),
    level=Level.COREDNS,
)
def no_reverse_names(case: Case) -> None:
    """A pod behind no Service, an external address, and a reverse name that is incomplete, malformed or
    asked for another type, have no record that leads into the cluster.
    """
    for look in looks(case, "dns.coredns-no-reverse-names", nameless, most=1):
        for rule, asked in look.asked():
            case.judged()
            # The rcode is that of whoever the query may have been passed on to (DNS-PTR-005).
            inside = [each for each in asked.own if labels_below(each.data, look.view.zone.name) is not None]
            if inside or (asked.query.type != "PTR" and asked.own):
                fail(case, rule, asked, "no record")
