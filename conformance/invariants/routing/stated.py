# SPDX-License-Identifier: Apache-2.0
"""Properties of forwarded flows that hold without the model: which endpoints may be reached."""

from __future__ import annotations

from collections.abc import Iterator, Set

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Served, shown, texts
from conformance.invariants.routing.blame import stranger_row
from conformance.invariants.routing.claims import claims, forwarded
from reference.questions import ClientKind

_LISTED = ("RT-001", "RT-002", "RT-003", "RT-004")


@invariant(
    "routing.backends-are-listed-for-the-port",
    kind=Kind.STATED,
    requirements=_LISTED,
    asks=ROUTE,
    classes=("forwarded",),
)
def listed(case: Case) -> None:
    """Every backend of a flow is an address and port that a slice of that Service lists for that very
    service port.
    """
    for item, found in forwarded(case):
        case.judged("forwarded")
        known = frozenset(entry.backend for claim in found for entry in claim.listed)
        strangers = item.got.backends - known
        if strangers:
            row = stranger_row(case.cluster, item, min(strangers)) if isinstance(item, Served) else "RT-001"
            case.fail(
                row if row in _LISTED else "RT-001",
                question=item.text,
                expected=f"backends out of {texts(known)}",
                got=f"also {texts(strangers)}",
            )


@invariant(
    "routing.the-port-is-the-endpoints-own",
    kind=Kind.STATED,
    requirements=("RT-001", "RT-003", "PORT-011"),
    asks=ROUTE,
    classes=("another number than the Service's", "another number than the target port"),
)
def port_numbers(case: Case) -> None:
    """An endpoint is reached at a port number that a slice gives for it, never at the Service's own
    number, its target port or the node port unless they are equal.
    """
    for item, found in forwarded(case):
        numbers: dict[str, set[int]] = {}
        targets = {claim.port.target_port for claim in found} - {None, 0}
        for claim in found:
            for entry in claim.listed:
                numbers.setdefault(entry.backend.ip, set()).add(entry.backend.port)
        for backend in sorted(item.got.backends):
            known = numbers.get(backend.ip)
            if known is None:
                continue
            case.judged(*_others(known, item.flow.port, targets))
            if backend.port not in known:
                others = {port for each in numbers.values() for port in each}
                row = "PORT-011" if backend.port in targets else "RT-001"
                case.fail(
                    "RT-003" if backend.port in others else row,
                    question=item.text,
                    expected=f"port {sorted(known)} of {backend.ip}",
                    got=f"port {backend.port}",
                )


def _others(known: set[int], port: int, targets: Set[int | str | None]) -> Iterator[str]:
    if port not in known:
        yield "another number than the Service's"
    if targets and not targets & known:
        yield "another number than the target port"


@invariant(
    "routing.unusable-endpoints-get-nothing",
    kind=Kind.STATED,
    requirements=("RT-009", "TERM-005"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("an unusable endpoint",),
)
def unusable(case: Case) -> None:
    """An endpoint that is not ready, and not both serving and terminating, never gets a connection."""
    for item, found in forwarded(case):
        every = [entry for claim in found for entry in claim.listed]
        useful = {entry.backend for entry in every if entry.ready or entry.draining}
        useless = {entry.backend for entry in every} - useful
        case.judged(*(["an unusable endpoint"] if useless else []))
        wrong = item.got.backends & useless
        if wrong:
            terminating = {entry.backend for entry in every if entry.terminating}
            case.fail(
                "TERM-005" if wrong <= terminating else "RT-009",
                question=item.text,
                expected="only endpoints that are ready, or serving while they terminate",
                got=texts(wrong),
            )


@invariant(
    "routing.slices-of-headless-services-are-ignored",
    kind=Kind.STATED,
    requirements=("HEADLESS-006",),
    asks=ROUTE,
    level=Level.CLASS,
)
def headless_slices(case: Case) -> None:
    """An endpoint that is listed only in slices which carry the label of headless Services never gets a
    connection.
    """
    for item, found in forwarded(case):
        every = [entry for claim in found for entry in claim.listed]
        hidden = {entry.backend for entry in every if not entry.for_proxies}
        if not hidden:
            continue
        case.judged("a slice with the label")
        wrong = item.got.backends & (hidden - {entry.backend for entry in every if entry.for_proxies})
        if wrong:
            case.fail(
                "HEADLESS-006",
                question=item.text,
                expected="no endpoint of a slice labelled service.kubernetes.io/headless",
                got=texts(wrong),
            )


@invariant(
    "routing.draining-endpoints-wait-for-the-last-ready-one",
    kind=Kind.STATED,
    requirements=("TERM-001",),
    asks=ROUTE,
    classes=("ready and draining endpoints",),
)
def draining(case: Case) -> None:
    """No connection goes to a terminating endpoint that is not ready out of a set that holds a ready
    one; under policy Cluster, none goes there while any endpoint of the service port is ready.
    """
    for item, found in forwarded(case):
        every = [entry for claim in found for entry in claim.listed if entry.for_proxies]
        ready = frozenset(entry.backend for entry in every if entry.ready)
        leaving = frozenset(entry.backend for entry in every if entry.draining) - ready
        case.judged(*(["ready and draining endpoints"] if ready and leaving else []))
        picked = item.got.backends & leaving
        if not picked or not ready:
            continue
        anywhere = all(claim.is_anywhere(item.flow) for claim in found)
        if anywhere or item.got.backends & ready:
            case.fail(
                "TERM-001",
                question=item.text,
                expected=f"only ready endpoints: {texts(ready)}",
                got=f"also {texts(picked)}, which terminate",
            )


@invariant(
    "routing.local-policy-never-crosses-nodes",
    kind=Kind.STATED,
    requirements=("ITP-003", "ETP-005", "RT-019"),
    asks=ROUTE,
    classes=("internal policy Local", "external policy Local"),
)
def never_crosses(case: Case) -> None:
    """Under internal policy Local a client in the cluster, and under external policy Local a client
    outside, never reaches an endpoint of another node.
    """
    for item, found in forwarded(case):
        outside = item.flow.client.kind is ClientKind.EXTERNAL
        node = claims(case).entered(item.flow)
        for claim in found:
            spec = claim.service.spec
            if claim.internal:
                bound = spec.internal_traffic_policy == "Local" and not outside
                row, name = "ITP-003", "internal policy Local"
            else:
                bound = spec.external_traffic_policy == "Local" and outside
                row, name = "ETP-005", "external policy Local"
            if not bound:
                continue
            case.judged(name)
            here = frozenset(entry.backend for entry in claim.listed if entry.node_name == node)
            nowhere = frozenset(entry.backend for entry in claim.listed if entry.node_name is None)
            if item.got.backends - here:
                case.fail(
                    "RT-019" if item.got.backends <= here | nowhere else row,
                    question=item.text,
                    expected=f"only endpoints on {node}: {texts(here)}",
                    got=shown(item.got),
                )
