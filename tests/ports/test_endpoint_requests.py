# SPDX-License-Identifier: Apache-2.0
"""Which EndpointSlices and legacy Endpoints objects are taken."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from conformance.invariants.ports import endpoint_lists
from reference.frozenmap import FrozenMap
from reference.objects import (
    Endpoint,
    EndpointAddress,
    EndpointHints,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    ForNode,
    ForZone,
    ObjectMeta,
    SubsetPort,
)
from reference.ports import admission_of, answer_endpoints
from reference.ports.rejections import Violation
from reference.questions import Cause, EndpointsRequest

_META = ObjectMeta(name="web", namespace="default")
SLICE = EndpointSlice(_META, "IPv4", (Endpoint(("10.1.2.3",)),), (EndpointPort("http", 80),))
ENDPOINTS = Endpoints(_META, (EndpointSubset((EndpointAddress("10.1.2.3"),), (), (SubsetPort(80),)),))

Told = list[tuple[str, str]]


def told(item: EndpointSlice | Endpoints, old: EndpointSlice | Endpoints | None = None) -> Told:
    """The causes of the refusal, none if the object is taken."""
    response = answer_endpoints(EndpointsRequest(item, old))
    assert response.code == (422 if response.causes else 201 if old is None else 200)
    return [(cause.field, cause.reason) for cause in response.causes]


def _slice(**fields: Any) -> EndpointSlice:
    return evolve(SLICE, **fields)


def _endpoint(**fields: Any) -> EndpointSlice:
    return _slice(endpoints=(evolve(SLICE.endpoints[0], **fields),))


def _subset(**fields: Any) -> Endpoints:
    return evolve(ENDPOINTS, subsets=(evolve(ENDPOINTS.subsets[0], **fields),))


def test_plain_objects_are_taken() -> None:
    """What keeps to every rule is created, and updated."""
    for item in (SLICE, ENDPOINTS):
        assert told(item) == told(item, item) == []


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (_slice(address_type="", endpoints=()), [("addressType", "Required")]),
        (_slice(address_type="ipv4"), [("addressType", "NotSupported")]),
        (_slice(endpoints=SLICE.endpoints * 1000), []),
        (_slice(endpoints=SLICE.endpoints * 1001), [("endpoints", "TooMany")]),
        (_endpoint(addresses=()), [("endpoints[0].addresses", "Required")]),
        (_endpoint(addresses=("10.1.2.3",) * 100), []),
        (_endpoint(addresses=("10.1.2.3",) * 101), [("endpoints[0].addresses", "TooMany")]),
        (_slice(ports=tuple(EndpointPort(f"p{n}") for n in range(20000))), []),
        (_slice(ports=tuple(EndpointPort(f"p{n}") for n in range(20001))), [("ports", "TooMany")]),
        (_slice(ports=(EndpointPort(), EndpointPort(""))), [("ports[1].name", "Duplicate")]),
        (_slice(ports=(EndpointPort("Http"),)), [("ports[0].name", "Invalid")]),
        (_slice(ports=(EndpointPort("a", protocol=""),)), [("ports[0].protocol", "NotSupported")]),
        (_slice(ports=(EndpointPort("a", app_protocol=""),)), [("ports[0].appProtocol", "Invalid")]),
        (_endpoint(hostname=""), [("endpoints[0].hostname", "Invalid")]),
        (_endpoint(node_name="node.zone-a"), []),
        (_endpoint(node_name=""), [("endpoints[0].nodeName", "Invalid")]),
        (_subset(addresses=()), [("subsets[0]", "Required")]),
        (_subset(ports=(SubsetPort(80, "a"), SubsetPort(81))), [("subsets[0].ports[1].name", "Required")]),
        (_subset(ports=(SubsetPort(0),)), [("subsets[0].ports[0].port", "Invalid")]),
        (_subset(ports=(SubsetPort(65536),)), [("subsets[0].ports[0].port", "Invalid")]),
        (
            _subset(ports=(SubsetPort(80, protocol="tcp"),)),
            [("subsets[0].ports[0].protocol", "NotSupported")],
        ),
        (
            _subset(not_ready_addresses=(EndpointAddress("10.1.2.4", hostname="a.b", node_name="A"),)),
            [
                ("subsets[0].notReadyAddresses[0].hostname", "Invalid"),
                ("subsets[0].notReadyAddresses[0].nodeName", "Invalid"),
            ],
        ),
        (
            _subset(addresses=(EndpointAddress("10.1.2.3"), EndpointAddress("::1"))),
            [("subsets[0].addresses[1].ip", "Invalid")],
        ),
        (_subset(addresses=(EndpointAddress("2001:DB8::1"),)), []),
        (evolve(SLICE, metadata=ObjectMeta(name="1.web", namespace="default")), []),
        (
            evolve(ENDPOINTS, metadata=ObjectMeta(name="Web", namespace="default")),
            [("metadata.name", "Invalid")],
        ),
        (evolve(SLICE, metadata=ObjectMeta(namespace="default")), [("metadata.name", "Required")]),
        (evolve(SLICE, metadata=ObjectMeta(generate_name="web.1-", namespace="default")), []),
        (
            evolve(SLICE, metadata=ObjectMeta(generate_name="web.-", namespace="default")),
            [("metadata.name", "Invalid")],
        ),
        (
            evolve(ENDPOINTS, metadata=evolve(_META, labels=FrozenMap({"-": ""}))),
            [("metadata.labels", "Invalid")],
        ),
    ],
)
def test_each_rule(item: EndpointSlice | Endpoints, expected: Told) -> None:
    """One rule is broken, or just kept to, and the refusal names it (VAL-075 to VAL-081)."""
    assert told(item) == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("IPv4", "10.1.2.300", [("endpoints[0].addresses[0]", "Invalid")]),
        ("IPv4", "127.0.0.1", [("endpoints[0].addresses[0]", "Invalid")]),
        ("IPv4", "2001:db8::1", [("endpoints[0].addresses", "Invalid")]),
        ("IPv4", "::1", [("endpoints[0].addresses", "Invalid"), ("endpoints[0].addresses[0]", "Invalid")]),
        ("IPv6", "2001:db8::1", []),
        ("IPv6", "10.1.2.3", [("endpoints[0].addresses", "Invalid")]),
        ("IPv6", "fe80::1", [("endpoints[0].addresses[0]", "Invalid")]),
        ("FQDN", "db.example.com.", []),
        ("FQDN", "", [("endpoints[0].addresses[0]", "Required")]),
        ("FQDN", "db", [("endpoints[0].addresses[0]", "Invalid")]),
        ("FQDN", "a" * 64 + ".com", [("endpoints[0].addresses[0]", "Invalid")]),
        ("IPX", "anything", [("addressType", "NotSupported")]),
    ],
)
def test_addresses_of_slices(kind: str, text: str, expected: Told) -> None:
    """An address is of the slice's type; what the type is decides what is looked at (VAL-077)."""
    assert told(_slice(address_type=kind, endpoints=(Endpoint((text,)),))) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [("IPv4", "010.1.2.3"), ("IPv4", "::ffff:10.1.2.3"), ("IPv6", "2001:DB8::1"), ("IPv6", "2001:db8:0::1")],
)
def test_what_only_newer_servers_refuse_is_open(kind: str, text: str) -> None:
    """Older servers take these forms, so either answer is allowed; a refusal still names the field."""
    admission = admission_of(EndpointsRequest(_slice(address_type=kind, endpoints=(Endpoint((text,)),))))
    assert admission.may_be_granted
    assert admission.may_be_refused
    assert admission.are_causes(frozenset({Cause("endpoints[0].addresses[0]", "Invalid")}))
    assert not admission.are_causes(frozenset({Cause("endpoints[0].hostname", "Invalid")}))
    assert not admission.are_causes(frozenset())


def test_special_addresses_are_refused_however_they_are_written() -> None:
    """A loopback address with leading zeros is one for older servers as well (VAL-077)."""
    for text in ("0127.0.0.1", "::ffff:127.0.0.1"):
        assert not admission_of(EndpointsRequest(_endpoint(addresses=(text,)))).may_be_granted


def test_hints() -> None:
    """At most eight, none twice; node hints are only known to newer servers (VAL-076)."""
    zones = tuple(ForZone(f"zone-{number}") for number in range(9))
    nodes = tuple(ForNode(f"node-{number}") for number in range(9))
    assert told(_endpoint(hints=EndpointHints(zones[:8], nodes[:8]))) == []
    many = _endpoint(hints=EndpointHints(zones, (*nodes[:2], nodes[0])))
    assert told(many) == [("endpoints[0].hints.forZones", "TooMany")]
    assert told(_endpoint(hints=EndpointHints((ForZone("a"), ForZone(""), ForZone("a"))))) == [
        ("endpoints[0].hints.forZones[2].name", "Duplicate")
    ]
    too_many = admission_of(EndpointsRequest(_endpoint(hints=EndpointHints((), nodes))))
    assert too_many.may_be_granted
    assert too_many.causes == (Cause("endpoints[0].hints.forNodes", "TooMany"),)


def test_the_type_of_addresses_stays() -> None:
    """Any change of it is refused, to an unknown type for two reasons of which one will do (VAL-075)."""
    assert told(_slice(address_type="FQDN", endpoints=()), SLICE) == [("addressType", "Invalid")]
    admission = admission_of(EndpointsRequest(_slice(address_type="IPX"), SLICE))
    unknown, changed = Cause("addressType", "NotSupported"), Cause("addressType", "Invalid")
    assert set(admission.causes) == {unknown, changed}
    for causes in ({unknown}, {changed}, {unknown, changed}):
        assert admission.are_causes(frozenset(causes))


def test_unchanged_endpoints_are_not_looked_at_again() -> None:
    """An update that leaves them as they are may keep what a creation may not have (VAL-074)."""
    legacy = _endpoint(addresses=("010.1.2.3",), hostname="A")
    assert told(evolve(legacy, ports=()), legacy) == []
    more = evolve(legacy, endpoints=(*legacy.endpoints, Endpoint(("10.1.2.9",))))
    assert ("endpoints[0].hostname", "Invalid") in told(more, legacy)
    subsets = _subset(addresses=(EndpointAddress("010.1.2.3"),))
    labelled = evolve(subsets, metadata=evolve(_META, labels=FrozenMap({"team": "a"})))
    assert told(labelled, subsets) == []
    # A protocol that is left out is TCP, so nothing has changed.
    spelt = _subset(addresses=(EndpointAddress("010.1.2.3"),), ports=(SubsetPort(80, protocol="TCP"),))
    assert told(spelt, subsets) == []
    udp = _subset(addresses=(EndpointAddress("010.1.2.3"),), ports=(SubsetPort(80, protocol="UDP"),))
    assert told(udp, subsets) == [("subsets[0].addresses[0].ip", "Invalid")]


def test_what_need_not_be_told_may_be() -> None:
    """Where there are too many endpoints those that are wrong themselves may be named, and nothing else."""
    wrong = _slice(endpoints=(Endpoint(()), *SLICE.endpoints * 1000))
    admission = admission_of(EndpointsRequest(wrong))
    many, without = Cause("endpoints", "TooMany"), Cause("endpoints[0].addresses", "Required")
    assert admission.are_causes(frozenset({many}))
    assert admission.are_causes(frozenset({many, without}))
    assert not admission.are_causes(frozenset({without}))
    assert not admission.are_causes(frozenset({many, Cause("endpoints[1].addresses", "Required")}))


def test_a_violation_is_told_in_one_of_its_ways() -> None:
    """An address of the wrong family is told at the list or at the entry (VAL-077)."""
    admission = admission_of(EndpointsRequest(_endpoint(addresses=("2001:db8::1",))))
    for field in ("endpoints[0].addresses", "endpoints[0].addresses[0]"):
        assert admission.are_causes(frozenset({Cause(field, "Invalid")}))
    assert not admission.are_causes(frozenset({Cause("endpoints", "Invalid")}))
    assert admission.violations == (
        Violation(
            "endpoints[0].addresses",
            "Invalid",
            "VAL-077",
            instead=(Cause("endpoints[0].addresses[0]", "Invalid"),),
        ),
    )


@pytest.mark.parametrize(
    "name",
    [
        *("metadata", "address_types", "limits", "addresses", "slice_ports", "endpoint_fields", "subsets"),
        "several",
    ],
)
def test_lists_have_both_kinds(name: str) -> None:
    """Each list has objects that every server takes and others that every server refuses."""
    decided = [
        (admission.may_be_granted, admission.may_be_refused)
        for admission in map(admission_of, getattr(endpoint_lists, name)())
    ]
    assert decided.count((True, False)) >= 10
    assert decided.count((False, True)) >= 10
    assert decided.count((True, True)) == 0
