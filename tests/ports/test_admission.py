# SPDX-License-Identifier: Apache-2.0
"""What may be created: every row of the catalogue that refuses, and those that say what is taken."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from conformance.strategies.ports import DEFECTS, NEAR_MISSES, ODDITIES, SETTINGS, SHAPES, UNSPOKEN
from conformance.strategies.ports.numbers import CHOICES, numbers
from reference.frozenmap import FrozenMap
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports import Server, validate_create, with_defaults
from reference.ports.families import family_violations
from reference.questions import ApiRequest, Cause, Verb

_GOOD = {**SHAPES, **NEAR_MISSES, **ODDITIES}
_BAD = {**DEFECTS, **UNSPOKEN}


def _named(service: Service) -> Service:
    """The Service with a name, where it is not about names."""
    if service.metadata.name:
        return service
    return evolve(service, metadata=evolve(service.metadata, name="web"))


def _all_numbers() -> list[tuple[ClusterSettings, int]]:
    return [(settings, choice) for settings in SETTINGS for choice in range(CHOICES)]


@pytest.mark.parametrize("name", _GOOD)
def test_good_services_are_granted(name: str) -> None:
    """Each shape and near miss is granted where its numbers are free, whatever the pools."""
    for settings, choice in _all_numbers():
        service = _named(_GOOD[name](numbers(settings, choice)))
        expectation = Server(settings).expected(ApiRequest(Verb.CREATE, service))
        assert expectation.accepted is not None, (settings, choice, expectation.rejected)


@pytest.mark.parametrize("name", _BAD)
def test_defects_are_refused_with_exactly_their_cause(name: str) -> None:
    """Each defect breaks its own rule and no other, whatever the pools."""
    defect = _BAD[name]
    for settings, choice in _all_numbers():
        service = _named(defect.make(numbers(settings, choice)))
        expectation = Server(settings).expected(ApiRequest(Verb.CREATE, service))
        assert expectation.accepted is None
        assert expectation.rejected is not None
        assert expectation.rejected.causes == ((defect.causes,) if defect.causes else ())


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_name_their_row(name: str) -> None:
    """The reference gives the row that the table names; a range check is the allocator's (ALLOC-009)."""
    defect = DEFECTS[name]
    service = _named(defect.make(numbers(SETTINGS[0], 0)))
    rejected = Server(SETTINGS[0]).expected(ApiRequest(Verb.CREATE, service)).rejected
    assert rejected is not None
    same = {"VAL-019": "ALLOC-009", "ALLOC-026": "ALLOC-029"}
    assert same.get(defect.rule, defect.rule) in rejected.rules


def _service(*ports: ServicePort, name: str = "web", **spec: Any) -> Service:
    metadata = ObjectMeta(name=name, namespace="default")
    return with_defaults(Service(metadata, ServiceSpec(ports=ports or (ServicePort(80),), **spec)))


def _causes(service: Service) -> set[tuple[str, str]]:
    return {(cause.field, cause.reason) for cause in validate_create(service)}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (ObjectMeta(namespace="default"), {("metadata.name", "Required")}),
        (ObjectMeta(namespace="default", generate_name="web-"), set()),
        (ObjectMeta(namespace="default", generate_name="Web-"), {("metadata.generateName", "Invalid")}),
        (
            ObjectMeta(name="web", namespace="default", annotations=FrozenMap({"a": "x" * (256 * 1024)})),
            {("metadata.annotations", "TooLong")},
        ),
        (
            ObjectMeta(name="web", namespace="default", annotations=FrozenMap({"a": "x" * (256 * 1024 - 1)})),
            set(),
        ),
    ],
)
def test_metadata(metadata: ObjectMeta, expected: set[tuple[str, str]]) -> None:
    """A name or a prefix is needed, and annotations have a total size (VAL-004, VAL-005)."""
    assert _causes(evolve(_service(), metadata=metadata)) == expected


def test_all_errors_are_collected() -> None:
    """Validation does not stop at the first error."""
    service = _service(
        ServicePort(0, "a", target_port=80),
        ServicePort(70000, "a", "ICMP", target_port="80"),
        name="Web",
        session_affinity="Sticky",
        type="Other",
    )
    assert _causes(service) == {
        ("metadata.name", "Invalid"),
        ("spec.ports[0].port", "Invalid"),
        ("spec.ports[1].port", "Invalid"),
        ("spec.ports[1].name", "Duplicate"),
        ("spec.ports[1].protocol", "NotSupported"),
        ("spec.ports[1].targetPort", "Invalid"),
        ("spec.sessionAffinity", "NotSupported"),
        ("spec.type", "NotSupported"),
    }


def test_port_0_without_target_port_is_wrong_twice() -> None:
    """TargetPort is defaulted to the wrong number before it is looked at (VAL-011, VAL-013)."""
    assert _causes(_service(ServicePort(0))) == {
        ("spec.ports[0].port", "Invalid"),
        ("spec.ports[0].targetPort", "Invalid"),
    }


def test_repeated_node_ports() -> None:
    """(nodePort, protocol) is unique within a Service, nodePort alone is not (VAL-018)."""
    one = ServicePort(80, "a", "TCP", 80, 30080)
    assert _causes(_service(one, ServicePort(81, "b", "TCP", 80, 30080), type="NodePort")) == {
        ("spec.ports[1].nodePort", "Duplicate")
    }
    assert _causes(_service(one, ServicePort(81, "b", "UDP", 80, 30080), type="NodePort")) == set()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.1",)}, set()),
        ({"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.2",)}, {("spec.clusterIPs", "Invalid")}),
        ({"cluster_ips": ("10.0.0.1",)}, {("spec.clusterIPs", "Invalid")}),
        ({"cluster_ip": "None", "cluster_ips": ("None",)}, set()),
        ({"cluster_ip": "None", "cluster_ips": ("None", "10.0.0.1")}, {("spec.clusterIPs", "Invalid")}),
        (
            {"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.1", "None")},
            {("spec.clusterIPs[1]", "Invalid")},
        ),
        ({"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.1", "")}, {("spec.clusterIPs[1]", "Invalid")}),
        ({"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.1", "fd00::1")}, set()),
        (
            {"cluster_ip": "10.0.0.1", "cluster_ips": ("10.0.0.1", "10.0.0.2")},
            {("spec.clusterIPs", "Invalid")},
        ),
        (
            {
                "cluster_ip": "10.0.0.1",
                "cluster_ips": ("10.0.0.1", "fd00::1"),
                "ip_families": ("IPv6", "IPv4"),
            },
            {("spec.clusterIPs[0]", "Invalid"), ("spec.clusterIPs[1]", "Invalid")},
        ),
        (
            {"cluster_ip": "None", "cluster_ips": ("None",), "ip_families": ("IPv6", "IPv4")},
            set(),
        ),
        ({"ip_families": ("IPv4", "IPv6")}, set()),
        ({"ip_families": ("IPv4", "IPv4")}, {("spec.ipFamilies[1]", "Duplicate")}),
        ({"ip_families": ("ipv4",)}, {("spec.ipFamilies[0]", "NotSupported")}),
        ({"ip_family_policy": "RequireDualStack"}, set()),
        ({"ip_family_policy": ""}, {("spec.ipFamilyPolicy", "NotSupported")}),
    ],
)
def test_cluster_ips_and_families(spec: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """clusterIPs, ipFamilies and ipFamilyPolicy on their own (VAL-036 to VAL-044)."""
    found = family_violations(_service(**spec), old=None)
    assert {(violation.field, violation.reason) for violation in found} == expected


def test_more_than_two_cluster_ips() -> None:
    """Two at the most, and they cannot be of three families (VAL-040, VAL-041)."""
    ips = ("10.0.0.1", "fd00::1", "10.0.0.2")
    found = family_violations(_service(cluster_ip=ips[0], cluster_ips=ips), old=None)
    assert {violation.rule for violation in found} == {"VAL-040", "VAL-041"}


def test_a_digit_first_name_is_the_servers_business() -> None:
    """DNS-1035 names everywhere, DNS-1123 names where the rule is relaxed (VAL-001, VAL-002)."""
    expectation = Server(ClusterSettings()).expected(ApiRequest(Verb.CREATE, _service(name="1-web")))
    assert expectation.accepted is not None
    assert expectation.rejected is not None
    assert expectation.rejected.causes == (frozenset({Cause("metadata.name", "Invalid")}),)


def test_a_digit_first_name_does_not_excuse_other_errors() -> None:
    """Where something else is wrong the request is refused, with the name's cause or without it."""
    service = _service(name="1-web", session_affinity="Sticky")
    expectation = Server(ClusterSettings()).expected(ApiRequest(Verb.CREATE, service))
    affinity = Cause("spec.sessionAffinity", "NotSupported")
    assert expectation.accepted is None
    assert expectation.rejected is not None
    assert expectation.rejected.causes == (
        frozenset({Cause("metadata.name", "Invalid"), affinity}),
        frozenset({affinity}),
    )
