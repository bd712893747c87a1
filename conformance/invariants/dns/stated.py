# SPDX-License-Identifier: Apache-2.0
"""Properties of answers that are read off the cluster itself, without the reference's decisions."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.near_misses import unpublished
from conformance.invariants.dns.view import Asked, Topic, View, fail, view
from reference.dns import reverse_name
from reference.dns.facts import reversed_address
from reference.dns.names import labels_below
from reference.objects import CLUSTER_IP_NONE
from reference.questions import Query

_FAMILIES = ("A", "AAAA")


def _headless(seen: View) -> Iterator[tuple[str, str]]:
    for key, service in seen.zone.index.services.items():
        spec = service.service.spec
        if spec.type != "ExternalName" and spec.cluster_ip == CLUSTER_IP_NONE:
            yield key


@invariant(
    "dns.only-ready-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-HEADLESS-013", "DNS-HEADLESS-015", "DNS-PTR-009"),
    asks=("resolve",),
    classes=("address", "reverse name"),
)
def only_ready_endpoints(case: Case) -> None:
    """An endpoint that no slice of a headless Service calls ready is nowhere below that Service's name."""
    seen = view(case)
    for namespace, name in _headless(seen):
        hidden = {ip for ip, _ in unpublished(seen.zone, namespace, name)}
        if not hidden:
            continue
        leaving = {
            address
            for piece in seen.zone.index.services[namespace, name].slices
            for endpoint in piece.endpoints
            if endpoint.conditions.terminating
            for address in endpoint.addresses
        }
        suffix = f"{name}.{namespace}.svc.{seen.zone.name}"
        reverse = {reverse_name(ip) for ip in hidden}
        for asked in seen.asked:
            if asked.topic is Topic.REVERSE and asked.name in reverse:
                case.judged("reverse name")
                if any(labels_below(fact.data, suffix) is not None for fact in asked.own):
                    fail(case, "DNS-PTR-009", asked, f"no name below {suffix}: the endpoint is not ready")
            elif asked.query.type in _FAMILIES and labels_below(asked.name, suffix) is not None:
                case.judged("address")
                shown = sorted(fact.data for fact in asked.own if fact.data in hidden)
                if shown:
                    rules = ("DNS-HEADLESS-013", *(("DNS-HEADLESS-015",) if leaving & set(shown) else ()))
                    text = f"not {', '.join(shown)}: the endpoint is not ready"
                    fail(case, "DNS-HEADLESS-013", asked, text, because=rules)


@invariant(
    "dns.no-foreign-address",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "DNS-A-003", "DNS-SEARCH-025"),
    asks=("resolve",),
    level=Level.SHOULD,
    classes=("own name", "no such Service"),
)
def no_foreign_address(case: Case) -> None:
    """A name without endpoints of its own never has another Service's cluster IP, nor an external address."""
    seen = view(case)
    foreign: dict[str, str] = {}
    outside: set[str] = set()
    for service in case.cluster.services:
        if service.spec.type == "ExternalName":
            continue
        outside.update(service.spec.external_ips)
        outside.update(entry.ip for entry in service.status.load_balancer.ingress if entry.ip)
        for ip in service.spec.cluster_ips or (service.spec.cluster_ip,):
            foreign[ip] = f"{service.metadata.name}.{service.metadata.namespace}.svc.{seen.zone.name}"
    for asked in seen.of(Topic.SERVICE):
        if asked.query.type not in _FAMILIES:
            continue
        if asked.service is not None and asked.service.service.spec.cluster_ip == CLUSTER_IP_NONE:
            continue  # a host-network endpoint may well have an address that is also external
        case.judged("no such Service" if asked.service is None else "own name")
        for fact in asked.own:
            if foreign.get(fact.data, asked.name) != asked.name:
                fail(case, "DNS-SEARCH-025", asked, f"not {fact.data}, the address of {foreign[fact.data]}")
            if fact.data in outside and fact.data not in foreign:
                fail(case, "DNS-A-003", asked, f"not {fact.data}: only cluster IPs have names")


@invariant(
    "dns.forward-and-reverse",
    kind=Kind.STATED,
    requirements=("DNS-PTR-001", "DNS-PTR-003"),
    asks=("resolve",),
    classes=("cluster IP", "endpoint"),
)
def forward_and_reverse(case: Case) -> None:
    """A name to which an address points back has that address."""
    seen = view(case)
    pairs: list[tuple[Asked, str, Query]] = []
    for asked in seen.of(Topic.REVERSE):
        address = reversed_address(asked.name)
        for fact in sorted(asked.own):
            topic, service = seen.about(fact.data, "A")
            if address is None or service is None or service.service.spec.type == "ExternalName":
                continue
            if topic in (Topic.SERVICE, Topic.ENDPOINT):
                pairs.append((asked, address, Query(fact.data, "AAAA" if ":" in address else "A")))
    forward = {each.query: each for each in seen.ask(case, [query for _, _, query in pairs])}
    for asked, address, query in pairs:
        found = forward[query]
        endpoint = found.topic is Topic.ENDPOINT
        case.judged("endpoint" if endpoint else "cluster IP")
        if address not in {fact.data for fact in found.own}:
            rule = "DNS-PTR-003" if endpoint else "DNS-PTR-001"
            fail(case, rule, found, f"{address}, because {asked.name} points to {query.name}")


@invariant(
    "dns.service-targets-resolve",
    kind=Kind.STATED,
    requirements=("DNS-HEADLESS-005", "DNS-HEADLESS-009", "DNS-SRV-001"),
    asks=("resolve",),
    classes=("cluster IP", "endpoint"),
)
def service_targets_resolve(case: Case) -> None:
    """The target of each SRV record has an address, that of an endpoint only addresses of its own Service."""
    seen = view(case)
    targets: dict[str, None] = {}
    for asked in seen.of(Topic.PORT):
        if asked.query.type == "SRV":
            targets.update((fact.data.rpartition(" ")[2], None) for fact in sorted(asked.own))
    inside = [name for name in targets if seen.about(name, "A")[1] is not None]
    found = seen.ask(case, [Query(name, kind) for name in inside for kind in _FAMILIES])
    for first, second in zip(found[::2], found[1::2], strict=True):
        endpoint = first.topic is Topic.ENDPOINT
        case.judged("endpoint" if endpoint else "cluster IP")
        addresses = {fact.data for asked in (first, second) for fact in asked.own}
        if not addresses:
            fail(
                case,
                "DNS-HEADLESS-005" if endpoint else "DNS-SRV-001",
                first,
                "an address: an SRV record has this target",
            )
        if endpoint and first.service is not None:
            stray = sorted(addresses - {each.ip for each in first.service.endpoints})
            if stray:
                fail(case, "DNS-HEADLESS-009", first, f"not {', '.join(stray)}: no endpoint of the Service")


@invariant(
    "dns.external-names-have-nothing-else",
    kind=Kind.STATED,
    requirements=("DNS-CNAME-010", "DNS-SRV-012"),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("A", "SRV"),
)
def external_names_have_nothing_else(case: Case) -> None:
    """An ExternalName Service has no address and no SRV record of its own, even if ports are declared."""
    seen = view(case)
    for asked in seen.asked:
        service = asked.service
        if service is None or service.service.spec.type != "ExternalName":
            continue
        if not service.own_entries or asked.query.type not in ("A", "AAAA", "SRV"):
            continue  # an external name that is an address: servers differ (DNS-CNAME-008)
        case.judged(asked.query.type)
        if asked.own:
            rule = "DNS-SRV-012" if asked.query.type == "SRV" else "DNS-CNAME-010"
            fail(case, rule, asked, f"no {asked.query.type} record of its own")
