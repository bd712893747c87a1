# SPDX-License-Identifier: Apache-2.0
"""The canonical answers: the decision table of the catalogue, and each type of record."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.dns import PodRecords, resolve, reverse_name
from reference.objects import Cluster, ClusterSettings
from reference.questions import Query, Rcode
from tests.dns.samples import CLUSTER, Z, ask, data, endpoint, external, piece, service

NXDOMAIN, NODATA = "NXDOMAIN", "NODATA"


def outcome(name: str, kind: str = "A", *, pods: PodRecords = PodRecords.DISABLED) -> str:
    """NXDOMAIN, NODATA, or the data."""
    answer = ask(name, kind, pods=pods)
    if answer.rcode is not Rcode.NOERROR:
        return str(answer.rcode.value)
    return " ".join(data(answer)) or NODATA


TABLE = [
    ("@", NODATA),
    ("svc", NODATA),
    ("pod", NODATA),
    ("foo", NXDOMAIN),
    ("n.svc", NODATA),
    ("empty.svc", NODATA),
    ("gone.svc", NXDOMAIN),
    ("web.n.svc", "10.96.0.1"),
    ("six.n.svc", NODATA),
    ("dual.n.svc", "10.96.0.3"),
    ("cassandra.n.svc", "10.244.1.1 10.244.1.2 10.244.1.4"),
    ("only-six.n.svc", NODATA),
    ("hollow.n.svc", NXDOMAIN),
    ("my-database.n.svc", "my.database.example.com"),
    ("alias.n.svc", f"10.96.0.1 web.n.svc.{Z}"),
    ("dangling.n.svc", NODATA),
    ("loop.n.svc", NODATA),
    ("address.n.svc", NXDOMAIN),
    ("gone.n.svc", NXDOMAIN),
    ("web.gone.svc", NXDOMAIN),
    ("web.empty.svc", NXDOMAIN),
    ("*.n.svc", NXDOMAIN),
    ("cassandra-0.cassandra.n.svc", "10.244.1.1"),
    ("cassandra-2.cassandra.n.svc", NXDOMAIN),
    ("10-244-1-4.cassandra.n.svc", "10.244.1.4"),
    ("10-244-1-1.cassandra.n.svc", NXDOMAIN),
    ("10-244-0-2.web.n.svc", "10.244.0.2"),
    ("10-244-0-3.web.n.svc", NXDOMAIN),
    ("fd01--6666-0.only-six.n.svc", NODATA),
    ("bogus.cassandra.n.svc", NXDOMAIN),
    ("x.my-database.n.svc", NXDOMAIN),
    ("_http._tcp.my-database.n.svc", NXDOMAIN),
    ("_http._tcp.web.n.svc", "10.96.0.1"),
    ("_http._udp.web.n.svc", NXDOMAIN),
    ("_x._tcp.web.n.svc", NXDOMAIN),
    ("_tcp.web.n.svc", NXDOMAIN),
    ("a.b.c.web.n.svc", NXDOMAIN),
    ("n.pod", NXDOMAIN),
    ("10-244-0-9.n.pod", NXDOMAIN),
]


@pytest.mark.parametrize(("name", "expected"), TABLE, ids=[name for name, _ in TABLE])
def test_decision_table(name: str, expected: str) -> None:
    """An A query is answered by the shape of its name as section 14 of the catalogue says."""
    assert outcome(name) == expected


PODS = [
    (PodRecords.INSECURE, "192-0-2-1.n.pod", "192.0.2.1"),
    (PodRecords.VERIFIED, "192-0-2-1.n.pod", NXDOMAIN),
    (PodRecords.VERIFIED, "10-244-0-9.n.pod", "10.244.0.9"),
    (PodRecords.VERIFIED, "10-244-0-9.empty.pod", NXDOMAIN),
    (PodRecords.INSECURE, "256-1-1-1.n.pod", NXDOMAIN),
    (PodRecords.INSECURE, "blah.n.pod", NXDOMAIN),
    (PodRecords.INSECURE, "fd00--1.n.pod", NODATA),
    (PodRecords.INSECURE, "192-0-2-1.gone.pod", NXDOMAIN),
    (PodRecords.INSECURE, "n.pod", NODATA),
    (PodRecords.INSECURE, "gone.pod", NXDOMAIN),
    (PodRecords.INSECURE, "x.y.192-0-2-1.n.pod", "192.0.2.1"),
    (PodRecords.INSECURE, "x.y.z.192-0-2-1.n.pod", NXDOMAIN),
]


@pytest.mark.parametrize(("pods", "name", "expected"), PODS)
def test_pod_records(pods: PodRecords, name: str, expected: str) -> None:
    """Names of pod addresses follow the mode: insecure believes them, verified looks for a pod."""
    assert outcome(name, pods=pods) == expected


TYPES = [
    ("six.n.svc", "AAAA", "fd00::1"),
    ("dual.n.svc", "AAAA", "fd00::3"),
    ("web.n.svc", "AAAA", NODATA),
    ("gone.n.svc", "AAAA", NXDOMAIN),
    ("fd01--6666-0.only-six.n.svc", "AAAA", "fd01::6666:0"),
    ("dns-version", "TXT", "1.1.0"),
    ("dns-version", "A", NXDOMAIN),
    ("web.n.svc", "TXT", NODATA),
    ("n.svc", "TXT", NXDOMAIN),
    ("my-database.n.svc", "TXT", NODATA),
    ("my-database.n.svc", "CNAME", "my.database.example.com"),
    ("dangling.n.svc", "CNAME", f"gone.n.svc.{Z}"),
    ("alias.n.svc", "CNAME", f"web.n.svc.{Z}"),
    ("my-database.n.svc", "SRV", NODATA),
    ("_http._tcp.my-database.n.svc", "SRV", NXDOMAIN),
    ("web.n.svc", "HTTPS", NODATA),
    ("gone.n.svc", "MX", NXDOMAIN),
    ("gone.n.svc", "SOA", NODATA),
    ("web.n.svc", "PTR", NODATA),
    ("web.n.svc", "AXFR", "REFUSED"),
    ("_http._tcp.web.n.svc", "SRV", f"0 100 80 web.n.svc.{Z}"),
    ("web.n.svc", "SRV", f"0 100 80 web.n.svc.{Z}"),
    ("_http._tcp.dual.n.svc", "SRV", f"0 50 80 dual.n.svc.{Z}"),
    ("_x._tcp.unnamed.n.svc", "SRV", NXDOMAIN),
    ("unnamed.n.svc", "SRV", f"0 100 81 unnamed.n.svc.{Z}"),
    ("_tcp.web.n.svc", "SRV", NXDOMAIN),
]


@pytest.mark.parametrize(("name", "kind", "expected"), TYPES)
def test_types(name: str, kind: str, expected: str) -> None:
    """Each type of record is answered as the catalogue says."""
    assert outcome(name, kind) == expected


def test_headless_ports_are_those_of_the_slices() -> None:
    """SRV of a headless Service names each ready endpoint with its own slice's number (DNS-HEADLESS-010)."""
    assert data(ask("_cql._tcp.cassandra.n.svc", "SRV")) == [
        f"0 33 9042 cassandra-0.cassandra.n.svc.{Z}",
        f"0 33 9042 cassandra-1.cassandra.n.svc.{Z}",
        f"0 33 9999 10-244-1-4.cassandra.n.svc.{Z}",
    ]


def test_endpoints_that_share_a_hostname() -> None:
    """They have all addresses under it, and one SRV record whose weight counts both (DNS-HEADLESS-025)."""
    shared = piece("twin", endpoint("10.244.5.1", hostname="h"), endpoint("10.244.5.2", hostname="h"))
    cluster = evolve(CLUSTER, services=(service("twin", "None"),), endpoint_slices=(shared,))
    assert data(ask("h.twin.n.svc", cluster=cluster)) == ["10.244.5.1", "10.244.5.2"]
    assert data(ask("_http._tcp.twin.n.svc", "SRV", cluster=cluster)) == [f"0 50 8080 h.twin.n.svc.{Z}"]


def test_headless_without_ports() -> None:
    """Without ports there are addresses, and no SRV record (DNS-HEADLESS-016)."""
    bare = piece("bare", endpoint("10.244.5.1"), ports=())
    cluster = evolve(CLUSTER, services=(service("bare", "None", ports=()),), endpoint_slices=(bare,))
    assert data(ask("bare.n.svc", cluster=cluster)) == ["10.244.5.1"]
    answer = ask("bare.n.svc", "SRV", cluster=cluster)
    assert (answer.rcode, answer.records) == (Rcode.NOERROR, frozenset())
    assert ask("_x._tcp.bare.n.svc", "SRV", cluster=cluster).rcode is Rcode.NXDOMAIN


REVERSE = [
    ("10.96.0.1", [f"web.n.svc.{Z}"]),
    ("fd00::3", [f"dual.n.svc.{Z}"]),
    ("10.244.1.1", [f"cassandra-0.cassandra.n.svc.{Z}"]),
    ("10.244.1.4", [f"10-244-1-4.cassandra.n.svc.{Z}"]),
    ("10.244.0.2", [f"10-244-0-2.web.n.svc.{Z}"]),
    ("10.244.1.3", []),
    ("192.0.2.7", []),
]


@pytest.mark.parametrize(("address", "expected"), REVERSE)
def test_reverse(address: str, expected: list[str]) -> None:
    """Cluster IPs and ready endpoints point back to their names, nothing else does."""
    answer = resolve(CLUSTER, Query(reverse_name(address), "PTR"))
    assert data(answer) == expected
    assert answer.rcode is (Rcode.NOERROR if expected else Rcode.NXDOMAIN)


@pytest.mark.parametrize("name", ["0.96.10.in-addr.arpa", "1.0.96.256.in-addr.arpa", "a.ip6.arpa"])
def test_malformed_reverse_names(name: str) -> None:
    """An incomplete or impossible reverse name does not exist (DNS-PTR-013)."""
    assert resolve(CLUSTER, Query(name, "PTR")).rcode is Rcode.NXDOMAIN


def test_letter_case() -> None:
    """A query in other letter case is answered, under the name as it was asked (DNS-META-005)."""
    (record,) = resolve(CLUSTER, Query("_HTTP._tCp.WEB.N.SVC.Cluster.LOCAL", "SRV")).records
    assert record.name == "_HTTP._tCp.WEB.N.SVC.Cluster.LOCAL"
    assert record.data == "0 100 80 web.n.svc.Cluster.LOCAL"


def test_chains_of_external_names() -> None:
    """A chain inside the zone is followed; one of more than eleven links is not (DNS-CNAME-006)."""

    def chain(length: int) -> Cluster:
        links = [external(f"e{index}", f"e{index + 1}.n.svc.{Z}") for index in range(length)]
        return evolve(CLUSTER, services=(*links, service(f"e{length}", "10.96.0.9")))

    assert len(ask("e0.n.svc", cluster=chain(11)).records) == 12
    assert ask("e0.n.svc", cluster=chain(12)).records == frozenset()


@pytest.mark.parametrize("zone", ["k8s", "corp.example.org"])
def test_other_zones(zone: str) -> None:
    """The zone is a setting of any number of labels (DNS-META-003)."""
    cluster = evolve(CLUSTER, settings=ClusterSettings(cluster_domain=zone))
    assert data(resolve(cluster, Query(f"web.n.svc.{zone}", "A"))) == ["10.96.0.1"]
    assert resolve(cluster, Query(f"web.n.svc.{Z}", "A")).rcode is Rcode.REFUSED
