# SPDX-License-Identifier: Apache-2.0
"""Proxies that depend on the order of events, forget at a restart, or keep what they should not."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves, replaces, sees
from conformance.faults.routing.making import Proxy, forward, keeps, services_of, with_specs
from conformance.model import Model
from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_NAME_LABEL,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Decision, Flow, Outcome
from reference.routing import RoutingTable, table
from reference.routing.frontends import is_proxied


@keeps("SYNC-03")
def slices_before_their_service(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """A slice that comes before its Service is dropped, and not looked at again when the Service comes."""
    known = services_of(told)
    before = {(item.metadata.namespace, item.metadata.name) for item in told.endpoint_slices}

    def is_lost(namespace: str, name: str, owner: str) -> bool:
        return (namespace, name) in before and (namespace, owner) not in known

    kept = tuple(
        item
        for item in cluster.endpoint_slices
        if not is_lost(
            item.metadata.namespace,
            item.metadata.name,
            item.metadata.labels.get(SERVICE_NAME_LABEL, ""),
        )
    )
    return evolve(cluster, endpoint_slices=kept)


@behaves("SYNC-12")
class EmptyAfterARestart(Proxy):
    """After a restart only changes are learned of, and there were none."""

    def restart(self) -> None:
        """Restart with the applied state."""
        self.model = Model(evolve(self.cluster, services=()))


@behaves("HEADLESS-001")
class PodsAtTheServicesPort(Proxy):
    """The endpoints of a headless Service are also reached at the Service's own port."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        for service in table.cluster.services:
            if service.spec.cluster_ip != CLUSTER_IP_NONE:
                continue
            for port in service.spec.ports:
                if (port.port, port.protocol) != (flow.port, flow.protocol):
                    continue
                every = table.candidates(service, port, "IPv6" if ":" in flow.ip else "IPv4")
                own = frozenset(each.backend for each in every if each.backend.ip == flow.ip)
                if own:
                    return forward(own)
        return table.decide(flow)


@behaves("ITP-010")
class LocalHeadlessServices(Proxy):
    """Endpoints of a headless Service with internal policy Local are kept from other nodes' clients."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        for service in table.cluster.services:
            spec = service.spec
            if spec.cluster_ip != CLUSTER_IP_NONE or spec.internal_traffic_policy != "Local":
                continue
            for port in spec.ports:
                for each in table.candidates(service, port, "IPv6" if ":" in flow.ip else "IPv4"):
                    if each.backend.ip == flow.ip and each.node_name != flow.client.node:
                        return Decision(Outcome.DROP)
        return table.decide(flow)


@replaces(table, "is_proxied", "HEADLESS-003")
def external_ips_of_external_names(service: Service) -> bool:
    """A Service of type ExternalName is served at the external IPs that it has."""
    named = service.spec.type == "ExternalName" and bool(service.spec.external_ips)
    other = SERVICE_PROXY_NAME_LABEL in service.metadata.labels
    return (named and not other) or is_proxied(service)


@sees("NP-016")
def nodes_take_the_services_port(cluster: Cluster) -> Cluster:
    """A load balancer's Service without node ports is served at the nodes' addresses by its own ports."""

    def opened(spec: ServiceSpec) -> ServiceSpec:
        def at_nodes(port: ServicePort) -> ServicePort:
            return port if port.node_port else evolve(port, node_port=port.port)

        if spec.type != "LoadBalancer":
            return spec
        return evolve(spec, ports=tuple(map(at_nodes, spec.ports)))

    return with_specs(cluster, opened)
