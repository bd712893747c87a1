# SPDX-License-Identifier: Apache-2.0
"""What every implementation may do, and what is not said of all (routing catalogue, section 6)."""

from __future__ import annotations

import pytest

from conformance.invariants.routing.allowed import REFUSED, Allowed, allowed, situation
from reference.objects import Cluster, Endpoint
from reference.questions import Backend, Client, ClientKind, Decision, Flow, Outcome
from reference.routing import compile
from tests.routing.objects import (
    EXTERNAL_IP,
    HOST,
    LB_IP,
    NODE_A,
    NODE_B,
    OUTSIDE,
    POD,
    POD_A,
    POD_B,
    VIP,
    backends,
    cluster,
    endpoint,
    flow,
    node,
    piece,
    service,
)

ALL, HERE, THERE = backends(POD_A, POD_B), backends(POD_A), backends(POD_B)
ZONED = (node("node-a", NODE_A, zone="zone-a"), node("node-b", NODE_B, index=1, zone="zone-b"))


def _only(*endpoints: Endpoint, **policies: str) -> Cluster:
    return cluster(service(**policies), slices=(piece(*endpoints),))  # type: ignore[arg-type]


LOCAL = cluster(service(external="Local"))
BOTH_LOCAL = cluster(service(internal="Local", external="Local"))
INTERNAL_LOCAL = cluster(service(internal="Local"))
REMOTE = _only(endpoint(POD_B, "node-b"), external="Local")
REMOTE_INTERNAL = _only(endpoint(POD_B, "node-b"), internal="Local")
HINTED = cluster(
    slices=(
        piece(
            endpoint(POD_A, zones=("zone-a",), nodes=("node-b",)),
            endpoint(POD_B, "node-b", zones=("zone-b",), nodes=("node-a",)),
        ),
    ),
    nodes=ZONED,
)
RANGED = cluster(service(load_balancer_source_ranges=("203.0.113.0/24",)))
RANGED_WITH_NODE = cluster(service(load_balancer_source_ranges=("203.0.113.0/24", "192.168.0.0/24")))
ODD_CLIENT = Client(ClientKind.EXTERNAL, "node-a", "10.244.7.7")

CASES: list[tuple[str, Cluster, Flow, Allowed | None]] = [
    ("a pod at a cluster IP", cluster(), flow(POD), Allowed((ALL,))),
    ("a host at a cluster IP", cluster(), flow(HOST), Allowed((ALL,))),
    ("outside at a cluster IP (RT-018)", cluster(), flow(OUTSIDE), None),
    ("internal policy Local", INTERNAL_LOCAL, flow(POD), Allowed((HERE,))),
    ("internal policy Local, none (ITP-004)", REMOTE_INTERNAL, flow(POD), REFUSED),
    ("no endpoints", _only(), flow(OUTSIDE, NODE_A, 30100), REFUSED),
    ("policy Cluster", cluster(), flow(OUTSIDE, NODE_A, 30100), Allowed((ALL,))),
    ("outside, policy Local", LOCAL, flow(OUTSIDE, LB_IP), Allowed((HERE,))),
    ("outside, policy Local, none (ETP-007)", REMOTE, flow(OUTSIDE, LB_IP), REFUSED),
    ("outside, policy Local, at the other node", LOCAL, flow(OUTSIDE, NODE_B, 30100), Allowed((THERE,))),
    ("a pod at a balancer under policy Local (ETP-008)", LOCAL, flow(POD, LB_IP), Allowed((ALL,))),
    ("a host likewise, none local", REMOTE, flow(HOST, LB_IP), Allowed((THERE,))),
    ("a pod at its own node's port (ETP-011)", LOCAL, flow(POD, NODE_A, 30100), Allowed((HERE, ALL))),
    ("the same, none local", REMOTE, flow(POD, NODE_A, 30100), Allowed((THERE,), refused=True)),
    ("a host at its own node's port (ETP-012)", LOCAL, flow(HOST, NODE_A, 30100), Allowed((HERE, ALL))),
    ("a host at another node's port (ETP-013)", LOCAL, flow(HOST, NODE_B, 30100), Allowed((THERE,))),
    ("a pod at another node's port (ETP-014)", LOCAL, flow(POD, NODE_B, 30100), None),
    ("the same, all of them there", REMOTE, flow(POD, NODE_B, 30100), Allowed((THERE,))),
    (
        "internal policy Local for all inside (ITP-006)",
        INTERNAL_LOCAL,
        flow(POD, LB_IP),
        Allowed((ALL, HERE)),
    ),
    ("the same, none local", REMOTE_INTERNAL, flow(POD, LB_IP), Allowed((THERE,), refused=True)),
    ("but not for outside", INTERNAL_LOCAL, flow(OUTSIDE, LB_IP), Allowed((ALL,))),
    ("both Local", BOTH_LOCAL, flow(POD, LB_IP), Allowed((ALL, HERE))),
    ("a pod at an external IP (EXT-007)", cluster(), flow(POD, EXTERNAL_IP), Allowed((ALL,), refused=True)),
    ("a host at an external IP", cluster(), flow(HOST, EXTERNAL_IP), Allowed((ALL,))),
    ("hints", HINTED, flow(POD), Allowed((THERE, HERE, ALL))),
    ("out of range", RANGED, flow(POD, LB_IP), None),
    ("in range, but not the node (LB-014)", RANGED, flow(OUTSIDE, LB_IP), None),
    ("in range with the node", RANGED_WITH_NODE, flow(OUTSIDE, LB_IP), Allowed((ALL,))),
    ("ranges at another address", RANGED, flow(POD, VIP), Allowed((ALL,))),
    ("outside with a pod's address (RT-027)", LOCAL, flow(ODD_CLIENT, LB_IP), None),
]


@pytest.mark.parametrize(
    ("made", "asked", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_allowed(made: Cluster, asked: Flow, expected: Allowed | None) -> None:
    """Each situation allows the sets of the table, and no others; the model's own answer is among them."""
    table = compile(made)
    match = table.match(asked)
    assert match is not None
    place = situation(table, asked, match)
    assert place is not None
    found = allowed(place)
    assert found == expected
    if found is not None:
        assert found.admits(table.decide(asked), complete=True)


A, B = Backend(POD_A, 8080), Backend(POD_B, 8080)


def _forward(*members: Backend) -> Decision:
    return Decision(Outcome.FORWARD, frozenset(members))


@pytest.mark.parametrize(
    ("got", "complete", "right"),
    [
        (_forward(A, B), True, True),
        (_forward(A), True, False),
        (_forward(A), False, True),
        (_forward(), False, False),
        (_forward(A, Backend("10.244.0.9", 1)), False, False),
        (Decision(Outcome.DROP), True, False),
        (Decision(Outcome.REJECT), False, False),
    ],
)
def test_answers(got: Decision, complete: bool, right: bool) -> None:
    """A whole set has to be one of those allowed, a part of one to lie inside."""
    assert Allowed((ALL,)).admits(got, complete=complete) is right


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.DROP, Outcome.NOT_A_SERVICE])
def test_refusals_are_alike(outcome: Outcome) -> None:
    """How a flow is not forwarded is open."""
    assert REFUSED.admits(Decision(outcome), complete=True)
    assert not REFUSED.admits(_forward(A), complete=False)


def test_sizes() -> None:
    """The largest and the smallest set tell how much has to be seen, and whether there is a choice."""
    assert (Allowed((HERE, ALL)).most, Allowed((HERE, ALL)).least) == (2, 1)
    assert (REFUSED.most, REFUSED.least) == (0, 0)
