# SPDX-License-Identifier: Apache-2.0
"""The proxy decides as kube-proxy where implementations may differ, one invariant for each topic."""

from __future__ import annotations

from collections.abc import Callable

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, served, shown
from reference.questions import ClientKind, Outcome
from reference.routing import Destination


def _differs_by_mode(item: Served) -> bool:
    """Where kube-proxy's modes differ, or what it decides is not what a client meets.

    No endpoints behind source ranges (LB-013), or for a host that uses an address
    which is not its own (NOEP-004); a pod that uses another node's port under
    policy Local (ETP-014).
    """
    client = item.flow.client
    if item.destination in (Destination.EXTERNAL_IP, Destination.LOAD_BALANCER_IP):
        empty = not item.place.sets.has_any
        ranges = item.destination is Destination.LOAD_BALANCER_IP and bool(
            item.place.match.service.spec.load_balancer_source_ranges
        )
        return empty and (client.kind is ClientKind.NODE or ranges)
    return (
        item.destination is Destination.NODE_PORT
        and client.kind is ClientKind.POD
        and item.policy == "Local"
        and item.place.node.name != item.place.own.name
    )


def _judge(case: Case, wanted: Callable[[Served], bool], rows: frozenset[str], requirement: str) -> None:
    """Each answer is the very one of the model; the row is the one of `rows` that decided."""
    for item in served(case):
        if not wanted(item) or _differs_by_mode(item):
            continue
        case.judged(item.expected.outcome.value)
        same = item.got.outcome is item.expected.outcome and (
            item.got.backends == item.expected.backends
            if item.complete
            else item.got.backends <= item.expected.backends
        )
        if not same:
            case.fail(
                next((rule for rule in item.expected.rules if rule in rows), requirement),
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


def _judge_rows(case: Case, wanted: Callable[[Served], bool], *rows: str) -> None:
    _judge(case, wanted, frozenset(rows), rows[0])


_REFUSALS = ("NOEP-003", "NOEP-001", "NOEP-002", "NOEP-006", "NOEP-008", "ITP-005", "TERM-007")


@invariant(
    "routing.no-endpoints-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=_REFUSALS,
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("reject",),
)
def no_endpoints(case: Case) -> None:
    """Every client is refused, not dropped, at every address of a Service that has no usable endpoint
    anywhere, whatever its policies and whether or not it has a slice.
    """
    _judge_rows(
        case,
        lambda item: not item.place.sets.has_any and "LB-006" not in item.expected.rules,
        *_REFUSALS,
    )


_DROPS = ("NOEP-005", "ITP-004", "ETP-007", "TERM-007")


@invariant(
    "routing.no-local-endpoints-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=_DROPS,
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("drop",),
)
def no_local_endpoints(case: Case) -> None:
    """A packet that only local endpoints may serve is dropped, not refused, on a node that has none
    while there are usable ones elsewhere.
    """
    _judge_rows(case, lambda item: "NOEP-005" in item.expected.rules, *_DROPS)


_POLICIES = ("ITP-006", "ETP-011", "ETP-012", "ETP-015", "ETP-017", "TERM-004", "LB-001", "LB-005", "EXT-002")


@invariant(
    "routing.external-policies-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=_POLICIES,
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def external_policies(case: Case) -> None:
    """At node ports, external IPs and load balancers' addresses the internal policy never counts, and
    clients in the cluster are never bound to their node by the external one.
    """

    def wanted(item: Served) -> bool:
        return (
            item.destination is not Destination.CLUSTER_IP
            and item.expected.outcome is Outcome.FORWARD
            and "TOPO-004" not in item.expected.rules
        )

    _judge_rows(case, wanted, *_POLICIES)


_HINTS = (
    "TOPO-004",
    "TOPO-001",
    "TOPO-002",
    "TOPO-003",
    "TOPO-005",
    "TOPO-006",
    "TOPO-008",
    "TOPO-014",
    "TERM-008",
)


@invariant(
    "routing.hints-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=_HINTS,
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def hints(case: Case) -> None:
    """Where endpoints carry hints, exactly those hinted for this node, else for its zone, are used if
    every ready endpoint carries such a hint and one is for here; otherwise hints count for nothing.
    """

    def wanted(item: Served) -> bool:
        return item.expected.outcome is Outcome.FORWARD and any(
            endpoint.zone_hints or endpoint.node_hints for endpoint in item.place.sets.endpoints
        )

    _judge_rows(case, wanted, *_HINTS)


@invariant(
    "routing.cluster-ip-from-outside-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=("RT-018", "ITP-002"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def cluster_ip_from_outside(case: Case) -> None:
    """A client outside whose packets for a cluster IP are routed to a node is served there, by the
    internal policy.
    """
    _judge_rows(
        case,
        lambda item: item.destination is Destination.CLUSTER_IP and not item.place.is_inside,
        "RT-018",
        "ITP-002",
    )


# -- source ranges ---------------------------------------------------------------


@invariant(
    "routing.source-ranges-are-kept",
    kind=Kind.AGREEMENT,
    requirements=("LB-006", "LB-007"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("outside", "inside"),
)
def source_ranges(case: Case) -> None:
    """A load balancer's address is served to sources inside the source ranges, and packets of all
    others, pods and nodes included, are dropped.
    """
    for item in served(case):
        if item.destination is not Destination.LOAD_BALANCER_IP or _differs_by_mode(item):
            continue
        if not item.place.match.service.spec.load_balancer_source_ranges:
            continue
        denied = "LB-006" in item.expected.rules
        case.judged("outside" if denied else "inside")
        if item.got.outcome is not item.expected.outcome:
            case.fail(
                "LB-006" if denied else "LB-007",
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


@invariant(
    "routing.source-ranges-touch-no-other-address",
    kind=Kind.AGREEMENT,
    requirements=("LB-012", "NP-011"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def other_addresses(case: Case) -> None:
    """Source ranges keep nobody from the Service's cluster IP and node ports."""
    for item in served(case):
        if item.destination is Destination.LOAD_BALANCER_IP or _differs_by_mode(item):
            continue
        if not item.place.match.service.spec.load_balancer_source_ranges:
            continue
        case.judged(item.expected.outcome.value)
        if (item.got.outcome is Outcome.FORWARD) != (item.expected.outcome is Outcome.FORWARD):
            case.fail(
                "NP-011" if item.destination is Destination.NODE_PORT else "LB-012",
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )
