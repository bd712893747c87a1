# SPDX-License-Identifier: Apache-2.0
"""Proxies that are wrong about which endpoints a service port has, and at which port numbers."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import sees
from conformance.faults.routing.making import decides, narrowed_to, with_endpoints, with_slices
from reference.objects import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    EndpointSlice,
)
from reference.questions import Backend, ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable
from reference.routing.addresses import family_of


@decides("RT-001", bugs=("BUG-170",))
def service_port_for_endpoints(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are reached at the Service's own port number, whatever the slice says."""
    ported = frozenset(Backend(each.ip, match.port.port) for each in decision.backends)
    return evolve(decision, backends=ported)


@decides("PORT-011")
def target_port_for_endpoints(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are reached at the Service's target port, whatever the slice says."""
    target = match.port.target_port
    if not isinstance(target, int) or not target:
        return decision
    return evolve(decision, backends=frozenset(Backend(each.ip, target) for each in decision.backends))


@sees("EP-024")
def slices_of_the_controller_only(cluster: Cluster) -> Cluster:
    """Only slices that the controller wrote are read."""
    kept = tuple(item for item in cluster.endpoint_slices if MANAGED_BY_LABEL in item.metadata.labels)
    return evolve(cluster, endpoint_slices=kept)


@sees("RT-002")
def slices_by_name_alone(cluster: Cluster) -> Cluster:
    """Slices belong to the Services of that name in all namespaces."""
    every = tuple(
        evolve(item, metadata=evolve(item.metadata, namespace=namespace))
        for namespace in dict.fromkeys(service.metadata.namespace for service in cluster.services)
        for item in cluster.endpoint_slices
    )
    return evolve(cluster, endpoint_slices=every)


@sees("RT-002")
def known_namespaces_only(cluster: Cluster) -> Cluster:
    """Only the slices of a list of namespaces are watched."""
    known = ("default", "shop")
    kept = tuple(item for item in cluster.endpoint_slices if item.metadata.namespace in known)
    return evolve(cluster, endpoint_slices=kept)


@sees("RT-002")
def port_names_left_out(cluster: Cluster) -> Cluster:
    """Slice ports are joined to service ports by protocol alone."""

    def every(item: EndpointSlice) -> EndpointSlice:
        names = {port.name for service in cluster.services for port in service.spec.ports}
        ports = tuple(evolve(port, name=name) for port in item.ports for name in sorted(names))
        return evolve(item, ports=ports)

    return with_slices(cluster, every)


@decides("RT-003")
def one_port_number_for_all(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """The port number of the first slice is used for the endpoints of all slices."""
    every = table.candidates(match.service, match.port, family_of(flow.ip))
    ported = frozenset(Backend(each.ip, every[0].backend.port) for each in decision.backends)
    return evolve(decision, backends=ported)


@decides("RT-003")
def endpoints_by_address_alone(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are kept by address, so that of two ports of one address the last one stays."""
    last = {
        each.backend.ip: each.backend
        for each in table.candidates(match.service, match.port, family_of(flow.ip))
    }
    if decision.outcome is not Outcome.FORWARD:
        return decision
    return narrowed_to(decision, frozenset(last.values()) | _alone(decision.backends))


def _alone(backends: frozenset[Backend]) -> frozenset[Backend]:
    """Those that share their address with no other."""
    ips = [each.ip for each in backends]
    return frozenset(each for each in backends if ips.count(each.ip) == 1)


@sees("RT-005")
def every_address_of_an_endpoint(cluster: Cluster) -> Cluster:
    """Each address of an endpoint is taken for an endpoint of its own."""

    def more(item: EndpointSlice) -> EndpointSlice:
        each = tuple(evolve(one, addresses=(ip,)) for one in item.endpoints for ip in one.addresses)
        return evolve(item, endpoints=each)

    return with_slices(cluster, more)


@decides("RT-016")
def never_its_own_endpoint(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """A pod is never sent back to itself."""
    others = frozenset(each for each in decision.backends if each.ip != flow.client.ip)
    return narrowed_to(decision, others) if decision.outcome is Outcome.FORWARD else decision


@sees("RT-020")
def pods_of_the_host_network_left_out(cluster: Cluster) -> Cluster:
    """Endpoints with the address of a node are skipped, as if they were none of the Service."""
    hosts = {entry.address for node in cluster.nodes for entry in node.status.addresses}
    return with_endpoints(cluster, lambda one: None if one.addresses[0] in hosts else one)


@sees("SYNC-04")
def last_slice_wins(cluster: Cluster) -> Cluster:
    """The endpoints of one slice replace those of the slices before."""
    last: dict[object, EndpointSlice] = {}
    for item in cluster.endpoint_slices:
        last[item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL)] = item
    return evolve(cluster, endpoint_slices=tuple(last.values()))


@sees("SYNC-02")
def short_slices(cluster: Cluster) -> Cluster:
    """The last endpoint of a slice is not read."""
    return with_slices(cluster, lambda item: evolve(item, endpoints=item.endpoints[:-1] or item.endpoints))


@sees("SLICE-020")
def listed_twice_is_gone(cluster: Cluster) -> Cluster:
    """An endpoint that a second slice lists is taken out of the set again."""
    listed = [
        (item.metadata.labels.get(SERVICE_NAME_LABEL), port, one.addresses)
        for item in cluster.endpoint_slices
        for one in item.endpoints
        for port in item.ports
    ]

    def once(item: EndpointSlice) -> EndpointSlice:
        owner = item.metadata.labels.get(SERVICE_NAME_LABEL)
        kept = tuple(
            one
            for one in item.endpoints
            if all(listed.count((owner, port, one.addresses)) == 1 for port in item.ports)
        )
        return evolve(item, endpoints=kept)

    return with_slices(cluster, once)


@sees("HEADLESS-006")
def headless_label_is_not_known(cluster: Cluster) -> Cluster:
    """Slices with the label of headless Services are used as any others."""

    def unlabelled(item: EndpointSlice) -> EndpointSlice:
        labels = item.metadata.labels.without(HEADLESS_LABEL)
        return evolve(item, metadata=evolve(item.metadata, labels=labels))

    return with_slices(cluster, unlabelled)


@sees("HEADLESS-008")
def no_selector_no_endpoints(cluster: Cluster) -> Cluster:
    """A Service without a selector is taken to have no endpoints."""
    without = {
        (item.metadata.namespace, item.metadata.name)
        for item in cluster.services
        if item.spec.selector is None
    }
    kept = tuple(
        item
        for item in cluster.endpoint_slices
        if (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL)) not in without
    )
    return evolve(cluster, endpoint_slices=kept)


# -- no endpoints ------------------------------------------------------------------


@decides("NOEP-001")
def pods_are_not_refused(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Packets of pods to cluster IPs without endpoints are dropped, not refused."""
    pod = flow.client.kind is ClientKind.POD and match.destination is Destination.CLUSTER_IP
    return Decision(Outcome.DROP) if pod and decision.outcome is Outcome.REJECT else decision


@decides("NOEP-002", "ITP-005")
def hosts_are_not_refused(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """The rule that refuses packets to cluster IPs is missing for processes of the node itself."""
    host = flow.client.kind is ClientKind.NODE and match.destination is Destination.CLUSTER_IP
    return Decision(Outcome.NOT_A_SERVICE) if host and decision.outcome is Outcome.REJECT else decision


@decides("NOEP-003")
def outer_addresses_are_not_refused(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Without endpoints, packets to node ports and external addresses are dropped, not refused."""
    outer = match.destination is not Destination.CLUSTER_IP
    return Decision(Outcome.DROP) if outer and decision.outcome is Outcome.REJECT else decision


@decides("NOEP-006")
def any_port_of_the_service(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """A Service is taken to have endpoints if any of its ports has."""
    every = (table.sets(match.service, port, family_of(flow.ip)).has_any for port in match.service.spec.ports)
    return Decision(Outcome.DROP) if decision.outcome is Outcome.REJECT and any(every) else decision


@decides("NOEP-007")
def unready_rather_than_none(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Where no endpoint is ready, those that are not are used."""
    every = frozenset(
        each.backend for each in table.candidates(match.service, match.port, family_of(flow.ip))
    )
    if decision.outcome is not Outcome.REJECT or not every:
        return decision
    return Decision(Outcome.FORWARD, every, frozenset())


@sees("NOEP-008")
def no_slice_no_service(cluster: Cluster) -> Cluster:
    """A Service is only known once there is a slice for it."""
    known = {
        (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL))
        for item in cluster.endpoint_slices
    }
    kept = tuple(item for item in cluster.services if (item.metadata.namespace, item.metadata.name) in known)
    return evolve(cluster, services=kept)


@decides("NOEP-005")
def refuses_where_nothing_is_local(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Under a policy Local, packets are refused on nodes without endpoints, not dropped."""
    return Decision(Outcome.REJECT) if "NOEP-005" in decision.rules else decision


@decides("TERM-007")
def draining_endpoints_are_none(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Packets are refused wherever no endpoint is ready, although one that drains is elsewhere."""
    ready = any(each.ready for each in table.candidates(match.service, match.port, family_of(flow.ip)))
    return Decision(Outcome.REJECT) if "NOEP-005" in decision.rules and not ready else decision
