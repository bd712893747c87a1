# SPDX-License-Identifier: Apache-2.0
"""What is answered for Services in zones, and what the hints of their endpoints may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

from attrs import evolve, frozen

from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.endpoints.answers import hints_of, slices_of
from conformance.invariants.endpoints.worlds import World, cluster_of
from conformance.questions import spread, turn_of
from reference.endpoints.topology import (
    OVERLOAD,
    Plan,
    Reason,
    plan,
    ready_by_zone,
    zone_cpus,
    zone_shares,
)
from reference.objects import Cluster, Endpoint, EndpointHints, EndpointSlice, NamespacedName, Service
from reference.quantities import millis

MOST_WORLDS = 4
"""How many clusters are looked at with one input."""
MOST_SERVICES = 16
"""How many Services there are in all of them."""

Hinted = tuple[Endpoint, EndpointHints | None]


@frozen(eq=False)
class Look:
    """The endpoints of one family of a Service, and what their hints may be.

    `slices` is how many slices there are, `exact` what hints could be if numbers were
    not rounded, and `list` the name of what has its turn.
    """

    list: str
    cluster: Cluster
    service: Service
    family: str
    slices: int
    endpoints: tuple[Endpoint, ...]
    allowed: Plan | Reason
    exact: Plan | Reason

    @property
    def ready(self) -> Sequence[Hinted]:
        """The ready endpoints with their hints."""
        return [(each, hints_of(each)) for each in self.endpoints if each.conditions.ready]

    @property
    def has_hints(self) -> bool:
        """Whether any ready endpoint has hints."""
        return any(found for _, found in self.ready)

    @property
    def is_close(self) -> bool:
        """Whether it matters how numbers are rounded."""
        return self.allowed != self.exact

    def is_allowed(self) -> bool:
        """Whether the hints of the ready endpoints are such as they may be."""
        if isinstance(self.allowed, Reason):
            return not self.has_hints
        zones = Counter((each.zone or "", _zone_of(found)) for each, found in self.ready)
        return all(zone for _, zone in zones) and self.allowed.allows(zones)

    def __str__(self) -> str:
        metadata = self.service.metadata
        name = slices_of(NamespacedName(metadata.namespace, metadata.name))
        asked = ", ".join(f"{key}={value}" for key, value in metadata.annotations.items())
        return f"{name}, {self.family}, {asked or 'without annotation'}"


def _zone_of(found: EndpointHints | None) -> str:
    """The one zone that is hinted to; empty if there is not just that."""
    if found is None or found.for_nodes or len(found.for_zones) != 1:
        return ""
    return found.for_zones[0].name


Answer = tuple[Cluster, Service, tuple[EndpointSlice, ...]]


def looks(case: Case, name: str, worlds: Sequence[World]) -> Iterator[Look]:
    """What is answered for the Services that have their turn, or in a reproducer; those of few pods first."""
    given = case.example.list
    if given and given != name:
        return
    answers = case.memo(name, lambda: _ask(case, [case.cluster] if given else _chosen(case, worlds)))
    for cluster, service, got in answers:
        for family in service.spec.ip_families:
            yield _look(name, cluster, service, family, got)


def _chosen(case: Case, worlds: Sequence[World]) -> list[Cluster]:
    turn = turn_of(case.cluster)
    chosen = spread(worlds, most=MOST_WORLDS, turn=turn)
    most = MOST_SERVICES // len(chosen)
    return [
        cluster_of(world, spread(world.scenarios, most=most, turn=turn // len(worlds))) for world in chosen
    ]


def _ask(case: Case, clusters: Sequence[Cluster]) -> list[Answer]:
    found: list[Answer] = []
    for cluster in clusters:
        names = [NamespacedName(each.metadata.namespace, each.metadata.name) for each in cluster.services]
        if names:
            answers = case.variant(evolve(case.example, cluster=cluster)).ask("endpoint_slices", names)
            found += [
                (cluster, service, tuple(got)) for service, got in zip(cluster.services, answers, strict=True)
            ]
    return sorted(found, key=lambda each: sum(len(piece.endpoints) for piece in each[2]))


def _alone(cluster: Cluster, service: Service) -> Cluster:
    """The cluster with the one Service and its pods."""
    wanted = set((service.spec.selector or {}).items())
    pods = tuple(pod for pod in cluster.pods if wanted <= set(pod.metadata.labels.items()))
    return evolve(cluster, services=(service,), pods=pods)


def _look(name: str, cluster: Cluster, service: Service, family: str, got: tuple[EndpointSlice, ...]) -> Look:
    pieces = [piece for piece in got if piece.address_type == family]
    endpoints = tuple(endpoint for piece in pieces for endpoint in piece.endpoints)
    cpus = zone_cpus(cluster.nodes)
    if isinstance(cpus, Reason):
        return Look(name, cluster, service, family, len(pieces), endpoints, cpus, cpus)
    own = ready_by_zone(pieces)
    whole = millis(sum(cpus.values()))
    shares = {zone: Fraction(millis(cpu), whole) for zone, cpu in cpus.items()}
    exact = plan(shares, own, enough=1 / (1 + Fraction(str(OVERLOAD))))
    allowed = plan(zone_shares(cpus), own)
    return Look(name, cluster, service, family, len(pieces), endpoints, allowed, exact)


# -- words -------------------------------------------------------------------


def _allowed_text(allowed: Plan | Reason) -> str:
    if isinstance(allowed, Reason):
        return f"no hints: {allowed.value}"
    parts = []
    for verb, moves in (("gives", allowed.gives), ("gets", allowed.gets)):
        parts += [f"{zone} {verb} {count}" for zone, count in sorted(moves.sure.items())]
        if moves.more:
            parts.append(f"{moves.more} of {', '.join(sorted(moves.tied))} {verb} one more")
    return f"one zone hint for each ready endpoint: {', '.join(parts) or 'its own zone'}"


def _got_text(look: Look) -> str:
    shown = Counter(
        f"in {each.zone or 'no zone'} hinted to {_names(found) or 'nothing'}" for each, found in look.ready
    )
    return ", ".join(f"{count} {text}" for text, count in sorted(shown.items())) or "no ready endpoints"


def _names(found: EndpointHints | None) -> str:
    if found is None:
        return ""
    zones = [entry.name for entry in found.for_zones]
    return " and ".join([*zones, *(entry.name for entry in found.for_nodes)])


def broken(case: Case, rule: str, look: Look, *, expected: str = "") -> None:
    """Report that the hints are not as they may be."""
    case.shows = Example(cluster=_alone(look.cluster, look.service), list=look.list)
    case.fail(
        rule,
        question=str(look),
        expected=expected or _allowed_text(look.allowed),
        got=_got_text(look),
        because=(rule,),
    )
