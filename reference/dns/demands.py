# SPDX-License-Identifier: Apache-2.0
"""What the DNS specification, and DNS itself, demand of an answer, whatever the server.

A server may publish more than the specification names (DNS-META-007), so a
demand forbids a record only where the specification or DNS says that there is
none.  Response codes come in two strengths: those that are `allowed`, and the
one that `should` be given where the specification or DNS leaves no doubt but
does not insist.

Source: kubernetes/dns `docs/specification.md` 1.1.0; RFC 1034, RFC 2308, RFC 8020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from reference.dns.facts import Fact, facts_of, reversed_address
from reference.dns.index import Kind, PublishedEndpoint, PublishedService, cluster_ips
from reference.dns.names import dashed, is_address, join, labels_below, plain
from reference.dns.zone import Zone, compile
from reference.objects import Cluster, ServicePort
from reference.questions import Query, Rcode

ANY_RCODE = frozenset(Rcode)
EXISTS = frozenset({Rcode.NOERROR})
PERHAPS = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})
SCHEMA_VERSIONS = ("1.0.0", "1.0.1", "1.1.0")

Facts = frozenset[Fact]


@frozen
class Generated:
    """Names that the server makes up: one label before `below` (DNS-HEADLESS-005).

    At least `least` of them have to be there; for SRV records with one of `ports`.
    """

    below: str
    least: int = 0
    ports: frozenset[int] = frozenset()

    def permits(self, fact: Fact) -> bool:
        """Whether the fact leads to such a name."""
        port, _, target = fact.data.rpartition(" ")
        if not target.endswith(self.below) or "." in target[: -len(self.below)] or target == self.below:
            return False
        return not self.ports or port in map(str, self.ports)


@frozen(kw_only=True)
class Demand:
    """What an answer has to satisfy.

    Of each set in `required` at least one fact has to be there.  `permitted` are
    the only facts that there may be at the asked name, None where more is
    allowed; names in `generated` are permitted too.  `zone` limits both to
    targets inside the zone, for reverse names.  `rules` are the requirement ids.
    """

    rcodes: frozenset[Rcode] = ANY_RCODE
    should: Rcode | None = None
    required: tuple[Facts, ...] = ()
    permitted: Facts | None = None
    generated: tuple[Generated, ...] = ()
    zone: str | None = None
    rules: tuple[str, ...] = ()

    def missing(self, facts: Facts) -> str | None:
        """What is required and not there, in words."""
        for group in self.required:
            if group.isdisjoint(facts):
                return " or ".join(sorted(f"{fact.type} {fact.data}" for fact in group))
        named = frozenset().union(*self.required)
        for generated in self.generated:
            found = {fact.data.rpartition(" ")[2] for fact in facts - named if generated.permits(fact)}
            if len(found) < generated.least:
                return f"{generated.least} name(s) of the form <identifier>{generated.below}"
        return None

    def excess(self, facts: Facts, *, name: str) -> Fact | None:
        """A fact at the asked name that must not be there."""
        permitted = self.permitted
        if permitted is None:
            return None
        for fact in sorted(facts - permitted):
            if fact.name != name or any(generated.permits(fact) for generated in self.generated):
                continue
            if self.zone is None or labels_below(fact.data, self.zone) is not None:
                return fact
        return None

    @property
    def expected(self) -> str:
        """The demand in words."""
        parts = [" or ".join(sorted(f"{fact.type} {fact.data}" for fact in group)) for group in self.required]
        parts += [
            f"{each.least} of <identifier>{each.below}{f' port {sorted(each.ports)}' if each.ports else ''}"
            for each in self.generated
            if each.least
        ]
        if not parts and self.permitted is not None and not self.permitted and not self.generated:
            parts = ["no such record"]
        if self.rcodes != ANY_RCODE:
            parts.insert(0, " or ".join(sorted(rcode.value for rcode in self.rcodes)))
        return ", ".join(parts) or "anything"


FREE = Demand()


def demanded(cluster: Cluster, query: Query) -> Demand:
    """What the specification demands of the answer to a query."""
    return demand(compile(cluster), query)


def demand(zone: Zone, query: Query) -> Demand:
    """As `demanded`, of a zone that is at hand; how its server is set up does not count."""
    zone = zone.specified
    name = plain(query.name)
    labels = labels_below(name, zone.name)
    if labels is None:
        address = reversed_address(name) if query.type == "PTR" else None
        return FREE if address is None else _of_address(zone, name, address)
    if labels == ["dns-version"] and query.type == "TXT":
        versions = frozenset(Fact(name, "TXT", version) for version in SCHEMA_VERSIONS)
        return Demand(rcodes=EXISTS, required=(versions,), permitted=versions, rules=("DNS-META-001",))
    if len(labels) <= 2 or labels[-1] != "svc" or len(labels) > 5:
        return _of_branch(zone, labels)
    service = zone.index.services.get((labels[-2], labels[-3]))
    if service is None:
        return Demand(should=Rcode.NXDOMAIN, rules=("DNS-NEG-005",))
    if len(labels) == 3:
        return _OF_SERVICE[service.kind](zone, service, name, query)
    if len(labels) == 4:
        return _of_endpoint(service, name, labels[0], query)
    return _of_port(zone, service, name, labels, query)


def _of_branch(zone: Zone, labels: Sequence[str]) -> Demand:
    """A name above those of Services exists if there are names below it (DNS-NEG-001, DNS-NEG-002)."""
    services = zone.index.services.values()
    if not labels:
        return Demand(should=Rcode.NOERROR, rules=("DNS-NEG-001",))
    if labels[-1] == "svc" and len(labels) <= 2:
        suffix = f".{'.'.join(labels)}"
        if any(service.own_entries and f".{service.name}".endswith(suffix) for service in services):
            return Demand(should=Rcode.NOERROR, rules=("DNS-NEG-001", "DNS-NEG-002"))
        if len(labels) == 2 and labels[0] not in zone.index.namespaces:
            return Demand(should=Rcode.NXDOMAIN, rules=("DNS-NEG-002",))
    return FREE


# -- the name of a Service -------------------------------------------------------


def _of_cluster_ip(zone: Zone, service: PublishedService, name: str, query: Query) -> Demand:
    """DNS-A-001, DNS-A-002, DNS-A-005, DNS-AAAA-001, DNS-AAAA-002, DNS-NEG-006."""
    if query.type not in ("A", "AAAA"):
        # Beside an address there can be no CNAME (RFC 1034, 3.6.2).
        permitted = frozenset[Fact]() if query.type == "CNAME" else None
        return Demand(rcodes=EXISTS, permitted=permitted, rules=("DNS-NEG-006",))
    facts = _address_facts(name, query.type, cluster_ips(service.service))
    rule = ("DNS-A-001" if query.type == "A" else "DNS-AAAA-001") if facts else "DNS-NEG-006"
    return Demand(rcodes=EXISTS, required=_each(facts), permitted=facts, rules=(rule,))


def _of_members(service: PublishedService) -> tuple[str, ...]:
    """The rules, beside that of the query, that say which endpoints a headless Service has."""
    ports = {port.name for port in service.service.spec.ports}
    conditions = [endpoint.conditions for piece in service.slices for endpoint in piece.endpoints]
    rules = {
        "DNS-HEADLESS-013": any(each.ready is False for each in conditions),
        "DNS-HEADLESS-015": any(each.ready is False and each.serving for each in conditions),
        "DNS-HEADLESS-017": any(
            ports - {port.name or "" for port in piece.ports} for piece in service.slices
        ),
        "DNS-HEADLESS-023": len(service.slices) > 1,
    }
    return tuple(rule for rule, applies in rules.items() if applies)


def _of_headless(zone: Zone, service: PublishedService, name: str, query: Query) -> Demand:
    """DNS-HEADLESS-001, DNS-HEADLESS-002, DNS-HEADLESS-011, DNS-HEADLESS-012, DNS-NEG-014."""
    endpoints = service.endpoints
    if not endpoints:
        permitted = frozenset[Fact]() if query.type in ("A", "AAAA", "CNAME") else None
        rules = ("DNS-HEADLESS-011", "DNS-NEG-014", *_of_members(service))
        return Demand(rcodes=PERHAPS, should=Rcode.NXDOMAIN, permitted=permitted, rules=rules)
    if query.type not in ("A", "AAAA"):
        permitted = frozenset[Fact]() if query.type == "CNAME" else None
        return Demand(rcodes=EXISTS, permitted=permitted, rules=("DNS-NEG-006",))
    facts = _address_facts(name, query.type, (endpoint.ip for endpoint in endpoints))
    if not facts:
        # Read literally the specification asks for NXDOMAIN of this family alone.
        return Demand(rcodes=PERHAPS, should=Rcode.NOERROR, permitted=facts, rules=("DNS-HEADLESS-012",))
    rules = ("DNS-HEADLESS-001" if query.type == "A" else "DNS-HEADLESS-002", *_of_members(service))
    return Demand(rcodes=EXISTS, required=_each(facts), permitted=facts, rules=rules)


def _of_external_name(zone: Zone, service: PublishedService, name: str, query: Query) -> Demand:
    """DNS-CNAME-001 to DNS-CNAME-003.

    Nothing is asked where the external name is an address (DNS-CNAME-008).  For
    A and AAAA the CNAME is asked only if its target is outside of the zone or
    leads somewhere (DNS-CNAME-005); the rcode may be that of the target.
    """
    if not service.own_entries:
        return FREE
    cname = frozenset({Fact(name, "CNAME", plain(service.own_entries[0].host))})
    rules = ("DNS-CNAME-001",)
    if query.type == "CNAME":
        return Demand(rcodes=EXISTS, required=(cname,), permitted=cname, rules=rules)
    if query.type in ("A", "AAAA") and cname <= facts_of(zone.resolve(query)):
        return Demand(required=(cname,), permitted=cname, rules=("DNS-CNAME-002",))
    return Demand(permitted=cname, rules=rules)


_OF_SERVICE = {
    Kind.CLUSTER_IP: _of_cluster_ip,
    Kind.HEADLESS: _of_headless,
    Kind.EXTERNAL_NAME: _of_external_name,
}


# -- names below a Service -------------------------------------------------------


def _of_endpoint(service: PublishedService, name: str, label: str, query: Query) -> Demand:
    """DNS-HEADLESS-003 to DNS-HEADLESS-005, DNS-HEADLESS-026."""
    if service.kind is Kind.EXTERNAL_NAME:
        return Demand(should=Rcode.NXDOMAIN, rules=("DNS-CNAME-011",))
    if label.startswith("_"):
        return FREE  # a protocol: names may lie below
    endpoints = service.endpoints
    if service.kind is Kind.CLUSTER_IP or query.type not in ("A", "AAAA"):
        known = any(_may_be_called(endpoint, label) for endpoint in endpoints)
        return FREE if known else Demand(should=Rcode.NXDOMAIN, rules=("DNS-HEADLESS-026",))
    named = [endpoint.ip for endpoint in endpoints if (endpoint.hostname or "").lower() == label]
    if not named:
        # A server may know each endpoint by more names than the one that is asked for.
        every = _address_facts(name, query.type, (endpoint.ip for endpoint in endpoints))
        if any(_may_be_called(endpoint, label) for endpoint in endpoints):
            return Demand(permitted=every, rules=("DNS-HEADLESS-001",))
        return Demand(should=Rcode.NXDOMAIN, permitted=every, rules=("DNS-HEADLESS-026",))
    alike = (endpoint.ip for endpoint in endpoints if endpoint.label.lower() == label)
    facts = _address_facts(name, query.type, named)
    if not facts:
        return Demand(rcodes=PERHAPS, should=Rcode.NOERROR, permitted=facts, rules=("DNS-HEADLESS-012",))
    return Demand(
        rcodes=EXISTS,
        required=_each(facts),
        permitted=_address_facts(name, query.type, alike),
        rules=("DNS-HEADLESS-003", "DNS-HEADLESS-004"),
    )


def _may_be_called(endpoint: PublishedEndpoint, label: str) -> bool:
    return label in ((endpoint.hostname or "").lower(), endpoint.pod_name, dashed(endpoint.ip))


def _of_port(zone: Zone, service: PublishedService, name: str, labels: Sequence[str], query: Query) -> Demand:
    """DNS-SRV-001 to DNS-SRV-003, DNS-SRV-009, DNS-HEADLESS-009, DNS-HEADLESS-010."""
    if not (labels[0].startswith("_") and labels[1].startswith("_")):
        return FREE
    if service.kind is Kind.EXTERNAL_NAME:
        nothing = frozenset[Fact]() if query.type == "SRV" else None
        return Demand(should=Rcode.NXDOMAIN, permitted=nothing, rules=("DNS-CNAME-011", "DNS-SRV-012"))
    wanted, protocol = labels[0][1:], labels[1][1:]
    if not wanted or not protocol:
        return FREE
    port = next(
        (
            port
            for port in service.service.spec.ports
            if port.name.lower() == wanted and (port.protocol or "TCP").lower() == protocol
        ),
        None,
    )
    if service.kind is Kind.HEADLESS:
        return _of_headless_port(zone, service, name, wanted, protocol, port, query)
    if port is None:
        nothing = frozenset[Fact]() if query.type == "SRV" else None
        return Demand(should=Rcode.NXDOMAIN, permitted=nothing, rules=("DNS-SRV-003", "DNS-SRV-007"))
    if query.type != "SRV":
        return Demand(rcodes=EXISTS, rules=("DNS-NEG-006",))
    facts = frozenset({Fact(name, "SRV", f"{port.port} {join(service.name, zone.name)}")})
    shared = sum(each.port == port.port for each in service.service.spec.ports) > 1
    rules = ("DNS-SRV-001", "DNS-SRV-004", *(("DNS-SRV-009",) if shared else ()))
    return Demand(rcodes=EXISTS, required=(facts,), permitted=facts, rules=rules)


def _of_headless_port(
    zone: Zone,
    service: PublishedService,
    name: str,
    wanted: str,
    protocol: str,
    port: ServicePort | None,
    query: Query,
) -> Demand:
    """A record for each ready endpoint that has the port, with the Service's number or the slice's.

    The specification asks for the number of the Service, CoreDNS gives that of
    the slice (DNS-HEADLESS-010).  An endpoint whose slice lacks the port is not
    asked for (DNS-HEADLESS-017), but not forbidden either.
    """
    numbers: dict[str, set[int]] = {}
    unnamed: dict[str, set[int]] = {}
    for endpoint in service.endpoints:
        for port_name, port_protocol, number in endpoint.ports:
            if port_name.lower() == wanted and port_protocol == protocol and number is not None:
                held = numbers if endpoint.hostname else unnamed
                held.setdefault((endpoint.hostname or "").lower() or endpoint.ip, set()).add(number)
    if port is None:
        if numbers or unnamed:
            return FREE  # a port that only the slices have
        nothing = frozenset[Fact]() if query.type == "SRV" else None
        return Demand(should=Rcode.NXDOMAIN, permitted=nothing, rules=("DNS-SRV-003", "DNS-SRV-007"))
    if not numbers and not unnamed:
        empty = not service.endpoints
        return Demand(
            rcodes=PERHAPS,
            should=Rcode.NXDOMAIN if empty else None,
            permitted=frozenset() if empty and query.type == "SRV" else None,
            rules=("DNS-HEADLESS-011",),
        )
    if query.type != "SRV":
        return Demand(rcodes=EXISTS, rules=("DNS-NEG-006",))
    suffix = f".{join(service.name, zone.name)}"
    required = tuple(
        frozenset(Fact(name, "SRV", f"{number} {hostname}{suffix}") for number in {port.port, *found})
        for hostname, found in numbers.items()
    )
    every = frozenset({port.port}.union(*numbers.values(), *unnamed.values()))
    hostnames = {(endpoint.hostname or "").lower() for endpoint in service.endpoints if endpoint.hostname}
    permitted = frozenset(
        Fact(name, "SRV", f"{number} {hostname}{suffix}") for number in every for hostname in hostnames
    )
    # One identifier may stand for an endpoint of both families.
    least = max(sum(":" in address for address in unnamed), sum(":" not in address for address in unnamed))
    return Demand(
        rcodes=EXISTS,
        required=required,
        permitted=permitted,
        generated=(Generated(suffix, least, every),),
        rules=("DNS-HEADLESS-009", "DNS-HEADLESS-010"),
    )


# -- reverse names ---------------------------------------------------------------


def _of_address(zone: Zone, name: str, address: str) -> Demand:
    """DNS-PTR-001 to DNS-PTR-004, DNS-PTR-009; PTR records of other endpoints are free (DNS-PTR-006)."""
    index = zone.index
    for service in index.services.values():
        if address in cluster_ips(service.service):
            target = frozenset({Fact(name, "PTR", join(service.name, zone.name))})
            return Demand(
                rcodes=EXISTS, required=(target,), permitted=target, zone=zone.name, rules=("DNS-PTR-001",)
            )
    required: list[Facts] = []
    generated: list[Generated] = []
    permitted: set[Fact] = set()
    for service in index.services.values():
        own = [endpoint for endpoint in service.endpoints if endpoint.ip == address]
        if not own:
            continue
        suffix = f".{join(service.name, zone.name)}"
        hostnames = {(endpoint.hostname or "").lower() for endpoint in own if endpoint.hostname}
        targets = [Fact(name, "PTR", f"{hostname}{suffix}") for hostname in sorted(hostnames)]
        headless = service.kind is Kind.HEADLESS
        if headless:
            required += [frozenset({target}) for target in targets]
        permitted.update(targets, [Fact(name, "PTR", suffix[1:])])
        least = 1 if headless and any(not endpoint.hostname for endpoint in own) else 0
        generated.append(Generated(suffix, least))
    needed = bool(required) or any(each.least for each in generated)
    return Demand(
        rcodes=EXISTS if needed else ANY_RCODE,
        required=tuple(required),
        permitted=frozenset(permitted),
        generated=tuple(generated),
        zone=zone.name,
        rules=("DNS-PTR-003",) if needed else ("DNS-PTR-009",),
    )


def _address_facts(name: str, kind: str, addresses: Iterable[str]) -> Facts:
    wanted = kind == "AAAA"
    return frozenset(
        Fact(name, kind, address)
        for address in addresses
        if (":" in address) is wanted and is_address(address)
    )


def _each(facts: Facts) -> tuple[Facts, ...]:
    return tuple(frozenset({fact}) for fact in sorted(facts))
