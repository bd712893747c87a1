# SPDX-License-Identifier: Apache-2.0
"""The compiled form of routing: tables built once from a cluster, equal to the plain rules."""

from __future__ import annotations

from functools import cached_property

from reference.objects import SERVICE_NAME_LABEL, Cluster, EndpointSlice, Service, ServicePort
from reference.questions import ClientKind, Decision, Flow, HealthCheck, HealthCheckAnswer, Outcome
from reference.routing import health
from reference.routing.addresses import IPV4, IPV6, ProxyNode, family_of, pod_range, proxy_node
from reference.routing.candidates import (
    Candidate,
    Chosen,
    EndpointSets,
    is_contradictory,
    is_usable_slice,
    join,
    listings,
)
from reference.routing.decision import decide_matched
from reference.routing.frontends import (
    Destination,
    Match,
    client_kind,
    direct_addresses,
    families,
    is_proxied,
)

NOT_A_SERVICE = Decision(Outcome.NOT_A_SERVICE, rules=("RT-028",))


class RememberedSets(EndpointSets):
    """The endpoint sets of one service port, each worked out once for each node."""

    def __init__(self, listed: tuple[Candidate, ...]) -> None:
        super().__init__(join(listed))
        self._listed = listed
        self._has_any = super().has_any
        self._cluster: dict[str, Chosen] = {}
        self._local: dict[str, Chosen] = {}

    @cached_property
    def is_contradictory(self) -> bool:
        """Whether the endpoints are listed in ways that contradict each other (RT-007)."""
        return is_contradictory(self._listed)

    @property
    def has_any(self) -> bool:
        """Whether anything anywhere could serve."""
        return self._has_any

    def cluster(self, node: ProxyNode) -> Chosen:
        """What policy Cluster may pick on `node`."""
        found = self._cluster.get(node.name)
        if found is None:
            found = self._cluster[node.name] = super().cluster(node)
        return found

    def local(self, node: ProxyNode) -> Chosen:
        """What policy Local may pick on `node`."""
        found = self._local.get(node.name)
        if found is None:
            found = self._local[node.name] = super().local(node)
        return found


class RoutingTable:
    """Answers flows without looking at every Service again; see `decide` of the package."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.nodes = {node.metadata.name: proxy_node(node) for node in cluster.nodes}
        self.node_by_address = {ip: node for node in reversed(self.nodes.values()) for ip in node.addresses}
        self._direct: dict[tuple[str, int, str], Match] = {}
        self._node_ports: dict[tuple[str, int, str], Match] = {}
        self._checks: dict[int, Service] = {}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        self._sets: dict[tuple[str, str, str, str, str], RememberedSets] = {}
        self._kinds: dict[tuple[str, str, bool], ClientKind] = {}
        self._decisions: dict[Flow, Decision] = {}
        self._knows_pods = {
            family for family in (IPV4, IPV6) if pod_range(cluster.settings, family) is not None
        }
        for item in cluster.endpoint_slices:
            name = item.metadata.labels.get(SERVICE_NAME_LABEL, "")
            self._slices.setdefault((item.metadata.namespace, name), []).append(item)
        order = list(Destination)
        for service in cluster.services:
            if is_proxied(service):
                self._add(service, order)

    def _add(self, service: Service, order: list[Destination]) -> None:
        addresses = direct_addresses(service)
        known = families(service.spec)
        for port in service.spec.ports:
            for destination, ip in addresses:
                key = (ip, port.port, port.protocol)
                other = self._direct.get(key)
                if other is None or order.index(destination) < order.index(other.destination):
                    self._direct[key] = Match(service, port, destination)
            if port.node_port:
                found = Match(service, port, Destination.NODE_PORT)
                for family in known:
                    self._node_ports.setdefault((family, port.node_port, port.protocol), found)
        if health.is_checked(service):
            self._checks.setdefault(service.spec.health_check_node_port, service)

    # -- what is in it -----------------------------------------------------------

    def sets(self, service: Service, port: ServicePort, family: str = IPV4) -> RememberedSets:
        """The endpoint sets of a service port."""
        meta = service.metadata
        key = (meta.namespace, meta.name, port.name, port.protocol, family)
        found = self._sets.get(key)
        if found is None:
            usable = self.usable_slices(service, family)
            found = self._sets[key] = RememberedSets(tuple(listings(usable, port)))
        return found

    def usable_slices(self, service: Service, family: str) -> list[EndpointSlice]:
        """The slices of a Service in one family that a proxy heeds."""
        slices = self._slices.get((service.metadata.namespace, service.metadata.name), ())
        return [item for item in slices if is_usable_slice(item, family)]

    def candidates(self, service: Service, port: ServicePort, family: str = IPV4) -> tuple[Candidate, ...]:
        """The endpoints of a service port."""
        return self.sets(service, port, family).endpoints

    def is_ambiguous(self, service: Service, port: ServicePort, family: str = IPV4) -> bool:
        """Whether the endpoints of a service port are listed in ways that contradict each other (RT-007)."""
        return self.sets(service, port, family).is_contradictory

    @cached_property
    def _contested(self) -> frozenset[tuple[str, int, str]]:
        """The addresses that several service ports claim."""
        owners: dict[tuple[str, int, str], set[tuple[int, int]]] = {}
        for place, service in enumerate(self.cluster.services):
            for index, port in enumerate(service.spec.ports if is_proxied(service) else ()):
                for _, ip in direct_addresses(service):
                    owners.setdefault((ip, port.port, port.protocol), set()).add((place, index))
        return frozenset(key for key, some in owners.items() if len(some) > 1)

    def is_contested(self, flow: Flow) -> bool:
        """Whether several service ports claim the address, so that the winner is open (RT-026)."""
        return (flow.ip, flow.port, flow.protocol) in self._contested

    # -- flows -------------------------------------------------------------------

    def processing_node(self, flow: Flow) -> ProxyNode | None:
        """The node that decides (step 1)."""
        if (flow.ip, flow.port, flow.protocol) not in self._direct:
            owner = self.node_by_address.get(flow.ip)
            if owner is not None:
                return owner
        return self.nodes.get(flow.client.node)

    def match(self, flow: Flow) -> Match | None:
        """The service port that a flow is for (steps 4 and 5)."""
        found = self._direct.get((flow.ip, flow.port, flow.protocol))
        if found is None and flow.ip in self.node_by_address:
            found = self._node_ports.get((family_of(flow.ip), flow.port, flow.protocol))
        return found

    def found(self, flow: Flow) -> tuple[ProxyNode, Match] | None:
        """The node that decides and the service port, if the flow is for one."""
        match = self.match(flow)
        node = self.processing_node(flow) if match else None
        return None if node is None or match is None else (node, match)

    def kind_at(self, node: ProxyNode, flow: Flow) -> ClientKind:
        """How the proxy on `node` takes the flow's client."""
        client = flow.client
        key = (node.name, client.ip, client.kind is ClientKind.NODE and client.node == node.name)
        found = self._kinds.get(key)
        if found is None:
            found = self._kinds[key] = client_kind(self.cluster.settings, node, client)
        return found

    def decide(self, flow: Flow) -> Decision:
        """What happens to the first packet of a flow, worked out once for each flow."""
        found = self._decisions.get(flow)
        if found is None:
            found = self._decisions[flow] = self._decide(flow)
        return found

    def _decide(self, flow: Flow) -> Decision:
        found = self.found(flow)
        return NOT_A_SERVICE if found is None else self.decide_at(*found, flow)

    def decide_at(self, node: ProxyNode, match: Match, flow: Flow) -> Decision:
        """What happens on `node` to a flow that is for the service port of `match` (steps 6 to 12)."""
        family = family_of(flow.ip)
        return decide_matched(
            match,
            self.sets(match.service, match.port, family),
            node=node,
            kind=self.kind_at(node, flow),
            client=flow.client,
            knows_pods=family in self._knows_pods,
        )

    def is_answered_past_the_node(self, flow: Flow) -> bool:
        """Whether a pod may be forwarded at another node under its own address (ETP-014).

        The answer then comes back past that node, unless the endpoint is there as well or
        is the pod itself: whether a connection succeeds is chance.
        """
        if flow.client.kind is not ClientKind.POD:
            return False
        node = self.processing_node(flow)
        if node is None or node.name == flow.client.node:
            return False
        decision = self.decide(flow)
        return decision.outcome is Outcome.FORWARD and decision.masqueraded != decision.backends

    def node_address(self, flow: Flow) -> str:
        """The address that a masqueraded flow arrives with: the processing node's own (RT-015, RT-022)."""
        node = self.processing_node(flow)
        return (node.primary(family_of(flow.ip)) if node else None) or flow.client.ip

    # -- health checks -----------------------------------------------------------

    def health_check(self, check: HealthCheck) -> HealthCheckAnswer:
        """What a request to a health check node port gets."""
        service = self._checks.get(check.port)
        if service is None or check.node not in self.nodes or check.family not in families(service.spec):
            return health.NOT_SERVED
        return health.answer(service, health.counted(self.usable_slices(service, check.family)), check.node)
