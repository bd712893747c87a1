# SPDX-License-Identifier: Apache-2.0
"""The proxy decides as the model, as far as that holds for all: one invariant for each topic.

What is accepted besides the model's own answer is in `allowed`.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, served, shown
from reference.questions import ClientKind, Outcome
from reference.routing import Destination


def judge(case: Case, items: Iterable[Served], requirement: str) -> None:
    """Each answer is one of those that are allowed."""
    for item in items:
        if item.allowed is None:
            continue
        case.judged(*_classes(item))
        if not item.is_right:
            case.fail(
                requirement if item.allowed.sets else _refusal_row(item, requirement),
                question=item.text,
                expected=item.wanted,
                got=shown(item.got),
                because=item.expected.rules,
            )


def _classes(item: Served) -> list[str]:
    assert item.allowed is not None
    if not item.place.sets.has_any:
        return ["no endpoints"]
    if not item.allowed.sets:
        return ["no local endpoint"]
    ready = any(endpoint.ready for endpoint in item.place.sets.endpoints)
    return ["forward"] if ready else ["forward", "only draining endpoints"]


def _refusal_row(item: Served, otherwise: str) -> str:
    """The row by which nothing may be forwarded."""
    if not item.place.sets.has_any:
        return "NOEP-007"
    return {"ITP-003": "ITP-004", "ETP-005": "ETP-007"}.get(otherwise, otherwise)


@invariant(
    "routing.cluster-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=(
        "RT-001",
        "RT-002",
        "RT-003",
        "RT-004",
        "RT-005",
        "RT-008",
        "RT-009",
        "RT-016",
        "RT-020",
        "ITP-001",
        "TERM-001",
        "TERM-002",
        "TERM-005",
        "TERM-006",
        "NOEP-007",
        "SYNC-04",
        "HEADLESS-006",
        "HEADLESS-008",
    ),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward", "no endpoints", "only draining endpoints"),
)
def cluster_ip(case: Case) -> None:
    """A client in the cluster that uses a cluster IP under internal policy Cluster gets one of exactly
    the usable endpoints of that service port, and nothing is forwarded where there are none.
    """
    items = (
        item
        for item in served(case)
        if item.destination is Destination.CLUSTER_IP and item.policy == "Cluster"
    )
    judge(case, items, "RT-001")


@invariant(
    "routing.internal-policy-local-uses-the-nodes-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("ITP-003", "ITP-004", "ITP-008", "RT-019", "TERM-003", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward", "no local endpoint"),
)
def internal_local(case: Case) -> None:
    """A client in the cluster that uses a cluster IP under internal policy Local gets one of exactly
    the usable endpoints on its own node, and nothing is forwarded where there are none.
    """
    items = (
        item for item in served(case) if item.destination is Destination.CLUSTER_IP and item.policy == "Local"
    )
    judge(case, items, "ITP-003")


def _is_bound(item: Served) -> bool:
    """Whether external policy Local holds for the client: from outside, or from another node's host."""
    if item.destination is Destination.CLUSTER_IP or item.policy != "Local":
        return False
    if not item.place.is_inside:
        return True
    elsewhere = item.place.node.name != item.place.own.name
    return (
        item.destination is Destination.NODE_PORT and item.flow.client.kind is ClientKind.NODE and elsewhere
    )


@invariant(
    "routing.external-policy-local-uses-the-nodes-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("ETP-005", "ETP-007", "ETP-013", "RT-019", "TERM-003", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward", "no local endpoint"),
)
def external_local(case: Case) -> None:
    """Under external policy Local, a packet from outside gets one of exactly the usable endpoints on
    the node at which it arrives, and nothing is forwarded where there are none.
    """
    judge(case, filter(_is_bound, served(case)), "ETP-005")


@invariant(
    "routing.external-policy-local-does-not-bind-clients-inside",
    kind=Kind.AGREEMENT,
    requirements=("ETP-008", "ETP-014"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def inside(case: Case) -> None:
    """Under external policy Local, a client in the cluster that uses a load balancer's address or an
    external IP gets an endpoint of any node.
    """
    items = (
        item
        for item in served(case)
        if item.destination is not Destination.CLUSTER_IP and item.policy == "Local" and not _is_bound(item)
    )
    judge(case, items, "ETP-008")


def _under_cluster(case: Case, destination: Destination) -> Iterable[Served]:
    return (item for item in served(case) if item.destination is destination and item.policy == "Cluster")


@invariant(
    "routing.node-port-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("NP-001", "NP-002", "NP-012", "ETP-003", "TERM-002", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def node_port(case: Case) -> None:
    """Under external policy Cluster, a client that uses a node port gets one of exactly the usable
    endpoints of that service port, whichever node it addresses.
    """
    judge(case, _under_cluster(case, Destination.NODE_PORT), "ETP-003")


@invariant(
    "routing.external-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("EXT-001", "EXT-003", "ETP-003", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def external_ip(case: Case) -> None:
    """Under external policy Cluster, a client that uses an external IP gets one of exactly the usable
    endpoints of that service port, whichever node its packets meet.
    """
    judge(case, _under_cluster(case, Destination.EXTERNAL_IP), "EXT-001")


@invariant(
    "routing.load-balancer-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("ETP-003", "LB-014", "LB-015", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def load_balancer_ip(case: Case) -> None:
    """Under external policy Cluster, a client that uses a load balancer's address gets one of exactly
    the usable endpoints of that service port, at each of the addresses.
    """
    judge(case, _under_cluster(case, Destination.LOAD_BALANCER_IP), "ETP-003")


@invariant(
    "routing.no-endpoints-is-refused",
    kind=Kind.AGREEMENT,
    requirements=("NOEP-001", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("no endpoints", "only unusable endpoints"),
)
def refused(case: Case) -> None:
    """A pod that uses the cluster IP of a Service without any usable endpoint is refused at once,
    it does not have to wait for a time-out.
    """
    for item in served(case):
        if item.destination is not Destination.CLUSTER_IP or item.flow.client.kind is not ClientKind.POD:
            continue
        if item.place.sets.has_any:
            continue
        listed = bool(item.place.sets.endpoints)
        case.judged("only unusable endpoints" if listed else "no endpoints")
        if item.got.outcome is not Outcome.REJECT:
            case.fail(
                "NOEP-007" if listed else "NOEP-001",
                question=item.text,
                expected="reject",
                got=shown(item.got),
                because=item.expected.rules,
            )
