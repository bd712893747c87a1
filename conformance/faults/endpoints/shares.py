# SPDX-License-Identifier: Apache-2.0
"""Faults with how many endpoints proportional hints give to each zone, and which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.endpoints.changes import Slices, each_endpoint, service_of
from reference.endpoints import topology
from reference.endpoints.hints import has_topology_mode_auto
from reference.endpoints.topology import Moves, Number, Reason, Shares, Unit
from reference.objects import ZONE_LABEL, Cluster, Endpoint, EndpointHints, ForZone, Node
from reference.quantities import nanos
from reference.questions import NamespacedName

_complete = topology.zone_cpus


def _cpus(nodes: Iterable[Node]) -> dict[str, list[int]]:
    """The CPUs of each node that counts, by zone."""
    found: dict[str, list[int]] = {}
    for node in filter(topology.has_capacity, nodes):
        cpu = nanos(node.status.allocatable.cpu or "0")
        found.setdefault(node.metadata.labels.get(ZONE_LABEL, ""), []).append(cpu)
    return found


# -- how many ----------------------------------------------------------------


@replaces(topology, "minimum", "SLICE-030")
def no_endpoint_may_be_overloaded(share: Number, ready: int, _: Number = 1) -> int:
    """A zone needs its whole share of the endpoints."""
    return ceil(share * ready)


@replaces(topology, "minimum", "SLICE-030")
def minima_are_rounded_down(share: Number, ready: int, enough: Number = topology.ENOUGH) -> int:
    """What a zone needs is rounded down."""
    return floor(share * ready * enough)


@replaces(topology, "minimum", "SLICE-030")
def minima_are_computed_exactly(share: Number, ready: int, _: Number = 1) -> int:
    """What a zone needs is computed without the errors of floating point numbers."""
    return ceil(Fraction(share).limit_denominator(10**6) * ready * Fraction(5, 6))


@replaces(topology, "zone_shares", "SLICE-030")
def zones_have_equal_shares(cpus: Mapping[str, int]) -> Shares:
    """Every zone has the same share, whatever its CPUs."""
    return {zone: 1 / len(cpus) for zone in cpus}


@replaces(topology, "zone_cpus", "SLICE-030")
def nodes_are_counted(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """The share of a zone is that of its nodes, however many CPUs they have."""
    found = _complete(nodes)
    if isinstance(found, Reason):
        return found
    return {zone: 10**9 * len(each) for zone, each in _cpus(nodes).items()}


@replaces(topology, "zone_cpus", "SLICE-030")
def last_node_counts_for_its_zone(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """The CPUs of the nodes of a zone are not added up: the last one counts."""
    found = _complete(nodes)
    return found if isinstance(found, Reason) else {zone: each[-1] for zone, each in _cpus(nodes).items()}


@replaces(topology, "nanos", "SLICE-030")
def thousandths_are_taken_for_whole_cpus(text: str) -> int:
    """Suffixes of quantities are dropped: 500m are 500 CPUs."""
    return nanos(text.rstrip("m") or "0")


# -- which zone --------------------------------------------------------------


@replaces(topology, "_moves", "SLICE-031")
def everyone_stays_in_their_zone(_: Sequence[Unit], __: int) -> Moves:
    """Every endpoint is hinted to its own zone, however uneven that is."""
    return Moves({}, frozenset(), 0)


@replaces(topology, "_units", "SLICE-031")
def zones_give_until_they_have_their_share(distances: Mapping[str, Number]) -> list[Unit]:
    """Endpoints are hinted to other zones until no zone has more, or none has less, than it is to have."""
    return sorted(
        (
            (max(distance - step, Fraction(1)), zone)
            for zone, distance in distances.items()
            for step in range(ceil(distance))
        ),
        reverse=True,
    )


@replaces(topology, "_units", "SLICE-031")
def only_whole_endpoints_are_given(distances: Mapping[str, Number]) -> list[Unit]:
    """Endpoints are hinted to other zones only while both lack, or have to spare, a whole one."""
    return sorted(
        (
            (distance - step, zone)
            for zone, distance in distances.items()
            for step in range(max(0, floor(distance)))
        ),
        reverse=True,
    )


def _each_hinted(cluster: Cluster, name: NamespacedName, slices: Slices, change: Any) -> Slices:
    """The slices of a Service under the annotation with the hints of each endpoint changed."""
    if not has_topology_mode_auto(service_of(cluster, name)):
        return slices
    return each_endpoint(slices, lambda one: change(one) if one.hints else one)


def _zone(one: Endpoint) -> str:
    return one.hints.for_zones[0].name if one.hints and one.hints.for_zones else ""


@says("SLICE-031", of=("endpoint_slices",))
def given_endpoints_stay_as_well(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """An endpoint that is hinted to another zone keeps the hint for its own."""

    def both(one: Endpoint) -> Endpoint:
        zones = tuple(ForZone(zone) for zone in dict.fromkeys((one.zone or "", _zone(one))))
        return evolve(one, hints=EndpointHints(zones))

    return _each_hinted(cluster, name, slices, both)


@says("SLICE-031", of=("endpoint_slices",))
def given_endpoints_have_no_hint(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """An endpoint that its zone can spare has no hint at all."""
    return _each_hinted(
        cluster, name, slices, lambda one: one if _zone(one) == one.zone else evolve(one, hints=None)
    )


@says("SLICE-031", of=("endpoint_slices",))
def zones_take_turns(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Proportional hints are shared out among zones in turns, wherever the endpoints are."""
    hinted = sorted(_zone(one) for piece in slices for one in piece.endpoints if one.hints is not None)
    turns = iter(hinted[1:] + hinted[:1])
    return _each_hinted(
        cluster, name, slices, lambda one: evolve(one, hints=EndpointHints((ForZone(next(turns)),)))
    )


@says("SLICE-031", of=("endpoint_slices",))
def zones_without_cpus_give_everything(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Endpoints in zones that have no CPUs are hinted to one that has some."""
    found = _complete(cluster.nodes)
    if isinstance(found, Reason):
        return slices
    zone = EndpointHints((ForZone(min(found)),))
    return _each_hinted(
        cluster, name, slices, lambda one: one if one.zone in found else evolve(one, hints=zone)
    )


@says("SLICE-031", of=("endpoint_slices",))
def one_zone_gets_everything(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """All endpoints that are given away are hinted to one zone, though several lack some."""
    given = [
        one.hints
        for piece in slices
        for one in piece.endpoints
        if one.hints is not None and _zone(one) != one.zone
    ]
    return _each_hinted(
        cluster, name, slices, lambda one: one if _zone(one) == one.zone else evolve(one, hints=given[0])
    )
