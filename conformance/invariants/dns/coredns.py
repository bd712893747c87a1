# SPDX-License-Identifier: Apache-2.0
"""The exact answers of CoreDNS, for servers that claim parity with it."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Asked, Topic, View, exact, fail, view, worded
from reference.dns import PodRecords, reverse_name
from reference.dns.index import Kind as Published
from reference.questions import Query, Rcode


def _judge(case: Case, seen: View, rule: str, asked: Asked, *classes: str) -> None:
    expected = seen.zone.resolve(asked.query)
    case.judged(*classes)
    if exact(seen.zone, asked.answer) != exact(seen.zone, expected):
        fail(case, rule, asked, worded(expected))


@invariant(
    "dns.coredns-addresses",
    kind=Kind.AGREEMENT,
    requirements=("DNS-A-006", "DNS-A-009", "DNS-AAAA-003", "DNS-HEADLESS-006", "DNS-HEADLESS-012"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("endpoint of a cluster IP Service", "headless"),
)
def coredns_addresses(case: Case) -> None:
    """Addresses of Services and endpoints are those of CoreDNS, names made of addresses included."""
    seen = view(case)
    for asked in (*seen.of(Topic.SERVICE), *seen.of(Topic.ENDPOINT)):
        service = asked.service
        if asked.query.type not in ("A", "AAAA") or service is None:
            continue
        if service.kind is Published.EXTERNAL_NAME:
            continue
        if asked.topic is Topic.ENDPOINT and service.kind is Published.CLUSTER_IP:
            _judge(case, seen, "DNS-A-009", asked, "endpoint of a cluster IP Service")
        elif service.kind is Published.HEADLESS:
            _judge(case, seen, "DNS-HEADLESS-006", asked, "headless")
        else:
            _judge(case, seen, "DNS-A-006", asked)


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
            _judge(case, seen, "DNS-SRV-005", asked, "port")
    more = [
        Query(f"{prefix}{service.name}.{seen.zone.name}", "SRV")
        for service in seen.zone.index.services.values()
        for prefix in ("", "_tcp.")
    ]
    for asked in seen.ask(case, more):
        own = asked.topic is Topic.SERVICE
        _judge(
            case,
            seen,
            "DNS-SRV-010" if own else "DNS-SRV-013",
            asked,
            "Service" if own else "protocol",
        )


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
    found = dict.fromkeys(
        (endpoint.ip, service.kind)
        for service in seen.zone.index.services.values()
        for endpoint in service.endpoints[:2]
    )
    kinds = {Query(reverse_name(ip), "PTR"): kind for ip, kind in found}
    for asked in seen.ask(case, list(kinds)):
        cluster_ip = kinds[asked.query] is Published.CLUSTER_IP
        classes = ("endpoint of a cluster IP Service",) if cluster_ip else ()
        _judge(case, seen, "DNS-PTR-006" if cluster_ip else "DNS-PTR-016", asked, *classes)


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
    names = [
        f"{service.name}.{seen.zone.name}"
        for service in seen.zone.index.services.values()
        if service.kind is Published.EXTERNAL_NAME
    ]
    for asked in seen.ask(case, [Query(name, kind) for name in names for kind in ("A", "CNAME", "TXT")]):
        rule = {"TXT": "DNS-CNAME-014", "CNAME": "DNS-CNAME-008"}.get(asked.query.type, "DNS-CNAME-005")
        _judge(case, seen, rule, asked, "external name")


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
    for service in list(seen.zone.index.services.values())[:2]:
        name = f"{service.name}.{zone}"
        yield "DNS-NEG-007", Query(f"a.b.c.{name}", "A")
        yield "DNS-NEG-012", Query(name, "HTTPS")
        yield "DNS-NEG-008", Query(f"*.{name.partition('.')[2]}", "A")


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
        "DNS-NEG-012",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
)
def coredns_odd_names(case: Case) -> None:
    """Names above, beside and far below those of Services exist or not as in CoreDNS."""
    seen = view(case)
    rules = {query: rule for rule, query in _odd_names(seen)}
    for asked in seen.ask(case, list(rules)):
        _judge(case, seen, rules[asked.query], asked)


@invariant(
    "dns.coredns-pod-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-POD-002", "DNS-POD-003", "DNS-POD-004", "DNS-POD-009", "DNS-POD-010"),
    asks=("resolve",),
    level=Level.COREDNS,
)
def coredns_pod_names(case: Case) -> None:
    """Names of pod addresses are all answered in one of the three modes of CoreDNS."""
    seen = view(case)
    zone = seen.zone.name
    names = ["192-0-2-99.default.pod", "256-1-1-1.default.pod", "192-0-2-99.no-such.pod", "default.pod"]
    names += [
        f"{pod.status.pod_ip.replace('.', '-')}.{pod.metadata.namespace}.pod"
        for pod in case.cluster.pods[:2]
        # Of a terminating pod the answer depends on when the server first saw it.
        if "." in pod.status.pod_ip and pod.metadata.deletion_timestamp is None
    ]
    found = seen.ask(case, [Query(f"{name}.{zone}", "A") for name in names])
    modes = list(PodRecords)
    for asked in found:
        case.judged()
        got = exact(seen.zone, asked.answer)
        modes = [mode for mode in modes if exact(seen.zone, seen.zone.resolve(asked.query, pods=mode)) == got]
        if not modes:
            expected = " or ".join(
                f"{mode.value}: {worded(seen.zone.resolve(asked.query, pods=mode))}" for mode in PodRecords
            )
            rule = "DNS-POD-002" if asked.answer.rcode is Rcode.NXDOMAIN else "DNS-POD-003"
            fail(case, rule, asked, f"{expected}; the same mode for all names")
