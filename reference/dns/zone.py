# SPDX-License-Identifier: Apache-2.0
"""The answers of a DNS server: what the `kubernetes` plugin of CoreDNS says.

These answers satisfy the specification; what of them the specification itself
demands is in `demands`.  The rcode of each shape of name is that of the table in
section 14 of the catalogue.

Source: coredns `plugin/kubernetes` (`parse.go`, `kubernetes.go`, `reverse.go`,
`handler.go`), `plugin/backend_lookup.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from attrs import evolve

from reference.dns.index import Entry, Index, Kind, PublishedEndpoint
from reference.dns.names import (
    IPV6_REVERSE_ZONE,
    REVERSE_ZONES,
    canonical,
    join,
    labels_below,
    plain,
    reverse_name,
    undashed,
    unmapped,
)
from reference.dns.soa import start_of_authority
from reference.dns.targets import services
from reference.objects import Cluster
from reference.questions import Answer, Query, Rcode, Record

__all__ = ["NODATA", "NXDOMAIN", "REFUSED", "PodRecords", "Zone", "compile", "resolve", "reverse_name"]

SCHEMA_VERSION = "1.1.0"
MOST_LABELS = 5
"""Below the zone, but for zonal names (DNS-NEG-007)."""
LONGEST_CHAIN = 10
"""So many CNAMEs may come before one that is still followed (DNS-CNAME-006)."""

NIBBLES = 32
"""The labels of a complete reverse name of IPv6."""

NXDOMAIN = Answer(Rcode.NXDOMAIN)
NODATA = Answer(Rcode.NOERROR)
REFUSED = Answer(Rcode.REFUSED)

_NOTHING: tuple[Entry, ...] = ()


class PodRecords(Enum):
    """What a server does about names below `pod` (DNS-POD-001 to DNS-POD-004)."""

    DISABLED = "disabled"
    INSECURE = "insecure"
    VERIFIED = "verified"


class Zone:
    """The cluster's zone and its reverse zones, ready to be asked."""

    __slots__ = ("_specified", "index", "name", "names", "pods")

    def __init__(self, cluster: Cluster) -> None:
        self.index = Index(cluster)
        self.name = self.index.zone
        # The longest zone that fits is asked.
        further = map(plain, self.index.server.more_zones)
        self.names = tuple(sorted((self.name, *further), key=len, reverse=True))
        known = cluster.settings.dns_server
        self.pods = None if known is None else PodRecords(known.pods)
        """What is done about names of pods, None where nobody says."""
        self._specified: Zone | None = None

    @property
    def specified(self) -> Zone:
        """The zone that the specification demands, however the server is set up."""
        settings = self.cluster.settings
        if settings.dns_server is None:
            return self
        if self._specified is None:
            self._specified = Zone(evolve(self.cluster, settings=evolve(settings, dns_server=None)))
        return self._specified

    @property
    def cluster(self) -> Cluster:
        """The cluster whose zone this is."""
        return self.index.cluster

    @property
    def addresses(self) -> dict[tuple[str, str], tuple[PublishedEndpoint, ...]]:
        """The published endpoints of each Service, by namespace and name."""
        return {key: service.endpoints for key, service in self.index.services.items()}

    def zone_of(self, name: str) -> tuple[str, list[str]] | None:
        """The zone that a name, as `plain` gives it, is in, and the labels below it; None for no zone."""
        for zone in self.names:
            labels = labels_below(name, zone)
            if labels is not None:
                return zone, labels
        for zone in REVERSE_ZONES if self.index.server.reverse_zones else ():  # DNS-PTR-005
            labels = labels_below(name, zone)
            if labels is not None:
                return zone, labels
        return None

    def resolve(self, query: Query, *, pods: PodRecords | None = None) -> Answer:
        """The answer to a query.

        A name outside of all zones is refused here; a deployed server passes it
        on (DNS-NEG-018), and so it does with one that does not exist if it falls
        through (DNS-NEG-015).  Zone transfers are refused (DNS-NEG-013).
        """
        name = plain(query.name)
        found = self.zone_of(name)
        if found is None or query.type in ("AXFR", "IXFR"):
            return REFUSED
        zone, labels = found
        if query.type == "SOA":  # DNS-NEG-010
            ttl = self.index.server.ttl
            answer = NODATA if labels else _answer([start_of_authority(query.name, zone, ttl)])
        elif zone in REVERSE_ZONES:
            answer = self._reverse(name, labels, query)
        else:
            answer = self._forward(name, zone, labels, query, pods or self.pods or PodRecords.DISABLED)
        return REFUSED if self.index.server.fall_through and answer == NXDOMAIN else answer

    # -- forward names -------------------------------------------------------

    def _forward(self, name: str, zone: str, labels: list[str], query: Query, pods: PodRecords) -> Answer:
        kind = query.type
        if kind == "TXT":
            return self._text(labels, query, pods)
        if kind == "NS" and not labels:
            return _answer([Record(query.name, "NS", join("ns.dns", zone))])  # DNS-NEG-011
        if labels == ["ns", "dns"] and kind != "PTR":
            return self._name_server(query)
        entries = self.entries(labels, pods=pods)
        if entries is None:
            return NXDOMAIN
        if kind in ("A", "AAAA"):
            return _answer(self._addresses(query.name, name, zone, entries, kind, ()))
        if kind == "SRV":
            return _answer(services(query.name, zone, entries))
        if kind == "CNAME":
            return _answer(Record(query.name, "CNAME", entry.host) for entry in entries[:1] if entry.external)
        return NODATA  # DNS-NEG-006, DNS-NEG-012, DNS-CNAME-014, DNS-PTR-012

    def _text(self, labels: list[str], query: Query, pods: PodRecords) -> Answer:
        """DNS-META-001; elsewhere NODATA only where a Service is published (DNS-NEG-009)."""
        if labels == ["dns-version"]:
            return _answer([Record(query.name, "TXT", SCHEMA_VERSION)])
        found = self.entries(labels, pods=pods)
        # A zonal name exists for texts too, also where it is empty (DNS-HEADLESS-028).
        return NODATA if found or (found is not None and len(labels) > MOST_LABELS) else NXDOMAIN

    def _name_server(self, query: Query) -> Answer:
        """`ns.dns.Z` has the server's own address, which is the cluster DNS address (DNS-NEG-003)."""
        return _answer(
            Record(query.name, query.type, canonical(ip))
            for ip in self.cluster.settings.cluster_dns
            if query.type == ("AAAA" if ":" in ip else "A")
        )

    def entries(
        self, labels: Sequence[str], *, pods: PodRecords = PodRecords.DISABLED
    ) -> Sequence[Entry] | None:
        """What is published at a name below the zone: None is NXDOMAIN, empty is NODATA.

        DNS-NEG-001 to DNS-NEG-003, DNS-NEG-005, DNS-NEG-007, DNS-NEG-020.
        """
        count = len(labels)
        if not count:
            return _NOTHING
        branch = labels[-1]
        if branch not in ("svc", "pod"):
            return None
        if count == 1:
            return _NOTHING
        namespace = labels[-2]
        if namespace not in self.index.namespaces:
            return None
        if count > MOST_LABELS:
            return self._zonal_entries(labels, namespace)
        if branch == "pod":
            return self._pod_entries(labels, namespace, pods)
        if count == 2:
            return _NOTHING
        return self._service_entries(labels, namespace)

    def _service_entries(self, labels: Sequence[str], namespace: str) -> Sequence[Entry] | None:
        """The Service itself, one of its endpoints, or one of its ports, by the number of labels.

        None is published: the name does not exist (DNS-HEADLESS-011,
        DNS-HEADLESS-026, DNS-SRV-007, DNS-SRV-013, DNS-CNAME-008, DNS-CNAME-011).
        """
        service = self.index.services.get((namespace, labels[-3]))
        if service is None:
            return None
        ignored = service.kind is Kind.CLUSTER_IP and self.index.server.ignore_empty_service
        if ignored and not service.endpoints:
            return None  # DNS-A-002, DNS-CNAME-013
        if len(labels) == 3:
            return service.own_entries or None
        if len(labels) == 4:  # DNS-HEADLESS-003, DNS-A-009
            if service.kind is Kind.EXTERNAL_NAME:
                return None
            label = labels[0]
            return [entry for entry in service.endpoint_entries if entry.label == label] or None
        # One underscore is optional, and an empty name matches all (DNS-SRV-011).
        port, protocol = labels[0].removeprefix("_"), labels[1].removeprefix("_")
        if service.kind is Kind.EXTERNAL_NAME and (port or protocol):
            return None
        return [
            entry
            for entry in service.own_entries
            if (not port or entry.port_name.lower() == port) and (not protocol or entry.protocol == protocol)
        ] or None

    def _zonal_entries(self, labels: Sequence[str], namespace: str) -> Sequence[Entry] | None:
        """The endpoints in one topology zone, `Z.pin._zone.S.N.svc` (DNS-HEADLESS-028)."""
        anchor, directive, topology_zone = labels[-4], labels[-5], ".".join(labels[:-5])
        service = self.index.services.get((namespace, labels[-3]))
        if not self.index.server.zonal or labels[-1] != "svc" or anchor != "_zone":
            return None
        if directive not in ("pin", "prefer") or service is None or service.kind is not Kind.HEADLESS:
            return None
        local = [entry for entry in service.endpoint_entries if entry.topology_zone == topology_zone]
        return local or (service.endpoint_entries if directive == "prefer" else _NOTHING)

    def _pod_entries(self, labels: Sequence[str], namespace: str, pods: PodRecords) -> Sequence[Entry] | None:
        """DNS-POD-002 to DNS-POD-014."""
        if pods is PodRecords.DISABLED:
            return None
        if len(labels) == 2:
            return _NOTHING
        label = labels[-3]
        address = undashed(label)
        if address is None:
            return None
        # On the host's network several pods have one address, and each counts (DNS-POD-014).
        count = self.index.verified_pods(namespace, address) if pods is PodRecords.VERIFIED else 1
        entry = Entry(unmapped(address), 0, "", "", "", f"{label}.{namespace}.pod")
        return (entry,) * count or None

    def _addresses(
        self, asked: str, name: str, zone: str, entries: Iterable[Entry], kind: str, chain: tuple[str, ...]
    ) -> list[Record]:
        """The addresses of one family, behind the CNAMEs that lead to them.

        `chain` are the targets that have been followed.  DNS-A-001, DNS-A-003 to
        DNS-A-006, DNS-AAAA-001 to DNS-AAAA-003, DNS-HEADLESS-001,
        DNS-HEADLESS-002, DNS-HEADLESS-012.
        """
        wanted = kind == "AAAA"
        records: dict[Record, None] = {}
        for entry in entries:
            if entry.external:
                for record in self._followed(asked, name, zone, entry.host, kind, chain):
                    records[record] = None
            elif (":" in entry.host) is wanted:
                records[Record(asked, kind, entry.host)] = None
        return list(records)

    def _followed(
        self, asked: str, name: str, zone: str, host: str, kind: str, chain: tuple[str, ...]
    ) -> list[Record]:
        """A CNAME and what it leads to; nothing where a target inside the zone leads nowhere.

        DNS-CNAME-001, DNS-CNAME-002, DNS-CNAME-004 to DNS-CNAME-006.
        """
        target = plain(host)
        if labels_below(target, name) is not None:  # a name that leads to itself
            return []
        if len(chain) > LONGEST_CHAIN or target in chain:
            return []
        record = Record(asked, "CNAME", host)
        labels = labels_below(target, zone)
        if labels is None:
            return [record]
        entries = self.entries(labels, pods=self.pods or PodRecords.DISABLED) or ()
        further = self._addresses(host, target, zone, entries, kind, (*chain, target))
        return [record, *further] if further else []

    # -- reverse names -------------------------------------------------------

    def _reverse(self, name: str, labels: Sequence[str], query: Query) -> Answer:
        """PTR records at complete reverse names; all else there is a name error (DNS-PTR-013, DNS-PTR-014).

        Up to three labels before the 32 of an IPv6 address are not looked at.
        A deployed server may pass a miss on to others (DNS-PTR-005).
        """
        if not labels or labels in (["svc"], ["pod"]):
            return NXDOMAIN if query.type == "TXT" else NODATA
        if name.endswith(IPV6_REVERSE_ZONE) and NIBBLES < len(labels) < NIBBLES + 4:
            name = join(*labels[-NIBBLES:], IPV6_REVERSE_ZONE)
        names = self.index.names_of(name) if query.type == "PTR" else ()
        return _answer(Record(query.name, "PTR", target) for target in names) if names else NXDOMAIN


def _answer(records: Iterable[Record]) -> Answer:
    found = frozenset(records)
    return Answer(Rcode.NOERROR, found) if found else NODATA


def compile(cluster: Cluster) -> Zone:
    """The zone of a cluster."""
    return Zone(cluster)


def resolve(cluster: Cluster, query: Query, *, pods: PodRecords | None = None) -> Answer:
    """The answer of the cluster's DNS server to a query."""
    return compile(cluster).resolve(query, pods=pods)
