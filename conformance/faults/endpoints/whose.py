# SPDX-License-Identifier: Apache-2.0
"""Faults with whose slices they are: labels, owner, namespace, and the slices of others."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says, sees
from conformance.faults.endpoints.changes import Slices, each_service, each_slice, service_of
from reference.frozenmap import EMPTY
from reference.objects import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    EndpointSlice,
    Labels,
)
from reference.questions import NamespacedName


def _labelled(slices: Slices, labels: Labels) -> Slices:
    """The slices with more labels."""
    return each_slice(
        slices,
        lambda piece: evolve(piece, metadata=evolve(piece.metadata, labels=piece.metadata.labels | labels)),
    )


@says("SLICE-014", of=("endpoint_slices",))
def slices_of_others_are_taken_over(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Slices of the Service that somebody else wrote are taken for the controller's own."""
    if not slices:
        return slices
    others = [
        piece
        for piece in cluster.endpoint_slices
        if piece.metadata.namespace == name.namespace
        and piece.metadata.labels.get(SERVICE_NAME_LABEL) == name.name
        and piece.metadata.labels.get(MANAGED_BY_LABEL) == "somebody.example.com"
    ]
    return (*slices, *others)


@says("SLICE-016", of=("endpoint_slices",))
def no_owner(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Slices are not owned by their Service, so that they stay when it is deleted."""
    return each_slice(
        slices, lambda piece: evolve(piece, metadata=evolve(piece.metadata, owner_references=()))
    )


@sees("SLICE-017", "SLICE-018")
def labels_are_not_copied(cluster: Cluster) -> Cluster:
    """The labels of a Service are not copied to its slices."""
    return each_service(cluster, lambda each: evolve(each, metadata=evolve(each.metadata, labels=EMPTY)))


@says("SLICE-017", of=("endpoint_slices",))
def reserved_labels_are_copied(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Labels of a Service with reserved keys are copied over those of the controller."""
    return _labelled(slices, service_of(cluster, name).metadata.labels)


@says("SLICE-017", of=("endpoint_slices",))
def another_manager(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Slices name a manager of the implementation's own."""
    return _labelled(slices, EMPTY | {MANAGED_BY_LABEL: "controller.example.com"})


@says("SLICE-018", of=("endpoint_slices",))
def annotations_are_copied(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """The annotations of a Service are copied to its slices."""
    annotations = service_of(cluster, name).metadata.annotations
    return each_slice(
        slices, lambda piece: evolve(piece, metadata=evolve(piece.metadata, annotations=annotations))
    )


@says("SLICE-019", of=("endpoint_slices",))
def address_type_of_its_own(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The family of a slice is written as an address type of the implementation's own."""
    return each_slice(slices, lambda piece: evolve(piece, address_type="IP"))


@says("SLICE-020", of=("endpoint_slices",))
def slices_in_one_namespace(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """All slices are written to the namespace `default`."""

    def moved(piece: EndpointSlice) -> EndpointSlice:
        return evolve(piece, metadata=evolve(piece.metadata, namespace="default"))

    return each_slice(slices, moved)


@says("EP-023", of=("endpoint_slices",))
def no_headless_label(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Slices of headless Services are not labelled as such."""
    return each_slice(
        slices,
        lambda piece: evolve(
            piece, metadata=evolve(piece.metadata, labels=piece.metadata.labels.without(HEADLESS_LABEL))
        ),
    )
