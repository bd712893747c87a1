# SPDX-License-Identifier: Apache-2.0
"""Faults with proportional hints of slices that are there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.endpoints.changes import Slices, each_endpoint, service_of
from reference.endpoints import linked_slices, syncing, topology
from reference.endpoints.hints import has_topology_mode_auto
from reference.endpoints.syncing import identity
from reference.endpoints.topology import Shares, with_proportional_hints
from reference.objects import Cluster, EndpointSlice, Node
from reference.questions import NamespacedName

_keeping = topology.keeping


@replaces(syncing, "with_proportional_hints", "SLICE-035")
def hints_are_given_anew_each_time(slices: Slices, nodes: Sequence[Node], _: Slices) -> Slices:
    """Slices of which nothing changes are written all the same, with hints for other endpoints."""
    return with_proportional_hints(slices, nodes)


@replaces(topology, "maxima", "SLICE-035")
def hints_are_kept_whatever_zones_have(shares: Shares, ready: int) -> Counter[str]:
    """Slices keep their hints, though one zone has most endpoints by them."""
    return Counter(dict.fromkeys(shares, ready))


@replaces(topology, "maxima", "SLICE-035")
def no_hint_above_the_minimum_is_kept(shares: Shares, ready: int) -> Counter[str]:
    """A slice keeps its hints only while no zone has more than its minimum by them."""
    return Counter({zone: topology.minimum(share, ready) for zone, share in shares.items()})


@replaces(topology, "keeping", "SLICE-035")
def each_slice_may_fill_a_zone(
    slices: Iterable[EndpointSlice], before: Iterable[EndpointSlice], room: Counter[str]
) -> dict[str, EndpointSlice]:
    """Slices are looked at one by one: each may hint as many endpoints to a zone as it may have in all."""
    kept: dict[str, EndpointSlice] = {}
    known = list(before)
    for piece in slices:
        kept |= _keeping([piece], known, room)
    return kept


@replaces(syncing, "with_proportional_hints", "SLICE-035")
def kept_hints_are_not_counted(slices: Slices, nodes: Sequence[Node], before: Slices) -> Slices:
    """The slices that change are shared out by themselves, whatever the others hint to."""
    names = {piece.metadata.name for piece in before}
    hinted = with_proportional_hints(slices, nodes, before)
    kept = {piece.metadata.name for piece in hinted if piece in before and piece.metadata.name in names}
    others = tuple(piece for piece in slices if piece.metadata.name not in kept)
    anew = {piece.metadata.name: piece for piece in with_proportional_hints(others, nodes)}
    return tuple(anew.get(piece.metadata.name, piece) for piece in hinted)


@says("SLICE-029", of=("synced_slices",))
def proportional_hints_stay(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Where there can be no proportional hints any more, endpoints have those from before."""
    if not has_topology_mode_auto(service_of(cluster, name)):
        return slices
    before = {identity(one): one.hints for piece in linked_slices(cluster, name) for one in piece.endpoints}
    return each_endpoint(slices, lambda one: evolve(one, hints=one.hints or before.get(identity(one))))
