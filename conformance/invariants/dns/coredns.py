# SPDX-License-Identifier: Apache-2.0
"""The exact answers of CoreDNS, for servers that claim parity with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Asked, Topic, View, exact, fail, view, worded
from conformance.questions import spread, turn_of
from reference.dns import reverse_name
from reference.dns.index import Kind as Published
from reference.dns.index import PublishedService
from reference.dns.names import labels_below, plain
from reference.questions import Query, Rcode


def _judge(case: Case, seen: View, rules: Sequence[str], asked: Asked, *classes: str) -> None:
    expected = seen.zone.resolve(asked.query)
    case.judged(*classes)
    if exact(seen.zone, asked.answer) != exact(seen.zone, expected):
        fail(case, rules[0], asked, worded(expected), because=rules)


@invariant(
    "dns.coredns-addresses",
    kind=Kind.AGREEMENT,
    requirements=("DNS-A-003", "DNS-A-009", "DNS-AAAA-003", "DNS-HEADLESS-006", "DNS-HEADLESS-012"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("endpoint of a cluster IP Service", "headless"),
)
def coredns_addresses(case: Case) -> None:
    """Addresses of Services and endpoints are those of CoreDNS, names made of addresses included."""
    seen = view(case)
    made_up = [
        Query(f"{endpoint.label}.{service.name}.{seen.zone.name}", "A")
        for service in seen.zone.index.services.values()
        for endpoint in service.endpoints[:2]
        if not endpoint.hostname
    ]
    for asked in (*seen.of(Topic.SERVICE), *seen.of(Topic.ENDPOINT), *seen.ask(case, made_up)):
        service = asked.service
        if asked.query.type not in ("A", "AAAA") or service is None:
            continue
        if service.kind is Published.EXTERNAL_NAME:
            continue
        if asked.topic is Topic.ENDPOINT and service.kind is Published.CLUSTER_IP:
            _judge(case, seen, ("DNS-A-009",), asked, "endpoint of a cluster IP Service")
        elif service.kind is Published.HEADLESS:
            rules = ("DNS-HEADLESS-006", *asked.demand.rules)
            _judge(case, seen, rules, asked, "headless")
        else:
            _judge(case, seen, ("DNS-A-003" if asked.query.type == "A" else "DNS-AAAA-003",), asked)


@invariant(
    "dns.coredns-ports",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SRV-005", "DNS-SRV-007", "DNS-SRV-010", "DNS-SRV-013", "DNS-HEADLESS-016"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("port", "Service", "protocol"),
)
def coredns_ports(case: Case) -> None:
    """SRV records are those of CoreDNS, their weights and those at the Service's own name included."""
    seen = view(case)
    for asked in seen.of(Topic.PORT):
        if asked.query.type == "SRV" and asked.service is not None:
            missing = seen.zone.resolve(asked.query).rcode is Rcode.NXDOMAIN
            rules = ("DNS-SRV-007",) if missing else ("DNS-SRV-005", *asked.demand.rules)
            _judge(case, seen, rules, asked, "port")
    more = [
        Query(f"{prefix}{service.name}.{seen.zone.name}", "SRV")
        for service in seen.zone.index.services.values()
        for prefix in ("", "_tcp.")
    ]
    for asked in seen.ask(case, more):
        if asked.topic is not Topic.SERVICE:
            _judge(case, seen, ("DNS-SRV-013",), asked, "protocol")
            continue
        without = asked.service is not None and not asked.service.service.spec.ports
        _judge(case, seen, ("DNS-HEADLESS-016",) if without else ("DNS-SRV-010",), asked, "Service")


@invariant(
    "dns.coredns-reverse-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-PTR-006", "DNS-PTR-007", "DNS-PTR-016"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("endpoint of a cluster IP Service",),
)
def coredns_reverse_names(case: Case) -> None:
    """An endpoint of any Service points back to its names, one for each Service, as in CoreDNS."""
    seen = view(case)
    kinds: dict[Query, list[Published]] = {}
    for service in seen.zone.index.services.values():
        for ip in dict.fromkeys(endpoint.ip for endpoint in service.endpoints[:2]):
            kinds.setdefault(Query(reverse_name(ip), "PTR"), []).append(service.kind)
    for asked in seen.ask(case, list(kinds)):
        cluster_ip = Published.CLUSTER_IP in kinds[asked.query]
        rules = ["DNS-PTR-006"] if cluster_ip else []
        if len(kinds[asked.query]) > 1:
            rules.append("DNS-PTR-007")
        classes = ("endpoint of a cluster IP Service",) if cluster_ip else ()
        _judge(case, seen, (*rules, "DNS-PTR-016"), asked, *classes)


@invariant(
    "dns.coredns-external-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-CNAME-004", "DNS-CNAME-005", "DNS-CNAME-008", "DNS-CNAME-014"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("external name",),
)
def coredns_external_names(case: Case) -> None:
    """External names are answered as by CoreDNS: chains followed, dead ends and addresses left out."""
    seen = view(case)
    for service in seen.zone.index.services.values():
        if service.kind is not Published.EXTERNAL_NAME:
            continue
        name = f"{service.name}.{seen.zone.name}"
        for asked in seen.ask(case, [Query(name, kind) for kind in ("A", "CNAME", "TXT")]):
            _judge(case, seen, (_rule_of_external_name(seen, service, asked),), asked, "external name")


def _rule_of_external_name(seen: View, service: PublishedService, asked: Asked) -> str:
    if not service.own_entries:
        return "DNS-CNAME-008"
    if asked.query.type == "TXT":
        return "DNS-CNAME-014"
    inside = labels_below(plain(service.own_entries[0].host), seen.zone.name) is not None
    return "DNS-CNAME-005" if inside else "DNS-CNAME-004"


MOST_ODD_NAMES = 16


def _odd_names(seen: View) -> Iterator[tuple[str, Query]]:
    zone = seen.zone.name
    for name in (zone, f"svc.{zone}", f"pod.{zone}"):
        yield "DNS-NEG-001", Query(name, "A")
    for namespace in sorted(seen.zone.index.namespaces)[:2]:
        yield "DNS-NEG-002", Query(f"{namespace}.svc.{zone}", "AAAA")
        yield "DNS-NEG-009", Query(f"{namespace}.svc.{zone}", "TXT")
    yield "DNS-NEG-002", Query(f"no-such.svc.{zone}", "A")
    yield "DNS-NEG-003", Query(f"no-such.{zone}", "A")
    yield "DNS-NEG-004", Query(f"dns-version.{zone}", "A")
    yield "DNS-NEG-013", Query(zone, "AXFR")
    yield "DNS-NEG-013", Query(zone, "IXFR")
    yield "DNS-NEG-019", Query(f"dns.{zone}", "A")
    for service in list(seen.zone.index.services.values())[:2]:
        name = f"{service.name}.{zone}"
        yield "DNS-NEG-007", Query(f"a.b.c.{name}", "A")
        yield "DNS-NEG-012", Query(name, "HTTPS")
        for star in ("*", "any"):
            yield "DNS-NEG-008", Query(f"{star}.{name.partition('.')[2]}", "A")
        yield "DNS-NEG-010", Query(name, "SOA")
        yield "DNS-NEG-011", Query(name, "NS")
        yield "DNS-PTR-012", Query(name, "PTR")
        for port in service.service.spec.ports[:1]:
            label, protocol = port.name or "x", (port.protocol or "TCP").lower()
            yield "DNS-A-010", Query(f"_{label}._{protocol}.{name}", "A")
            yield "DNS-NEG-019", Query(f"_{protocol}.{name}", "A")
            yield "DNS-SRV-011", Query(f"{label}.{protocol}.{name}", "SRV")
            yield "DNS-SRV-011", Query(f"_._{protocol}.{name}", "SRV")
            yield "DNS-NEG-007", Query(f"_{label}._{protocol}.x.{name}", "SRV")
        for endpoint in service.endpoints[:1]:
            yield "DNS-SRV-015", Query(f"{endpoint.label}.{name}", "SRV")
            yield "DNS-HEADLESS-029", Query(f"x.{endpoint.label}.{name}", "A")


@invariant(
    "dns.coredns-odd-names",
    kind=Kind.AGREEMENT,
    requirements=(
        "DNS-NEG-001",
        "DNS-NEG-002",
        "DNS-NEG-003",
        "DNS-NEG-004",
        "DNS-NEG-007",
        "DNS-NEG-008",
        "DNS-NEG-009",
        "DNS-NEG-010",
        "DNS-NEG-011",
        "DNS-NEG-012",
        "DNS-NEG-013",
        "DNS-NEG-019",
        "DNS-A-010",
        "DNS-SRV-011",
        "DNS-SRV-015",
        "DNS-PTR-012",
        "DNS-HEADLESS-029",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
)
def coredns_odd_names(case: Case) -> None:
    """Names above, beside and far below those of Services exist or not as in CoreDNS."""
    seen = view(case)
    every = tuple({query: rule for rule, query in _odd_names(seen)}.items())
    rules = dict(spread(every, most=MOST_ODD_NAMES, turn=turn_of(case.cluster)))
    for asked in seen.ask(case, list(rules)):
        _judge(case, seen, (rules[asked.query],), asked)


@invariant(
    "dns.coredns-name-servers",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-011",),
    asks=("resolve",),
    level=Level.COREDNS,
)
def coredns_name_servers(case: Case) -> None:
    """The zone exists for who asks for its name servers, which are `ns.dns` or Services of the zone."""
    seen = view(case)
    zone = seen.zone.name
    (asked,) = seen.ask(case, [Query(zone, "NS")])
    case.judged()
    # A server that knows no address of its own has none to tell.
    strange = [
        each
        for each in asked.own
        if each.data != f"ns.dns.{zone}" and labels_below(each.data, f"svc.{zone}") is None
    ]
    if asked.answer.rcode is not Rcode.NOERROR or strange:
        fail(case, "DNS-NEG-011", asked, f"NOERROR, and NS ns.dns.{zone} or a name below svc.{zone}")
