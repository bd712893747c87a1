# SPDX-License-Identifier: Apache-2.0
"""NXDOMAIN against NODATA: names that do not exist, and names that do."""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Topic, fail, judge_rcode, view
from reference.dns.index import Kind as Published
from reference.questions import Query, Rcode


@invariant(
    "dns.missing-services",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-005",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("unknown Service", "unknown namespace"),
)
def missing_services(case: Case) -> None:
    """A Service that does not exist, in a namespace that does or does not, is NXDOMAIN."""
    seen = view(case)
    for asked in seen.of(Topic.SERVICE):
        if asked.service is None:
            namespace = asked.name.split(".")[1]
            known = namespace in seen.zone.index.namespaces
            judge_rcode(case, "DNS-NEG-005", asked, "unknown Service" if known else "unknown namespace")


@invariant(
    "dns.missing-ports",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SRV-007",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("no such port",),
)
def missing_ports(case: Case) -> None:
    """A port or protocol that a Service does not have is NXDOMAIN."""
    for asked in view(case).of(Topic.PORT):
        if asked.demand.rules == ("DNS-SRV-003", "DNS-SRV-007"):
            judge_rcode(case, "DNS-SRV-007", asked, "no such port")


@invariant(
    "dns.missing-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("DNS-HEADLESS-026",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("no such endpoint",),
)
def missing_endpoints(case: Case) -> None:
    """An endpoint that a Service does not have is NXDOMAIN."""
    for asked in view(case).of(Topic.ENDPOINT):
        if asked.demand.rules == ("DNS-HEADLESS-026",):
            judge_rcode(case, "DNS-HEADLESS-026", asked, "no such endpoint")


@invariant(
    "dns.below-external-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-CNAME-011",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("one label below",),
)
def below_external_names(case: Case) -> None:
    """A name below an ExternalName Service is NXDOMAIN."""
    seen = view(case)
    for asked in seen.of(Topic.ENDPOINT, Published.EXTERNAL_NAME):
        judge_rcode(case, "DNS-CNAME-011", asked, "one label below")
    for asked in seen.of(Topic.PORT, Published.EXTERNAL_NAME):
        judge_rcode(case, "DNS-CNAME-011", asked, "two labels below")


@invariant(
    "dns.empty-headless",
    kind=Kind.AGREEMENT,
    requirements=("DNS-HEADLESS-011", "DNS-NEG-014"),
    asks=("resolve",),
    level=Level.SHOULD,
    classes=("no ready endpoint",),
)
def empty_headless(case: Case) -> None:
    """A headless Service without a ready endpoint is NXDOMAIN."""
    for asked in view(case).of(Topic.SERVICE, Published.HEADLESS):
        if asked.demand.rules[:1] == ("DNS-HEADLESS-011",):
            judge_rcode(case, "DNS-HEADLESS-011", asked, "no ready endpoint")


@invariant(
    "dns.enclosing-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-002",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("NODATA",),
)
def enclosing_names(case: Case) -> None:
    """The name of a namespace exists while there is a Service below it."""
    for asked in view(case).of(Topic.BRANCH):
        if "DNS-NEG-002" in asked.demand.rules and asked.demand.should is Rcode.NOERROR:
            judge_rcode(case, "DNS-NEG-002", asked, "NODATA")


@invariant(
    "dns.families-agree",
    kind=Kind.STATED,
    requirements=("DNS-AAAA-003",),
    asks=("resolve",),
    level=Level.SHOULD,
    classes=("exists", "does not exist"),
)
def families_agree(case: Case) -> None:
    """A and AAAA of one name agree on whether the name exists."""
    seen = view(case)
    for asked in seen.of(Topic.SERVICE):
        if asked.query.type != "A" or (
            asked.service is not None and asked.service.kind is Published.EXTERNAL_NAME
        ):
            continue  # of an external name the answer is that of somebody else
        (other,) = seen.ask(case, [Query(asked.query.name, "AAAA")])
        case.judged("exists" if asked.answer.rcode is Rcode.NOERROR else "does not exist")
        if other.answer.rcode is not asked.answer.rcode:
            fail(case, "DNS-AAAA-003", other, f"{asked.answer.rcode.value}, as for A")
