# SPDX-License-Identifier: Apache-2.0
"""Proxies that differ from kube-proxy in rarer things."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from conformance.faults.base import behaves, replaces, sees
from conformance.faults.routing.making import (
    Proxy,
    answers_checks,
    decides,
    keeps,
    with_services,
    with_slices,
)
from reference.objects import Cluster, EndpointSlice, Service
from reference.questions import Decision, Flow, HealthCheck, HealthCheckAnswer, Outcome
from reference.routing import Candidate, Match, RoutingTable, decision, table
from reference.routing.addresses import IPV4, IPV6, family_of

_OTHER = {IPV4: IPV6, IPV6: IPV4}


@sees("RT-006")
def no_number_is_every_number(cluster: Cluster) -> Cluster:
    """A slice port without a number stands for the number of the service port."""
    numbers = {port.name: port.port for item in cluster.services for port in item.spec.ports}

    def numbered(item: EndpointSlice) -> EndpointSlice:
        ports = tuple(evolve(port, port=port.port or numbers.get(port.name or "", 80)) for port in item.ports)
        return evolve(item, ports=ports)

    return with_slices(cluster, numbered)


@replaces(table, "join", "RT-007")
def last_copy_wins(listed: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Of several copies of an endpoint the last one counts, whether it terminates or not."""
    return tuple({each.backend: each for each in listed}.values())


@sees("LB-008")
def reads_the_old_annotation(cluster: Cluster) -> Cluster:
    """Source ranges are read from the old annotation where the field has none."""
    name = "service.beta.kubernetes.io/load-balancer-source-ranges"

    def read(item: Service) -> Service:
        value = item.metadata.annotations.get(name)
        if value is None or item.spec.load_balancer_source_ranges or item.spec.type != "LoadBalancer":
            return item
        return evolve(item, spec=evolve(item.spec, load_balancer_source_ranges=tuple(value.split(","))))

    return with_services(cluster, read)


@replaces(RoutingTable, "match", "RT-025")
def node_ports_first(self: RoutingTable, flow: Flow) -> Match | None:
    """A node's addresses are looked up among the node ports before anything else."""
    found = None
    if flow.ip in self.node_by_address:
        found = self._node_ports.get((family_of(flow.ip), flow.port, flow.protocol))
    return found or self._direct.get((flow.ip, flow.port, flow.protocol))


@replaces(decision, "is_intercepted", "LB-009")
def no_load_balancer_reaches_itself(entry: object) -> bool:
    """Source ranges know no exception for the load balancer's own addresses."""
    return False


@behaves("LB-009")
class LoadBalancersReachThemselves(Proxy):
    """Whoever comes from a load balancer's address is let in, whatever the source ranges say of the node."""

    def decision(self, table: RoutingTable, flow: Flow) -> Decision:
        """The decision on a flow."""
        match, right = table.match(flow), table.decide(flow)
        if match is None or "LB-006" not in right.rules or flow.client.ip != flow.ip:
            return right
        node = table.processing_node(flow)
        sets = table.sets(match.service, match.port, family_of(flow.ip))
        backends = sets.cluster(node).backends if node else frozenset()
        return Decision(Outcome.FORWARD, backends, backends) if backends else right


@sees("RT-027", "ETP-016")
def pods_are_told_by_any_range(cluster: Cluster) -> Cluster:
    """Pods are told by the ranges of the nodes, whatever the proxy is set to."""
    ranges = tuple(
        dict.fromkeys(
            f"{cidr.split('.')[0]}.{cidr.split('.')[1]}.0.0/16" if "." in cidr else "fd00:10:244::/56"
            for node in cluster.nodes
            for cidr in node.spec.pod_cidrs
        )
    )
    return evolve(cluster, settings=evolve(cluster.settings, pod_cidrs=ranges))


@keeps("TOPO-015")
def nodes_of_the_first_time(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """The labels of nodes are read once."""
    return evolve(cluster, nodes=held.nodes) if len(held.nodes) == len(cluster.nodes) else cluster


@answers_checks("HC-011")
def one_count_for_all_families(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """One listener answers over both families, with what either of them has."""
    other = table.health_check(evolve(check, family=_OTHER[check.family]))
    return max(answer, other, key=lambda each: each.local_endpoints or -1)


@answers_checks("HC-009")
def leaving_nodes_are_unhealthy(
    table: RoutingTable, check: HealthCheck, answer: HealthCheckAnswer
) -> HealthCheckAnswer:
    """A node that is being deleted answers 503."""
    leaving = {
        node.metadata.name for node in table.cluster.nodes if node.metadata.deletion_timestamp is not None
    }
    return evolve(answer, status=503) if check.node in leaving and answer.status else answer


@decides("TERM-010")
def a_gap_in_each_rollout(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """While nothing is ready, connections are dropped, even if some endpoints still serve."""
    return Decision(Outcome.DROP) if "TERM-002" in decision.rules else decision
