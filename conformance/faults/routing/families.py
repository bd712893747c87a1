# SPDX-License-Identifier: Apache-2.0
"""Proxies that are wrong about the two IP families."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves, replaces
from conformance.faults.routing.making import Proxy, decides, forward, keeps, service_key, slices_of
from reference.objects import Cluster, EndpointSlice, Service, ServiceSpec
from reference.questions import Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable, table
from reference.routing.addresses import IPV4, IPV6, family_of
from reference.routing.candidates import is_usable_slice
from reference.routing.frontends import cluster_ips, is_intercepted, is_proxied

_OTHER = {IPV4: IPV6, IPV6: IPV4}


@decides("DUAL-001")
def families_stand_and_fall_together(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A Service of two families is only served while both have endpoints."""
    other = _OTHER[family_of(flow.ip)]
    if other not in map(family_of, match.service.spec.cluster_ips):
        return decision
    return decision if table.sets(match.service, match.port, other).has_any else Decision(Outcome.REJECT)


@decides("DUAL-006")
def another_family_rather_than_none(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Where a family has no endpoint, those of the other one are used."""
    node = table.processing_node(flow)
    if decision.outcome is not Outcome.REJECT or node is None:
        return decision
    sets = table.sets(match.service, match.port, _OTHER[family_of(flow.ip)])
    return forward(sets.cluster(node).backends, Outcome.REJECT)


@replaces(table, "families", "DUAL-002")
def every_family_has_node_ports(spec: ServiceSpec) -> frozenset[str]:
    """A node port is opened in both families, whatever the Service's are."""
    return frozenset((IPV4, IPV6))


@behaves("DUAL-003")
class OneListenerForBothFamilies(Proxy):
    """A node port is a listener that takes connections of both families, and translates between them."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        right = table.decide(flow)
        node = table.node_by_address.get(flow.ip)
        if right.outcome is not Outcome.NOT_A_SERVICE or node is None:
            return right
        for service in filter(is_proxied, table.cluster.services):
            family = family_of(service.spec.cluster_ip)
            for port in service.spec.ports:
                if (port.node_port, port.protocol) == (flow.port, flow.protocol):
                    return forward(table.sets(service, port, family).cluster(node).backends)
        return right


@replaces(table, "direct_addresses", "DUAL-005", "EXT-005")
def addresses_whatever_the_family(service: Service) -> list[tuple[Destination, str]]:
    """External IPs and addresses of load balancers are taken up in whichever family they are."""
    ingress = service.status.load_balancer.ingress
    return [
        *((Destination.CLUSTER_IP, ip) for ip in cluster_ips(service.spec)),
        *((Destination.EXTERNAL_IP, ip) for ip in service.spec.external_ips),
        *((Destination.LOAD_BALANCER_IP, entry.ip) for entry in ingress if is_intercepted(entry)),
    ]


@replaces(table, "is_usable_slice", "DUAL-004")
def host_names_are_addresses(item: EndpointSlice, family: str = IPV4) -> bool:
    """The type of a slice's addresses is only looked at to tell IPv6 from the rest."""
    by_family = evolve(item, address_type=IPV4) if item.address_type == "FQDN" else item
    return is_usable_slice(by_family, family)


@keeps("DUAL-007")
def families_of_the_first_time(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """The families that a Service once had stay with it, and so do its slices of them."""
    before = {service_key(item): item for item in told.services}
    now = slices_of(cluster)

    def first(item: Service) -> Service:
        was = before.get(service_key(item))
        if was is None or len(was.spec.cluster_ips) <= len(item.spec.cluster_ips):
            return item
        return evolve(item, spec=evolve(item.spec, cluster_ips=was.spec.cluster_ips))

    kept = tuple(item for key, item in slices_of(told).items() if key not in now)
    return evolve(
        cluster,
        services=tuple(map(first, cluster.services)),
        endpoint_slices=(*cluster.endpoint_slices, *kept),
    )
