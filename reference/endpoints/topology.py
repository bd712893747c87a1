# SPDX-License-Identifier: Apache-2.0
"""Proportional hints, for which the annotation `service.kubernetes.io/topology-mode` asks.

Each zone is to have as many endpoints as its part of the cluster's CPUs comes to.
An endpoint is hinted to its own zone; where one zone has more than its part and
another less, some are hinted to the other one.  Which ones is open, and between
zones that are equally far from their part also which zones: a plan says what is allowed.

Source: k8s.io/endpointslice `topologycache/topologycache.go`, `topologycache/utils.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from itertools import takewhile
from math import ceil, floor

from attrs import evolve, frozen

from reference.objects import (
    CONTROL_PLANE_LABELS,
    ZONE_LABEL,
    Endpoint,
    EndpointHints,
    EndpointSlice,
    ForZone,
    Node,
)
from reference.quantities import millis, nanos

OVERLOAD = 0.2
"""By how much more than its part an endpoint may have to bear."""
ENOUGH = 1 / (1 + OVERLOAD)
"""The part of what is desired with which a zone can do."""


class Reason(Enum):
    """Why the endpoints of a family get no hints (SLICE-029, SLICE-030)."""

    NODES = "a node without a zone or CPUs"
    ONE_ZONE = "fewer than two zones"
    FEW_ENDPOINTS = "fewer ready endpoints than zones"
    MINIMA = "the zones' minima do not fit"
    NO_ZONE = "a ready endpoint without a zone"


Number = float | Fraction
"""The controller computes with 64 bit floating point numbers; with fractions it would be exact."""
Shares = Mapping[str, Number]
"""The part of all CPUs that each zone has."""


# -- nodes -------------------------------------------------------------------


def has_capacity(node: Node) -> bool:
    """Whether a node counts: a Ready one that is not of the control plane (SLICE-029)."""
    ready = next((entry.status for entry in node.status.conditions if entry.type == "Ready"), "")
    return ready == "True" and not set(CONTROL_PLANE_LABELS) & set(node.metadata.labels)


def zone_cpus(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """The CPUs of each zone, in billionths; a node that counts has to have a zone and some (SLICE-029)."""
    cpus: Counter[str] = Counter()
    for node in filter(has_capacity, nodes):
        zone = node.metadata.labels.get(ZONE_LABEL)
        cpu = nanos(node.status.allocatable.cpu or "0")
        if not zone or not cpu:
            return Reason.NODES
        cpus[zone] += cpu
    return cpus if len(cpus) > 1 else Reason.ONE_ZONE


def zone_shares(cpus: Mapping[str, int]) -> Shares:
    """The share of each zone, by whole thousandths of CPUs (SLICE-030)."""
    whole = float(millis(sum(cpus.values())))
    return {zone: millis(cpu) / whole for zone, cpu in cpus.items()}


# -- how many endpoints each zone has and wants --------------------------------


def minimum(share: Number, ready: int, enough: Number = ENOUGH) -> int:
    """The least number of endpoints with which a zone can do (SLICE-030)."""
    return ceil(share * ready * enough)


def desired(share: Number, ready: int, enough: Number = ENOUGH) -> Number:
    """How many endpoints a zone is to have (SLICE-030)."""
    return max(share * ready, minimum(share, ready, enough))


@frozen
class Moves:
    """How many endpoints zones give, or get.

    So many each for `sure`; and one more for any `more` of the zones in `tied`.
    """

    sure: Mapping[str, int]
    tied: frozenset[str]
    more: int

    def allow(self, moved: Mapping[str, int]) -> bool:
        """Whether zones may give, or get, so many endpoints."""
        further = {zone: moved.get(zone, 0) - self.sure.get(zone, 0) for zone in {*moved, *self.sure}}
        extra = {zone for zone, count in further.items() if count}
        return extra <= self.tied and len(extra) == self.more and all(further[zone] == 1 for zone in extra)

    def zones(self) -> list[str]:
        """The zones of one allowed choice, each as often as it gives or gets one."""
        return sorted([*Counter(self.sure).elements(), *sorted(self.tied)[: self.more]])


@frozen
class Plan:
    """What hints may be: how many endpoints zones give to others, and how many they get (SLICE-031)."""

    gives: Moves
    gets: Moves

    def allows(self, hinted: Mapping[tuple[str, str], int]) -> bool:
        """Whether the ready endpoints may be hinted so: by their own zone and the one of the hint."""
        given: Counter[str] = Counter()
        got: Counter[str] = Counter()
        for (own, zone), count in hinted.items():
            if own != zone:
                given[own] += count
                got[zone] += count
        return self.gives.allow(given) and self.gets.allow(got)


def plan(
    shares: Shares, own: Mapping[str | None, int], *, ready: int | None = None, enough: Number = ENOUGH
) -> Plan | Reason:
    """What the hints of one family may be; `own` is how many endpoints that are `ready` are in each zone.

    Those of slices that keep their hints are where these say (SLICE-035).
    SLICE-029 to SLICE-031.
    """
    if ready is None:
        ready = sum(own.values())
    if ready < len(shares):
        return Reason.FEW_ENDPOINTS
    if sum(minimum(share, ready, enough) for share in shares.values()) > ready:
        return Reason.MINIMA
    if own.get(None):
        return Reason.NO_ZONE
    excess = {zone: own.get(zone, 0) - desired(share, ready, enough) for zone, share in shares.items()}
    spare = _units(excess)
    lacking = _units({zone: -distance for zone, distance in excess.items()})
    pairs = zip(spare, lacking, strict=False)
    moved = len(list(takewhile(lambda pair: any(far >= 1 for far, _ in pair), pairs)))
    return Plan(_moves(spare, moved), _moves(lacking, moved))


Unit = tuple[Number, str]
"""How far a zone is from what is desired before one endpoint moves, and the zone."""


def _units(distances: Mapping[str, Number]) -> list[Unit]:
    """The endpoints that zones could give or get, the most urgent first; none for less than a half."""
    units = [
        (distance - step, zone)
        for zone, distance in distances.items()
        for step in range(floor(distance - 0.5) + 1)
    ]
    return sorted(units, reverse=True)


def _moves(units: Sequence[Unit], count: int) -> Moves:
    """The most urgent `count` of them; where not all that are equally far are among them, any will do."""
    split = {far for far, _ in units[:count]} & {far for far, _ in units[count:]}
    sure = Counter(zone for far, zone in units[:count] if far not in split)
    return Moves(sure, frozenset(zone for far, zone in units if far in split), count - sure.total())


# -- hints -------------------------------------------------------------------


def ready_by_zone(slices: Iterable[EndpointSlice]) -> Counter[str | None]:
    """How many ready endpoints there are in each zone, None for those without one."""
    return Counter(
        endpoint.zone or None for piece in slices for endpoint in piece.endpoints if endpoint.conditions.ready
    )


def maxima(shares: Shares, ready: int) -> Counter[str]:
    """How many endpoints each zone may have while all others have their minimum (SLICE-035)."""
    least = {zone: minimum(share, ready) for zone, share in shares.items()}
    return Counter({zone: count + ready - sum(least.values()) for zone, count in least.items()})


def hints_by_zone(piece: EndpointSlice) -> Counter[str] | None:
    """How often a slice hints to each zone; None if a ready endpoint has no hint (SLICE-035)."""
    hinted: Counter[str] = Counter()
    for endpoint in piece.endpoints:
        if endpoint.conditions.ready:
            zones = endpoint.hints.for_zones if endpoint.hints else ()
            if not zones:
                return None
            hinted.update(zone.name for zone in zones)
    return hinted


def keeping(
    slices: Iterable[EndpointSlice], before: Iterable[EndpointSlice], room: Counter[str]
) -> dict[str, EndpointSlice]:
    """By name the slices that are as before and keep their hints, in order, while there is room for them
    (SLICE-035).
    """
    known = {piece.metadata.name: piece for piece in before}
    kept = {}
    for piece in slices:
        old = known.get(piece.metadata.name)
        if old is not None and without_hints(old) == without_hints(piece):
            hinted = hints_by_zone(old)
            if hinted is not None and hinted <= room:
                room = room - hinted
                kept[piece.metadata.name] = old
    return kept


def without_hints(piece: EndpointSlice) -> EndpointSlice:
    """The slice without the hints of its endpoints."""
    return evolve(piece, endpoints=tuple(evolve(endpoint, hints=None) for endpoint in piece.endpoints))


def with_proportional_hints(
    slices: tuple[EndpointSlice, ...], nodes: Iterable[Node], before: tuple[EndpointSlice, ...] = ()
) -> tuple[EndpointSlice, ...]:
    """The slices of a Service, which have no hints, with hints that are allowed.

    Each family is on its own, all of its slices together (SLICE-029).  Slices that
    are as `before` may keep their hints.
    """
    cpus = zone_cpus(nodes)
    if isinstance(cpus, Reason):
        return slices
    shares = zone_shares(cpus)
    made: list[EndpointSlice] = []
    for family in dict.fromkeys(piece.address_type for piece in slices):
        pieces = [piece for piece in slices if piece.address_type == family]
        made += _family_hinted(pieces, shares, before)
    return tuple(made)


def _family_hinted(
    slices: list[EndpointSlice], shares: Shares, before: tuple[EndpointSlice, ...]
) -> list[EndpointSlice]:
    ready = ready_by_zone(slices).total()
    kept = keeping(slices, before, maxima(shares, ready))
    others = [piece for piece in slices if piece.metadata.name not in kept]
    own = ready_by_zone(others)
    for piece in kept.values():
        own.update(hints_by_zone(piece))
    planned = plan(shares, own, ready=ready)
    if isinstance(planned, Reason):
        return slices
    hinted = _hinted(others, planned)
    return [kept.get(piece.metadata.name) or next(hinted) for piece in slices]


def _hinted(slices: Iterable[EndpointSlice], planned: Plan) -> Iterator[EndpointSlice]:
    """Each ready endpoint with a hint: for its own zone, or for another one where its own has to give."""
    giving, getting = Counter(planned.gives.zones()), iter(planned.gets.zones())

    def hinted(endpoint: Endpoint) -> Endpoint:
        zone = endpoint.zone
        if not endpoint.conditions.ready or zone is None:
            return endpoint
        if giving[zone]:
            giving[zone] -= 1
            zone = next(getting)
        return evolve(endpoint, hints=EndpointHints((ForZone(zone),)))

    for piece in slices:
        yield evolve(piece, endpoints=tuple(map(hinted, piece.endpoints)))
