# SPDX-License-Identifier: Apache-2.0
"""Faults with how endpoints are spread over slices."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says, sees
from conformance.faults.endpoints.changes import Slices, each_slice
from reference.objects import Cluster, EndpointPort, EndpointSlice
from reference.questions import NamespacedName


@says("SLICE-003", of=("endpoint_slices",))
def one_slice_for_all(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """All endpoints are in one slice, with the ports of the first pod."""
    return (_merged(slices),) if slices else ()


@says("SLICE-004", of=("endpoint_slices",))
def numbers_are_no_part_of_the_key(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Endpoints share a slice if their ports have the same names, whatever the numbers."""
    groups: dict[tuple[object, ...], Slices] = {}
    for piece in slices:
        key = (piece.address_type, *(port.name for port in piece.ports))
        groups[key] = (*groups.get(key, ()), piece)
    return tuple(map(_merged, groups.values()))


@says("SLICE-001", "SLICE-002", of=("endpoint_slices",))
def slices_grow_without_end(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A slice takes as many endpoints as there are."""
    groups: dict[tuple[object, ...], Slices] = {}
    for piece in slices:
        key = (piece.address_type, piece.ports)
        groups[key] = (*groups.get(key, ()), piece)
    return tuple(map(_merged, groups.values()))


def _merged(group: Slices) -> EndpointSlice:
    """One slice with the endpoints of all, and the ports of the first."""
    return evolve(group[0], endpoints=tuple(one for piece in group for one in piece.endpoints))


@says("EP-039", of=("endpoint_slices",))
def a_thousand_at_most(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A Service has at most a thousand endpoints, as in legacy Endpoints."""
    kept: list[object] = []
    pieces = []
    for piece in slices:
        pieces.append(evolve(piece, endpoints=piece.endpoints[: 1000 - len(kept)]))
        kept += pieces[-1].endpoints
    return tuple(pieces)


@says("EP-039", of=("endpoint_slices",))
def only_the_first_slice(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Of the slices that a group of endpoints needs only the first is written."""
    seen: set[tuple[object, ...]] = set()

    def first(key: tuple[object, ...]) -> bool:
        new = key not in seen
        seen.add(key)
        return new

    return tuple(piece for piece in slices if first((piece.address_type, piece.ports)))


@says("SLICE-006", of=("endpoint_slices",))
def written_twice(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Each slice is written twice, under two names."""
    again = each_slice(
        slices, lambda piece: evolve(piece, metadata=evolve(piece.metadata, name=f"{piece.metadata.name}-2"))
    )
    return (*slices, *(piece for piece in again if piece.endpoints))


@says("SLICE-006", of=("endpoint_slices",))
def empty_slices_are_kept(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A slice that has lost its endpoints is kept beside the others."""
    return (*slices, *(evolve(piece, endpoints=()) for piece in slices[:1] if piece.endpoints))


@says("SLICE-010", of=("endpoint_slices",))
def placeholder_with_ports(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The slice that stands for no endpoints has ports."""
    return each_slice(
        slices,
        lambda piece: piece if piece.endpoints else evolve(piece, ports=(EndpointPort("", 80, "TCP"),)),
    )


@says("SLICE-010", of=("endpoint_slices",))
def no_placeholder_beside_others(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A family without endpoints has no slice if the other family has endpoints."""
    return tuple(piece for piece in slices if piece.endpoints) or slices


@sees("EP-001")
def only_what_is_listed_first(cluster: Cluster) -> Cluster:
    """Only the first page of pods is read, of four."""
    return evolve(cluster, pods=cluster.pods[:4])
