# SPDX-License-Identifier: Apache-2.0
"""Faults with whether a Service gets proportional hints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve

from conformance.faults.base import replaces, says, sees
from conformance.faults.endpoints.changes import Slices, each_endpoint, each_service, service_of
from reference.endpoints import packing, topology
from reference.endpoints.hints import (
    DEPRECATED_TOPOLOGY_ANNOTATION,
    TOPOLOGY_MODE_ANNOTATION,
    has_topology_mode_auto,
    hints,
)
from reference.endpoints.topology import Plan, Reason, Shares, with_proportional_hints
from reference.objects import (
    CONTROL_PLANE_LABELS,
    ZONE_LABEL,
    Cluster,
    EndpointHints,
    EndpointSlice,
    ForZone,
    Labels,
    Node,
    Service,
)
from reference.quantities import nanos
from reference.questions import NamespacedName

# -- the annotation ----------------------------------------------------------


def _annotated(service: Service, annotations: Labels) -> Service:
    return evolve(service, metadata=evolve(service.metadata, annotations=annotations))


def _each_value(service: Service, values: Mapping[str, str]) -> Service:
    """The Service with other values of the two annotations."""
    own = service.metadata.annotations
    changed = {
        key: values.get(own[key], own[key])
        for key in (TOPOLOGY_MODE_ANNOTATION, DEPRECATED_TOPOLOGY_ANNOTATION)
        if key in own
    }
    return _annotated(service, own | changed)


@sees("SLICE-027")
def auto_begins_with_a_capital(cluster: Cluster) -> Cluster:
    """Auto is known, auto is not."""
    return each_service(cluster, lambda each: _each_value(each, {"auto": "Disabled"}))


@sees("SLICE-027")
def deprecated_annotation_is_unknown(cluster: Cluster) -> Cluster:
    """Only the new name of the annotation is known."""
    return each_service(
        cluster,
        lambda each: _annotated(each, each.metadata.annotations.without(DEPRECATED_TOPOLOGY_ANNOTATION)),
    )


@sees("SLICE-027")
def distribution_overrides_the_annotation(cluster: Cluster) -> Cluster:
    """The annotation counts only where the Service has no trafficDistribution."""
    return each_service(
        cluster,
        lambda each: _each_value(each, {"Auto": "", "auto": ""}) if each.spec.traffic_distribution else each,
    )


@says("SLICE-027", of=("endpoint_slices",))
def distribution_where_nothing_is_proportional(
    cluster: Cluster, name: NamespacedName, slices: Slices
) -> Slices:
    """Where there are no proportional hints, those by trafficDistribution are given after all."""
    service = service_of(cluster, name)
    hinted = any(one.hints for piece in slices for one in piece.endpoints)
    if hinted or not has_topology_mode_auto(service):
        return slices
    wanted = service.spec.traffic_distribution
    return each_endpoint(
        slices,
        lambda one: evolve(
            one, hints=hints(wanted, ready=bool(one.conditions.ready), zone=one.zone, node=one.node_name)
        ),
    )


@sees("SLICE-028")
def auto_in_any_case(cluster: Cluster) -> Cluster:
    """The value of the annotation is compared without regard to case."""
    return each_service(cluster, lambda each: _each_value(each, {"AUTO": "Auto"}))


@sees("SLICE-028")
def anything_but_disabled_is_auto(cluster: Cluster) -> Cluster:
    """Every value of the annotation but Disabled is taken for Auto."""
    return each_service(cluster, lambda each: _each_value(each, {"AUTO": "Auto", "true": "Auto", "": "Auto"}))


# -- nodes -------------------------------------------------------------------


def _without_role(node: Node, *roles: str) -> Node:
    labels = node.metadata.labels.without(*roles)
    return evolve(node, metadata=evolve(node.metadata, labels=labels))


@sees("SLICE-029")
def control_plane_counts(cluster: Cluster) -> Cluster:
    """Nodes of the control plane count as any other."""
    nodes = tuple(_without_role(node, *CONTROL_PLANE_LABELS) for node in cluster.nodes)
    return evolve(cluster, nodes=nodes)


@sees("SLICE-029")
def old_name_of_the_control_plane_is_unknown(cluster: Cluster) -> Cluster:
    """Nodes with the older label of the control plane count as any other."""
    return evolve(
        cluster, nodes=tuple(_without_role(node, CONTROL_PLANE_LABELS[1]) for node in cluster.nodes)
    )


@sees("SLICE-029")
def role_has_to_be_true(cluster: Cluster) -> Cluster:
    """A node is of the control plane if its label says true; usually it says nothing."""

    def seen(node: Node) -> Node:
        roles = [role for role in CONTROL_PLANE_LABELS if node.metadata.labels.get(role) != "true"]
        return _without_role(node, *roles)

    return evolve(cluster, nodes=tuple(map(seen, cluster.nodes)))


@replaces(topology, "has_capacity", "SLICE-029")
def nodes_that_are_not_ready_count(node: Node) -> bool:
    """Nodes count whether they are Ready or not."""
    return not set(CONTROL_PLANE_LABELS) & set(node.metadata.labels)


_complete = topology.zone_cpus


def _cpu(node: Node) -> int:
    return nanos(node.status.allocatable.cpu or "0")


@replaces(topology, "zone_cpus", "SLICE-029")
def incomplete_nodes_are_left_out(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """A node without a zone or without CPUs is left out; the others are enough for hints."""
    return _complete([node for node in nodes if node.metadata.labels.get(ZONE_LABEL) and _cpu(node)])


@replaces(topology, "zone_cpus", "SLICE-029")
def nodes_without_cpus_are_left_out(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """A node that has nothing allocatable is left out."""
    return _complete([node for node in nodes if _cpu(node)])


@replaces(topology, "zone_cpus", "SLICE-029")
def one_zone_is_enough(nodes: Iterable[Node]) -> Mapping[str, int] | Reason:
    """Hints are given in a cluster of one zone as well."""
    found = _complete(nodes)
    counting = list(filter(topology.has_capacity, nodes))
    if found is not Reason.ONE_ZONE or not counting:
        return found
    return {counting[0].metadata.labels[ZONE_LABEL]: sum(map(_cpu, counting))}


# -- endpoints ---------------------------------------------------------------

_plan = topology.plan


@replaces(topology, "plan", "SLICE-029")
def endpoints_without_a_zone_are_skipped(
    shares: Shares, own: Mapping[str | None, int], *, ready: int
) -> Plan | Reason:
    """A ready endpoint whose zone is not known has no hint; the others have."""
    known: dict[str | None, int] = {zone: count for zone, count in own.items() if zone}
    return _plan(shares, known, ready=ready - own.get(None, 0))


@replaces(topology, "ready_by_zone", "SLICE-029")
def endpoints_that_are_not_ready_count(slices: Iterable[EndpointSlice]) -> Counter[str | None]:
    """Endpoints count whether they are ready or not."""
    return Counter(endpoint.zone or None for piece in slices for endpoint in piece.endpoints)


@says("SLICE-021", of=("endpoint_slices",))
def proportional_hints_for_all(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Where there are proportional hints, endpoints that are not ready are hinted to their zone."""
    hinted = any(one.hints for piece in slices for one in piece.endpoints)
    if not hinted or not has_topology_mode_auto(service_of(cluster, name)):
        return slices
    return each_endpoint(
        slices,
        lambda one: (
            one if one.hints or not one.zone else evolve(one, hints=EndpointHints((ForZone(one.zone),)))
        ),
    )


@replaces(packing, "with_proportional_hints", "SLICE-029")
def families_are_counted_together(slices: Slices, nodes: Sequence[Node]) -> Slices:
    """The endpoints of both families are shared out together."""
    alike = tuple(evolve(piece, address_type="IPv4") for piece in slices)
    hinted = with_proportional_hints(alike, nodes)
    return tuple(
        evolve(piece, address_type=own.address_type) for piece, own in zip(hinted, slices, strict=True)
    )


@replaces(packing, "with_proportional_hints", "SLICE-029")
def each_slice_is_on_its_own(slices: Slices, nodes: Sequence[Node]) -> Slices:
    """The endpoints of each slice are shared out by themselves."""
    return tuple(hinted for piece in slices for hinted in with_proportional_hints((piece,), nodes))
