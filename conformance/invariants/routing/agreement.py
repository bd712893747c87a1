# SPDX-License-Identifier: Apache-2.0
"""The proxy decides as the model, as far as that holds for all: one invariant for each topic.

What is accepted besides the model's own answer is in `allowed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, served, shown
from conformance.invariants.routing.blame import row
from reference.questions import ClientKind, Outcome
from reference.routing import Destination


def judge(case: Case, items: Iterable[Served], requirements: Sequence[str]) -> None:
    """Each answer is one of those that are allowed; the row is the one that explains it best."""
    for item in items:
        if item.allowed is None:
            continue
        case.judged(*_classes(item))
        if not item.is_right:
            case.fail(
                _row(case, item, requirements),
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


def _row(case: Case, item: Served, requirements: Sequence[str]) -> str:
    """The row that an answer breaks; of those that nothing explains better, the first."""
    assert item.allowed is not None
    default = requirements[0]
    if not item.place.sets.has_any:
        return "NOEP-007"
    if item.allowed.sets:
        return row(case.cluster, item, requirements, default)
    return {"ITP-003": "ITP-004", "ETP-005": "ETP-007"}.get(default, default)


_CLUSTER_IP = (
    "RT-001",
    "RT-002",
    "RT-003",
    "RT-004",
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
)


@invariant(
    "routing.cluster-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_CLUSTER_IP,
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
    judge(case, items, _CLUSTER_IP)


_INTERNAL_LOCAL = ("ITP-003", "ITP-004", "RT-019", "RT-020", "TERM-003", "NOEP-007")


@invariant(
    "routing.internal-policy-local-uses-the-nodes-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_INTERNAL_LOCAL,
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
    judge(case, items, _INTERNAL_LOCAL)


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


_EXTERNAL_LOCAL = ("ETP-005", "ETP-007", "RT-019", "TERM-003", "NOEP-007")


@invariant(
    "routing.external-policy-local-uses-the-nodes-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_EXTERNAL_LOCAL,
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward", "no local endpoint"),
)
def external_local(case: Case) -> None:
    """Under external policy Local, a packet from outside gets one of exactly the usable endpoints on
    the node at which it arrives, and nothing is forwarded where there are none.
    """
    items = (item for item in served(case) if _is_bound(item) and not item.place.is_inside)
    judge(case, items, _EXTERNAL_LOCAL)


@invariant(
    "routing.hosts-are-outside-at-other-nodes",
    kind=Kind.AGREEMENT,
    requirements=("ETP-013", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward", "no local endpoint"),
)
def hosts_elsewhere(case: Case) -> None:
    """Under external policy Local, a process of one node that uses the node port of another gets one of
    exactly the usable endpoints on that other node, and nothing is forwarded where there are none.
    """
    items = (item for item in served(case) if _is_bound(item) and item.place.is_inside)
    judge(case, items, ("ETP-013",))


@invariant(
    "routing.external-policy-local-does-not-bind-clients-inside",
    kind=Kind.AGREEMENT,
    requirements=("ETP-008", "ETP-014", "NOEP-007"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def inside(case: Case) -> None:
    """Under external policy Local, a client in the cluster that uses a load balancer's address or an
    external IP gets an endpoint of any node, and so does a pod that uses a node port of a node which
    has all of the endpoints.
    """
    items = [
        item
        for item in served(case)
        if item.destination is not Destination.CLUSTER_IP and item.policy == "Local" and not _is_bound(item)
    ]
    by_node = [item for item in items if item.destination is Destination.NODE_PORT]
    judge(case, (item for item in items if item.destination is not Destination.NODE_PORT), ("ETP-008",))
    judge(case, by_node, ("ETP-014",))


def _under_cluster(case: Case, destination: Destination) -> Iterable[Served]:
    return (item for item in served(case) if item.destination is destination and item.policy == "Cluster")


_NODE_PORT = ("ETP-003", "NP-001", "NP-002", "NP-012", "TERM-002", "NOEP-007")


@invariant(
    "routing.node-port-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_NODE_PORT,
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def node_port(case: Case) -> None:
    """Under external policy Cluster, a client that uses a node port gets one of exactly the usable
    endpoints of that service port, whichever node it addresses.
    """
    judge(case, _under_cluster(case, Destination.NODE_PORT), _NODE_PORT)


_EXTERNAL_IP = ("EXT-001", "EXT-003", "ETP-003", "NOEP-007")


@invariant(
    "routing.external-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_EXTERNAL_IP,
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def external_ip(case: Case) -> None:
    """Under external policy Cluster, a client that uses an external IP gets one of exactly the usable
    endpoints of that service port, whichever node its packets meet.
    """
    judge(case, _under_cluster(case, Destination.EXTERNAL_IP), _EXTERNAL_IP)


_LOAD_BALANCER_IP = ("ETP-003", "LB-014", "LB-015", "NOEP-007")


@invariant(
    "routing.load-balancer-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=_LOAD_BALANCER_IP,
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forward",),
)
def load_balancer_ip(case: Case) -> None:
    """Under external policy Cluster, a client that uses a load balancer's address gets one of exactly
    the usable endpoints of that service port, at each of the addresses.
    """
    judge(case, _under_cluster(case, Destination.LOAD_BALANCER_IP), _LOAD_BALANCER_IP)


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
