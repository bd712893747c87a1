# SPDX-License-Identifier: Apache-2.0
"""Which member of the eligible set is picked: every one sooner or later, and evenly where claimed.

A check may accuse a correct implementation with probability `case.alpha` at most;
the numbers of connections follow from it and from the size of the set.
"""

from __future__ import annotations

import math
from collections import Counter

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Served, is_affine, served, texts
from conformance.observe import probes_needed
from conformance.questions import turn_of
from conformance.questions.routing import burst
from reference.questions import Flow, Observation, Outcome

CONNECT = ("connect",)
MOST_FLOWS = 2


def is_choice(item: Served, *, affinity: bool) -> bool:
    """Whether every implementation forwards the flow, to one out of several."""
    return (
        item.allowed is not None
        and not item.allowed.refused
        and item.allowed.least > 1
        and is_affine(item.place) is affinity
    )


def choosable(case: Case, *, affinity: bool) -> list[Served]:
    """Flows that every implementation forwards and of which there is a choice, in turns."""
    found = [item for item in served(case) if is_choice(item, affinity=affinity)]
    start = turn_of(case.cluster) % len(found) if found else 0
    return found[start:] + found[:start]


def picked(case: Case, flow: Flow, count: int) -> list[Observation]:
    """What `count` connections of one flow from different source ports meet."""
    return case.ask_again("connect", burst(flow, count=count))


@invariant(
    "routing.every-member-is-reached",
    kind=Kind.STATISTICAL,
    requirements=("RT-012",),
    asks=CONNECT,
    level=Level.CLASS,
    classes=("a choice",),
)
def support(case: Case) -> None:
    """Many connections of one client from different source ports are all forwarded, and reach every
    eligible endpoint and no other.
    """
    for item in choosable(case, affinity=False)[:MOST_FLOWS]:
        assert item.allowed is not None
        count = probes_needed(item.allowed.most, case.alpha / MOST_FLOWS)
        answers = picked(case, item.flow, count)
        seen = frozenset(entry.backend for entry in answers if entry.backend is not None)
        case.judged("a choice")
        kept_out = [entry.outcome.value for entry in answers if entry.outcome is not Outcome.FORWARD]
        if kept_out:
            case.fail(
                "RT-012",
                question=f"{count} connections: {item.text}",
                expected="each one is forwarded",
                got=f"{len(kept_out)} times {kept_out[0]}",
            )
        if seen not in item.allowed.sets:
            case.fail(
                "RT-012",
                question=f"{count} connections: {item.text}",
                expected=f"each member reached and no other: {item.wanted}",
                got=f"reached {texts(seen)}",
            )


def divergence(share: float, probability: float) -> float:
    """The Kullback-Leibler divergence of two coins, in nats."""

    def part(q: float, p: float) -> float:
        return q * math.log(q / p) if q > 0 else 0.0

    return part(share, probability) + part(1 - share, 1 - probability)


def deviates(hits: int, trials: int, probability: float, alpha: float) -> bool:
    """Whether `hits` of `trials` is too far from `probability` for chance, at `alpha` for each side.

    Chernoff's bound: a share of q or farther on one side of p comes up with
    probability exp(-n KL(q, p)) at most, whatever n is.
    """
    return trials * divergence(hits / trials, probability) > -math.log(alpha)


def connections_needed(set_size: int, alpha: float, *, tolerance: float = 0.5) -> int:
    """How many connections tell a member whose share is off by `tolerance` from one that is not.

    So many that a share seen halfway to it, 1/k (1 - tolerance / 2), `deviates`
    already: who is as far off as that is accused unless chance brings it back by half.
    """
    even = 1 / set_size
    return math.ceil(-math.log(alpha) / divergence(even * (1 - tolerance / 2), even)) + 1


@invariant(
    "routing.the-choice-is-even",
    kind=Kind.STATISTICAL,
    requirements=("RT-011",),
    asks=CONNECT,
    level=Level.KUBE_PROXY,
    classes=("a choice",),
)
def even(case: Case) -> None:
    """Each new connection picks every eligible endpoint with the same probability."""
    for item in choosable(case, affinity=False):
        members = sorted(item.expected.backends)
        if len(members) < 2:
            continue
        alpha = case.alpha / (2 * len(members))
        count = connections_needed(len(members), alpha)
        seen = Counter(entry.backend for entry in picked(case, item.flow, count))
        case.judged("a choice")
        for member in members:
            if deviates(seen[member], count, 1 / len(members), alpha):
                case.fail(
                    "RT-011",
                    question=f"{count} connections: {item.text}",
                    expected=f"about {count // len(members)} at each of {texts(item.expected.backends)}",
                    got=", ".join(f"{seen[each]} at {each.ip}:{each.port}" for each in members),
                )
        return
