# SPDX-License-Identifier: Apache-2.0
"""Faults with hints."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says, sees
from conformance.faults.endpoints.changes import (
    Slices,
    each_endpoint,
    each_service,
    service_of,
    with_spec,
)
from reference.objects import Cluster, Endpoint, EndpointHints, ForNode, ForZone
from reference.questions import NamespacedName


@says("SLICE-021", of=("endpoint_slices",))
def hints_for_what_is_not_ready(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Endpoints that are not ready have hints as well."""
    if service_of(cluster, name).spec.traffic_distribution is None:
        return slices

    def hinted(one: Endpoint) -> Endpoint:
        return evolve(one, hints=EndpointHints((ForZone(one.zone),))) if one.zone and not one.hints else one

    return each_endpoint(slices, hinted)


@says("SLICE-021", of=("endpoint_slices",))
def endpoints_without_hints_are_left_out(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """With a traffic distribution, endpoints without hints are left out."""
    if service_of(cluster, name).spec.traffic_distribution is None:
        return slices
    return each_endpoint(slices, lambda one: one if one.hints else None)


@sees("SLICE-022")
def only_prefer_close_is_known(cluster: Cluster) -> Cluster:
    """PreferClose is known, its new name PreferSameZone is not."""
    return each_service(
        cluster,
        lambda each: (
            with_spec(each, traffic_distribution=None)
            if each.spec.traffic_distribution == "PreferSameZone"
            else each
        ),
    )


@sees("SLICE-023")
def same_node_is_same_zone(cluster: Cluster) -> Cluster:
    """PreferSameNode is treated as PreferSameZone."""
    return each_service(
        cluster,
        lambda each: (
            with_spec(each, traffic_distribution="PreferSameZone")
            if each.spec.traffic_distribution == "PreferSameNode"
            else each
        ),
    )


@says("SLICE-024", of=("endpoint_slices",))
def hint_for_an_empty_zone(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """An endpoint whose zone is not known has a hint for a zone with an empty name."""
    if service_of(cluster, name).spec.traffic_distribution != "PreferSameZone":
        return slices
    empty = EndpointHints((ForZone(""),))
    return each_endpoint(
        slices,
        lambda one: evolve(one, hints=empty) if one.conditions.ready and not one.zone else one,
    )


@says("SLICE-025", of=("endpoint_slices",))
def hints_need_two_endpoints(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Hints are left out where there is only one endpoint to choose."""
    ready = sum(bool(one.conditions.ready) for piece in slices for one in piece.endpoints)
    return slices if ready > 1 else each_endpoint(slices, lambda one: evolve(one, hints=None))


@says("SLICE-025", of=("endpoint_slices",))
def hints_need_two_zones(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Hints are left out where all endpoints are in one zone."""
    zones = {one.zone for piece in slices for one in piece.endpoints if one.conditions.ready}
    return slices if len(zones) > 1 else each_endpoint(slices, lambda one: evolve(one, hints=None))


@says("SLICE-026", of=("endpoint_slices",))
def hints_without_being_asked(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Every ready endpoint has a hint for its zone, whatever the Service asks for."""

    def hinted(one: Endpoint) -> Endpoint:
        if one.hints or not one.zone or not one.conditions.ready:
            return one
        return evolve(one, hints=EndpointHints((ForZone(one.zone),)))

    return each_endpoint(slices, hinted)


@says("SLICE-032", of=("endpoint_slices",))
def no_hints_for_headless(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Endpoints of headless Services have no hints, as no proxy reads them."""
    if service_of(cluster, name).spec.cluster_ip != "None":
        return slices
    return each_endpoint(slices, lambda one: evolve(one, hints=None))


@says("SLICE-032", of=("endpoint_slices",))
def no_hints_for_local_policy(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Endpoints of Services whose internal traffic policy is Local have no hints."""
    if service_of(cluster, name).spec.internal_traffic_policy != "Local":
        return slices
    return each_endpoint(slices, lambda one: evolve(one, hints=None))


@says("SLICE-022", "SLICE-023", of=("endpoint_slices",))
def hints_for_every_node(cluster: Cluster, _: NamespacedName, slices: Slices) -> Slices:
    """Hints name all zones and nodes that are known, in case the nearest has none."""
    zones = {each.metadata.labels.get("topology.kubernetes.io/zone", "") for each in cluster.nodes} - {""}
    every = EndpointHints(
        tuple(ForZone(name) for name in sorted(zones)),
        tuple(ForNode(each.metadata.name) for each in cluster.nodes),
    )
    return each_endpoint(slices, lambda one: evolve(one, hints=every) if one.hints else one)
