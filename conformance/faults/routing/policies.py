# SPDX-License-Identifier: Apache-2.0
"""Proxies that are wrong about traffic policies: whom they bind to a node, and where."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import sees
from conformance.faults.routing.making import (
    all_backends,
    decides,
    forward,
    is_outer,
    local_backends,
    narrowed_to,
    with_endpoints,
    with_specs,
)
from reference.objects import Cluster, Endpoint, ServiceSpec
from reference.questions import ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable


@sees("ITP-001")
def nodes_own_endpoints_first(cluster: Cluster) -> Cluster:
    """Policy Cluster is taken for Local at cluster IPs."""
    return with_specs(
        cluster,
        lambda spec: evolve(spec, internal_traffic_policy="Local") if spec.internal_traffic_policy else spec,
    )


@sees("ITP-003", "ITP-004")
def internal_policy_is_not_known(cluster: Cluster) -> Cluster:
    """The internal policy is not known."""
    return with_specs(cluster, lambda spec: evolve(spec, internal_traffic_policy=None))


@decides("ITP-004", "ETP-007")
def others_where_nothing_is_local(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Under a policy Local, endpoints of other nodes are used where the node has none."""
    return forward(all_backends(table, flow, match)) if "NOEP-005" in decision.rules else decision


@decides("ITP-002", "ITP-006", bugs=("BUG-039",))
def one_filter_for_each_service(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Endpoints are filtered once for each Service, by the internal policy, for every address."""
    if match.service.spec.internal_traffic_policy != "Local" or decision.outcome is not Outcome.FORWARD:
        return decision
    return forward(local_backends(table, flow, match))


@decides("ITP-002")
def internal_policy_for_pods_only(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A client outside that uses a cluster IP is not held to the internal policy."""
    outside = flow.client.kind is ClientKind.EXTERNAL and match.destination is Destination.CLUSTER_IP
    return forward(all_backends(table, flow, match)) if outside and "ITP-003" in decision.rules else decision


@sees("ITP-009")
def external_policy_turns_the_internal_off(cluster: Cluster) -> Cluster:
    """The internal policy does not count for a Service whose external one is Local."""

    def off(spec: ServiceSpec) -> ServiceSpec:
        if spec.external_traffic_policy != "Local":
            return spec
        return evolve(spec, internal_traffic_policy="Cluster")

    return with_specs(cluster, off)


@sees("ETP-002")
def external_policy_at_every_address(cluster: Cluster) -> Cluster:
    """External policy Local goes for cluster IPs, too."""

    def local(spec: ServiceSpec) -> ServiceSpec:
        return (
            evolve(spec, internal_traffic_policy="Local") if spec.external_traffic_policy == "Local" else spec
        )

    return with_specs(cluster, local)


@decides("ETP-003")
def local_endpoints_for_the_outside(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """What arrives at a node from outside stays on it where it has an endpoint, whatever the policy."""
    here = local_backends(table, flow, match)
    outside = is_outer(match) and flow.client.kind is ClientKind.EXTERNAL
    return narrowed_to(decision, here) if outside and here & decision.backends else decision


@decides("ETP-005", bugs=("BUG-034",))
def external_policy_at_node_ports_only(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """External policy Local is heeded at node ports, and addresses of load balancers get all endpoints."""
    if match.destination is not Destination.LOAD_BALANCER_IP or "ETP-005" not in decision.rules:
        return decision
    return forward(all_backends(table, flow, match))


@decides("ETP-008", bugs=("BUG-036",))
def hosts_are_outside(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Processes of a node are bound to it by the external policy, as only pods are known to be inside."""
    host = flow.client.kind is ClientKind.NODE and match.destination in (
        Destination.LOAD_BALANCER_IP,
        Destination.EXTERNAL_IP,
    )
    bound = host and "ETP-008" in decision.rules
    return narrowed_to(decision, local_backends(table, flow, match)) if bound else decision


@decides("ETP-011")
def pods_are_bound_at_node_ports(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A pod that uses its own node's port under external policy Local gets that node's endpoints alone."""
    if "ETP-011" not in decision.rules:
        return decision
    return narrowed_to(decision, local_backends(table, flow, match))


@decides("ETP-012")
def hosts_are_bound_at_node_ports(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A process that uses its own node's port under external policy Local gets the endpoints there alone."""
    if "ETP-012" not in decision.rules:
        return decision
    return narrowed_to(decision, local_backends(table, flow, match))


@decides("ETP-013")
def hosts_are_inside_at_other_nodes(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """A process of another node that uses a node port is short-circuited as one of this node."""
    host = flow.client.kind is ClientKind.NODE and match.destination is Destination.NODE_PORT
    bound = host and match.service.spec.external_traffic_policy == "Local"
    return forward(all_backends(table, flow, match), decision.outcome) if bound else decision


@decides("ETP-014")
def pods_of_other_nodes_kept_out(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Under external policy Local, a node port is not served to pods of other nodes."""
    node = table.node_by_address.get(flow.ip)
    pod = flow.client.kind is ClientKind.POD and match.destination is Destination.NODE_PORT
    local = match.service.spec.external_traffic_policy == "Local"
    return Decision(Outcome.DROP) if pod and local and node and node.name != flow.client.node else decision


@decides("ETP-015")
def internal_policy_in_the_short_circuit(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Clients in the cluster that the external policy does not bind are bound by the internal one."""
    spec = match.service.spec
    short = {"ETP-008", "ETP-011", "ETP-012"} & set(decision.rules)
    if not short or spec.internal_traffic_policy != "Local":
        return decision
    return narrowed_to(decision, local_backends(table, flow, match))


@decides("ETP-017")
def no_fallback_in_the_short_circuit(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Clients in the cluster that the external policy does not bind get ready endpoints or none."""
    short = {"ETP-008", "ETP-011", "ETP-012"} & set(decision.rules)
    return Decision(Outcome.DROP) if short and "TERM-002" in decision.rules else decision


@decides("EXT-002")
def external_ips_without_policies(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """The external policy is not heeded at external IPs."""
    if match.destination is not Destination.EXTERNAL_IP or "ETP-005" not in decision.rules:
        return decision
    return forward(all_backends(table, flow, match))


@decides("RT-018")
def nothing_for_the_outside_at_cluster_ips(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Cluster IPs are not served to clients outside."""
    outside = flow.client.kind is ClientKind.EXTERNAL and match.destination is Destination.CLUSTER_IP
    return Decision(Outcome.DROP) if outside else decision


@sees("RT-019")
def nowhere_is_here(cluster: Cluster) -> Cluster:
    """An endpoint that names no node is taken for one of this node, which is the first one."""
    first = cluster.nodes[0].metadata.name if cluster.nodes else None
    return with_endpoints(cluster, lambda one: evolve(one, node_name=one.node_name or first))


@sees("RT-019")
def nodes_by_pod_range(cluster: Cluster) -> Cluster:
    """An endpoint that names no node is one of the node in whose pod range its address lies."""
    ranges = {node.spec.pod_cidr.removesuffix("0/24"): node.metadata.name for node in cluster.nodes}

    def placed(one: Endpoint) -> Endpoint:
        prefix = one.addresses[0].rpartition(".")[0] + "."
        return evolve(one, node_name=one.node_name or ranges.get(prefix))

    return with_endpoints(cluster, placed)


# -- source addresses ----------------------------------------------------------------


@decides("RT-014")
def pods_are_masqueraded(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Packets of pods to cluster IPs are masqueraded as if they came from outside of the pod range."""
    pod = flow.client.kind is ClientKind.POD and match.destination is Destination.CLUSTER_IP
    return evolve(decision, masqueraded=decision.backends) if pod else decision


@decides("ETP-006", "ETP-009")
def all_is_masqueraded_at_outer_addresses(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """Whatever the external policy, packets to addresses for the outside are masqueraded."""
    return evolve(decision, masqueraded=decision.backends) if is_outer(match) else decision


@decides("ETP-004", "RT-018", "ITP-007", "RT-016")
def nothing_is_masqueraded(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """No client's address is ever replaced."""
    return evolve(decision, masqueraded=frozenset()) if decision.backends else decision


@decides("RT-021")
def hosts_endpoints_see_the_node(
    table: RoutingTable, flow: Flow, match: Match, decision: Decision
) -> Decision:
    """An endpoint in the network of the very node sees the node's address, as those elsewhere do."""
    node = table.processing_node(flow)
    own = frozenset(each for each in decision.backends if node and each.ip in node.addresses)
    masked = decision.masqueraded
    return evolve(decision, masqueraded=masked | own) if masked is not None and own else decision
