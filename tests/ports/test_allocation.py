# SPDX-License-Identifier: Apache-2.0
"""Node ports, cluster IPs and health check node ports over the life of Services."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conformance.strategies.ports import sessions
from reference.objects import ServicePort
from reference.ports import Server
from reference.ports.allocation import cluster_ips_of, node_ports_of
from reference.ports.defaulting import NODE_PORT_TYPES, needs_health_check
from reference.ports.pools import Allowed
from reference.ports.server import answer, serve
from reference.questions import ApiSession
from tests.ports.sessions import (
    DUAL,
    answers,
    at,
    causes,
    codes,
    create,
    delete,
    node_ports,
    settings,
    spec,
    update,
)

_DNS = (ServicePort(53, "dns", "UDP"), ServicePort(53, "dns-tcp", "TCP"))


def test_my_service() -> None:
    """Two ports with their target ports and node ports are stored as they are (PORT-012)."""
    http = ServicePort(8080, "http", target_port=80, node_port=31080)
    https = ServicePort(8443, "https", target_port=443, node_port=31443)
    (response,) = answers(
        create("my-service", http, https, type="NodePort"), within=settings(node_ports=(30000, 32767))
    )
    assert response.code == 201
    assert [(port.port, port.target_port, port.node_port) for port in spec(response).ports] == [
        (8080, 80, 31080),
        (8443, 443, 31443),
    ]


def test_dynamic_numbers() -> None:
    """Every Service gets numbers of its own (ALLOC-025, TYPE-001)."""
    first, second = answers(create("a", type="NodePort"), create("b", type="NodePort"))
    assert node_ports(first) + node_ports(second) == [30000, 30001]
    assert (spec(first).cluster_ip, spec(second).cluster_ip) == ("10.96.0.1", "10.96.0.2")
    assert spec(first).cluster_ips == ("10.96.0.1",)
    assert spec(first).ip_families == ("IPv4",)
    assert spec(first).ip_family_policy == "SingleStack"


@pytest.mark.parametrize(
    ("port", "expected"),
    [(29999, 422), (30000, 201), (30001, 422), (30002, 201), (30003, 201), (30004, 422)],
)
def test_explicit_node_port(port: int, expected: int) -> None:
    """Out of range and taken are refused at the port (ALLOC-009)."""
    _, response = answers(
        create("a", at(30001, protocol="TCP"), type="NodePort"),
        create("b", at(port, protocol="UDP"), type="NodePort", namespace="shop"),
    )
    assert response.code == expected
    if expected == 422:
        assert causes(response) == [("spec.ports[0].nodePort", "Invalid")]


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("10.96.0.0", 422),
        ("10.96.0.1", 201),
        ("10.96.0.2", 422),
        ("10.96.0.14", 201),
        ("10.96.0.15", 422),
        ("10.96.0.16", 422),
    ],
)
def test_explicit_cluster_ip(ip: str, expected: int) -> None:
    """Unusable, outside and taken are refused at clusterIPs (ALLOC-026, ALLOC-029)."""
    _, response = answers(create("a", cluster_ip="10.96.0.2"), create("b", cluster_ip=ip))
    assert response.code == expected
    if expected == 422:
        assert causes(response) == [("spec.clusterIPs", "Invalid")]


def test_node_ports_run_out() -> None:
    """A dynamic request without a free number is a server error (ALLOC-010)."""
    full = settings(node_ports=(30000, 30001))
    requests = [create(name, type="NodePort") for name in "abc"]
    assert codes(*requests, create("d"), within=full) == [201, 201, 500, 201]


def test_cluster_ips_run_out() -> None:
    """So with cluster IPs; headless Services and ExternalNames need none (ALLOC-030)."""
    full = settings(cidrs=("10.96.0.0/30",))
    assert codes(
        create("a"),
        create("b"),
        create("c"),
        create("d", cluster_ip="None"),
        create("e", type="ExternalName", external_name="example.com"),
        within=full,
    ) == [201, 201, 500, 201, 201]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (_DNS, [30000, 30000]),
        ((at(30002, 53, "dns", "UDP"), _DNS[1]), [30002, 30002]),
        ((_DNS[0], at(30002, 53, "dns-tcp", "TCP")), [30002, 30002]),
        ((at(30001, 53, "dns", "UDP"), at(30002, 53, "dns-tcp", "TCP")), [30001, 30002]),
        ((at(30002, 53, "dns", "UDP"), at(30002, 53, "dns-tcp", "TCP")), [30002, 30002]),
        ((*_DNS, ServicePort(54, "other")), [30000, 30000, 30001]),
    ],
)
def test_twins_on_create(ports: tuple[ServicePort, ...], expected: list[int]) -> None:
    """Entries with one port number share a node port unless they ask for two (ALLOC-012, ALLOC-013)."""
    (response,) = answers(create("dns", *ports, type="NodePort"))
    assert node_ports(response) == expected


def test_one_node_port_for_two_port_numbers() -> None:
    """Refused on create even across protocols, granted on update across protocols (ALLOC-014, ALLOC-017)."""
    across = (at(30001, 53, "dns", "UDP"), at(30001, 54, "other", "TCP"))
    same = (at(30001, 53, "dns", "TCP"), at(30001, 54, "other", "TCP"))
    assert codes(create("a", *across, type="NodePort")) == [422]
    assert codes(create("a", type="NodePort"), update("a", *across, type="NodePort")) == [201, 200]
    assert codes(create("a", type="NodePort"), update("a", *same, type="NodePort")) == [201, 500]


def test_updates_do_not_share() -> None:
    """On update twins without a number get one each (ALLOC-015)."""
    _, response = answers(create("a", type="NodePort"), update("a", *_DNS, type="NodePort"))
    assert node_ports(response) == [30001, 30002]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ((ServicePort(80, "a"), ServicePort(81, "b")), [30001, 30002]),
        ((ServicePort(81, "b"), ServicePort(80, "a")), [30002, 30001]),
        ((ServicePort(90, "a"), ServicePort(91, "b")), [30001, 30002]),
        ((ServicePort(80, "b"), ServicePort(81, "a")), [30002, 30001]),
        ((ServicePort(80, "c"), ServicePort(81, "b")), [30000, 30002]),
        ((at(30002, 80, "a"), ServicePort(81, "b")), [30002, 30000]),
        ((at(30002, 80, "a"), at(30001, 81, "b")), [30002, 30001]),
        ((at(30003, 80, "a"), ServicePort(81, "b")), [30003, 30002]),
        ((ServicePort(80, "a"),), [30001]),
    ],
)
def test_updates_keep_node_ports_by_name(ports: tuple[ServicePort, ...], expected: list[int]) -> None:
    """By name, whatever the port number, unless another entry asks for the number (ALLOC-015)."""
    _, response = answers(
        create("a", at(30001, 80, "a"), at(30002, 81, "b"), type="NodePort"),
        update("a", *ports, type="NodePort"),
    )
    assert node_ports(response) == expected


def test_removed_numbers_are_free_at_once() -> None:
    """After an update or a deletion another Service may take them (ALLOC-004, ALLOC-016)."""
    two = (at(30001, 80, "a"), at(30002, 81, "b"))
    assert codes(
        create("a", *two, type="NodePort"),
        create("b", at(30002), type="NodePort"),
        update("a", two[0], type="NodePort"),
        create("b", at(30002), type="NodePort"),
        update("b", at(30003), type="NodePort"),
        update("a", at(30001, 80, "a"), at(30002, 81, "b"), type="NodePort"),
        delete("a"),
        create("c", at(30001), type="NodePort"),
    ) == [201, 422, 200, 201, 200, 200, 200, 201]


def test_cluster_ip_of_a_deleted_service_is_free() -> None:
    """It can be asked for again at once (ALLOC-004)."""
    ip = {"cluster_ip": "10.96.0.5"}
    assert codes(create("a", **ip), create("b", **ip), delete("a"), create("b", **ip)) == [201, 422, 200, 201]


@pytest.mark.parametrize(
    "bad",
    [
        create("bad", at(30001, 80, "a"), at(30009, 81, "b"), type="NodePort", cluster_ip="10.96.0.5"),
        create("bad", at(30001, 80, "a"), type="NodePort", cluster_ip="10.96.0.5", session_affinity="Sticky"),
        create(
            "bad",
            at(30001),
            type="LoadBalancer",
            cluster_ip="10.96.0.5",
            external_traffic_policy="Local",
            health_check_node_port=30001,
        ),
        create("a", at(30001), type="NodePort", cluster_ip="10.96.0.5"),
        update("a", at(30001, 80, "a"), at(30009, 81, "b"), type="NodePort"),
        update("a", at(30001), type="NodePort", session_affinity="Sticky"),
    ],
)
def test_a_refused_request_takes_nothing(bad: Any) -> None:
    """Whatever it had taken before it failed is free (ALLOC-001, ALLOC-002)."""
    before, refused, after = answers(
        create("a", type="ClusterIP"), bad, create("b", at(30001), type="NodePort", cluster_ip="10.96.0.5")
    )
    assert before.code == 201
    assert refused.code >= 400
    assert after.code == 201


def test_a_refused_update_keeps_the_old_numbers() -> None:
    """What it would have given up is still its own (ALLOC-003)."""
    assert codes(
        create("a", at(30001), type="NodePort"),
        update("a", at(30002), type="NodePort", session_affinity="Sticky"),
        create("b", at(30001), type="NodePort"),
        create("b", at(30002), type="NodePort"),
    ) == [201, 422, 422, 201]


def test_allocation_errors_hide_validation_errors() -> None:
    """Allocation comes first, and its error is reported alone (ALLOC-001)."""
    (response,) = answers(create("Bad", at(1), type="NodePort"))
    assert causes(response) == [("spec.ports[0].nodePort", "Invalid")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [30000, 30001]),
        ({"health_check_node_port": 30002}, [30000, 30002]),
        ({"allocate_load_balancer_node_ports": False}, [0, 30000]),
        ({"external_traffic_policy": "Cluster"}, [30000, 0]),
    ],
)
def test_health_check_node_port(fields: dict[str, Any], expected: list[int]) -> None:
    """Exactly for LoadBalancer and Local, even without node ports (ALLOC-018, ALLOC-021, ALLOC-024)."""
    (response,) = answers(
        create("a", **{"type": "LoadBalancer", "external_traffic_policy": "Local", **fields})
    )
    assert [*node_ports(response), spec(response).health_check_node_port] == expected


@pytest.mark.parametrize("wanted", [29999, 30001, 30004])
def test_health_check_node_port_errors(wanted: int) -> None:
    """Taken or out of range is a server error even for an explicit number (ALLOC-022)."""
    local = {"type": "LoadBalancer", "external_traffic_policy": "Local"}
    assert codes(
        create("a", at(30001), type="NodePort"), create("b", health_check_node_port=wanted, **local)
    ) == [201, 500]


def test_explicit_numbers_without_allocation() -> None:
    """AllocateLoadBalancerNodePorts false still reserves what was asked for (ALLOC-018)."""
    unallocated: dict[str, Any] = {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False}
    first, second = answers(
        create("a", at(30001, 80, "a"), ServicePort(81, "b"), **unallocated),
        create("b", at(30001), type="NodePort"),
    )
    assert node_ports(first) == [30001, 0]
    assert second.code == 422


@pytest.mark.parametrize(
    ("sent", "families", "policy"),
    [
        ({}, ("IPv4",), "SingleStack"),
        ({"ip_families": ("IPv6",)}, ("IPv6",), "SingleStack"),
        ({"ip_family_policy": "PreferDualStack"}, ("IPv4", "IPv6"), "PreferDualStack"),
        (
            {"ip_family_policy": "RequireDualStack", "ip_families": ("IPv6",)},
            ("IPv6", "IPv4"),
            "RequireDualStack",
        ),
        ({"cluster_ip": "fd00::5"}, ("IPv6",), "SingleStack"),
        ({"cluster_ip": "None"}, ("IPv4",), "SingleStack"),
        ({"cluster_ip": "None", "selector": None}, ("IPv4", "IPv6"), "RequireDualStack"),
    ],
)
def test_families_of_a_dual_stack_cluster(
    sent: dict[str, Any], families: tuple[str, ...], policy: str
) -> None:
    """Families follow from policy, addresses and the cluster (ALLOC-036 to ALLOC-039)."""
    (response,) = answers(create("a", **sent), within=settings(cidrs=DUAL))
    stored = spec(response)
    assert (stored.ip_families, stored.ip_family_policy) == (families, policy)
    assert stored.cluster_ip == stored.cluster_ips[0]
    assert len(stored.cluster_ips) == (1 if stored.cluster_ip == "None" else len(families))


def test_headless_without_selector_on_a_single_stack_cluster() -> None:
    """It has both families all the same (ALLOC-037)."""
    (response,) = answers(create("a", cluster_ip="None", selector=None))
    assert spec(response).ip_families == ("IPv4", "IPv6")


def test_changing_stacks() -> None:
    """The second family comes and goes with the policy; the first one stays (ALLOC-042, ALLOC-043)."""
    dual = settings(cidrs=DUAL)
    created, wider, unclear, narrower = answers(
        create("a"),
        update("a", ip_family_policy="PreferDualStack"),
        update("a", ip_families=("IPv4",)),
        update("a", ip_family_policy="SingleStack"),
        within=dual,
    )
    assert spec(wider).cluster_ips[0] == spec(created).cluster_ip
    assert spec(wider).ip_families == ("IPv4", "IPv6")
    assert causes(unclear) == [("spec.ipFamilyPolicy", "Invalid")]
    assert spec(narrower).cluster_ips == spec(created).cluster_ips
    assert spec(narrower).ip_families == ("IPv4",)


@hypothesis_settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(sessions())
def test_what_is_taken_is_what_services_hold(found: tuple[ApiSession, ...]) -> None:
    """The pools hold the numbers of the stored Services, each once, and nothing else."""
    for session in found:
        server = Server(session.settings)
        for request in session.requests:
            _, server = answer(server, request)
            stored = [item for item in server.services.values() if item.spec.type in NODE_PORT_TYPES]
            ports = [number for item in stored for number in node_ports_of(item)]
            ports += [item.spec.health_check_node_port for item in stored if needs_health_check(item)]
            assert sorted(ports) == sorted(server.allocations.node_ports)
            ips = [ip for item in server.services.values() for ip in cluster_ips_of(item)]
            assert len(ips) == len(server.allocations.cluster_ips)
            assert set(ips) == server.allocations.cluster_ips


@hypothesis_settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(sessions(), st.randoms(use_true_random=False))
def test_any_allowed_choice_is_followed(found: tuple[ApiSession, ...], chance: Any) -> None:
    """A server that chooses otherwise, but among what is allowed, is never found wrong."""

    def choose(field: str, allowed: Allowed) -> int:
        numbers = [
            number for band in allowed.bands for number in range(band.start, min(band.stop, band.start + 50))
        ]
        return int(chance.choice([number for number in numbers if number in allowed] or [allowed.lowest()]))

    for session in found:
        server = Server(session.settings)
        for request, response in zip(session.requests, serve(session, choose=choose), strict=True):
            expectation = server.expected(request, response)
            granted = response.code < 300
            assert expectation.allows(granted=granted)
            if granted:
                assert expectation.accepted is not None
                assert expectation.accepted.service == response.service
            server = server.accept(request, response)
