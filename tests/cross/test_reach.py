# SPDX-License-Identifier: Apache-2.0
"""What slices offer for a service port: what is sure, what is doubtful, and what is out."""

from __future__ import annotations

import pytest

from conformance.invariants.cross.reach import canonical, offered
from reference.frozenmap import FrozenMap
from reference.objects import (
    HEADLESS_LABEL,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForZone,
    ObjectMeta,
    ServicePort,
)
from reference.questions import Backend

PORT = ServicePort(80, "http", "TCP", 8080)
FIRST = Backend("10.244.0.1", 8080)


def _slice(
    *conditions: EndpointConditions,
    port: EndpointPort | None = None,
    headless: bool = False,
    family: str = "IPv4",
) -> EndpointSlice:
    labels = FrozenMap({HEADLESS_LABEL: ""}) if headless else FrozenMap[str, str]()
    return EndpointSlice(
        ObjectMeta(name="slice", labels=labels),
        family,
        tuple(Endpoint((f"10.244.0.{index}",), each) for index, each in enumerate(conditions, 1)),
        (port or EndpointPort("http", 8080, "TCP"),),
    )


@pytest.mark.parametrize(
    ("conditions", "ready", "terminating"),
    [
        (EndpointConditions(), True, False),
        (EndpointConditions(True, True, False), True, False),
        (EndpointConditions(True, False, True), True, False),
        (EndpointConditions(False, True, True), False, True),
        (EndpointConditions(False, None, True), False, True),
        (EndpointConditions(False, False, True), False, False),
        (EndpointConditions(False, True, False), False, False),
    ],
)
def test_conditions(conditions: EndpointConditions, ready: bool, terminating: bool) -> None:
    """An absent ready counts as true; serving and terminating endpoints may be used while none is ready."""
    found = offered([_slice(conditions)], PORT, "10.96.0.1")
    assert found.ready == found.perhaps == ({FIRST} if ready else set())
    assert found.terminating == ({FIRST} if terminating else set())
    assert found.usable == ({FIRST} if ready or terminating else set())


@pytest.mark.parametrize(
    "port",
    [
        EndpointPort("other", 8080, "TCP"),
        EndpointPort("http", 8080, "UDP"),
        EndpointPort(None, 8080, "TCP"),
        EndpointPort("http", None, "TCP"),
    ],
)
def test_other_ports(port: EndpointPort) -> None:
    """Ports are joined by name and protocol, and have a number."""
    assert not offered([_slice(EndpointConditions(), port=port)], PORT, "10.96.0.1").usable


def test_family() -> None:
    """Only slices of the address's family count."""
    assert not offered([_slice(EndpointConditions(), family="IPv6")], PORT, "10.96.0.1").usable


def test_copies_that_disagree() -> None:
    """An endpoint that is ready in one slice and not in another may be used, and need not be."""
    both = [_slice(EndpointConditions(True)), _slice(EndpointConditions(False))]
    found = offered(both, PORT, "10.96.0.1")
    assert found.ready == set()
    assert found.usable == {FIRST}


def test_slices_of_headless_services() -> None:
    """What is in such a slice alone makes nothing sure."""
    found = offered([_slice(EndpointConditions(True), headless=True)], PORT, "10.96.0.1")
    assert found.ready == set()
    assert found.usable == {FIRST}


def test_hints() -> None:
    """Where there are hints, some of the endpoints may be left out."""
    hinted = EndpointSlice(
        ObjectMeta(name="slice"),
        "IPv4",
        (Endpoint(("10.244.0.1",), hints=EndpointHints((ForZone("a"),))),),
        (EndpointPort("http", 8080, "TCP"),),
    )
    assert offered([hinted], PORT, "10.96.0.1").narrowed
    assert not offered([_slice(EndpointConditions())], PORT, "10.96.0.1").narrowed


def test_canonical() -> None:
    """Addresses are compared as addresses."""
    assert canonical("fd00:0:0::1") == "fd00::1"
    assert canonical("10.0.0.1") == "10.0.0.1"
