# SPDX-License-Identifier: Apache-2.0
"""The compiled form of routing: tables built once from a cluster, equal to the plain rules."""

from __future__ import annotations

from reference.objects import SERVICE_NAME_LABEL, Cluster, EndpointSlice, Node, Service, ServicePort
from reference.questions import Decision, Flow, HealthCheck, HealthCheckAnswer, Outcome
from reference.routing import health
from reference.routing.addresses import addresses_of, primary_address
from reference.routing.candidates import Candidate, is_ambiguous, is_usable_slice, join
from reference.routing.decision import decide_matched
from reference.routing.frontends import Destination, Match, client_kind, direct_addresses, is_proxied

Key = tuple[str, int, str]


class RoutingTable:
    """Answers flows without looking at every Service again; see `decide`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.nodes = {node.metadata.name: node for node in cluster.nodes}
        self.node_by_address: dict[str, Node] = {}
        for node in reversed(cluster.nodes):
            for ip in addresses_of(node):
                self.node_by_address[ip] = node
        self._direct: dict[Destination, dict[Key, Match]] = {
            destination: {} for destination in Destination
        }
        self._node_ports: dict[tuple[int, str], Match] = {}
        self._checks: dict[int, Service] = {}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        self._candidates: dict[tuple[str, str, str, str], tuple[Candidate, ...]] = {}
        for item in cluster.endpoint_slices:
            if is_usable_slice(item):
                name = item.metadata.labels.get(SERVICE_NAME_LABEL, "")
                self._slices.setdefault((item.metadata.namespace, name), []).append(item)
        for service in filter(is_proxied, cluster.services):
            self._add(service)

    def _add(self, service: Service) -> None:
        addresses = direct_addresses(service)
        for port in service.spec.ports:
            for destination, ip in addresses:
                self._direct[destination].setdefault(
                    (ip, port.port, port.protocol), Match(service, port, destination)
                )
            if port.node_port:
                self._node_ports.setdefault(
                    (port.node_port, port.protocol), Match(service, port, Destination.NODE_PORT)
                )
        if health.is_checked(service):
            self._checks.setdefault(service.spec.health_check_node_port, service)

    def candidates(self, service: Service, port: ServicePort) -> tuple[Candidate, ...]:
        """The endpoints of a service port."""
        meta = service.metadata
        key = (meta.namespace, meta.name, port.name, port.protocol)
        found = self._candidates.get(key)
        if found is None:
            slices = self._slices.get((meta.namespace, meta.name), ())
            found = self._candidates[key] = join(slices, port)
        return found

    def is_ambiguous(self, service: Service, port: ServicePort) -> bool:
        """Whether the endpoints of a service port are listed in ways that contradict each other."""
        slices = self._slices.get((service.metadata.namespace, service.metadata.name), ())
        return is_ambiguous(slices, port)

    def processing_node(self, flow: Flow) -> Node | None:
        """The node that decides (step 1)."""
        return self.node_by_address.get(flow.ip) or self.nodes.get(flow.client.node)

    def match(self, flow: Flow) -> Match | None:
        """The service port that a flow is for (steps 4 and 5)."""
        key = (flow.ip, flow.port, flow.protocol)
        for table in self._direct.values():
            found = table.get(key)
            if found is not None:
                return found
        if flow.ip in self.node_by_address:
            return self._node_ports.get((flow.port, flow.protocol))
        return None

    def decide(self, flow: Flow) -> Decision:
        """What happens to the first packet of a flow."""
        node = self.processing_node(flow)
        match = self.match(flow)
        if node is None or match is None:
            return Decision(Outcome.NOT_A_SERVICE, rules=("RT-028",))
        return decide_matched(
            match,
            self.candidates(match.service, match.port),
            node=node,
            kind=client_kind(self.cluster, node, flow.client),
            client=flow.client,
        )

    def health_check(self, check: HealthCheck) -> HealthCheckAnswer:
        """What a request to a health check node port gets."""
        service = self._checks.get(check.port)
        if service is None:
            return health.NOT_SERVED
        endpoints = [
            endpoint for port in service.spec.ports for endpoint in self.candidates(service, port)
        ]
        return health.answer(service, endpoints, check.node)

    def node_address(self, flow: Flow) -> str:
        """The address that a masqueraded flow arrives with: the processing node's own (RT-022)."""
        node = self.processing_node(flow)
        return (primary_address(node) if node else None) or flow.client.ip
