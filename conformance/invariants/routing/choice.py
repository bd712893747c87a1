# SPDX-License-Identifier: Apache-2.0
"""Which member of the eligible set is picked: support, evenness, and session affinity."""

from __future__ import annotations

import math
from collections import Counter

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Asked, asked, is_promised, table
from conformance.observe import probes_needed
from conformance.questions.routing import connections
from reference.questions import Backend, ClientKind, Connection, Flow, Observation, Outcome
from reference.routing.affinity import timeout

_CONNECT = ("connect",)
_MOST_FLOWS = 2
_BURST = 8


def _choosable(case: Case, *, affinity: bool) -> list[Asked]:
    """Flows of which the model says that there is a choice."""
    return [
        item
        for item in asked(case)
        if item.match is not None
        and len(item.expected.backends) > 1
        and item.expected.outcome is Outcome.FORWARD
        and is_promised(case, item)
        and item.flow.client.kind is not ClientKind.EXTERNAL
        and (timeout(item.match.service.spec) is not None) is affinity
    ]


def _picked(case: Case, flow: Flow, count: int) -> list[Observation]:
    return case.ask_again("connect", connections(flow, count=count))


def deviates(hits: int, trials: int, probability: float, alpha: float) -> bool:
    """Whether `hits` of `trials` is too far from `probability` for chance, at `alpha` for one side.

    By Chernoff's bound: a share q on one side of p is met with probability
    exp(-n KL(q, p)) at most, whatever n is.
    """
    share = hits / trials

    def part(q: float, p: float) -> float:
        return q * math.log(q / p) if q > 0 else 0.0

    divergence = part(share, probability) + part(1 - share, 1 - probability)
    return trials * divergence > -math.log(alpha)


@invariant(
    "routing.every-member-is-reached",
    kind=Kind.STATISTICAL,
    requirements=("RT-012", "AFF-012"),
    asks=_CONNECT,
    level=Level.CLASS,
)
def support(case: Case) -> None:
    """Many connections of one client from different source ports reach every eligible endpoint, and
    no other.
    """
    for item in _choosable(case, affinity=False)[:_MOST_FLOWS]:
        expected = item.expected.backends
        count = probes_needed(len(expected), case.alpha / (2 * _MOST_FLOWS))
        seen = {entry.backend for entry in _picked(case, item.flow, count)}
        case.judged()
        if seen - set(expected) - _by_hints(case, item):
            case.fail(
                "RT-012",
                question=f"{count} connections: {item.text}",
                expected=f"only {sorted(expected)}",
                got=sorted(str(backend) for backend in seen),
            )
        if item.match is not None and not _hinted(case, item) and set(expected) - seen:
            case.fail(
                "RT-012",
                question=f"{count} connections: {item.text}",
                expected=f"each of {sorted(expected)} at least once",
                got=f"never {sorted(set(expected) - seen)}",
            )


def _hinted(case: Case, item: Asked) -> bool:
    assert item.match is not None
    return any(
        endpoint.zone_hints or endpoint.node_hints
        for endpoint in table(case).candidates(item.match.service, item.match.port)
    )


def _by_hints(case: Case, item: Asked) -> set[Backend]:
    """What an implementation that does not heed hints may pick as well."""
    assert item.match is not None
    if not _hinted(case, item):
        return set()
    endpoints = table(case).candidates(item.match.service, item.match.port)
    return {endpoint.backend for endpoint in endpoints if endpoint.ready}


@invariant(
    "routing.the-choice-is-even",
    kind=Kind.STATISTICAL,
    requirements=("RT-011",),
    asks=_CONNECT,
    level=Level.KUBE_PROXY,
)
def even(case: Case) -> None:
    """Each new connection picks every eligible endpoint with the same probability."""
    for item in _choosable(case, affinity=False)[:1]:
        members = sorted(item.expected.backends)
        count = 400 * len(members)
        seen = Counter(entry.backend for entry in _picked(case, item.flow, count))
        case.judged()
        for member in members:
            if deviates(seen[member], count, 1 / len(members), case.alpha / (2 * len(members))):
                case.fail(
                    "RT-011",
                    question=f"{count} connections: {item.text}",
                    expected=f"about {count // len(members)} each of {members}",
                    got={str(backend): hits for backend, hits in seen.items()},
                )


def _affine(case: Case) -> list[Asked]:
    return _choosable(case, affinity=True)[:_MOST_FLOWS]


@invariant(
    "routing.affinity-keeps-a-client-at-its-endpoint",
    kind=Kind.STATED,
    requirements=("AFF-001", "AFF-002", "AFF-016"),
    asks=_CONNECT,
    level=Level.CLASS,
)
def sticks(case: Case) -> None:
    """With ClientIP affinity, connections of one client address to one service port through one node
    go to one endpoint as long as they follow each other within the time-out.
    """
    for item in _affine(case):
        assert item.match is not None
        life = timeout(item.match.service.spec) or 0
        step = max(1, life // 2)
        burst = [
            Connection(item.flow, index * step, 40000 + index) for index in range(_BURST)
        ]
        seen = [entry.backend for entry in case.ask_again("connect", burst)]
        case.judged()
        if len(set(seen)) > 1:
            case.fail(
                "AFF-002",
                question=f"{_BURST} connections, {step} s after one another: {item.text}",
                expected=f"all at one endpoint, the time-out being {life} s",
                got=f"{len(set(seen))} endpoints: {sorted(str(backend) for backend in set(seen))}",
            )


@invariant(
    "routing.affinity-stays-inside-the-set",
    kind=Kind.STATED,
    requirements=("AFF-008",),
    asks=_CONNECT,
    level=Level.CLASS,
)
def inside(case: Case) -> None:
    """Session affinity never leads to an endpoint that the policy does not allow."""
    for item in _affine(case):
        allowed = set(item.expected.backends) | _by_hints(case, item)
        seen = {entry.backend for entry in _picked(case, item.flow, _BURST)}
        case.judged()
        if not seen <= allowed:
            case.fail(
                "AFF-008",
                question=item.text,
                expected=f"one of {sorted(item.expected.backends)}",
                got=sorted(str(backend) for backend in seen),
            )


@invariant(
    "routing.affinity-ends-with-its-time-out",
    kind=Kind.STATISTICAL,
    requirements=("AFF-007", "AFF-003"),
    asks=_CONNECT,
    level=Level.KUBE_PROXY,
)
def ends(case: Case) -> None:
    """Once a client was quiet for longer than the time-out, its next connection picks anew among all
    eligible endpoints.
    """
    for item in _affine(case)[:1]:
        assert item.match is not None
        life = timeout(item.match.service.spec) or 0
        expected = item.expected.backends
        count = probes_needed(len(expected), case.alpha)
        apart = [
            Connection(item.flow, index * (life + 10), 41000 + index) for index in range(count)
        ]
        seen = {entry.backend for entry in case.ask_again("connect", apart)}
        case.judged()
        if seen != set(expected):
            case.fail(
                "AFF-007",
                question=f"{count} connections, each {life + 10} s after the one before: {item.text}",
                expected=f"each of {sorted(expected)} at least once, the time-out being {life} s",
                got=sorted(str(backend) for backend in seen),
            )


@invariant(
    "routing.affinity-does-not-gather-all-clients",
    kind=Kind.STATISTICAL,
    requirements=("AFF-014",),
    asks=_CONNECT,
    level=Level.CLASS,
)
def spreads(case: Case) -> None:
    """Over many client addresses, all eligible endpoints are used."""
    suitable = [
        item
        for item in _choosable(case, affinity=True)
        if item.flow.client.kind is ClientKind.POD and not _hinted(case, item)
    ]
    for item in suitable[:1]:
        expected = item.expected.backends
        count = probes_needed(len(expected), case.alpha)
        base = item.flow.client.ip.rpartition(".")[0]
        many = [
            Connection(
                Flow(
                    type(item.flow.client)(
                        ClientKind.POD, item.flow.client.node, f"{base}.{index % 200 + 20}"
                    ),
                    item.flow.ip,
                    item.flow.port,
                    item.flow.protocol,
                ),
                0 if index < 200 else index * 200_000,
                42000 + index,
            )
            for index in range(count)
        ]
        seen = {entry.backend for entry in case.ask_again("connect", many)}
        case.judged()
        if seen != set(expected):
            case.fail(
                "AFF-014",
                question=f"{count} clients: {item.text}",
                expected=f"each of {sorted(expected)} at least once",
                got=sorted(str(backend) for backend in seen),
            )


