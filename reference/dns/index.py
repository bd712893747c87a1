# SPDX-License-Identifier: Apache-2.0
"""What a DNS server sees of a cluster: its namespaces, Services and published endpoints.

Built once for a cluster and filled in on demand, because most clusters are asked
a few dozen questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from reference.dns.names import canonical, dashed, is_address, join, plain, reverse_name
from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_NAME_LABEL,
    Cluster,
    DNSServer,
    Endpoint,
    EndpointSlice,
    Pod,
    Service,
)

LONGEST_LABEL = 63


class Kind(Enum):
    """The three ways in which a Service is published."""

    CLUSTER_IP = "cluster IP"
    HEADLESS = "headless"
    EXTERNAL_NAME = "external name"


class Entry(NamedTuple):
    """One address, or external name, with one port, below one name.

    `port` is None where there is none.  `owner` is the name below the zone whose
    address it is, and so the target of SRV records.
    """

    host: str
    port: int | None
    port_name: str
    protocol: str
    label: str
    owner: str
    external: bool = False
    topology_zone: str = ""


class PublishedEndpoint(NamedTuple):
    """An address of a ready endpoint, with the ports of its slice."""

    ip: str
    hostname: str | None
    pod_name: str
    ports: tuple[tuple[str, str, int | None], ...]
    """Name, protocol in lower case, and number."""
    topology_zone: str = ""
    called_like_pod: bool = False

    @property
    def label(self) -> str:
        """Its name in CoreDNS: the hostname, that of its pod if so set up, else made of the address.

        DNS-HEADLESS-003, DNS-HEADLESS-006, DNS-HEADLESS-008.
        """
        if not self.hostname and self.called_like_pod and 0 < len(self.pod_name) <= LONGEST_LABEL:
            return self.pod_name
        return self.hostname or dashed(self.ip)


def kind_of(service: Service) -> Kind:
    """How a Service is published; the type goes before the cluster IP."""
    spec = service.spec
    if spec.type == "ExternalName":
        return Kind.EXTERNAL_NAME
    return Kind.HEADLESS if spec.cluster_ip == CLUSTER_IP_NONE else Kind.CLUSTER_IP


def cluster_ips(service: Service) -> tuple[str, ...]:
    """The cluster IPs of a Service of any family, none if it is headless or has none."""
    spec = service.spec
    if spec.type == "ExternalName":
        return ()
    ips = spec.cluster_ips or (spec.cluster_ip,)
    return tuple(canonical(ip) for ip in ips if ip and ip != CLUSTER_IP_NONE)


def is_published(endpoint: Endpoint) -> bool:
    """Ready, or of unknown readiness; serving and terminating do not count (DNS-HEADLESS-013)."""
    return endpoint.conditions.ready is not False


def published_endpoints(piece: EndpointSlice) -> Iterator[PublishedEndpoint]:
    """The published endpoints of one slice, one for each address.

    Slices of fully qualified names hold no addresses and publish nothing.  CoreDNS makes
    CNAMEs of them, which is not modelled: no controller writes such slices.
    """
    if piece.address_type == "FQDN":
        return
    ports = tuple((port.name or "", (port.protocol or "TCP").lower(), port.port) for port in piece.ports)
    for endpoint in piece.endpoints:
        if is_published(endpoint):
            pod_name = endpoint.target_ref.name if endpoint.target_ref is not None else ""
            zone = (endpoint.zone or "").lower()
            for address in endpoint.addresses:
                yield PublishedEndpoint(canonical(address), endpoint.hostname or None, pod_name, ports, zone)


class PublishedService:
    """A Service with what is published of it."""

    __slots__ = (
        "_called_like_pods",
        "_endpoint_entries",
        "_endpoints",
        "_own_entries",
        "kind",
        "name",
        "service",
        "slices",
    )

    def __init__(
        self, service: Service, slices: tuple[EndpointSlice, ...], *, called_like_pods: bool = False
    ) -> None:
        self.service = service
        self.slices = slices
        self._called_like_pods = called_like_pods
        self.kind = kind_of(service)
        self.name = f"{service.metadata.name}.{service.metadata.namespace}.svc"
        """The name below the zone."""
        self._endpoints: tuple[PublishedEndpoint, ...] | None = None
        self._own_entries: tuple[Entry, ...] | None = None
        self._endpoint_entries: tuple[Entry, ...] | None = None

    @property
    def endpoints(self) -> tuple[PublishedEndpoint, ...]:
        """The published endpoints of all its slices (DNS-HEADLESS-023)."""
        if self._endpoints is None:
            self._endpoints = tuple(
                endpoint._replace(called_like_pod=self._called_like_pods)
                for piece in self.slices
                for endpoint in published_endpoints(piece)
            )
        return self._endpoints

    @property
    def own_entries(self) -> tuple[Entry, ...]:
        """The entries at the Service's own name; none means that the name does not exist."""
        if self._own_entries is None:
            if self.kind is Kind.HEADLESS:
                self._own_entries = self.endpoint_entries
            elif self.kind is Kind.CLUSTER_IP:
                self._own_entries = tuple(self._cluster_ip_entries())
            else:
                self._own_entries = tuple(self._external_entries())
        return self._own_entries

    @property
    def endpoint_entries(self) -> tuple[Entry, ...]:
        """An entry for each published address and port; one without a port where a slice has none.

        DNS-HEADLESS-016: without ports the addresses are published all the same.
        """
        if self._endpoint_entries is None:
            entries = []
            for endpoint in self.endpoints:
                label = endpoint.label.lower()
                owner = f"{label}.{self.name}"
                zone = endpoint.topology_zone
                for name, protocol, number in endpoint.ports or (("", "", None),):
                    entries.append(Entry(endpoint.ip, number, name, protocol, label, owner, False, zone))
            self._endpoint_entries = tuple(entries)
        return self._endpoint_entries

    def _cluster_ip_entries(self) -> Iterator[Entry]:
        ips = cluster_ips(self.service)
        named = ((port.port, port.name, (port.protocol or "TCP").lower()) for port in self.service.spec.ports)
        ports: tuple[tuple[int | None, str, str], ...] = tuple(named)
        for number, name, protocol in ports or ((None, "", ""),):
            for ip in ips:
                yield Entry(ip, number, name, protocol, "", self.name)

    def _external_entries(self) -> Iterator[Entry]:
        """The external name, unless it is an address (DNS-CNAME-007, DNS-CNAME-008)."""
        name = self.service.spec.external_name
        if name and not is_address(name):
            yield Entry(name.rstrip("."), None, "", "", "", self.name, external=True)


class Index:
    """A cluster, indexed by the names and addresses that queries ask for."""

    __slots__ = ("_reverse", "_slices", "_verified", "cluster", "namespaces", "server", "services", "zone")

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.server = cluster.settings.dns_server or DNSServer()
        self.zone = plain(cluster.settings.cluster_domain)
        slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        # An object cannot be in a namespace that does not exist, so a cluster
        # that was written down without its Namespace objects still has them.
        members: tuple[Service | EndpointSlice | Pod, ...]
        members = (*cluster.services, *cluster.endpoint_slices, *cluster.pods)
        self.namespaces = {item.metadata.name for item in cluster.namespaces}
        self.namespaces.update(item.metadata.namespace for item in members)
        if self.server.namespaces:  # DNS-META-012
            self.namespaces &= set(self.server.namespaces)
        # With `noendpoints` no slice is read (DNS-HEADLESS-027).
        for piece in () if self.server.no_endpoints else cluster.endpoint_slices:
            metadata = piece.metadata
            owner = metadata.labels.get(SERVICE_NAME_LABEL)
            if owner and metadata.namespace in self.namespaces:
                slices.setdefault((metadata.namespace, owner), []).append(piece)
        self.services: dict[tuple[str, str], PublishedService] = {}
        like_pods = self.server.endpoint_pod_names
        for service in cluster.services:
            key = (service.metadata.namespace, service.metadata.name)
            if key[0] in self.namespaces:
                found = tuple(slices.get(key, ()))
                self.services[key] = PublishedService(service, found, called_like_pods=like_pods)
        self._slices = slices
        self._reverse: dict[str, tuple[str, ...]] | None = None
        self._verified: Counter[tuple[str, str]] | None = None

    def names_of(self, reverse: str) -> tuple[str, ...]:
        """The names, zone included, to which an address points back; it is given as its reverse name.

        A cluster IP has the one name of its Service, and endpoints are not
        looked at (DNS-PTR-001, DNS-PTR-008); any other address has a name for
        each Service of which it is a published endpoint, whatever the type
        (DNS-PTR-003, DNS-PTR-006, DNS-PTR-007, DNS-PTR-011, DNS-PTR-016).
        """
        if self._reverse is None:
            self._reverse = self._reverse_index()
        return self._reverse.get(reverse, ())

    def _reverse_index(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, dict[str, None]] = {}
        for (namespace, service_name), pieces in self._slices.items():
            suffix = join(service_name, namespace, "svc", self.zone)
            for endpoint in (each for piece in pieces for each in published_endpoints(piece)):
                called = endpoint._replace(called_like_pod=self.server.endpoint_pod_names)
                names.setdefault(reverse_name(endpoint.ip), {})[f"{called.label}.{suffix}"] = None
        found = {reverse: tuple(each) for reverse, each in names.items()}
        for service in reversed(tuple(self.services.values())):
            for ip in cluster_ips(service.service):
                found[reverse_name(ip)] = (join(service.name, self.zone),)
        return found

    def verified_pods(self, namespace: str, address: str) -> int:
        """How many pods have this address, spelled so; ended and terminating ones do not count.

        DNS-POD-004 to DNS-POD-006, DNS-POD-012.
        """
        if self._verified is None:
            self._verified = Counter(
                (pod.metadata.namespace, ip)
                for pod in self.cluster.pods
                if pod.status.phase not in ("Succeeded", "Failed", "Unknown")
                and pod.metadata.deletion_timestamp is None
                for ip in ([each.ip for each in pod.status.pod_ips] or [pod.status.pod_ip])
            )
        return self._verified[namespace, address]
