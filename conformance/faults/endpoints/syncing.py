# SPDX-License-Identifier: Apache-2.0
"""Faults with slices that are there already."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.endpoints.changes import Slices
from reference import endpoints
from reference.endpoints import endpoint_slices, linked_slices, syncing
from reference.endpoints.packing import View, labels_of
from reference.endpoints.syncing import _Changes, _Sync
from reference.frozenmap import EMPTY
from reference.objects import (
    MANAGED_BY_LABEL,
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Labels,
    Service,
)
from reference.questions import NamespacedName

is_own = syncing.is_own
is_owned = syncing.is_owned
identity = syncing.identity
synced_slices = syncing.synced_slices
regrouped = _Sync._regrouped
fitting = _Sync._fitting
renamed = _Sync._renamed
with_placeholder = _Sync._with_placeholder
result = _Sync.result


@says("SLICE-007", of=("synced_slices",))
def packed_anew(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """All endpoints of a Service are packed anew each time, into slices of new names."""
    before = linked_slices(cluster, name)
    own = endpoint_slices(cluster, name)
    return (*(piece for piece in before if not is_own(piece)), *own) if own else slices


@replaces(syncing, "identity", "SLICE-013")
def a_changed_endpoint_is_another(endpoint: Endpoint) -> object:
    """An endpoint whose conditions have changed is taken for a new one, and moves."""
    return identity(endpoint), endpoint.conditions


@replaces(syncing, "identity", "SLICE-013")
def pods_of_one_address_are_the_same(endpoint: Endpoint) -> object:
    """A pod that has got the address of another is taken for that one, and stays where it was."""
    return endpoint.addresses, endpoint.hostname, None


@replaces(syncing, "labels_of", "SLICE-018")
def labels_only_for_new_slices(service: Service) -> Labels:
    """Slices that are there get the labels of their name alone."""
    return labels_of(evolve(service, metadata=evolve(service.metadata, labels=EMPTY)))


@replaces(_Sync, "_with_placeholder", "SLICE-010")
def an_empty_slice_will_do(sync: _Sync, changes: _Changes) -> _Changes:
    """A slice that has lost its endpoints stands for none, with the ports that it had."""
    if changes.stay or changes.new or len(changes.go) != 1:
        return with_placeholder(sync, changes)
    return _Changes(stay=(evolve(changes.go[0], endpoints=()),))


@replaces(_Sync, "_fitting", "SLICE-033")
def never_into_unchanged_slices(sync: _Sync, untouched: Sequence[EndpointSlice], count: int) -> None:
    """New endpoints never go into a slice that would not be written anyway."""


@replaces(_Sync, "_regrouped", "SLICE-007")
def changed_slices_are_not_filled(
    sync: _Sync, before: Slices, ports: tuple[EndpointPort, ...], some: Sequence[Endpoint]
) -> _Changes:
    """New endpoints get slices of their own, whatever room there is in slices that change anyway."""
    known = {identity(each) for piece in before for each in piece.endpoints}
    new = [each for each in some if identity(each) not in known]
    changes = regrouped(sync, before, ports, [each for each in some if identity(each) in known])
    return changes + (regrouped(sync, (), ports, new) if new else _Changes())


@replaces(_Sync, "_fitting", "SLICE-033")
def the_emptiest_slice(sync: _Sync, untouched: Sequence[EndpointSlice], count: int) -> EndpointSlice | None:
    """Of the slices that have room the emptiest one is filled."""
    room = [piece for piece in untouched if len(piece.endpoints) + count <= sync.most]
    return min(room, key=lambda piece: len(piece.endpoints), default=None)


@replaces(_Sync, "_regrouped", "SLICE-008")
def every_gap_is_filled(
    sync: _Sync, before: Slices, ports: tuple[EndpointPort, ...], some: Sequence[Endpoint]
) -> _Changes:
    """New endpoints are spread over every slice that has room, however many have to be written."""
    known = {identity(each) for piece in before for each in piece.endpoints}
    new = [each for each in some if identity(each) not in known]
    changes = regrouped(sync, before, ports, [each for each in some if identity(each) in known])
    stay = []
    for piece in changes.stay:
        room = max(0, sync.most - len(piece.endpoints))
        stay.append(evolve(piece, endpoints=(*piece.endpoints, *new[:room])))
        new = new[room:]
    made = regrouped(sync, (), ports, new) if new else _Changes()
    return _Changes(tuple(stay), changes.go, changes.new + made.new)


@replaces(_Sync, "_regrouped", "SLICE-005")
def slices_that_are_half_full(
    sync: _Sync, before: Slices, ports: tuple[EndpointPort, ...], some: Sequence[Endpoint]
) -> _Changes:
    """Room is left in new slices for what may come."""
    return regrouped(evolve(sync, most=max(1, sync.most // 2)), before, ports, some)


@replaces(_Sync, "result", "SLICE-009")
def emptied_slices_stay(sync: _Sync, before: Slices, wanted: syncing.Wanted) -> Slices:
    """A slice that has lost its last endpoint stays without any."""
    after = result(sync, before, wanted)
    names = {piece.metadata.name for piece in after}
    return after + tuple(
        evolve(piece, endpoints=())
        for piece in before
        if is_owned(piece, sync.service) and piece.metadata.name not in names
    )


@replaces(_Sync, "_renamed", "SLICE-034")
def emptied_slices_are_not_used_again(sync: _Sync, changes: _Changes) -> tuple[Slices, Slices]:
    """A slice is deleted and another made, where one could be written anew."""
    return changes.stay, changes.new


@replaces(endpoints, "synced_slices", "SLICE-012")
def a_family_that_left_stays(service: Service, before: Slices, view: View) -> Slices:
    """Slices of a family that the Service does not have any more are forgotten, and stay."""
    left = tuple(
        piece for piece in before if is_own(piece) and piece.address_type not in service.spec.ip_families
    )
    after = synced_slices(service, before, view)
    return after if after == before else (*after, *left)


@replaces(syncing, "is_own", "SLICE-014")
def slices_that_go_are_looked_at(piece: EndpointSlice) -> bool:
    """Slices that are being deleted count as if they stayed."""
    return is_own(evolve(piece, metadata=evolve(piece.metadata, deletion_timestamp=None)))


@replaces(syncing, "is_own", "SLICE-014")
def every_linked_slice_is_its_own(piece: EndpointSlice) -> bool:
    """Whoever wrote a slice of the Service, the controller takes it for its own."""
    return piece.metadata.deletion_timestamp is None


@replaces(syncing, "is_own", "EP-027")
def every_author_is_a_controller(piece: EndpointSlice) -> bool:
    """A slice that a mirroring controller wrote is taken for one of its own."""
    return MANAGED_BY_LABEL in piece.metadata.labels and piece.metadata.deletion_timestamp is None


@replaces(syncing, "is_owned", "SLICE-015")
def slices_of_an_older_service_are_taken_over(piece: EndpointSlice, service: Service) -> bool:
    """A slice of an older Service of the same name is taken over."""
    return True


@says("EP-026", of=("synced_slices",))
def what_is_not_managed_is_cleaned_up(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A Service that has lost its selector, or has become an ExternalName, loses its slices."""
    managed = {
        (each.metadata.namespace, each.metadata.name)
        for each in cluster.services
        if each.spec.selector and each.spec.type != "ExternalName"
    }
    return slices if (name.namespace, name.name) in managed else ()


@replaces(endpoints, "synced_slices", "EP-028")
def a_service_that_goes_gets_slices(service: Service, before: Slices, view: View) -> Slices:
    """Slices are made for a Service that is being deleted, as for any other."""
    return synced_slices(
        evolve(service, metadata=evolve(service.metadata, deletion_timestamp=None)), before, view
    )
