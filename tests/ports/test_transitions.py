# SPDX-License-Identifier: Apache-2.0
"""Updates: what is kept, what is cleared, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from reference.objects import (
    LoadBalancerIngress,
    LoadBalancerStatus,
    Service,
    ServicePort,
    ServiceStatus,
)
from reference.ports import Server, validate_update, with_defaults
from reference.ports.server import answer
from reference.questions import ApiRequest, Verb
from tests.ports.sessions import (
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

_NAME: dict[str, Any] = {"type": "ExternalName", "external_name": "db.example.com"}
_LOCAL: dict[str, Any] = {"type": "LoadBalancer", "external_traffic_policy": "Local"}
_CLASS: dict[str, Any] = {"load_balancer_class": "example.com/internal"}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, Any]:
    first, second = answers(create("a", **before), update("a", **after))
    assert first.code == 201, first
    return first, second


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_sending_the_manifest_again_changes_nothing(kind: str) -> None:
    """An update without numbers keeps them all (ALLOC-015, ALLOC-023, ALLOC-033)."""
    fields: dict[str, Any] = {"type": kind}
    if kind == "LoadBalancer":
        fields["external_traffic_policy"] = "Local"
    first, second = _changed(fields, fields)
    assert second.code == 200
    assert second.service == first.service


@pytest.mark.parametrize(
    ("before", "after", "kept_ip", "kept_ports"),
    [
        ({}, {"type": "NodePort"}, True, False),
        ({"type": "NodePort"}, {"type": "LoadBalancer"}, True, True),
        ({"type": "LoadBalancer"}, {"type": "NodePort"}, True, True),
        ({"type": "NodePort"}, {}, True, False),
        (_LOCAL, {"type": "NodePort", "external_traffic_policy": "Local"}, True, True),
        ({"type": "NodePort"}, _NAME, False, False),
    ],
)
def test_type_changes(before: dict[str, Any], after: dict[str, Any], kept_ip: bool, kept_ports: bool) -> None:
    """Every type may become every other; numbers are kept where both have them (TYPE-014 to TYPE-020)."""
    first, second = _changed(before, after)
    assert second.code == 200, second
    old, new = spec(first), spec(second)
    assert (new.cluster_ip == old.cluster_ip) is kept_ip
    assert bool(new.cluster_ip) is kept_ip
    assert (node_ports(second) == node_ports(first)) is kept_ports
    assert all(node_ports(second)) is (new.type in ("NodePort", "LoadBalancer"))
    assert new.health_check_node_port == 0
    assert new.external_traffic_policy in (("Cluster", "Local") if any(node_ports(second)) else ("",))


def test_to_external_name_with_everything_sent_back() -> None:
    """What was read and only gets another type loses its numbers all the same (TYPE-014, TYPE-020)."""
    server = Server(settings())
    created, server = answer(server, create("a", **_LOCAL, **_CLASS))
    assert created.service is not None
    sent = evolve(created.service, spec=evolve(created.service.spec, **_NAME))
    changed, server = answer(server, ApiRequest(Verb.UPDATE, sent))
    stored = spec(changed)
    assert changed.code == 200
    assert (stored.cluster_ip, stored.cluster_ips, stored.ip_families, stored.ip_family_policy) == (
        "",
        (),
        (),
        None,
    )
    assert stored.ports[0].node_port == stored.health_check_node_port == 0
    assert stored.load_balancer_class is None
    assert stored.allocate_load_balancer_node_ports is None
    assert stored.external_traffic_policy == ""
    assert stored.internal_traffic_policy is None
    assert not server.allocations.node_ports
    assert not server.allocations.cluster_ips


@pytest.mark.parametrize("wanted", ["", "None", "10.96.0.9"])
def test_from_external_name(wanted: str) -> None:
    """It gets the cluster IP that it asks for, or any; the name is kept and ignored (TYPE-015)."""
    _, second = _changed(_NAME, {"external_name": "db.example.com", "cluster_ip": wanted})
    assert spec(second).cluster_ip == (wanted or "10.96.0.1")
    assert spec(second).ip_family_policy == "SingleStack"
    assert spec(second).external_name == "db.example.com"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"cluster_ip": "10.96.0.9"}, {("spec.clusterIPs[0]", "Invalid")}),
        ({}, {"cluster_ip": "None"}, {("spec.clusterIPs[0]", "Invalid")}),
        ({"cluster_ip": "None"}, {"cluster_ip": "10.96.0.9"}, {("spec.clusterIPs[0]", "Invalid")}),
        ({"cluster_ip": "None"}, {"type": "NodePort"}, {("spec.clusterIPs[0]", "Invalid")}),
        ({"cluster_ip": "None"}, {}, set()),
        ({"cluster_ip": "10.96.0.9"}, {"cluster_ip": "10.96.0.9"}, set()),
        ({}, {"ip_families": ("IPv6",)}, None),
        (
            {"type": "LoadBalancer", **_CLASS},
            {"type": "LoadBalancer"},
            {("spec.loadBalancerClass", "Invalid")},
        ),
        (
            {"type": "LoadBalancer"},
            {"type": "LoadBalancer", **_CLASS},
            {("spec.loadBalancerClass", "Invalid")},
        ),
        ({"type": "NodePort"}, {"type": "LoadBalancer", **_CLASS}, set()),
        ({"type": "LoadBalancer", **_CLASS}, {"type": "NodePort", **_CLASS}, set()),
        (
            {"type": "LoadBalancer", **_CLASS},
            {"type": "NodePort", "load_balancer_class": "example.com/other"},
            {("spec.loadBalancerClass", "Forbidden")},
        ),
        (_LOCAL, {**_LOCAL, "health_check_node_port": 30003}, {("spec.healthCheckNodePort", "Forbidden")}),
        (_LOCAL, {**_LOCAL, "external_traffic_policy": "Cluster"}, set()),
        (
            _LOCAL,
            {**_LOCAL, "external_traffic_policy": "Cluster", "health_check_node_port": 30003},
            {("spec.healthCheckNodePort", "Invalid")},
        ),
        (
            {"type": "LoadBalancer", "load_balancer_source_ranges": ("10.0.0.0/8",)},
            {"type": "NodePort", "load_balancer_source_ranges": ("10.0.0.0/8",)},
            {("spec.LoadBalancerSourceRanges", "Forbidden")},
        ),
        (
            {"type": "LoadBalancer", "load_balancer_source_ranges": ("10.0.0.0/8",)},
            {"type": "NodePort"},
            set(),
        ),
        (
            {"type": "NodePort", "external_traffic_policy": "Local"},
            {"external_traffic_policy": "Local"},
            set(),
        ),
        (
            {"type": "NodePort", "external_traffic_policy": "Local"},
            {"external_traffic_policy": "Cluster"},
            {("spec.externalTrafficPolicy", "Invalid")},
        ),
        (
            {"external_ips": ("198.18.0.1",), "external_traffic_policy": "Local"},
            {"external_traffic_policy": "Local"},
            set(),
        ),
        (
            {"type": "LoadBalancer"},
            {"type": "NodePort", "allocate_load_balancer_node_ports": True},
            set(),
        ),
        (
            {"type": "LoadBalancer"},
            {"type": "NodePort", "allocate_load_balancer_node_ports": False},
            {("spec.allocateLoadBalancerNodePorts", "Forbidden")},
        ),
        ({"session_affinity": "ClientIP"}, {"selector": None, "external_ips": ("198.18.0.1",)}, set()),
    ],
)
def test_what_may_change(
    before: dict[str, Any], after: dict[str, Any], expected: set[tuple[str, str]] | None
) -> None:
    """Immutable fields, fields of a type that is left, and fields that are always free.

    VAL-046, VAL-047, VAL-062, VAL-067, TYPE-013 to TYPE-024.
    """
    _, second = _changed(before, after)
    if expected is None:
        assert second.code == 422
    else:
        assert set(causes(second)) == expected
        assert (second.code == 200) is not bool(expected)


@pytest.mark.parametrize(
    ("ports", "code"),
    [
        ((at(30001, 80, "a"), at(30002, 81, "b")), 200),
        ((at(30002, 80, "a"),), 200),
        ((at(30001, 90, "c"), ServicePort(91, "d")), 200),
        ((at(30003, 80, "a"),), 422),
        ((at(30001, 80, "a"), at(30003, 81, "b")), 422),
    ],
)
def test_node_ports_are_cleared_unless_one_is_new(ports: tuple[ServicePort, ...], code: int) -> None:
    """To ClusterIP: cleared where all are old ones, else refused (TYPE-020)."""
    _, second = answers(
        create("a", at(30001, 80, "a"), at(30002, 81, "b"), type="NodePort"),
        update("a", *ports, type="ClusterIP"),
    )
    assert second.code == code
    if code == 200:
        assert not any(node_ports(second))


def test_turning_allocation_off_and_on() -> None:
    """Off keeps what is sent and frees what is not; on gives new ones, not the old (ALLOC-019)."""
    off: dict[str, Any] = {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False}
    ports = (at(30001, 80, "a"), at(30002, 81, "b"))
    _, kept, freed, given = answers(
        create("a", *ports, type="LoadBalancer"),
        ApiRequest(Verb.UPDATE, create("a", *ports, **off).service),
        ApiRequest(Verb.UPDATE, create("a", ServicePort(80, "a"), at(30002, 81, "b"), **off).service),
        update("a", ServicePort(80, "a"), ServicePort(81, "b"), type="LoadBalancer"),
    )
    assert node_ports(kept) == [30001, 30002]
    assert node_ports(freed) == [0, 30002]
    assert node_ports(given) == [30000, 30001]


def test_leaving_a_load_balancer_clears_the_status() -> None:
    """The ingress goes with the type, and nothing in a request can bring it back (TYPE-019, VAL-073)."""
    server = Server(settings())
    created, server = answer(server, create("a", type="LoadBalancer"))
    assert created.service is not None
    status = ServiceStatus(LoadBalancerStatus((LoadBalancerIngress("203.0.113.9", ip_mode="VIP"),)))
    key = ("default", "a")
    with_status = Server(
        server.settings, server.services | {key: evolve(created.service, status=status)}, server.allocations
    )
    kept, _ = answer(with_status, update("a", type="LoadBalancer"))
    gone, _ = answer(with_status, update("a", type="NodePort"))
    assert kept.service is not None
    assert gone.service is not None
    assert kept.service.status == status
    assert gone.service.status == ServiceStatus()


def test_known_values_are_not_checked_again() -> None:
    """What was stored under older rules may stay; new values may not (VAL-003, VAL-074)."""

    def ranged(*ranges: str) -> Service:
        made = create("1-web", type="LoadBalancer", load_balancer_source_ranges=ranges).service
        return with_defaults(made)

    old = ranged("10.0.0.1/8")
    assert validate_update(old, old) == ()
    assert [cause.field for cause in validate_update(old, ranged("10.0.0.1/8", "10.0.0.2/8"))] == [
        "spec.LoadBalancerSourceRanges[1]"
    ]


def test_codes_of_names() -> None:
    """Created once, changed and deleted only where it exists."""
    assert codes(
        create("a"),
        create("a"),
        create("a", namespace="shop"),
        update("b"),
        delete("b"),
        delete("a"),
        delete("a"),
    ) == [201, 409, 201, 404, 404, 200, 404]


def test_an_update_may_create() -> None:
    """A server may take an update of what is not there for a creation, as PUT does."""
    expectation = Server(settings()).expected(update("a"))
    assert expectation.accepted is not None
    assert expectation.accepted.codes == {201}
    assert expectation.rejected is not None
    assert expectation.rejected.codes == {404}


def test_what_fits_once_released_is_open() -> None:
    """Where a pool lacks just what the same update gives up, another order is no fault (ALLOC-003)."""
    server = Server(settings(node_ports=(30000, 30000)))
    _, server = answer(server, create("a", ServicePort(80, "a"), type="NodePort"))
    expectation = server.expected(update("a", ServicePort(80, "b"), type="NodePort"))
    assert expectation.is_open
    assert expectation.rejected is not None
    assert expectation.rejected.code == 500


def test_a_free_choice_may_get_in_the_way() -> None:
    """Where a free choice may take a number that is asked for later on, both answers are allowed."""
    request = create("a", health_check_node_port=30001, **_LOCAL)
    expectation = Server(settings(node_ports=(30000, 30001))).expected(request)
    assert expectation.accepted is not None
    assert expectation.rejected is not None
    assert expectation.rejected.code == 500
