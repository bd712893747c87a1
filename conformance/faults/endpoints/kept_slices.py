# SPDX-License-Identifier: Apache-2.0
"""Faults with what slices say that stay while their Service changes."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.endpoints.changes import Slices, each_endpoint
from reference.endpoints import linked_slices
from reference.endpoints.syncing import Wanted, _Sync, identity, is_owned
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import HEADLESS_LABEL, Cluster, Endpoint, EndpointSlice, NamespacedName

result = _Sync.result


def _each_kept(
    cluster: Cluster,
    name: NamespacedName,
    slices: Slices,
    change: Callable[[EndpointSlice, EndpointSlice], EndpointSlice],
) -> Slices:
    """The slices, with each that was there before changed: `change(before, now)`."""
    before = {piece.metadata.name: piece for piece in linked_slices(cluster, name)}
    return tuple(
        change(before[piece.metadata.name], piece) if piece.metadata.name in before else piece
        for piece in slices
    )


@says("SLICE-017", "EP-023", of=("synced_slices",))
def headless_label_is_written_once(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Whether the Service is headless is written into a slice when it is made, and never looked at again."""

    def change(before: EndpointSlice, now: EndpointSlice) -> EndpointSlice:
        labels = now.metadata.labels.without(HEADLESS_LABEL)
        had = FrozenMap({HEADLESS_LABEL: ""}) if HEADLESS_LABEL in before.metadata.labels else EMPTY
        return evolve(now, metadata=evolve(now.metadata, labels=labels | had))

    return _each_kept(cluster, name, slices, change)


@says("SLICE-023", of=("synced_slices",))
def hints_for_new_endpoints_alone(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """An endpoint gets the hints that are asked for when it comes, not when they are asked for later."""
    had = [one for piece in linked_slices(cluster, name) for one in piece.endpoints]
    without = {identity(one) for one in had if one.hints is None}
    return each_endpoint(slices, lambda one: evolve(one, hints=None) if identity(one) in without else one)


@says("SLICE-026", of=("synced_slices",))
def hints_stay_in_their_slice(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A slice that is not written for another reason keeps hints that are no longer asked for."""

    def change(before: EndpointSlice, now: EndpointSlice) -> EndpointSlice:
        had = {identity(one): one.hints for one in before.endpoints}

        def kept(one: Endpoint) -> Endpoint:
            return evolve(one, hints=one.hints or had.get(identity(one)))

        return evolve(now, endpoints=tuple(map(kept, now.endpoints)))

    return _each_kept(cluster, name, slices, change)


@replaces(_Sync, "result", "SLICE-006")
def slices_of_other_ports_stay(sync: _Sync, before: Slices, wanted: Wanted) -> Slices:
    """Slices are looked up by their ports, and those whose ports nobody has any more are never found."""
    forgotten = tuple(
        piece
        for piece in before
        if piece.endpoints and frozenset(piece.ports) not in wanted and is_owned(piece, sync.service)
    )
    return (*result(sync, tuple(piece for piece in before if piece not in forgotten), wanted), *forgotten)
