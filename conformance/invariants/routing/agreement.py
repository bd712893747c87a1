# SPDX-License-Identifier: Apache-2.0
"""The proxy's decision is the model's, one invariant for each kind of destination and topic."""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import (
    NOT_FORWARDED,
    Asked,
    accepted_sets,
    asked,
    candidates,
    is_promised,
    shown,
)
from reference.questions import ClientKind, Outcome
from reference.routing import Destination, has_any

_ROUTE = ("route|connect",)

# The row that a wrong set breaks, by the destination and the external or internal policy.
_SET_ROW = {
    (Destination.CLUSTER_IP, "Cluster"): "RT-001",
    (Destination.CLUSTER_IP, "Local"): "ITP-003",
    (Destination.NODE_PORT, "Cluster"): "ETP-003",
    (Destination.NODE_PORT, "Local"): "ETP-005",
    (Destination.EXTERNAL_IP, "Cluster"): "EXT-001",
    (Destination.EXTERNAL_IP, "Local"): "ETP-008",
    (Destination.LOAD_BALANCER_IP, "Cluster"): "ETP-003",
    (Destination.LOAD_BALANCER_IP, "Local"): "ETP-008",
}


def policy(item: Asked) -> str:
    """The traffic policy that governs the flow."""
    assert item.match is not None
    spec = item.match.service.spec
    if item.match.destination is Destination.CLUSTER_IP:
        return spec.internal_traffic_policy or "Cluster"
    return spec.external_traffic_policy or "Cluster"


def _agrees(case: Case, destination: Destination) -> None:
    for item in asked(case):
        if item.match is None or item.match.destination is not destination or not is_promised(case, item):
            continue
        expected, got = item.expected, item.got
        case.judged(f"policy {policy(item)}, {expected.outcome.value}")
        row = _SET_ROW[destination, policy(item)]
        if policy(item) == "Local" and item.flow.client.kind is ClientKind.EXTERNAL:
            row = "ETP-005"
        if expected.outcome is Outcome.FORWARD:
            if destination is Destination.EXTERNAL_IP and _may_be_blocked(item):
                continue
            if got.outcome is not Outcome.FORWARD or got.backends not in accepted_sets(case, item):
                case.fail(
                    row,
                    question=item.text,
                    expected=shown(expected),
                    got=shown(got),
                    because=expected.rules,
                )
        elif got.outcome not in (Outcome.REJECT, Outcome.DROP):
            case.fail(
                expected.rules[0] if expected.rules else row,
                question=item.text,
                expected="refused or dropped, not forwarded",
                got=shown(got),
                because=expected.rules,
            )


def _may_be_blocked(item: Asked) -> bool:
    """Some data planes keep pods from external IPs for safety (EXT-007)."""
    return item.flow.client.kind is ClientKind.POD and item.got.outcome is not Outcome.FORWARD


@invariant(
    "routing.cluster-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=(
        "RT-001",
        "RT-002",
        "RT-003",
        "RT-004",
        "RT-008",
        "RT-009",
        "RT-019",
        "ITP-001",
        "ITP-003",
        "TERM-001",
        "TERM-002",
        "TERM-003",
        "TERM-005",
        "TERM-006",
        "NOEP-007",
        "SYNC-04",
        "HEADLESS-008",
    ),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("policy Cluster, forward", "policy Local, forward"),
)
def cluster_ip(case: Case) -> None:
    """A client in the cluster that uses a cluster IP gets one of exactly the endpoints that the
    internal traffic policy allows, and nothing is forwarded where there are none.
    """
    _agrees(case, Destination.CLUSTER_IP)


@invariant(
    "routing.node-port-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("NP-001", "NP-002", "NP-012", "ETP-003", "ETP-005", "ETP-013", "RT-001", "TERM-003"),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("policy Cluster, forward", "policy Local, forward"),
)
def node_port(case: Case) -> None:
    """A client that uses a node port gets one of exactly the endpoints that the external traffic
    policy allows on the node that it addressed.
    """
    _agrees(case, Destination.NODE_PORT)


@invariant(
    "routing.external-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("EXT-001", "EXT-003", "ETP-005", "ETP-008"),
    asks=_ROUTE,
    level=Level.CLASS,
)
def external_ip(case: Case) -> None:
    """A client that uses an external IP gets one of exactly the endpoints that the external traffic
    policy allows, whichever node its packets meet.
    """
    _agrees(case, Destination.EXTERNAL_IP)


@invariant(
    "routing.load-balancer-ip-reaches-its-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("ETP-003", "ETP-005", "ETP-008", "LB-015"),
    asks=_ROUTE,
    level=Level.CLASS,
)
def load_balancer_ip(case: Case) -> None:
    """A client that uses a load balancer's address gets one of exactly the endpoints that the
    external traffic policy allows, at each of the addresses.
    """
    _agrees(case, Destination.LOAD_BALANCER_IP)


@invariant(
    "routing.no-endpoints-is-refused",
    kind=Kind.AGREEMENT,
    requirements=("NOEP-001", "NOEP-007"),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("no endpoints",),
)
def refused(case: Case) -> None:
    """A pod that uses the cluster IP of a Service without any usable endpoint is refused at once,
    it does not have to wait for a time-out.
    """
    for item in asked(case):
        if (
            item.match is None
            or item.match.destination is not Destination.CLUSTER_IP
            or item.flow.client.kind is not ClientKind.POD
            or item.expected.outcome is not Outcome.REJECT
        ):
            continue
        case.judged("no endpoints")
        if item.got.outcome is not Outcome.REJECT:
            case.fail("NOEP-001", question=item.text, expected="reject", got=shown(item.got))


@invariant(
    "routing.source-ranges-are-kept",
    kind=Kind.AGREEMENT,
    requirements=("LB-006", "LB-007", "LB-012", "NP-011"),
    asks=_ROUTE,
    level=Level.KUBE_PROXY,
)
def source_ranges(case: Case) -> None:
    """A load balancer's address is served to sources inside the source ranges and to no others,
    and the ranges touch no other address of the Service.
    """
    for item in asked(case):
        if item.match is None or not item.match.service.spec.load_balancer_source_ranges:
            continue
        case.judged("denied" if item.expected.rules == ("LB-006",) else "admitted")
        if (item.got.outcome is Outcome.FORWARD) != (item.expected.outcome is Outcome.FORWARD):
            case.fail(
                "LB-006" if item.match.destination is Destination.LOAD_BALANCER_IP else "LB-012",
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


@invariant(
    "routing.decides-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=(
        "RT-018",
        "RT-025",
        "ITP-004",
        "ITP-005",
        "ITP-006",
        "ETP-007",
        "ETP-011",
        "ETP-012",
        "ETP-015",
        "ETP-017",
        "TERM-004",
        "TERM-007",
        "TOPO-001",
        "TOPO-002",
        "TOPO-003",
        "TOPO-004",
        "TOPO-005",
        "TOPO-006",
        "TOPO-008",
        "NOEP-002",
        "NOEP-003",
        "NOEP-005",
        "NOEP-006",
        "NOEP-008",
        "LB-001",
        "LB-005",
        "EXT-002",
    ),
    asks=_ROUTE,
    level=Level.KUBE_PROXY,
)
def as_kube_proxy(case: Case) -> None:
    """Each flow that is for a Service meets the very outcome that it meets with kube-proxy:
    forwarded to one of the same set, refused, or dropped.
    """
    for item in asked(case):
        if item.match is None or _differs_by_mode(case, item):
            continue
        case.judged(item.expected.outcome.value)
        if (item.got.outcome, item.got.backends) != (item.expected.outcome, item.expected.backends):
            case.fail(
                item.expected.rules[0],
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


def _differs_by_mode(case: Case, item: Asked) -> bool:
    """Where iptables and nftables differ: no endpoints for a host, or behind ranges (NOEP-004, LB-013),
    and a pod that uses another node's port under policy Local (ETP-014).
    """
    assert item.match is not None
    destination, client = item.match.destination, item.flow.client
    empty = not has_any(candidates(case, item.match))
    if empty and destination in (Destination.EXTERNAL_IP, Destination.LOAD_BALANCER_IP):
        return client.kind is ClientKind.NODE or bool(item.match.service.spec.load_balancer_source_ranges)
    return (
        destination is Destination.NODE_PORT
        and client.kind is ClientKind.POD
        and item.match.service.spec.external_traffic_policy == "Local"
    )


@invariant(
    "routing.source-address-is-kept",
    kind=Kind.AGREEMENT,
    requirements=("ETP-006", "RT-014"),
    asks=_ROUTE,
    level=Level.CLASS,
)
def source_kept(case: Case) -> None:
    """A backend sees the client's own address where that is promised: a pod that uses a cluster IP,
    and a client outside that uses policy Local.
    """
    for item in asked(case):
        if item.match is None or item.got.outcome is not Outcome.FORWARD or item.got.masqueraded is None:
            continue
        kind = item.flow.client.kind
        if item.match.destination is Destination.CLUSTER_IP:
            row, promised = "RT-014", kind is ClientKind.POD
        else:
            row = "ETP-006"
            promised = (
                kind is ClientKind.EXTERNAL
                and item.match.service.spec.external_traffic_policy == "Local"
            )
        if not promised:
            continue
        case.judged(row)
        changed = {backend for backend in item.got.masqueraded if backend.ip != item.flow.client.ip}
        if changed:
            case.fail(
                row,
                question=item.text,
                expected=f"the backend sees {item.flow.client.ip}",
                got=f"another address, at {sorted(changed)}",
            )


@invariant(
    "routing.source-address-as-kube-proxy",
    kind=Kind.AGREEMENT,
    requirements=("RT-015", "RT-016", "RT-021", "ITP-007", "ETP-004", "ETP-009", "ETP-010"),
    asks=_ROUTE,
    level=Level.KUBE_PROXY,
)
def source_as_kube_proxy(case: Case) -> None:
    """A backend sees the client's address or a node's just where it does with kube-proxy."""
    for item in asked(case):
        if item.match is None or item.got.masqueraded is None or item.expected.masqueraded is None:
            continue
        if item.got.outcome is not Outcome.FORWARD or item.got.backends != item.expected.backends:
            continue
        case.judged()
        if item.got.masqueraded != item.expected.masqueraded:
            case.fail(
                item.expected.rules[-1],
                question=item.text,
                expected=f"a node's address at {sorted(item.expected.masqueraded)}",
                got=f"a node's address at {sorted(item.got.masqueraded)}",
                because=item.expected.rules,
            )


@invariant(
    "routing.nothing-else-is-intercepted",
    kind=Kind.STATED,
    requirements=("RT-004", "RT-023", "RT-028", "HEADLESS-001", "HEADLESS-004", "LB-002", "NP-016"),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("not a Service's",),
)
def nothing_else(case: Case) -> None:
    """A packet to an address, port or protocol that no Service has, or to a Service that is another
    proxy's or served by its load balancer itself, reaches no endpoint of a Service.
    """
    for item in asked(case):
        if item.match is not None:
            continue
        case.judged("not a Service's")
        if item.got.outcome not in NOT_FORWARDED:
            case.fail("RT-028", question=item.text, expected="not forwarded", got=shown(item.got))
