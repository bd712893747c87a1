# SPDX-License-Identifier: Apache-2.0
"""Changes of ports, owners and states: what an implementation kept from before must not show."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, Served, ask, asked, shown
from conformance.invariants.routing.fresh import fresh, other_external_ip
from conformance.invariants.routing.policies import flip_external, flip_internal
from conformance.invariants.routing.related import (
    change_endpoints,
    change_services,
    change_slices,
    change_specs,
    compare,
    decide_again,
    gone,
    in_state,
    of_service,
    some_service,
)
from conformance.questions import turn_of
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    Node,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.routing import Destination


def _with(cluster: Cluster, old: Service, new: Service) -> Cluster:
    """The cluster with one Service changed."""
    return change_services(cluster, lambda service: new if service is old else service)


def _right(case: Case, items: tuple[Asked, ...], requirement: Callable[[Asked], str]) -> None:
    """Each flow meets what is allowed."""
    for item in items:
        if item.allowed is None:
            continue
        case.judged("served")
        if not item.is_right:
            case.fail(
                requirement(item),
                question=item.text,
                expected=item.wanted,
                got=shown(item.got),
                because=item.expected.rules,
            )


@invariant(
    "routing.a-renumbered-port-is-served-at-its-new-number",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-10", "RT-001"),
    asks=ROUTE,
    classes=("gone", "served"),
)
def renumbered(case: Case) -> None:
    """Once a Service's first port has another number, that of its node port if it has one, it is served
    there and no longer at the old one, and nothing changes at the other ports and at the node port.
    """
    service = some_service(case)
    if service is None:
        return
    old = service.spec.ports[0]
    new = evolve(old, port=old.node_port or old.port + 1000)
    changed = evolve(service, spec=evolve(service.spec, ports=(new, *service.spec.ports[1:])))
    items = [
        item
        for item in of_service(case, service)
        if item.match.port is old and item.destination is not Destination.NODE_PORT
    ]
    related = in_state(case, _with(case.cluster, service, changed))
    gone(case, related, items, "SYNC-10", f"the port became {new.port}")
    # The numbers are equal then, and still different addresses.
    row = "RT-001" if old.node_port else "SYNC-10"
    _right(case, ask(related, [evolve(item.flow, port=new.port) for item in items]), lambda _: row)
    changed_flows = {item.flow for item in items}
    taken = {(item.flow.ip, new.port) for item in items}
    others = [
        item
        for item in of_service(case, service)
        if item.flow not in changed_flows and (item.flow.ip, item.flow.port) not in taken
    ]
    compare(case, others, decide_again(related, others), "SYNC-10")


@invariant(
    "routing.an-address-with-two-ports-is-two-endpoints",
    kind=Kind.METAMORPHIC,
    requirements=("RT-003",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("served",),
)
def two_ports(case: Case) -> None:
    """Endpoints that further slices list at other port numbers are used at both numbers."""
    service = some_service(case)
    if service is None:
        return
    copies = tuple(
        evolve(
            item,
            metadata=evolve(
                item.metadata, name=f"{item.metadata.name}-next", uid=f"{item.metadata.uid}-next"
            ),
            ports=tuple(evolve(port, port=port.port + 1000) if port.port else port for port in item.ports),
        )
        for item in case.cluster.endpoint_slices
        if item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
    )
    slices = (*case.cluster.endpoint_slices, *copies)
    related = in_state(case, evolve(case.cluster, endpoint_slices=slices))
    _right(case, ask(related, [item.flow for item in of_service(case, service)]), lambda _: "RT-003")


def _successor(cluster: Cluster, service: Service) -> Cluster:
    """The cluster with the Service deleted, and one of another name in its place, with fewer endpoints."""
    name = f"{service.metadata.name}-next"

    def handed_on(item: EndpointSlice) -> EndpointSlice:
        meta = item.metadata
        owner = meta.labels.get(SERVICE_NAME_LABEL)
        if (meta.namespace, owner) != (service.metadata.namespace, service.metadata.name):
            return item
        labels = meta.labels | FrozenMap({SERVICE_NAME_LABEL: name})
        renamed = evolve(meta, name=f"{meta.name}-next", uid=f"{meta.uid}-next", labels=labels)
        return evolve(item, metadata=renamed, endpoints=item.endpoints[1:])

    meta = evolve(service.metadata, name=name, uid=f"{service.metadata.uid}-next")
    return change_slices(_with(cluster, service, evolve(service, metadata=meta)), handed_on)


@invariant(
    "routing.addresses-may-be-given-to-another-service",
    kind=Kind.METAMORPHIC,
    requirements=("NP-015", "SYNC-09"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("served",),
)
def successor(case: Case) -> None:
    """A Service that is created with the addresses and ports of one that is deleted is served there, by
    its own endpoints alone.
    """
    service = some_service(case)
    if service is None:
        return
    # One kind of address after the other has its turn to be the first that is looked at.
    by_node = bool(turn_of(case.cluster) % 2)
    items = sorted(
        of_service(case, service),
        key=lambda item: (item.destination is Destination.NODE_PORT) is not by_node,
    )
    related = in_state(case, _successor(case.cluster, service))

    def row(item: Asked) -> str:
        by_node = isinstance(item, Served) and item.destination is Destination.NODE_PORT
        return "NP-015" if by_node else "SYNC-09"

    _right(case, ask(related, [item.flow for item in items]), row)


# -- other states to come from -------------------------------------------------------


def _one_less(cluster: Cluster) -> Cluster:
    """A Service that is created only now."""
    return evolve(cluster, services=cluster.services[1:])


def _one_more(cluster: Cluster) -> Cluster:
    """Endpoints that are gone now, one on each node."""

    def more(family: str) -> tuple[Endpoint, ...]:
        return tuple(
            Endpoint((fresh(247, index + 1, family),), node_name=node.metadata.name)
            for index, node in enumerate(cluster.nodes)
        )

    return change_slices(
        cluster, lambda item: evolve(item, endpoints=(*item.endpoints, *more(item.address_type)))
    )


def _none(cluster: Cluster) -> Cluster:
    """Slices that come only now."""
    return evolve(cluster, endpoint_slices=())


def _other_numbers(cluster: Cluster) -> Cluster:
    """Ports that had other numbers."""

    def other(port: ServicePort) -> ServicePort:
        return evolve(port, port=port.port + 2000)

    return change_specs(cluster, lambda spec: evolve(spec, ports=tuple(map(other, spec.ports))))


def _other_ports(cluster: Cluster) -> Cluster:
    """Endpoints that listened elsewhere."""
    return change_slices(
        cluster,
        lambda item: evolve(
            item,
            ports=tuple(evolve(port, port=port.port + 1 if port.port else port.port) for port in item.ports),
        ),
    )


def _other_policies_elsewhere(cluster: Cluster) -> Cluster:
    """Services with other policies, whose endpoints were on other nodes."""
    names = [node.metadata.name for node in cluster.nodes]

    def moved(endpoint: Endpoint) -> Endpoint:
        if endpoint.node_name not in names:
            return endpoint
        return evolve(endpoint, node_name=names[(names.index(endpoint.node_name) + 1) % len(names)])

    return change_endpoints(change_specs(cluster, lambda spec: flip_internal(flip_external(spec))), moved)


def _none_ready(cluster: Cluster) -> Cluster:
    """Endpoints that were not ready."""
    conditions = EndpointConditions(False, False, False)
    return change_endpoints(cluster, lambda endpoint: evolve(endpoint, conditions=conditions))


def _all_ready(cluster: Cluster) -> Cluster:
    """Endpoints that were all ready."""
    conditions = EndpointConditions(True, True, False)
    return change_endpoints(cluster, lambda endpoint: evolve(endpoint, conditions=conditions))


def _other_external_ips(cluster: Cluster) -> Cluster:
    """External IPs that were others."""

    def other(spec: ServiceSpec) -> ServiceSpec:
        return evolve(spec, external_ips=tuple(map(other_external_ip, spec.external_ips)))

    return change_specs(cluster, other)


def _other_zones(cluster: Cluster) -> Cluster:
    """Nodes that were in another zone."""

    def moved(node: Node) -> Node:
        labels = node.metadata.labels | FrozenMap({ZONE_LABEL: "zone-before"})
        return evolve(node, metadata=evolve(node.metadata, labels=labels))

    return evolve(cluster, nodes=tuple(map(moved, cluster.nodes)))


def _without_hints(cluster: Cluster) -> Cluster:
    """Endpoints that had no hints."""
    return change_endpoints(cluster, lambda endpoint: evolve(endpoint, hints=None))


def _another_owner(cluster: Cluster) -> Cluster:
    """Another Service that had the addresses of the first one."""
    return _successor(cluster, cluster.services[0]) if cluster.services else cluster


_BEFORE: tuple[Callable[[Cluster], Cluster], ...] = (
    _one_less,
    _one_more,
    _none,
    _other_numbers,
    _other_ports,
    _other_policies_elsewhere,
    _none_ready,
    _all_ready,
    _other_external_ips,
    _other_zones,
    _without_hints,
    _another_owner,
)


@invariant(
    "routing.the-way-to-a-state-does-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-02",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forwarded",),
)
def way(case: Case) -> None:
    """An implementation that comes to a state from another one decides as one that begins with it,
    whatever it was that changed.
    """
    items = asked(case)
    before = _BEFORE[turn_of(case.cluster) % len(_BEFORE)](case.cluster)
    if not items or before == case.cluster:
        return
    related = case.variant(evolve(case.example, before=before))
    compare(case, items, decide_again(related, items), "SYNC-02")
