# SPDX-License-Identifier: Apache-2.0
"""Properties that hold without the model: where a flow has to be forwarded."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, shown
from conformance.invariants.routing.claims import Claim, claimed, claims
from reference.questions import ClientKind, Outcome


def must_be_forwarded(case: Case, *, draining: bool = False) -> tuple[tuple[Asked, Claim], ...]:
    """Flows that every implementation has to forward, to ready endpoints or to those that drain."""
    key = ("routing must be forwarded", draining)
    return case.memo(key, lambda: tuple(_must_be_forwarded(case, draining=draining)))


def _must_be_forwarded(case: Case, *, draining: bool) -> Iterator[tuple[Asked, Claim]]:
    """Flows under policy Cluster that one service port claims, which has such an endpoint.

    Not those that source ranges may keep out, nor those that some keep out for
    safety: clients outside from cluster IPs (RT-018), pods from external IPs (EXT-007).
    """
    for item, found in claimed(case):
        claim = found[0]
        if len(found) > 1 or not claim.is_served or not claim.is_anywhere(item.flow):
            continue
        if not (claim.is_draining if draining else claim.is_ready):
            continue
        kind = item.flow.client.kind
        if claim.internal and kind is ClientKind.EXTERNAL:
            continue
        if item.flow.ip in claim.service.spec.external_ips and kind is ClientKind.POD:
            continue
        if not claims(case).is_primary(item.flow):
            continue
        direct = item.flow.port != claim.port.node_port
        if direct and not claim.internal and claim.service.spec.load_balancer_source_ranges:
            continue
        yield item, claim


@invariant(
    "routing.a-ready-endpoint-is-enough",
    kind=Kind.STATED,
    requirements=("TOPO-007", "RT-008", "ITP-001", "ETP-003", "NP-001"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("cluster IP", "node port", "other address"),
)
def available(case: Case) -> None:
    """Where the policy is Cluster and an endpoint of the service port is ready, a connection is
    forwarded, whichever node it starts on or arrives at.
    """
    for item, claim in must_be_forwarded(case):
        by_node = not claim.internal and item.flow.port == claim.port.node_port
        case.judged("cluster IP" if claim.internal else "node port" if by_node else "other address")
        if item.got.outcome is not Outcome.FORWARD:
            case.fail(
                _row(claim, by_node=by_node), question=item.text, expected="forward", got=shown(item.got)
            )


@invariant(
    "routing.a-draining-endpoint-is-enough",
    kind=Kind.STATED,
    requirements=("TERM-010", "TERM-002"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("only draining endpoints",),
)
def rolling(case: Case) -> None:
    """While the last endpoints terminate but still serve, and no other is ready yet, connections are
    forwarded to them where the policy is Cluster: a rollout leaves no gap.
    """
    for item, _ in must_be_forwarded(case, draining=True):
        case.judged("only draining endpoints")
        if item.got.outcome is not Outcome.FORWARD:
            case.fail("TERM-010", question=item.text, expected="forward", got=shown(item.got))


def _row(claim: Claim, *, by_node: bool) -> str:
    """The row by which the flow has to be forwarded."""
    if any(entry.is_hinted for entry in claim.listed):
        return "TOPO-007"
    if all(entry.is_silent for entry in claim.listed if entry.ready):
        return "RT-008"
    return "ITP-001" if claim.internal else "NP-001" if by_node else "ETP-003"


@invariant(
    "routing.slices-of-any-author-count",
    kind=Kind.STATED,
    requirements=("EP-024",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("without a selector",),
)
def any_author(case: Case) -> None:
    """A Service without a selector has the endpoints of every slice that names it, whoever wrote it: under
    policy Cluster, one that is ready there is enough.
    """
    for item, claim in must_be_forwarded(case):
        if claim.service.spec.selector:
            continue
        case.judged("without a selector")
        if item.got.outcome is not Outcome.FORWARD:
            case.fail("EP-024", question=item.text, expected="forward", got=shown(item.got))


@invariant(
    "routing.pending-load-balancer-serves-its-node-ports",
    kind=Kind.STATED,
    requirements=("NP-012", "TYPE-004"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("pending",),
)
def pending(case: Case) -> None:
    """A load balancer that nobody has provided yet changes nothing for the Service's node ports and
    cluster IP: under policy Cluster they reach a ready endpoint.
    """
    for item, claim in must_be_forwarded(case):
        service = claim.service
        if service.spec.type != "LoadBalancer" or service.status.load_balancer.ingress:
            continue
        case.judged("pending")
        if item.got.outcome is not Outcome.FORWARD:
            row = "TYPE-004" if claim.internal else "NP-012"
            case.fail(row, question=item.text, expected="forward", got=shown(item.got))
