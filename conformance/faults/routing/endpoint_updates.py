# SPDX-License-Identifier: Apache-2.0
"""Proxies that keep former endpoints, or lose present ones, when slices change."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves
from conformance.faults.routing.making import (
    Proxy,
    each_slice,
    keeps,
    owner,
    service_key,
    services_of,
    slices_of,
    with_slices,
)
from reference.objects import (
    Cluster,
    Endpoint,
    EndpointSlice,
)
from reference.questions import Decision, Flow
from reference.routing import Destination, RoutingTable


@keeps("NOEP-009", bugs=("BUG-110",))
def no_endpoints_are_no_update(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """An update that leaves a Service without endpoints is ignored."""
    now = {owner(item) for item in cluster.endpoint_slices if item.endpoints}
    kept = {
        (item.metadata.namespace, item.metadata.name): item
        for item in held.endpoint_slices
        if item.endpoints and owner(item) not in now
    }
    return evolve(cluster, endpoint_slices=tuple({**slices_of(cluster), **kept}.values()))


@keeps("SYNC-02", "NOEP-009", bugs=("BUG-115",))
def events_of_one_namespace(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """The endpoints of all namespaces are listed at the start, and later events heeded in `default` alone."""
    ours = tuple(item for item in cluster.endpoint_slices if item.metadata.namespace == "default")
    theirs = tuple(item for item in held.endpoint_slices if item.metadata.namespace != "default")
    return evolve(cluster, endpoint_slices=(*ours, *theirs))


@keeps("TERM-001", bugs=("BUG-096",))
def conditions_are_no_change(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """What is desired is compared with what is installed by address, so that conditions change nothing."""

    def kept(was: EndpointSlice, item: EndpointSlice) -> EndpointSlice:
        same = [one.addresses for one in was.endpoints] == [one.addresses for one in item.endpoints]
        return evolve(item, endpoints=was.endpoints) if same else item

    return each_slice(held, cluster, kept)


@keeps("TERM-001", bugs=("BUG-051",))
def slice_dropped_with_one_endpoint(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """When one endpoint of a slice starts to terminate the whole slice is dropped."""

    def dropped(was: EndpointSlice, item: EndpointSlice) -> EndpointSlice:
        before = {one.addresses for one in was.endpoints if one.conditions.terminating}
        ending = {one.addresses for one in item.endpoints if one.conditions.terminating}
        return evolve(item, endpoints=()) if ending - before else item

    return each_slice(told, cluster, dropped)


@keeps("SYNC-04")
def endpoints_go_with_a_slice(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """With a slice that is removed its endpoints go, although another slice lists them."""
    now = slices_of(cluster)
    gone = {
        (owner(item), one.addresses)
        for key, item in slices_of(told).items()
        if key not in now
        for one in item.endpoints
    }

    def left(item: EndpointSlice) -> EndpointSlice:
        kept = tuple(one for one in item.endpoints if (owner(item), one.addresses) not in gone)
        return evolve(item, endpoints=kept)

    return with_slices(cluster, left)


@keeps("SYNC-02", bugs=("BUG-062",))
def locality_of_the_former_endpoints(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """Where a Service and its endpoints change at once, locality is worked out from the former endpoints."""
    services, nodes = services_of(told), {}
    for item in told.endpoint_slices:
        for one in item.endpoints:
            nodes[owner(item), one.addresses] = one.node_name
    touched = {
        service_key(item) for item in cluster.services if services.get(service_key(item)) not in (None, item)
    }

    def stale(item: EndpointSlice) -> EndpointSlice:
        if owner(item) not in touched:
            return item

        def placed(one: Endpoint) -> Endpoint:
            return evolve(one, node_name=nodes.get((owner(item), one.addresses)))

        return evolve(item, endpoints=tuple(map(placed, item.endpoints)))

    return with_slices(cluster, stale)


@behaves("SYNC-02", bugs=("BUG-089",))
class FormerEndpointsBehindLoadBalancers(Proxy):
    """When endpoints change, the rules of a load balancer's address are written anew and the former stay."""

    def __init__(self) -> None:
        super().__init__()
        self.former: RoutingTable | None = None

    def apply(self, cluster: Cluster) -> None:
        """Begin anew."""
        super().apply(cluster)
        self.former = None

    def update(self, cluster: Cluster) -> None:
        """Move to this state."""
        former = self.model.routing
        super().update(cluster)
        self.former = former

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        right, match = table.decide(flow), table.match(flow)
        if self.former is None or match is None or match.destination is not Destination.LOAD_BALANCER_IP:
            return right
        was = self.former.decide(flow)
        if not was.backends or not right.backends:
            return right
        replaced = (right.masqueraded or frozenset()) | (was.masqueraded or frozenset())
        return evolve(right, backends=right.backends | was.backends, masqueraded=replaced)
