# SPDX-License-Identifier: Apache-2.0
"""Proxies that are wrong about which addresses, ports and protocols are a Service's."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces, sees
from conformance.faults.routing.making import decides, with_services, with_slices, with_specs
from reference.objects import (
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    EndpointSlice,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Backend, ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable, table
from reference.routing.addresses import family_of, inside
from reference.routing.frontends import is_proxied

_DROPPED = Decision(Outcome.DROP)


@sees("RT-004", bugs=("BUG-064",))
def protocols_left_out_of_keys(cluster: Cluster) -> Cluster:
    """Frontends and endpoints are told by their number alone, whatever the protocol."""

    def both(port: ServicePort) -> tuple[ServicePort, ...]:
        return port, evolve(port, protocol={"TCP": "UDP", "UDP": "TCP", "SCTP": "TCP"}[port.protocol])

    def every(item: EndpointSlice) -> EndpointSlice:
        protocols = ("TCP", "UDP", "SCTP")
        return evolve(
            item,
            ports=tuple(evolve(port, protocol=protocol) for port in item.ports for protocol in protocols),
        )

    def doubled(spec: ServiceSpec) -> ServiceSpec:
        return evolve(spec, ports=tuple(new for port in spec.ports for new in both(port)))

    return with_slices(with_specs(cluster, doubled), every)


@sees("RT-023")
def next_port_is_a_frontend_too(cluster: Cluster) -> Cluster:
    """The range of ports of a frontend is one too long."""

    def longer(spec: ServiceSpec) -> ServiceSpec:
        more = tuple(evolve(port, port=port.port + 1, node_port=0) for port in spec.ports)
        return evolve(spec, ports=(*spec.ports, *more))

    return with_specs(cluster, longer)


@replaces(RoutingTable, "match", "RT-028")
def any_address_of_the_service_range(self: RoutingTable, flow: Flow) -> Match | None:
    """Frontends are looked up by port and protocol alone, in the whole range of cluster IPs."""
    found = self._direct.get((flow.ip, flow.port, flow.protocol))
    if found is None and flow.ip in self.node_by_address:
        return self._node_ports.get((family_of(flow.ip), flow.port, flow.protocol))
    if found is None and flow.ip.startswith("10.96."):
        same = [key for key in self._direct if key[1:] == (flow.port, flow.protocol)]
        return self._direct[same[0]] if same else None
    return found


@replaces(RoutingTable, "match", "NP-002")
def service_ports_at_node_addresses(self: RoutingTable, flow: Flow) -> Match | None:
    """A node's addresses take the Service's own port as well as its node port."""
    found = self._direct.get((flow.ip, flow.port, flow.protocol))
    if found is None and flow.ip in self.node_by_address:
        found = self._node_ports.get((family_of(flow.ip), flow.port, flow.protocol))
        same = [key for key in self._direct if key[1:] == (flow.port, flow.protocol)]
        if found is None and same:
            return self._direct[same[0]]
    return found


@decides("NP-002")
def host_listeners_keep_node_ports(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Node ports are not translated for a process of the very node, which finds its own listener there."""
    if match.destination is Destination.NODE_PORT and flow.client.ip == flow.ip:
        return Decision(Outcome.FORWARD, frozenset({Backend(flow.ip, flow.port)}), frozenset())
    return decision


@decides("NP-001")
def node_ports_where_endpoints_are(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A node port is only opened on nodes that have an endpoint."""
    node = table.processing_node(flow)
    if match.destination is not Destination.NODE_PORT or node is None:
        return decision
    here = table.sets(match.service, match.port, family_of(flow.ip)).local(node).backends
    return decision if here else Decision(Outcome.NOT_A_SERVICE)


@decides("RT-001", bugs=("BUG-081",))
def one_frontend_for_equal_numbers(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Where a node port's frontend has the number of the port, it is taken for the cluster IP's, too."""
    equal = match.port.port == match.port.node_port
    if equal and match.destination is Destination.CLUSTER_IP:
        return Decision(Outcome.NOT_A_SERVICE)
    return decision


@sees("NP-012", "TYPE-004")
def waits_for_the_load_balancer(cluster: Cluster) -> Cluster:
    """A Service of type LoadBalancer is served once its load balancer has an address."""

    def pending(item: Service) -> Service:
        if item.spec.type == "LoadBalancer" and not item.status.load_balancer.ingress:
            return evolve(item, spec=evolve(item.spec, type="ExternalName"))
        return item

    return with_services(cluster, pending)


@decides("NP-012")
def no_node_ports_in_mode_proxy(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """The mode Proxy of an address turns off the node ports, too."""
    modes = {entry.ip_mode for entry in match.service.status.load_balancer.ingress}
    if match.destination is Destination.NODE_PORT and "Proxy" in modes:
        return Decision(Outcome.NOT_A_SERVICE)
    return decision


@decides("EXT-001")
def external_ips_of_nodes_only(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """An external IP is only served where a node owns the address."""
    if match.destination is Destination.EXTERNAL_IP and flow.ip not in table.node_by_address:
        return Decision(Outcome.NOT_A_SERVICE)
    return decision


@decides("EXT-003")
def external_ips_of_plain_services_only(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """External IPs are only served for Services of type ClusterIP."""
    if match.destination is Destination.EXTERNAL_IP and match.service.spec.type != "ClusterIP":
        return Decision(Outcome.NOT_A_SERVICE)
    return decision


@decides("LB-001", "LB-005")
def load_balancer_ips_left_to_the_load_balancer(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Addresses of load balancers are never intercepted: every client goes out to the load balancer."""
    return Decision(Outcome.NOT_A_SERVICE) if match.destination is Destination.LOAD_BALANCER_IP else decision


@decides("LB-015", bugs=("BUG-067",))
def deny_after_the_first_load_balancer_ip(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """The rule that denies follows the rules of the first address, so that nobody gets to the others."""
    every = [entry.ip for entry in match.service.status.load_balancer.ingress]
    if flow.ip in every[1:] and match.service.spec.load_balancer_source_ranges:
        return Decision(Outcome.DROP)
    return decision


@decides("LB-015")
def first_load_balancer_ip_only(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Of several addresses of a load balancer only the first one is served."""
    every = [entry.ip for entry in match.service.status.load_balancer.ingress]
    return Decision(Outcome.NOT_A_SERVICE) if flow.ip in every[1:] else decision


@replaces(table, "is_proxied", "HEADLESS-004", "HEADLESS-005")
def other_proxies_services(service: Service) -> bool:
    """The label of Services for other proxies is not known."""
    labels = service.metadata.labels.without(SERVICE_PROXY_NAME_LABEL)
    return is_proxied(evolve(service, metadata=evolve(service.metadata, labels=labels)))


@sees("LB-002")
def mode_is_always_vip(cluster: Cluster) -> Cluster:
    """The ipMode of a load balancer's address is not looked at."""

    def intercepted(item: Service) -> Service:
        ingress = tuple(evolve(entry, ip_mode=None) for entry in item.status.load_balancer.ingress)
        balancer = evolve(item.status.load_balancer, ingress=ingress)
        return evolve(item, status=evolve(item.status, load_balancer=balancer))

    return with_services(cluster, intercepted)


@sees("SYNC-02")
def any_domain_is_another_proxys(cluster: Cluster) -> Cluster:
    """Any label with a domain in its key is taken for the one of Services for other proxies."""
    return evolve(
        cluster,
        services=tuple(
            item for item in cluster.services if not any("/" in key for key in item.metadata.labels)
        ),
    )


# -- source ranges -----------------------------------------------------------------


@sees("ETP-003", bugs=("BUG-066",))
def one_deny_for_all(cluster: Cluster) -> Cluster:
    """The source ranges of one Service keep outsiders from the addresses of all load balancers."""
    ranges = tuple(cidr for item in cluster.services for cidr in item.spec.load_balancer_source_ranges)
    if not ranges:
        return cluster
    return with_specs(
        cluster,
        lambda spec: evolve(spec, load_balancer_source_ranges=spec.load_balancer_source_ranges or ranges),
    )


@decides("LB-014")
def ranges_see_the_nodes_address(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Source ranges are compared with the node's address, as the packet has it once it is masqueraded."""
    node = table.processing_node(flow)
    ranges = match.service.spec.load_balancer_source_ranges
    if match.destination is not Destination.LOAD_BALANCER_IP or not ranges or node is None:
        return decision
    seen = any(inside(ip, cidr) for ip in node.internal for cidr in ranges)
    return table.decide(evolve(flow, client=evolve(flow.client, ip=node.internal[0]))) if seen else _DROPPED


@decides("LB-014")
def no_ranges_let_anybody_in(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Whoever has source ranges keeps everybody out, as they are compared after the translation."""
    limited = [cidr for cidr in match.service.spec.load_balancer_source_ranges if not cidr.endswith("/0")]
    return _DROPPED if match.destination is Destination.LOAD_BALANCER_IP and limited else decision


@sees("LB-006")
def ranges_are_not_known(cluster: Cluster) -> Cluster:
    """Source ranges are not known."""
    return with_specs(cluster, lambda spec: evolve(spec, load_balancer_source_ranges=()))


@decides("LB-007")
def everything_is_no_range(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """A source range without length is skipped as if it were malformed, so that it lets nobody in."""
    if match.destination is Destination.LOAD_BALANCER_IP:
        ranges = match.service.spec.load_balancer_source_ranges
        return Decision(Outcome.DROP) if "0.0.0.0/0" in ranges else decision
    return decision


@decides("LB-012", "NP-011")
def ranges_at_every_address(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Source ranges are applied to cluster IPs and node ports, too."""
    if match.service.spec.load_balancer_source_ranges and flow.client.kind is ClientKind.EXTERNAL:
        return Decision(Outcome.DROP) if match.destination is not Destination.LOAD_BALANCER_IP else decision
    return decision


@decides("ETP-005", bugs=("BUG-080",))
def admits_by_the_rewritten_port(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """The load balancer admits packets by the node port that they were rewritten to, not by the port."""
    port = match.port
    if match.destination is Destination.LOAD_BALANCER_IP and port.node_port not in (0, port.port):
        return Decision(Outcome.DROP) if decision.outcome is Outcome.FORWARD else decision
    return decision
