# SPDX-License-Identifier: Apache-2.0
"""Agreement with what the DNS specification demands of every server."""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Topic, judge, view
from reference.dns.index import Kind as Published

USUAL_ZONE = "cluster.local"
_FAMILIES = ("A", "AAAA")


@invariant(
    "dns.cluster-ip-addresses",
    kind=Kind.AGREEMENT,
    requirements=("DNS-A-001", "DNS-META-003"),
    asks=("resolve",),
    classes=("ClusterIP", "NodePort", "LoadBalancer"),
)
def cluster_ip_addresses(case: Case) -> None:
    """The name of a Service with a cluster IP has that address, and no other."""
    for asked in view(case).of(Topic.SERVICE, Published.CLUSTER_IP):
        if asked.query.type in _FAMILIES and asked.service is not None and asked.demand.required:
            # Whoever takes the usual zone for the only one fails here first.
            more = () if view(case).zone.name == USUAL_ZONE else ("DNS-META-003",)
            kind = asked.service.service.spec.type or "ClusterIP"
            judge(case, "DNS-A-001", asked, kind, because=more)


@invariant(
    "dns.existing-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-006",),
    asks=("resolve",),
    classes=("AAAA", "TXT"),
)
def existing_names(case: Case) -> None:
    """A Service that is published, asked for a type that it lacks, is NODATA and not NXDOMAIN."""
    for asked in view(case).of(Topic.SERVICE):
        service = asked.service
        if service is None or service.kind is Published.EXTERNAL_NAME or not service.own_entries:
            continue
        if not asked.demand.required and asked.demand.rules == ("DNS-NEG-006",):
            judge(case, "DNS-NEG-006", asked, asked.query.type)


@invariant(
    "dns.headless-addresses",
    kind=Kind.AGREEMENT,
    requirements=(
        "DNS-HEADLESS-001",
        "DNS-HEADLESS-013",
        "DNS-HEADLESS-015",
        "DNS-HEADLESS-017",
        "DNS-HEADLESS-023",
    ),
    asks=("resolve",),
    classes=("ready endpoints", "no ready endpoint", "several slices"),
)
def headless_addresses(case: Case) -> None:
    """The name of a headless Service has the addresses of its ready endpoints in all slices, no other."""
    for asked in view(case).of(Topic.SERVICE, Published.HEADLESS):
        if asked.query.type not in _FAMILIES or asked.service is None:
            continue
        classes = ["ready endpoints" if asked.service.endpoints else "no ready endpoint"]
        if len(asked.service.slices) > 1:
            classes.append("several slices")
        judge(case, "DNS-HEADLESS-001", asked, *classes)


@invariant(
    "dns.endpoint-hostnames",
    kind=Kind.AGREEMENT,
    requirements=("DNS-HEADLESS-003", "DNS-HEADLESS-004"),
    asks=("resolve",),
    classes=("one address", "several addresses"),
)
def endpoint_hostnames(case: Case) -> None:
    """The hostname of a ready endpoint, below its headless Service, has every address that shares it."""
    for asked in view(case).of(Topic.ENDPOINT, Published.HEADLESS):
        count = len(asked.demand.required)
        if asked.query.type in _FAMILIES and count:
            rule = "DNS-HEADLESS-003" if count == 1 else "DNS-HEADLESS-004"
            judge(case, rule, asked, "one address" if count == 1 else "several addresses")


@invariant(
    "dns.service-ports",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SRV-001", "DNS-SRV-002", "DNS-SRV-004", "DNS-SRV-009"),
    asks=("resolve",),
    classes=("named port", "no such port"),
)
def service_ports(case: Case) -> None:
    """A named port has one SRV record, of the Service's own number and name, below its protocol alone."""
    for asked in view(case).of(Topic.PORT, Published.CLUSTER_IP):
        if asked.query.type == "SRV":
            named = bool(asked.demand.required)
            judge(
                case,
                "DNS-SRV-001" if named else "DNS-SRV-002",
                asked,
                "named port" if named else "no such port",
            )


@invariant(
    "dns.unnamed-ports",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SRV-003",),
    asks=("resolve",),
    classes=("unnamed port",),
)
def unnamed_ports(case: Case) -> None:
    """A port without a name has no SRV record below the names of ports."""
    for asked in view(case).of(Topic.PORT, Published.CLUSTER_IP):
        if asked.service is None or any(port.name for port in asked.service.service.spec.ports):
            continue
        if asked.query.type == "SRV":
            judge(case, "DNS-SRV-003", asked, "unnamed port")


@invariant(
    "dns.endpoint-ports",
    kind=Kind.AGREEMENT,
    requirements=("DNS-HEADLESS-009", "DNS-HEADLESS-010"),
    asks=("resolve",),
    classes=("hostname",),
)
def endpoint_ports(case: Case) -> None:
    """A named port of a headless Service has an SRV record for each ready endpoint that offers it."""
    for asked in view(case).of(Topic.PORT, Published.HEADLESS):
        if asked.query.type != "SRV" or asked.service is None:
            continue
        wanted = asked.demand
        if not wanted.required and not any(each.least for each in wanted.generated):
            continue
        classes = ["hostname"] if wanted.required else []
        if any(each.least for each in wanted.generated):
            classes.append("no hostname")
        judge(case, "DNS-HEADLESS-009", asked, *classes)


@invariant(
    "dns.cluster-ip-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-PTR-001",),
    asks=("resolve",),
    classes=("cluster IP",),
)
def cluster_ip_names(case: Case) -> None:
    """A cluster IP points back to the name of its Service."""
    for asked in view(case).of(Topic.REVERSE):
        if asked.demand.rules == ("DNS-PTR-001",):
            judge(case, "DNS-PTR-001", asked, "cluster IP")


@invariant(
    "dns.endpoint-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-PTR-003", "DNS-PTR-009"),
    asks=("resolve",),
    classes=("ready", "not ready"),
)
def endpoint_names(case: Case) -> None:
    """A ready endpoint of a headless Service points back to its name, one that is not ready to none."""
    for asked in view(case).of(Topic.REVERSE):
        rules = asked.demand.rules
        if rules == ("DNS-PTR-003",):
            judge(case, "DNS-PTR-003", asked, "ready")
        elif rules == ("DNS-PTR-009",):
            judge(case, "DNS-PTR-009", asked, "not ready")


@invariant(
    "dns.external-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-CNAME-001", "DNS-CNAME-002", "DNS-CNAME-003"),
    asks=("resolve",),
    classes=("CNAME", "A"),
)
def external_names(case: Case) -> None:
    """An ExternalName Service is a CNAME to its external name, and has no address or port of its own."""
    for asked in view(case).of(Topic.SERVICE, Published.EXTERNAL_NAME):
        rule = "DNS-CNAME-003" if asked.query.type == "CNAME" else "DNS-CNAME-002"
        judge(case, rule, asked, asked.query.type)


@invariant(
    "dns.schema-version",
    kind=Kind.AGREEMENT,
    requirements=("DNS-META-001",),
    asks=("resolve",),
    classes=("version",),
)
def schema_version(case: Case) -> None:
    """The TXT record of `dns-version` holds a version of the schema."""
    for asked in view(case).of(Topic.VERSION):
        judge(case, "DNS-META-001", asked, "version")
