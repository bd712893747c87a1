# SPDX-License-Identifier: Apache-2.0
"""Services that are there from the start of a session."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from conformance.convert import from_plain, to_plain
from conformance.engine.reduce import reduce
from conformance.example import Example
from conformance.invariants.ports import existing_lists
from reference.frozenmap import FrozenMap
from reference.objects import (
    ClusterSettings,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Service,
    ServicePort,
    ServiceStatus,
)
from reference.ports import serve
from reference.ports.defaulting import with_defaults
from reference.questions import ApiRequest, ApiResponse, ApiSession, Verb
from tests.ports.sessions import at, causes, create, delete, service, settings, spec

DUAL, V4, V6 = ("10.96.0.0/28", "fd00::/124"), ("10.96.0.0/28",), ("fd00::/124",)


def _stored(name: str = "web", *ports: ServicePort, **fields: Any) -> Service:
    """A Service with a cluster IP and all defaults."""
    plain = {
        "cluster_ip": "10.96.0.5",
        "cluster_ips": ("10.96.0.5",),
        "ip_families": ("IPv4",),
        "ip_family_policy": "SingleStack",
    }
    return with_defaults(service(name, *ports, **{**plain, **fields}))


def _with(stored: Service, **fields: Any) -> Service:
    return evolve(stored, spec=evolve(stored.spec, **fields))


def _answers(
    stored: Service, *requests: ApiRequest, within: ClusterSettings | None = None
) -> tuple[ApiResponse, ...]:
    return serve(ApiSession(within or settings(), requests, (stored,)))


def _updated(stored: Service, within: ClusterSettings | None = None, **fields: Any) -> ApiResponse:
    """The answer to an update of these fields."""
    (response,) = _answers(stored, ApiRequest(Verb.UPDATE, _with(stored, **fields)), within=within)
    return response


def test_what_is_there_is_held() -> None:
    """Its name, its cluster IPs and its node ports are taken, until it is deleted (ALLOC-004)."""
    stored = _stored("web", at(30000), type="NodePort")
    local = evolve(
        _stored(
            "local",
            at(30001),
            type="LoadBalancer",
            external_traffic_policy="Local",
            health_check_node_port=30002,
            cluster_ip="10.96.0.6",
            cluster_ips=("10.96.0.6",),
        )
    )
    requests = (
        create("web"),
        create("a", cluster_ip="10.96.0.5"),
        create("b", at(30000), type="NodePort"),
        create("c", at(30001), type="NodePort"),
        create("d", at(30002), type="NodePort"),
        create("e", at(30003), type="NodePort"),
        delete("web"),
        create("a", cluster_ip="10.96.0.5"),
        create("b", at(30000), type="NodePort"),
    )
    responses = serve(ApiSession(settings(), requests, (stored, local)))
    assert [response.code for response in responses] == [409, 422, 422, 422, 422, 201, 200, 201, 201]


@pytest.mark.parametrize("text", ["10.96.0.05", "::ffff:10.96.0.5"])
def test_a_cluster_ip_is_held_however_it_is_written(text: str) -> None:
    """The address counts, not its text; it is given back with the Service (VAL-074)."""
    stored = _stored(cluster_ip=text, cluster_ips=(text,))
    rival = create("a", cluster_ip="10.96.0.5")
    assert [each.code for each in _answers(stored, rival, delete("web"), rival)] == [422, 200, 201]
    assert spec(_updated(stored, selector=FrozenMap({"app": "db"}))).cluster_ips == (text,)
    assert causes(_updated(stored, cluster_ip="10.96.0.5", cluster_ips=("10.96.0.5",))) == [
        ("spec.clusterIPs[0]", "Invalid")
    ]


def test_a_known_external_ip_stays_but_no_special_one() -> None:
    """It may be moved and repeated; another text of the same address is new (VAL-074, VAL-051)."""
    old = "198.051.100.7"
    stored = _stored(external_ips=(old,))
    for values in ((old,), ("203.0.113.1", old), (old, old), ("198.51.100.7",), ()):
        assert _updated(stored, external_ips=values).code == 200
    assert causes(_updated(stored, external_ips=(old, "198.51.100.07"))) == [
        ("spec.externalIPs[1]", "Invalid")
    ]
    loopback = _stored(external_ips=("127.0.0.01",))
    assert causes(_updated(loopback, external_ips=("127.0.0.01",))) == [("spec.externalIPs[0]", "Invalid")]


def test_a_published_address_stays() -> None:
    """In the status too, what was published is not looked at again (VAL-074)."""

    def status(*ips: str) -> ServiceStatus:
        return ServiceStatus(LoadBalancerStatus(tuple(LoadBalancerIngress(ip, ip_mode="VIP") for ip in ips)))

    stored = evolve(_stored(type="LoadBalancer"), status=status("198.051.100.7"))
    requests = tuple(
        ApiRequest(Verb.UPDATE_STATUS, evolve(stored, status=status(*ips)))
        for ips in (
            ("198.051.100.7", "2001:db8::1"),
            ("198.051.100.7", "198.051.100.8"),
            (),
            ("198.051.100.7",),
        )
    )
    responses = _answers(stored, *requests)
    assert [response.code for response in responses] == [200, 422, 200, 422]
    assert causes(responses[1]) == [("status.loadBalancer.ingress[1].ip", "Invalid")]


def test_a_published_name_is_no_address() -> None:
    """Not even with leading zeros (VAL-071)."""
    stored = _stored(type="LoadBalancer")
    ingress = LoadBalancerStatus((LoadBalancerIngress(hostname="198.051.100.007"),))
    named = evolve(stored, status=ServiceStatus(ingress))
    (response,) = _answers(stored, ApiRequest(Verb.UPDATE_STATUS, named))
    assert causes(response) == [("status.loadBalancer.ingress[0].hostname", "Invalid")]


@pytest.mark.parametrize(
    ("families", "ips"),
    [
        (("IPv4",), ("10.96.0.5",)),
        (("IPv6",), ("fd00::5",)),
        (("IPv4", "IPv6"), ("10.96.0.5", "fd00::5")),
        (("IPv6", "IPv4"), ("fd00::5", "10.96.0.5")),
    ],
)
@pytest.mark.parametrize("cidrs", [V4, V6, DUAL])
def test_stacks_stay(families: tuple[str, ...], ips: tuple[str, ...], cidrs: tuple[str, ...]) -> None:
    """Whatever the cluster has now, an unrelated update leaves both lists alone (ALLOC-044)."""
    stored = _stored(
        ip_family_policy="PreferDualStack", ip_families=families, cluster_ip=ips[0], cluster_ips=ips
    )
    found = spec(_updated(stored, settings(cidrs=cidrs), selector=FrozenMap({"app": "db"})))
    assert (found.ip_families, found.cluster_ips) == (families, ips)


def test_related_updates_decide_anew() -> None:
    """An update that leaves the families out, or changes the type, is no unrelated one (ALLOC-044)."""
    stored = _stored(ip_family_policy="PreferDualStack")
    for fields in ({"ip_families": ()}, {"type": "NodePort"}, {"ip_family_policy": None, "ip_families": ()}):
        assert len(spec(_updated(stored, settings(cidrs=DUAL), **fields)).cluster_ips) == 2


@pytest.mark.parametrize("name", ["kept_addresses", "new_addresses", "lenient_addresses", "other_stacks"])
def test_lists_grant_and_refuse(name: str) -> None:
    """Each list has requests of both kinds, and every session survives JSON."""
    sessions = getattr(existing_lists, name)()
    codes = [response.code // 100 for session in sessions for response in serve(session)]
    assert codes.count(2) >= 10
    assert codes.count(4) >= 10
    assert [from_plain(to_plain(session), ApiSession) for session in sessions] == list(sessions)


def test_what_is_not_needed_is_left_out() -> None:
    """A reproducer keeps no Service that plays no part."""
    session = ApiSession(settings(), (create("a"),), (_stored("web"), _stored("db")))
    small = reduce(Example(sessions=(session,)), lambda each: any(s.requests for s in each.sessions))
    assert small.sessions == (evolve(session, services=()),)
