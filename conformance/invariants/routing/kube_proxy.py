# SPDX-License-Identifier: Apache-2.0
"""The proxy decides as kube-proxy where implementations may differ, one invariant for each topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.allowed import is_primary
from conformance.invariants.routing.asked import ROUTE, Served, is_alike, served, shown, table
from reference.objects import SERVICE_NAME_LABEL
from reference.questions import ClientKind, Outcome
from reference.routing import Destination
from reference.routing.addresses import family_of, inside
from reference.routing.decision import ranges_for


def differs_by_mode(item: Served) -> bool:
    """Where kube-proxy's modes differ, or what it decides is not what a client meets.

    A node port at another address than the primary one (NP-003, NP-004); no endpoints
    behind source ranges (LB-013), or for a host that uses an address which is not its
    own (NOEP-004); a pod that uses another node's port under policy Local (ETP-014).
    """
    client = item.flow.client
    if not is_primary(item.place):
        return True
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


def judge_parity(
    case: Case,
    items: Sequence[Served],
    wanted: Callable[[Served], bool],
    row: Callable[[Case, Served], str],
) -> None:
    """Each answer is the very one of the model."""
    for item in items:
        if not wanted(item) or differs_by_mode(item):
            continue
        case.judged(item.expected.outcome.value)
        same = is_alike(case, item.expected.outcome, item.got.outcome) and (
            item.got.backends == item.expected.backends
            if item.complete
            else item.got.backends <= item.expected.backends
        )
        if not same:
            case.fail(
                row(case, item),
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


def _decider(item: Served, rows: Sequence[str]) -> str:
    """The one of `rows` that decided, else the first."""
    return next((rule for rule in item.expected.rules if rule in rows), rows[0])


_REFUSALS = ("NOEP-003", "NOEP-001", "NOEP-002", "ITP-005", "NOEP-006", "NOEP-008")


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
    judge_parity(
        case,
        served(case),
        lambda item: not item.place.sets.has_any and "LB-006" not in item.expected.rules,
        _refusal,
    )


def _refusal(case: Case, item: Served) -> str:
    """The row by which a packet is refused: what the implementation takes for an endpoint, or the client."""
    service = item.match.service
    meta = service.metadata
    if item.got.outcome is Outcome.NOT_A_SERVICE and not any(
        piece.metadata.namespace == meta.namespace
        and piece.metadata.labels.get(SERVICE_NAME_LABEL) == meta.name
        for piece in case.cluster.endpoint_slices
    ):
        return "NOEP-008"
    others = (
        table(case).sets(service, port, family_of(item.flow.ip))
        for port in service.spec.ports
        if port is not item.match.port
    )
    if item.got.outcome is Outcome.DROP and any(sets.has_any for sets in others):
        return "NOEP-006"
    return _decider(item, _REFUSALS)


_DROPS = ("NOEP-005", "ITP-004", "ETP-007", "TERM-007", "EXT-002")


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
    judge_parity(
        case, served(case), lambda item: "NOEP-005" in item.expected.rules, lambda _, item: _drop(item)
    )


def _drop(item: Served) -> str:
    """The row by which a packet is dropped, not forwarded nor refused."""
    if item.got.outcome is Outcome.FORWARD:
        by_external_ip = item.destination is Destination.EXTERNAL_IP
        return "EXT-002" if by_external_ip else _decider(item, ("ITP-004", "ETP-007"))
    ready = any(endpoint.ready for endpoint in item.place.sets.endpoints)
    return "NOEP-005" if ready else "TERM-007"


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

    judge_parity(case, served(case), wanted, lambda _, item: _policy(item))


def _policy(item: Served) -> str:
    """The row that an answer breaks at an address that is meant for the outside."""
    spec = item.match.service.spec
    sets, node = item.place.sets, item.place.node
    by_internal = spec.internal_traffic_policy == "Local" and item.got.backends == sets.local(node).backends
    if item.got.outcome is Outcome.NOT_A_SERVICE and item.destination is Destination.LOAD_BALANCER_IP:
        return "LB-005" if item.place.is_inside else "LB-001"
    short = item.policy == "Local" and "ETP-005" not in item.expected.rules
    if short and by_internal:
        return "ETP-015"
    if short and "TERM-002" in item.expected.rules:
        return "ETP-017"
    if by_internal and item.policy == "Cluster":
        return "ITP-006"
    if item.destination is Destination.EXTERNAL_IP:
        return "EXT-002"
    if "TERM-003" in item.expected.rules and any(endpoint.ready for endpoint in sets.endpoints):
        return "TERM-004"
    return _decider(item, ("LB-001", "ETP-011", "ETP-012"))


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
    judge_parity(
        case,
        served(case),
        lambda item: item.destination is Destination.CLUSTER_IP and not item.place.is_inside,
        lambda _, item: "ITP-002" if item.policy == "Local" else "RT-018",
    )


# -- source ranges ---------------------------------------------------------------


@invariant(
    "routing.source-ranges-are-kept",
    kind=Kind.AGREEMENT,
    requirements=("LB-006", "LB-007", "LB-014", "LB-015"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("outside", "inside"),
)
def source_ranges(case: Case) -> None:
    """A load balancer's address is served to sources inside the source ranges, and packets of all
    others, pods and nodes included, are dropped.
    """
    for item in served(case):
        if item.destination is not Destination.LOAD_BALANCER_IP or differs_by_mode(item):
            continue
        if not item.place.match.service.spec.load_balancer_source_ranges:
            continue
        denied = "LB-006" in item.expected.rules
        case.judged("outside" if denied else "inside")
        if not is_alike(case, item.expected.outcome, item.got.outcome):
            case.fail(
                _range_row(item),
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


def _range_row(item: Served) -> str:
    """The row that a packet breaks which is wrongly let in or kept out."""
    ip = item.flow.client.ip
    denied = "LB-006" in item.expected.rules
    primary = item.place.node.primary(family_of(ip))
    ranges = ranges_for(item.match.service, ip)
    by_node = primary is not None and any(inside(primary, cidr) for cidr in ranges)
    if ranges and by_node is denied and primary != ip:
        return "LB-014"
    every = (entry.ip for entry in item.match.service.status.load_balancer.ingress)
    first = next(each for each in every if family_of(each) == family_of(item.flow.ip))
    return "LB-015" if item.flow.ip != first else "LB-006" if denied else "LB-007"


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
        if item.destination is Destination.LOAD_BALANCER_IP or differs_by_mode(item):
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
