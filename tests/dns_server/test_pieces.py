# SPDX-License-Identifier: Apache-2.0
"""The parts of the adapter: names of domains, circles, canaries, messages."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.convert import cluster_from_plain
from conformance.dns_server.canary import Canary, namespaces, token
from conformance.dns_server.circles import circle_of, no_circles
from conformance.dns_server.domains import Exchange, can_be_exchanged
from conformance.dns_server.messages import answer_of, body_of
from conformance.outcomes import WrongShape
from conformance.strategies.clusters import clusters
from conformance.watch_api.served import served
from reference.dns import PodRecords, Zone
from reference.objects import Cluster, ClusterSettings, ObjectMeta, Service, ServiceSpec
from reference.questions import Answer, Query, Rcode, Record
from tests.dns_server import fakes

# -- domains -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("web.default.svc.k8s", "web.default.svc.cluster.local"),
        ("web.default.svc.cluster.local", "web.default.svc.k8s"),
        ("K8S", "CLUSTER.LOCAL"),
        ("k8s.", "cluster.local"),
        ("webk8s", "webk8s"),
        ("www.example.com", "www.example.com"),
        ("1.0.96.10.in-addr.arpa", "1.0.96.10.in-addr.arpa"),
    ],
)
def test_names_of_two_domains(name: str, other: str) -> None:
    """What is below the one is below the other, whole labels alone; the way back is the same."""
    exchange = Exchange("k8s", "cluster.local")
    assert exchange.name(name) == other
    assert exchange.name(other) == name.rstrip(".")


@given(cluster=clusters(dual_stack=True), domain=st.sampled_from(["my.own.zone", "x"]))
@settings(max_examples=50)
def test_the_exchange_changes_no_answer(cluster: Cluster, domain: str) -> None:
    """A right server of another domain gives the right answers for each cluster, once they are exchanged."""
    exchange = Exchange(cluster.settings.cluster_domain, domain)
    ours, theirs = Zone(cluster), Zone(exchange.objects(cluster))
    for service in cluster.services:
        name = f"{service.metadata.name}.{service.metadata.namespace}.svc.{cluster.settings.cluster_domain}"
        ip = service.spec.cluster_ip
        queries = [Query(name, kind) for kind in ("A", "AAAA", "SRV", "CNAME", "TXT")]
        if ip not in ("", "None") and ":" not in ip:
            queries.append(Query(".".join([*reversed(ip.split(".")), "in-addr.arpa"]), "PTR"))
        for query in queries:
            answer = theirs.resolve(exchange.query(query), pods=PodRecords.DISABLED)
            assert exchange.answer(answer) == ours.resolve(query, pods=PodRecords.DISABLED)


def test_domains_that_cannot_be_exchanged() -> None:
    """Neither may lie below the other."""
    assert can_be_exchanged("cluster.local", "k8s")
    assert can_be_exchanged("mycluster.local", "cluster.local")
    assert not can_be_exchanged("a.cluster.local", "cluster.local")
    assert not can_be_exchanged("cluster.local", "A.cluster.local.")


# -- circles -------------------------------------------------------------------------


def cname(name: str, target: str) -> Record:
    """A CNAME."""
    return Record(name, "CNAME", target)


def test_circles_are_found() -> None:
    """From the name that is asked, also if it is not in the circle; the letter case does not matter."""
    assert circle_of("a", [cname("a", "b"), cname("b", "c")]) == []
    assert circle_of("x", [cname("a", "b"), cname("b", "a")]) == []
    assert circle_of("x", [cname("X", "a"), cname("a", "B"), cname("b", "A")]) == [("a", "b"), ("b", "a")]
    assert circle_of("a", [cname("a", "a.")]) == [("a", "a")]


def test_circles_that_the_cluster_has() -> None:
    """External names that go in a circle are answered as they are; any other circle has the wrong shape."""
    name = "self.default.svc.cluster.local"
    spec = ServiceSpec(type="ExternalName", external_name=name)
    cluster = Cluster(services=(Service(ObjectMeta(name="self", namespace="default"), spec),))
    answer = Answer(Rcode.NOERROR, frozenset({cname(name, name)}))
    no_circles(cluster, [Query(name, "CNAME")], [answer])
    with pytest.raises(WrongShape, match="go in a circle: self"):
        no_circles(Cluster(), [Query(name, "CNAME")], [answer])


# -- canaries ------------------------------------------------------------------------


@given(cluster=clusters(dual_stack=True), number=st.integers(1, 20))
@settings(max_examples=50)
def test_a_canary_is_answered_for_by_each_stream(cluster: Cluster, number: int) -> None:
    """It is seen where all of it is served, and not where an object of it is missing; no Service changes."""
    canary = Canary(token(), number)
    domain = cluster.settings.cluster_domain
    zone = Zone(with_canary(cluster, canary))
    pods = PodRecords.VERIFIED
    signals = {
        "services": canary.of_services(domain),
        "endpointslices": canary.of_slices(domain),
        "pods": canary.of_pods(domain),
    }
    for signal in signals.values():
        assert signal.is_there(zone.resolve(signal.query, pods=pods))
    for kind, signal in signals.items():
        without = Zone(with_canary(cluster, canary, without=kind))
        assert not signal.is_there(without.resolve(signal.query, pods=pods))
        earlier = Zone(with_canary(cluster, Canary(canary.run, number + 8)))
        assert not signal.is_there(earlier.resolve(signal.query, pods=pods))
    assert not {each.metadata.name for each in cluster.namespaces} & set(namespaces(canary.run))
    before = Zone(cluster)
    for name, published in before.index.services.items():
        assert zone.index.services[name].endpoints == published.endpoints


def with_canary(cluster: Cluster, canary: Canary, *, without: str = "") -> Cluster:
    """The cluster as a server sees it."""
    objects = served(cluster)
    for kind, items in canary.objects().items():
        if kind != without:
            objects[kind] = [*objects[kind], *items]
    found = cluster_from_plain({"objects": [item for items in objects.values() for item in items]})
    return evolve(found, settings=ClusterSettings(cluster_domain=cluster.settings.cluster_domain))


def test_no_two_runs_have_the_same_canary() -> None:
    """The token is another one each time."""
    assert len({token() for _ in range(100)}) == 100


# -- messages ------------------------------------------------------------------------


def test_all_of_a_message_is_told() -> None:
    """Every section, times to live, the flag AA, and what is there twice."""
    query = Query("web.default.svc.cluster.local", "SRV")
    wire = b"\1\2" + body_of(query)
    name = f"{query.name}."
    twice = f"{name} 30 IN SRV 0 50 80 {name}"
    found = answer_of(query, fakes.answer(wire, twice, twice, f"{name} 7 IN TXT 1.1.0"))
    service = Record(query.name, "SRV", f"0 50 80 {query.name}", 30)
    assert {(each.data, each.ttl) for each in found.records} == {(service.data, 30), ("1.1.0", 7)}
    assert found.repeated == frozenset({service})
    assert found.authoritative is True
    assert found.authority == found.additional == frozenset()
    other = answer_of(query, fakes.answer(wire, rcode="NXDOMAIN", authoritative=False))
    assert (other.rcode, other.authoritative, other.records) == (Rcode.NXDOMAIN, False, frozenset())


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("PTR", "web.default.svc.k8s.", "web.default.svc.k8s"),
        ("NS", "ns.dns.k8s.", "ns.dns.k8s"),
        (
            "SOA",
            "ns.dns.k8s. hostmaster.k8s. 7 7200 1800 86400 5",
            "ns.dns.k8s hostmaster.k8s 7 7200 1800 86400 5",
        ),
        ("TXT", '"1.1" ".0"', "1.1.0"),
        ("MX", "10 mail.k8s.", "10 mail.k8s."),
    ],
)
def test_data_of_each_type(kind: str, data: str, text: str) -> None:
    """As questions.Record has it: names without the last dot, addresses as usual, texts joined."""
    query = Query("x.k8s", kind)
    found = answer_of(query, fakes.answer(b"\1\2" + body_of(query), f"x.k8s. 5 IN {kind} {data}"))
    assert [each.data for each in found.records] == [text]


def test_names_that_cannot_be_asked() -> None:
    """A label that is too long never leaves."""
    with pytest.raises(WrongShape, match="cannot be asked"):
        body_of(Query("x" * 64, "A"))
