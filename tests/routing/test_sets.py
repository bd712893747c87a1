# SPDX-License-Identifier: Apache-2.0
"""The endpoint sets: conditions, copies, locality, draining and topology, as upstream's tables have them."""

from __future__ import annotations

import pytest

from reference.objects import (
    HEADLESS_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
)
from reference.questions import Outcome
from reference.routing import compile, decide
from tests.routing.objects import (
    DRAINING,
    GONE,
    NODE_A,
    NODE_B,
    NODES,
    OUTSIDE,
    POD,
    POD_A,
    POD_B,
    READY,
    UNREADY,
    cluster,
    endpoint,
    flow,
    node,
    piece,
    service,
)

NONE = None
CONDITIONS: list[tuple[EndpointConditions, str]] = [
    (EndpointConditions(ready, serving, terminating), expected)
    for ready, serving, terminating, expected in [
        (True, True, False, "ready"),
        (True, False, False, "ready"),
        (True, True, True, "ready"),
        (True, False, True, "ready"),
        (NONE, NONE, NONE, "ready"),
        (NONE, False, True, "ready"),
        (False, True, True, "draining"),
        (False, NONE, True, "draining"),
        (False, True, False, "never"),
        (False, True, NONE, "never"),
        (False, NONE, NONE, "never"),
        (False, False, False, "never"),
        (False, False, True, "never"),
    ]
]


def _reached(made: Cluster, *, local: bool = False) -> frozenset[str]:
    """The addresses that a pod on node-a reaches at the cluster IP, or an outside client at its node port."""
    asked = flow(OUTSIDE, NODE_A, 30100) if local else flow(POD)
    decision = decide(made, asked)
    assert compile(made).decide(asked) == decision
    return frozenset(backend.ip for backend in decision.backends)


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS)
def test_conditions(conditions: EndpointConditions, expected: str) -> None:
    """What an endpoint's conditions make of it: alone, and beside a ready one (RT-008, RT-009, TERM rows)."""
    it = endpoint(POD_A, conditions=conditions)
    alone = _reached(cluster(slices=(piece(it),)))
    beside = _reached(cluster(slices=(piece(it, endpoint(POD_B, "node-b")),)))
    assert alone == (frozenset() if expected == "never" else {POD_A})
    assert beside == ({POD_A, POD_B} if expected == "ready" else {POD_B})


A2, B2 = "10.244.0.3", "10.244.1.3"
TERMINATING: list[tuple[str, tuple[Endpoint, ...], set[str], set[str]]] = [
    # name, endpoints, ClusterSet, LocalSet of node-a
    (
        "local draining, remote ready",
        (endpoint(POD_A, conditions=DRAINING), endpoint(POD_B, "node-b")),
        {POD_B},
        {POD_A},
    ),
    (
        "local ready and draining",
        (endpoint(POD_A), endpoint(A2, conditions=DRAINING), endpoint(POD_B, "node-b")),
        {POD_A, POD_B},
        {POD_A},
    ),
    (
        "all draining",
        (endpoint(POD_A, conditions=DRAINING), endpoint(POD_B, "node-b", DRAINING)),
        {POD_A, POD_B},
        {POD_A},
    ),
    (
        "draining and gone",
        (
            endpoint(POD_A, conditions=GONE),
            endpoint(A2, conditions=DRAINING),
            endpoint(POD_B, "node-b", GONE),
        ),
        {A2},
        {A2},
    ),
    ("remote draining only", (endpoint(POD_B, "node-b", DRAINING),), {POD_B}, set()),
    ("all gone", (endpoint(POD_A, conditions=GONE), endpoint(POD_B, "node-b", UNREADY)), set(), set()),
    (
        "local not ready, remote ready",
        (endpoint(POD_A, conditions=UNREADY), endpoint(POD_B, "node-b"), endpoint(B2, "node-b", DRAINING)),
        {POD_B},
        set(),
    ),
    ("no node name", (endpoint(POD_A, None), endpoint(POD_B, "node-b")), {POD_A, POD_B}, set()),
]


@pytest.mark.parametrize(
    ("endpoints", "anywhere", "here"),
    [case[1:] for case in TERMINATING],
    ids=[case[0] for case in TERMINATING],
)
def test_terminating(endpoints: tuple[Endpoint, ...], anywhere: set[str], here: set[str]) -> None:
    """The fallbacks of all nodes and of one node are independent (TERM-002, TERM-003, TERM-004, RT-019)."""
    made = cluster(service(external="Local"), slices=(piece(*endpoints),))
    assert _reached(made) == anywhere
    assert _reached(made, local=True) == here


ZONED = (
    node("node-a", NODE_A, zone="zone-a"),
    node("node-b", NODE_B, index=1, zone="zone-b"),
)


TOPOLOGY: list[tuple[str, tuple[Endpoint, ...], set[str]]] = [
    (
        "a hint each",
        (endpoint(POD_A, zones=("zone-a",)), endpoint(POD_B, "node-b", zones=("zone-b",))),
        {POD_A},
    ),
    (
        "by hint, not by place",
        (endpoint(POD_A, zones=("zone-b",)), endpoint(POD_B, "node-b", zones=("zone-a",))),
        {POD_B},
    ),
    (
        "several hints",
        (
            endpoint(POD_A, zones=("zone-a",)),
            endpoint(
                POD_B,
                "node-b",
                zones=(
                    "zone-b",
                    "zone-a",
                ),
            ),
        ),
        {POD_A, POD_B},
    ),
    ("one without hint", (endpoint(POD_A, zones=("zone-a",)), endpoint(POD_B, "node-b")), {POD_A, POD_B}),
    (
        "none for this zone",
        (endpoint(POD_A, zones=("zone-b",)), endpoint(POD_B, "node-b", zones=("zone-c",))),
        {POD_A, POD_B},
    ),
    (
        "hint on one that is not ready",
        (
            endpoint(A2, conditions=UNREADY, zones=("zone-a",)),
            endpoint(POD_A, zones=("zone-b",)),
            endpoint(POD_B, "node-b", zones=("zone-b",)),
        ),
        {POD_A, POD_B},
    ),
    (
        "no hint on one that is not ready",
        (
            endpoint(A2, conditions=UNREADY),
            endpoint(POD_A, zones=("zone-a",)),
            endpoint(POD_B, zones=("zone-b",)),
        ),
        {POD_A},
    ),
    (
        "draining ones by no hint",
        (
            endpoint(POD_A, conditions=DRAINING, zones=("zone-a",)),
            endpoint(POD_B, "node-b", DRAINING, zones=("zone-b",)),
        ),
        {POD_A, POD_B},
    ),
    (
        "node before zone",
        (
            endpoint(POD_A, zones=("zone-a",), nodes=("node-a",)),
            endpoint(A2, zones=("zone-a",), nodes=("node-b",)),
        ),
        {POD_A},
    ),
    (
        "no node hint for here, so zone",
        (
            endpoint(POD_A, zones=("zone-a",), nodes=("node-c",)),
            endpoint(A2, zones=("zone-b",), nodes=("node-b",)),
        ),
        {POD_A},
    ),
    (
        "one without node hint, so zone",
        (endpoint(POD_A, zones=("zone-b",), nodes=("node-a",)), endpoint(A2, zones=("zone-a",))),
        {A2},
    ),
    (
        "node hints alone, none for here",
        (endpoint(POD_A, nodes=("node-b",)), endpoint(A2, nodes=("node-c",))),
        {POD_A, A2},
    ),
]


@pytest.mark.parametrize(
    ("endpoints", "expected"), [case[1:] for case in TOPOLOGY], ids=[case[0] for case in TOPOLOGY]
)
def test_topology(endpoints: tuple[Endpoint, ...], expected: set[str]) -> None:
    """Hints shape the set of all nodes as upstream's table says (TOPO-001 to TOPO-008, TERM-008)."""
    made = cluster(service(external="Local"), slices=(piece(*endpoints),), nodes=ZONED)
    assert _reached(made) == expected


@pytest.mark.parametrize("zone", [None, ""])
def test_a_node_without_zone(zone: str | None) -> None:
    """On a node without a zone, or with an empty one, zones count for nothing (TOPO-006)."""
    endpoints = (
        endpoint(
            POD_A,
            zones=(
                "zone-a",
                "",
            ),
        ),
        endpoint(POD_B, "node-b", zones=("zone-b",)),
    )
    made = cluster(slices=(piece(*endpoints),), nodes=(node("node-a", NODE_A, zone=zone), NODES[1]))
    assert _reached(made) == {POD_A, POD_B}


def test_local_sets_ignore_hints() -> None:
    """A local endpoint is used whatever its hints say (ITP-008, TOPO-009)."""
    endpoints = (
        endpoint(POD_A, zones=("zone-b",), nodes=("node-b",)),
        endpoint(POD_B, "node-b", zones=("zone-a",), nodes=("node-a",)),
    )
    made = cluster(service(internal="Local", external="Local"), slices=(piece(*endpoints),), nodes=ZONED)
    assert _reached(made) == {POD_A}
    assert _reached(made, local=True) == {POD_A}


JOIN: list[tuple[str, tuple[EndpointSlice, ...], set[tuple[str, int]]]] = [
    (
        "several slices",
        (piece(endpoint(POD_A)), piece(endpoint(POD_B), name="web-2")),
        {(POD_A, 8080), (POD_B, 8080)},
    ),
    (
        "one address, two numbers",
        (
            piece(endpoint(POD_A)),
            piece(endpoint(POD_A), name="web-2", ports=(EndpointPort("http", 81, "TCP"),)),
        ),
        {(POD_A, 8080), (POD_A, 81)},
    ),
    ("a copy", (piece(endpoint(POD_A)), piece(endpoint(POD_A), name="web-2")), {(POD_A, 8080)}),
    (
        "a terminating copy",
        (piece(endpoint(POD_A, conditions=GONE)), piece(endpoint(POD_A), name="web-2")),
        {(POD_A, 8080)},
    ),
    ("wrong port name", (piece(endpoint(POD_A), ports=(EndpointPort("https", 8080, "TCP"),)),), set()),
    ("wrong protocol", (piece(endpoint(POD_A), ports=(EndpointPort("http", 8080, "UDP"),)),), set()),
    ("no number", (piece(endpoint(POD_A), ports=(EndpointPort("http", None, "TCP"),)),), set()),
    ("protocol not written", (piece(endpoint(POD_A), ports=(EndpointPort("http", 8080),)),), {(POD_A, 8080)}),
    ("other namespace", (piece(endpoint(POD_A), namespace="shop"),), set()),
    ("other Service", (piece(endpoint(POD_A), owner="we"),), set()),
    ("no Service", (piece(endpoint(POD_A), owner=""),), set()),
    ("headless", (piece(endpoint(POD_A), labels={HEADLESS_LABEL: ""}),), set()),
    ("other family", (piece(endpoint(POD_A), family="FQDN"),), set()),
    ("second address", (piece(Endpoint((POD_A, POD_B), READY, node_name="node-a")),), {(POD_A, 8080)}),
]


@pytest.mark.parametrize(("slices", "expected"), [case[1:] for case in JOIN], ids=[case[0] for case in JOIN])
def test_join(slices: tuple[EndpointSlice, ...], expected: set[tuple[str, int]]) -> None:
    """Slices are joined with a service port by label, namespace, port and protocol (RT-002 to RT-007)."""
    for order in (slices, slices[::-1]):
        decision = decide(cluster(endpoint_slices=order), flow(POD))
        assert {(backend.ip, backend.port) for backend in decision.backends} == expected
        assert decision.outcome is (Outcome.FORWARD if expected else Outcome.REJECT)


def test_contradictions_are_known() -> None:
    """The table knows whether copies of one endpoint contradict each other (RT-007)."""
    here, there = piece(endpoint(POD_A)), piece(endpoint(POD_A, "node-b"), name="web-2")
    same = piece(endpoint(POD_A), endpoint(POD_B), name="web-3")
    for slices, expected in (((here, there), True), ((here, same), False), ((here,), False)):
        made = cluster(slices=slices)
        web = made.services[0]
        assert compile(made).is_ambiguous(web, web.spec.ports[0]) is expected
