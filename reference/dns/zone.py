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

from reference.dns.index import Entry, Index, Kind, PublishedEndpoint
from reference.dns.names import (
    REVERSE_ZONES,
    canonical,
    join,
    labels_below,
    plain,
    reverse_name,
    undashed,
)
from reference.objects import Cluster
from reference.questions import Answer, Query, Rcode, Record

__all__ = ["NODATA", "NXDOMAIN", "REFUSED", "PodRecords", "Zone", "compile", "resolve", "reverse_name"]

SCHEMA_VERSION = "1.1.0"
LONGEST_CHAIN = 10
"""So many CNAMEs may come before one that is still followed (DNS-CNAME-006)."""

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

    __slots__ = ("index", "name")

    def __init__(self, cluster: Cluster) -> None:
        self.index = Index(cluster)
        self.name = self.index.zone

    @property
    def cluster(self) -> Cluster:
        """The cluster whose zone this is."""
        return self.index.cluster

    @property
    def addresses(self) -> dict[tuple[str, str], tuple[PublishedEndpoint, ...]]:
        """The published endpoints of each Service, by namespace and name."""
        return {key: service.endpoints for key, service in self.index.services.items()}

    def resolve(self, query: Query, *, pods: PodRecords = PodRecords.DISABLED) -> Answer:
        """The answer to a query.

        A name outside of all zones is refused here; a deployed server passes it
        on (DNS-NEG-018).  Zone transfers are refused (DNS-NEG-013).
        """
        name = plain(query.name)
        labels = labels_below(name, self.name)
        if labels is None and not name.endswith(REVERSE_ZONES):
            return REFUSED
        if query.type in ("AXFR", "IXFR"):
            return REFUSED
        if labels is None:
            return self._reverse(name, query)
        return self._forward(name, labels, query, pods)

    # -- forward names -------------------------------------------------------

    def _forward(self, name: str, labels: list[str], query: Query, pods: PodRecords) -> Answer:
        kind = query.type
        if kind == "TXT":
            return self._text(labels, query, pods)
        if kind == "SOA":
            return NODATA  # DNS-NEG-010; at the apex there is one, whose serial nobody can foretell
        if kind == "NS" and not labels:
            return _answer([Record(query.name, "NS", join("ns.dns", self.name))])  # DNS-NEG-011
        if labels == ["ns", "dns"] and kind != "PTR":
            return self._name_server(query)
        entries = self.entries(labels, pods=pods)
        if entries is None:
            return NXDOMAIN
        if kind in ("A", "AAAA"):
            return _answer(self._addresses(query.name, name, entries, kind, ()))
        if kind == "SRV":
            return _answer(self._services(query.name, entries))
        if kind == "CNAME":
            return _answer(Record(query.name, "CNAME", entry.host) for entry in entries[:1] if entry.external)
        return NODATA  # DNS-NEG-006, DNS-NEG-012, DNS-CNAME-014, DNS-PTR-012

    def _text(self, labels: list[str], query: Query, pods: PodRecords) -> Answer:
        """DNS-META-001; elsewhere NODATA only where a Service is published (DNS-NEG-009)."""
        if labels == ["dns-version"]:
            return _answer([Record(query.name, "TXT", SCHEMA_VERSION)])
        return NODATA if self.entries(labels, pods=pods) else NXDOMAIN

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
        if count > 5 or namespace not in self.index.namespaces:
            return None
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
        if len(labels) == 3:
            return service.own_entries or None
        if service.kind is Kind.EXTERNAL_NAME:
            return None
        if len(labels) == 4:  # DNS-HEADLESS-003, DNS-A-009
            label = labels[0]
            return [entry for entry in service.endpoint_entries if entry.label == label] or None
        # One underscore is optional, and an empty name matches all (DNS-SRV-011).
        port, protocol = labels[0].removeprefix("_"), labels[1].removeprefix("_")
        return [
            entry
            for entry in service.own_entries
            if (not port or entry.port_name.lower() == port) and (not protocol or entry.protocol == protocol)
        ] or None

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
        if pods is PodRecords.VERIFIED and not self.index.has_verified_pod(namespace, address):
            return None
        return (Entry(canonical(address), 0, "", "", "", f"{label}.{namespace}.pod"),)

    def _addresses(
        self, asked: str, name: str, entries: Iterable[Entry], kind: str, chain: tuple[str, ...]
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
                for record in self._followed(asked, name, entry.host, kind, chain):
                    records[record] = None
            elif (":" in entry.host) is wanted:
                records[Record(asked, kind, entry.host)] = None
        return list(records)

    def _followed(self, asked: str, name: str, host: str, kind: str, chain: tuple[str, ...]) -> list[Record]:
        """A CNAME and what it leads to; nothing where a target inside the zone leads nowhere.

        DNS-CNAME-001, DNS-CNAME-002, DNS-CNAME-004 to DNS-CNAME-006.
        """
        target = plain(host)
        if labels_below(target, name) is not None:  # a name that leads to itself
            return []
        if len(chain) > LONGEST_CHAIN or target in chain:
            return []
        record = Record(asked, "CNAME", host)
        labels = labels_below(target, self.name)
        if labels is None:
            return [record]
        entries = self.entries(labels) or ()
        further = self._addresses(host, target, entries, kind, (*chain, target))
        return [record, *further] if further else []

    def _services(self, asked: str, entries: Sequence[Entry]) -> list[Record]:
        """SRV records: one for each target and port number, with equal weights.

        The weight is a hundredth shared among all entries, duplicates and
        entries without a port included (DNS-SRV-005).  DNS-SRV-001, DNS-SRV-008
        to DNS-SRV-010, DNS-SRV-012, DNS-SRV-015, DNS-HEADLESS-009,
        DNS-HEADLESS-010, DNS-HEADLESS-016 to DNS-HEADLESS-018, DNS-HEADLESS-025.
        """
        # The zone is repeated in the letter case of the query (DNS-META-005).
        zone = asked.rstrip(".")[-len(self.name) :] if self.name else ""
        internal = [entry for entry in entries if not entry.external]
        weight = max(1, 100 // len(internal)) if internal else 0
        pairs = dict.fromkeys((entry.port, entry.owner) for entry in internal if entry.port is not None)
        return [Record(asked, "SRV", f"0 {weight} {port} {join(owner, zone)}") for port, owner in pairs]

    # -- reverse names -------------------------------------------------------

    def _reverse(self, name: str, query: Query) -> Answer:
        """PTR records at complete reverse names; all else there is a name error (DNS-PTR-013, DNS-PTR-014).

        A deployed server may pass a miss on to others (DNS-PTR-005).
        """
        if name in REVERSE_ZONES:
            return NODATA
        names = self.index.names_of(name) if query.type == "PTR" else ()
        return _answer(Record(query.name, "PTR", target) for target in names) if names else NXDOMAIN


def _answer(records: Iterable[Record]) -> Answer:
    found = frozenset(records)
    return Answer(Rcode.NOERROR, found) if found else NODATA


def compile(cluster: Cluster) -> Zone:
    """The zone of a cluster."""
    return Zone(cluster)


def resolve(cluster: Cluster, query: Query, *, pods: PodRecords = PodRecords.DISABLED) -> Answer:
    """The answer of the cluster's DNS server to a query."""
    return compile(cluster).resolve(query, pods=pods)
