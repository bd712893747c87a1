# SPDX-License-Identifier: Apache-2.0
"""How the endpoints of a Service are packed into slices."""

from __future__ import annotations

from functools import lru_cache

from attrs import frozen

from reference.endpoints.hints import distribution, has_topology_mode_auto, hints
from reference.endpoints.membership import (
    address_families,
    addresses,
    conditions,
    hostname,
    is_eligible,
    is_managed,
    is_serving,
    target_ref,
)
from reference.endpoints.target_ports import slice_ports
from reference.endpoints.topology import with_proportional_hints
from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    ENDPOINT_SLICE_CONTROLLER,
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Labels,
    Node,
    ObjectMeta,
    ObjectReference,
    OwnerReference,
    Pod,
    Service,
)
from reference.selectors import service_selects


@frozen
class View:
    """What the controller sees of a cluster, looked up once: pods by namespace, zones by node.

    The zone of a node without the label is None; a node that does not exist has
    no entry.  `most` is how many endpoints a slice may have.
    """

    pods: dict[str, list[Pod]]
    nodes: tuple[Node, ...]
    zones: dict[str, str | None]
    most: int

    @classmethod
    def of(cls, cluster: Cluster) -> View:
        """The view of `cluster`."""
        pods: dict[str, list[Pod]] = {}
        for pod in cluster.pods:
            pods.setdefault(pod.metadata.namespace, []).append(pod)
        zones = {node.metadata.name: node.metadata.labels.get(ZONE_LABEL) or None for node in cluster.nodes}
        return cls(pods, cluster.nodes, zones, cluster.settings.max_endpoints_per_slice)


def slices_of(service: Service, view: View) -> tuple[EndpointSlice, ...]:
    """The slices of one Service, each of one family and one port set (SLICE-003, EP-020).

    A family without endpoints has one slice with neither endpoints nor ports
    (SLICE-010, SEL-006).  Proportional hints depend on all of them (SLICE-029).
    """
    if not is_managed(service):
        return ()
    slices: list[EndpointSlice] = []
    for family, groups in wanted_endpoints(service, view).items():
        for ports, endpoints in groups.items() if groups else [((), [])]:
            for packed in _chunks(endpoints, view.most) or [()]:
                slices.append(new_slice(service, len(slices), family, packed, ports))
    made = tuple(slices)
    return with_proportional_hints(made, view.nodes) if has_topology_mode_auto(service) else made


Groups = dict[tuple[EndpointPort, ...], list[Endpoint]]
"""Endpoints by their ports."""


def wanted_endpoints(service: Service, view: View) -> dict[str, Groups]:
    """The endpoints of a Service with a selector, by family."""
    selected = [
        (pod, slice_ports(service, pod))
        for pod in view.pods.get(service.metadata.namespace, ())  # SEL-007: of its own namespace
        if service_selects(service.spec.selector, pod.metadata.labels) and is_eligible(pod)
    ]
    return {family: _by_ports(service, selected, family, view.zones) for family in address_families(service)}


def new_slice(
    service: Service,
    number: int,
    family: str,
    endpoints: tuple[Endpoint, ...] = (),
    ports: tuple[EndpointPort, ...] = (),
) -> EndpointSlice:
    """A slice of the controller; without endpoints and ports it stands for a family that has none."""
    return EndpointSlice(_metadata(service, number), family, endpoints, ports)


def _chunks(endpoints: list[Endpoint], most: int) -> list[tuple[Endpoint, ...]]:
    """As many endpoints in each slice as it may have (SLICE-005)."""
    return [tuple(endpoints[start : start + most]) for start in range(0, len(endpoints), most)]


def _by_ports(
    service: Service,
    selected: list[tuple[Pod, tuple[EndpointPort, ...]]],
    family: str,
    zones: dict[str, str | None],
) -> Groups:
    """The endpoints of a family by their resolved ports (SLICE-003, SLICE-004, PORT-007)."""
    groups: Groups = {}
    for pod, ports in selected:
        made = endpoint_of(pod, service, family, zones)
        if made is not None:
            groups.setdefault(ports, []).append(made)
    return groups


def endpoint_of(pod: Pod, service: Service, family: str, zones: dict[str, str | None]) -> Endpoint | None:
    """The endpoint for an eligible pod; None if it has none in this family.

    A pod whose node does not exist is left out, unless not-ready addresses are
    published (EP-014).
    """
    publish = service.spec.publish_not_ready_addresses
    node = pod.spec.node_name
    if node not in zones and not publish:
        return None
    found = addresses(pod, family)
    if not found:
        return None  # EP-017, EP-019, EP-020
    metadata = pod.metadata
    state = conditions(
        serving=is_serving(pod),
        terminating=metadata.deletion_timestamp is not None,
        publish_not_ready=publish,
    )
    return _endpoint(
        found=found,
        state=state,
        host=hostname(pod, service),
        node=node or None,
        zone=zones.get(node),
        target=target_ref(metadata.namespace, metadata.name, metadata.uid),
        wanted=distribution(service),
    )


@lru_cache(maxsize=4096)
def _endpoint(
    *,
    found: tuple[str, ...],
    state: EndpointConditions,
    host: str | None,
    node: str | None,
    zone: str | None,
    target: ObjectReference,
    wanted: str | None,
) -> Endpoint:
    """One endpoint with the node's name and zone (EP-013) and its hints."""
    return Endpoint(
        addresses=found,
        conditions=state,
        hostname=host,
        node_name=node,
        zone=zone,
        target_ref=target,
        hints=hints(wanted, ready=bool(state.ready), zone=zone, node=node),
    )


def _metadata(service: Service, number: int) -> ObjectMeta:
    """The metadata of the `number`th slice; the number stands for the random suffix (SLICE-016)."""
    metadata = service.metadata
    return _cached_metadata(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        labels=metadata.labels,
        headless=_is_headless(service),
        number=number,
    )


def _is_headless(service: Service) -> bool:
    return service.spec.cluster_ip in ("", CLUSTER_IP_NONE)


def labels_of(service: Service) -> Labels:
    """The labels of a Service's slices."""
    metadata = service.metadata
    return slice_labels(metadata.name, metadata.labels, headless=_is_headless(service))


@lru_cache(maxsize=4096)
def _cached_metadata(
    *, namespace: str, name: str, uid: str, labels: Labels, headless: bool, number: int
) -> ObjectMeta:
    return ObjectMeta(
        name=f"{name}-{number}",
        generate_name=f"{name}-",
        namespace=namespace,
        labels=slice_labels(name, labels, headless=headless),
        owner_references=(OwnerReference(kind="Service", name=name, uid=uid, controller=True),),
    )


def slice_labels(service_name: str, labels: Labels, *, headless: bool) -> Labels:
    """The Service's labels, with the three reserved keys decided by the controller (SLICE-017, EP-023)."""
    made = {
        **labels,
        SERVICE_NAME_LABEL: service_name,
        MANAGED_BY_LABEL: ENDPOINT_SLICE_CONTROLLER,
        HEADLESS_LABEL: "",
    }
    if not headless:
        del made[HEADLESS_LABEL]
    return FrozenMap(made)
