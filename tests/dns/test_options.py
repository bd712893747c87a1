# SPDX-License-Identifier: Apache-2.0
"""Servers that are set up by the options of CoreDNS, and names that CoreDNS 1.15.0 answers in odd ways."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.dns import PodRecords, Zone, compile, demand, resolve
from reference.objects import Cluster, ClusterSettings, DNSServer, Namespace, ObjectMeta, ObjectReference
from reference.questions import Query, Rcode
from tests.dns.samples import CLUSTER, Z, ask, data, endpoint, external, piece, service

IN_A = evolve(endpoint("10.244.3.1", hostname="a"), zone="Zone-A")
OF_POD = evolve(endpoint("10.244.3.2"), zone="eu.west", target_ref=ObjectReference("Pod", "n", "crew-1"))
LONG = evolve(endpoint("10.244.3.3"), target_ref=ObjectReference("Pod", "n", "x" * 64))
SMALL = Cluster(
    namespaces=(Namespace(ObjectMeta(name="n")),),
    services=(
        service("web", "10.96.0.1"),
        service("crew", "None"),
        service("none", "None"),
        external("ext", "www.example.com"),
    ),
    endpoint_slices=(piece("crew", IN_A, OF_POD, LONG),),
)


def set_up(server: DNSServer) -> Zone:
    """The zone of the small cluster, whose server is so set up."""
    return compile(evolve(SMALL, settings=ClusterSettings(dns_server=server)))


def outcome(zone: Zone, name: str, kind: str = "A") -> str:
    """The code, or the data; a name that ends in a dot is complete."""
    full = name.rstrip(".") if name.endswith(".") else f"{name}.{Z}"
    answer = zone.resolve(Query(full, kind))
    return " ".join(data(answer)) or ("NODATA" if answer.rcode is Rcode.NOERROR else answer.rcode.value)


OPTIONS = [
    (DNSServer(endpoint_pod_names=True), "crew-1.crew.n.svc", "10.244.3.2"),
    (DNSServer(endpoint_pod_names=True), "a.crew.n.svc", "10.244.3.1"),
    (DNSServer(endpoint_pod_names=True), "10-244-3-2.crew.n.svc", "NXDOMAIN"),
    (DNSServer(endpoint_pod_names=True), "10-244-3-3.crew.n.svc", "10.244.3.3"),
    (DNSServer(), "crew-1.crew.n.svc", "NXDOMAIN"),
    (DNSServer(no_endpoints=True), "crew.n.svc", "NXDOMAIN"),
    (DNSServer(no_endpoints=True), "web.n.svc", "10.96.0.1"),
    (DNSServer(ignore_empty_service=True), "web.n.svc", "NXDOMAIN"),
    (DNSServer(ignore_empty_service=True), "ext.n.svc", "www.example.com"),
    (DNSServer(zonal=True), "zone-a.pin._zone.crew.n.svc", "10.244.3.1"),
    (DNSServer(zonal=True), "ZONE-A.PIN._zone.crew.n.svc", "10.244.3.1"),
    (DNSServer(zonal=True), "eu.west.pin._zone.crew.n.svc", "10.244.3.2"),
    (DNSServer(zonal=True), "zone-b.pin._zone.crew.n.svc", "NODATA"),
    (DNSServer(zonal=True), "zone-b.prefer._zone.crew.n.svc", "10.244.3.1 10.244.3.2 10.244.3.3"),
    (DNSServer(zonal=True), "zone-a.prefer._zone.crew.n.svc", "10.244.3.1"),
    (DNSServer(zonal=True), "zone-a.pin._zone.none.n.svc", "NODATA"),
    (DNSServer(zonal=True), "zone-a.only._zone.crew.n.svc", "NXDOMAIN"),
    (DNSServer(zonal=True), "zone-a.pin.zone.crew.n.svc", "NXDOMAIN"),
    (DNSServer(zonal=True), "zone-a.pin._zone.web.n.svc", "NXDOMAIN"),
    (DNSServer(zonal=True), "zone-a.pin._zone.gone.n.svc", "NXDOMAIN"),
    (DNSServer(), "zone-a.pin._zone.crew.n.svc", "NXDOMAIN"),
    (DNSServer(fall_through=True), "n.svc", "NODATA"),
    (DNSServer(fall_through=True), "gone.n.svc", "REFUSED"),
    (DNSServer(namespaces=("other",)), "web.n.svc", "NXDOMAIN"),
    (DNSServer(namespaces=("other",)), "n.svc", "NXDOMAIN"),
    (DNSServer(namespaces=("n",)), "web.n.svc", "10.96.0.1"),
    (DNSServer(more_zones=("second.test",)), "web.n.svc.second.test.", "10.96.0.1"),
    (DNSServer(), "web.n.svc.second.test.", "REFUSED"),
    (DNSServer(pods="insecure"), "192-0-2-1.n.pod", "192.0.2.1"),
    (DNSServer(pods="verified"), "192-0-2-1.n.pod", "NXDOMAIN"),
]


@pytest.mark.parametrize(("server", "name", "expected"), OPTIONS)
def test_options(server: DNSServer, name: str, expected: str) -> None:
    """Each option changes what it is about, and nothing else."""
    assert outcome(set_up(server), name) == expected


def test_texts_of_zonal_names() -> None:
    """A zonal name of a headless Service exists for every type, also where it has no endpoint."""
    zone = set_up(DNSServer(zonal=True))
    assert outcome(zone, "zone-b.pin._zone.crew.n.svc", "TXT") == "NODATA"
    assert outcome(zone, "zone-b.pin._zone.web.n.svc", "TXT") == "NXDOMAIN"


def test_reverse_zones() -> None:
    """Addresses point back to the first zone, and nowhere if the reverse zones are not served."""
    name = "1.0.96.10.in-addr.arpa."
    assert outcome(set_up(DNSServer(more_zones=("a",))), name, "PTR") == f"web.n.svc.{Z}"
    assert outcome(set_up(DNSServer(reverse_zones=False)), name, "PTR") == "REFUSED"


def test_demands_do_not_depend_on_options() -> None:
    """What the specification demands is demanded however a server is set up."""
    query = Query(f"crew.n.svc.{Z}", "A")
    zone = set_up(DNSServer(no_endpoints=True))
    assert demand(zone, query) == demand(compile(SMALL), query)
    assert demand(zone, query).required


def test_unknown_mode_of_pods() -> None:
    """A mode that there is not is refused."""
    with pytest.raises(ValueError, match="secure"):
        set_up(DNSServer(pods="secure"))


ODD = [
    ("_._.my-database.n.svc", "A", "my.database.example.com"),
    ("_._.my-database.n.svc", "SRV", "NODATA"),
    ("nope", "SOA", "NODATA"),
    (f"{Z}.", "SOA", f"ns.dns.{Z} hostmaster.{Z} 0 7200 1800 86400 5"),
    ("9.9.9.9.in-addr.arpa.", "SOA", "NODATA"),
    ("1.0.96.10.in-addr.arpa.", "TXT", "NXDOMAIN"),
    ("9.1.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("257.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("in-addr.arpa.", "PTR", "NODATA"),
    ("in-addr.arpa.", "TXT", "NXDOMAIN"),
    ("svc.in-addr.arpa.", "A", "NODATA"),
    ("svc.in-addr.arpa.", "TXT", "NXDOMAIN"),
    ("1.0.0.0.0.ip6.arpa.", "PTR", "NXDOMAIN"),
    (f"x.y.z.1.{'0.' * 27}0.0.d.f.ip6.arpa.", "PTR", f"six.n.svc.{Z}"),
    (f"w.x.y.z.1.{'0.' * 27}0.0.d.f.ip6.arpa.", "PTR", "NXDOMAIN"),
]


@pytest.mark.parametrize(("name", "kind", "expected"), ODD)
def test_odd_names(name: str, kind: str, expected: str) -> None:
    """Names that are no names of the schema are answered as CoreDNS 1.15.0 does."""
    assert outcome(compile(CLUSTER), name, kind) == expected


def test_mapped_addresses_of_pods() -> None:
    """An IPv4 address that is written as IPv6 is one of IPv4."""
    name = "--ffff-102-304.n.pod"
    assert data(ask(name, "A", pods=PodRecords.INSECURE)) == ["1.2.3.4"]
    assert not ask(name, "AAAA", pods=PodRecords.INSECURE).records


def test_services_without_ports() -> None:
    """A Service with a cluster IP and no port has its address and no SRV record."""
    cluster = evolve(SMALL, services=(service("bare", "10.96.0.9", ports=()),))
    assert data(resolve(cluster, Query(f"bare.n.svc.{Z}", "A"))) == ["10.96.0.9"]
    assert not resolve(cluster, Query(f"bare.n.svc.{Z}", "SRV")).records
