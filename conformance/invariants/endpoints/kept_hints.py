# SPDX-License-Identifier: Apache-2.0
"""Proportional hints of slices that are there already: which are kept, and which are given anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import permutations

from attrs import evolve, frozen

from conformance.areas import Level
from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import hints_of, hints_text, slices_of
from conformance.invariants.endpoints.hinted_slices import cluster, groups, lost
from conformance.questions import spread, turn_of
from reference.endpoints import linked_slices, synced
from reference.endpoints.syncing import identity
from reference.endpoints.topology import (
    Moves,
    Plan,
    Reason,
    hints_by_zone,
    keeping,
    maxima,
    plan,
    ready_by_zone,
    zone_cpus,
    zone_shares,
)
from reference.objects import Cluster, Endpoint, EndpointHints, EndpointSlice, NamespacedName, Service

LIST = "endpoints.hinted-slices"
MOST_SERVICES = 10
MOST_LOST = 2
"""How many Services get their turn with one input, and how many that have hints no longer."""

Slices = Mapping[str, EndpointSlice]


@frozen
class Choice:
    """The slices that keep their hints, and what those of the others may be."""

    kept: frozenset[str]
    allowed: Plan


@frozen(eq=False)
class Look:
    """One look of the controller at the slices of a Service, by name: as they were, and as they are.

    `choices` is what may become of them; there are several where slices may not keep
    their hints together.
    """

    name: NamespacedName
    before: Slices
    got: Slices
    choices: tuple[Choice, ...] | Reason

    def keeps(self, choice: Choice) -> bool:
        """Whether the slices that are to keep their hints have them still."""
        return all(
            name in self.got and _hints(self.got[name]) == _hints(self.before[name]) for name in choice.kept
        )

    def gives(self, choice: Choice) -> bool:
        """Whether the hints of all other slices are such as they may be."""
        hinted = self.hinted(choice.kept)
        return all(zone for _, zone in hinted) and choice.allowed.allows(hinted)

    def hinted(self, kept: frozenset[str] = frozenset()) -> Counter[tuple[str, str]]:
        """The hints of the ready endpoints of the others: by their own zone and the one of the hint."""
        others = (piece for name, piece in self.got.items() if name not in kept)
        ready = (each for piece in others for each in piece.endpoints if each.conditions.ready)
        return Counter((each.zone or "", _zone_of(each)) for each in ready)

    def __str__(self) -> str:
        return f"{slices_of(self.name)}, which had {_shown(self.before)}"


def _zone_of(endpoint: Endpoint) -> str:
    """The one zone that is hinted to; empty if there is not just that."""
    hints = hints_of(endpoint)
    return hints.for_zones[0].name if hints and len(hints.for_zones) == 1 and not hints.for_nodes else ""


def _shown(pieces: Slices) -> str:
    shown = (
        f"{name} with {', '.join(hints_text(hints_of(each)) for each in piece.endpoints)}"
        for name, piece in pieces.items()
    )
    return "; ".join(sorted(shown)) or "no slices"


def looks(case: Case) -> Iterator[Look]:
    """What is answered for the Services that have their turn, or in a reproducer."""
    given = case.example.list
    if given and given != LIST:
        return

    def ask() -> list[tuple[Cluster, Look]]:
        states = [case.cluster] if given else _chosen(turn_of(case.cluster))
        made = [each for state in states if state.services for each in _ask(case, state)]
        return sorted(made, key=lambda each: len(each[0].pods))

    for alone, look in case.memo(LIST, ask):
        case.shows = Example(cluster=alone, list=LIST)
        yield look
    case.shows = None


def _chosen(turn: int) -> list[Cluster]:
    return [
        cluster(spread(every[turn % len(every)], most=most, turn=turn // len(every)))
        for every, most in ((groups(), MOST_SERVICES), (lost(), MOST_LOST))
    ]


def _ask(case: Case, state: Cluster) -> Iterator[tuple[Cluster, Look]]:
    names = [NamespacedName(each.metadata.namespace, each.metadata.name) for each in state.services]
    answers = case.variant(evolve(case.example, cluster=state)).ask("synced_slices", names)
    for service, name, got in zip(state.services, names, answers, strict=True):
        alone = _alone(state, service)
        look = _look(alone, name, {piece.metadata.name: piece for piece in got})
        if look is not None:
            yield alone, look


def _alone(state: Cluster, service: Service) -> Cluster:
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    pods = tuple(pod for pod in state.pods if pod.metadata.labels == service.spec.selector)
    return evolve(state, services=(service,), pods=pods, endpoint_slices=linked_slices(state, name))


def _look(state: Cluster, name: NamespacedName, got: Slices) -> Look | None:
    """None where it is open how many endpoints give."""
    before = {piece.metadata.name: piece for piece in linked_slices(state, name)}
    wanted = {piece.metadata.name: piece for piece in synced(state, name)}
    cpus = zone_cpus(state.nodes)
    if isinstance(cpus, Reason):
        return Look(name, before, got, cpus)
    shares = zone_shares(cpus)
    ready = ready_by_zone(wanted.values()).total()
    choices = []
    for order in permutations(wanted.values()):
        kept = keeping(order, before.values(), maxima(shares, ready))
        own = ready_by_zone(piece for piece in order if piece.metadata.name not in kept)
        all_own = own.copy()
        for piece in kept.values():
            all_own.update(hints_by_zone(piece))
        allowed = plan(shares, all_own, ready=ready)
        if isinstance(allowed, Reason):
            return Look(name, before, got, allowed)
        if any(count > own[zone] for zone, count in _most(allowed.gives).items()):
            return None
        choices.append(Choice(frozenset(kept), allowed))
    return Look(name, before, got, tuple(choices))


def _most(moves: Moves) -> Counter[str]:
    return Counter(moves.sure) + Counter(moves.tied)


def _hints(piece: EndpointSlice) -> dict[object, EndpointHints | None]:
    return {identity(each): hints_of(each) for each in piece.endpoints}


@invariant(
    "endpoints.proportional-hints-are-kept",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-035",),
    asks=("synced_slices",),
    level=Level.MAY,
    features=("topology-mode",),
    classes=("kept", "given anew", "some of them"),
)
def proportional_hints_are_kept(case: Case) -> None:
    """A slice of which nothing else changes keeps its proportional hints while no zone has too many by them;
    the endpoints of all other slices get hints anew, by what the zones have then.
    """
    for look in looks(case):
        if isinstance(look.choices, Reason):
            continue
        case.judged(*_classes(look.choices, look.before))
        possible = list(filter(look.keeps, look.choices))
        if not possible:
            kept = " or ".join(sorted({", ".join(sorted(each.kept)) for each in look.choices}))
            _broken(case, "SLICE-035", look, f"{kept} hinted as before")
        if not any(map(look.gives, possible)):
            _broken(case, "SLICE-035", look, "other slices hinted by what zones have then")


def _classes(choices: tuple[Choice, ...], before: Slices) -> Iterator[str]:
    if len({each.kept for each in choices}) > 1:
        yield "some of them"
    elif choices[0].kept:
        yield "kept"
    if any(before.keys() - each.kept for each in choices):
        yield "given anew"


@invariant(
    "endpoints.proportional-hints-are-taken-back",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-029",),
    asks=("synced_slices",),
    level=Level.MAY,
    features=("topology-mode",),
    classes=("taken back",),
)
def proportional_hints_are_taken_back(case: Case) -> None:
    """Where there can be no proportional hints any more, no slice keeps any."""
    for look in looks(case):
        if isinstance(look.choices, Reason):
            case.judged("taken back")
            if any(zone for _, zone in look.hinted()):
                _broken(case, "SLICE-029", look, f"no hints: {look.choices.value}")


def _broken(case: Case, rule: str, look: Look, expected: str) -> None:
    case.fail(rule, question=str(look), expected=expected, got=_shown(look.got), because=(rule,))
