# SPDX-License-Identifier: Apache-2.0
"""The decision procedure: the truth table of the catalogue's section 2, and each of its steps."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve

from reference.objects import (
    CLUSTER_IP_NONE,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    ClusterSettings,
    EndpointPort,
    LoadBalancerIngress,
    Service,
    ServicePort,
)
from reference.questions import Backend, Client, ClientKind, Flow, Outcome
from reference.routing import compile, decide
from tests.routing.objects import (
    BOTH,
    DRAINING,
    EXTERNAL_IP,
    HOST,
    HTTP,
    LB_IP,
    NODE_A,
    NODE_B,
    NODES,
    OUTSIDE,
    POD,
    POD_A,
    POD_B,
    UNREADY,
    VIP,
    backends,
    cluster,
    endpoint,
    flow,
    node,
    piece,
    service,
)

ALL, LOCAL = backends(POD_A, POD_B), backends(POD_A)
TO = {
    "cluster IP": (VIP, 80),
    "node port": (NODE_A, 30100),
    "external IP": (EXTERNAL_IP, 80),
    "load balancer": (LB_IP, 80),
}
OUTER = ("node port", "external IP", "load balancer")
CLIENTS = {"pod": POD, "host": HOST, "outside": OUTSIDE}

# client -> (set, replaced) for a cluster IP with ITP Cluster and Local, and outer with ETP Cluster and Local
TRUTH = {
    "pod": ((ALL, False), (LOCAL, False), (ALL, True), (ALL, False)),
    "host": ((ALL, True), (LOCAL, True), (ALL, True), (ALL, True)),
    "outside": ((ALL, True), (LOCAL, True), (ALL, True), (LOCAL, False)),
}


def _cells(truth: Mapping[str, tuple[tuple[frozenset[Backend], bool], ...]]) -> list[tuple[object, ...]]:
    cells: list[tuple[object, ...]] = []
    for who, row in truth.items():
        for internal in ("Cluster", "Local"):
            for external in ("Cluster", "Local"):
                cells.append((who, "cluster IP", internal, external, *row[internal == "Local"]))
                cells += [(who, to, internal, external, *row[2 + (external == "Local")]) for to in OUTER]
    return cells


def _check(made: Cluster, who: str, to: str, chosen: frozenset[Backend], replaced: bool) -> None:
    decision = decide(made, flow(CLIENTS[who], *TO[to]))
    assert decision.outcome is Outcome.FORWARD
    assert decision.backends == chosen
    assert decision.masqueraded == (chosen if replaced else frozenset())
    assert compile(made).decide(flow(CLIENTS[who], *TO[to])) == decision


@pytest.mark.parametrize(("who", "to", "internal", "external", "chosen", "replaced"), _cells(TRUTH))
def test_truth_table(
    who: str, to: str, internal: str, external: str, chosen: frozenset[Backend], replaced: bool
) -> None:
    """Each client class meets, at each destination and under each policy, the cell of the table."""
    _check(cluster(service(internal=internal, external=external)), who, to, chosen, replaced)


# Without a range that tells pods (RT-027, ETP-016).
UNDETECTED = {
    "pod": ((ALL, False), (LOCAL, False), (ALL, True), (LOCAL, False)),
    "host": ((ALL, False), (LOCAL, False), (ALL, True), (ALL, True)),
    "outside": ((ALL, False), (LOCAL, False), (ALL, True), (LOCAL, False)),
}


@pytest.mark.parametrize(("who", "to", "internal", "external", "chosen", "replaced"), _cells(UNDETECTED))
def test_truth_table_without_a_pod_range(
    who: str, to: str, internal: str, external: str, chosen: frozenset[Backend], replaced: bool
) -> None:
    """Without a pod range pods count as outside, and nobody is masqueraded to cluster IPs."""
    made = cluster(
        service(internal=internal, external=external), settings=ClusterSettings(pod_cidrs=("fd00::/64",))
    )
    _check(made, who, to, chosen, replaced)


def _outcome(made: Cluster, client: Client, to: str) -> Outcome:
    return decide(made, flow(client, *TO[to])).outcome


REMOTE_ONLY = (piece(endpoint(POD_B, "node-b")),)


@pytest.mark.parametrize("to", TO)
@pytest.mark.parametrize("who", CLIENTS)
@pytest.mark.parametrize("slices", [(), (piece(),), (piece(endpoint(POD_A, conditions=UNREADY)),)])
def test_no_endpoints(slices: tuple[object, ...], who: str, to: str) -> None:
    """Without any usable endpoint everybody is refused everywhere, under both policies (NOEP rows)."""
    for policy in ("Cluster", "Local"):
        made = cluster(service(internal=policy, external=policy), endpoint_slices=slices)
        assert _outcome(made, CLIENTS[who], to) is Outcome.REJECT


@pytest.mark.parametrize("state", ["ready", "draining"])
def test_nothing_local(state: str) -> None:
    """Under a policy Local a node without endpoints drops what others could serve (NOEP-005, TERM-007)."""
    remote = endpoint(POD_B, "node-b") if state == "ready" else endpoint(POD_B, "node-b", DRAINING)
    made = cluster(service(internal="Local", external="Local"), slices=(piece(remote),))
    for client in CLIENTS.values():
        assert _outcome(made, client, "cluster IP") is Outcome.DROP
    for to in OUTER:
        assert _outcome(made, OUTSIDE, to) is Outcome.DROP
        assert _outcome(made, POD, to) is Outcome.FORWARD
        assert _outcome(made, HOST, to) is Outcome.FORWARD


def test_another_nodes_port() -> None:
    """Another node's port is decided on there: a host comes from outside, a pod is told by its range."""
    made = cluster(service(external="Local"), slices=(piece(endpoint(POD_A)),))
    assert decide(made, flow(HOST, NODE_B, 30100)).outcome is Outcome.DROP  # ETP-013
    assert decide(made, flow(POD, NODE_B, 30100)).backends == LOCAL  # ETP-014: recognised there, too
    here = decide(cluster(service(external="Local")), flow(HOST, NODE_B, 30100))
    assert (here.backends, here.masqueraded) == (backends(POD_B), frozenset())


def test_an_external_ip_that_is_a_nodes() -> None:
    """An external IP is taken up on the client's node, also if it is another node's address (step 1)."""
    made = cluster(service(external_ips=(NODE_B,), external="Local"), slices=(piece(*BOTH),))
    outside = Client(ClientKind.EXTERNAL, "node-a", "203.0.113.7")
    assert decide(made, flow(outside, NODE_B, 80)).backends == LOCAL
    assert decide(made, flow(outside, NODE_B, 30100)).backends == backends(POD_B)


def test_an_address_goes_before_a_node_port() -> None:
    """An external IP on a node's address wins over another Service's node port there (RT-025)."""
    first = service("first", external_ips=(), ports=(evolve(HTTP, node_port=30100),))
    second = service(
        cluster_ip="10.96.0.21",
        external_ips=(NODE_A,),
        ports=(ServicePort(30100, "http", "TCP", 8080, 30200),),
        ingress=(),
    )
    for order in ((first, second), (second, first)):
        made = cluster(*order, slices=(piece(endpoint(POD_A)),))
        assert decide(made, flow(OUTSIDE, NODE_A, 30100)).backends == LOCAL
        assert compile(made).decide(flow(OUTSIDE, NODE_A, 30100)).backends == LOCAL


def test_hairpin() -> None:
    """A pod that gets its own connection sees a node's address, the other endpoint its own (RT-016)."""
    itself = Client(ClientKind.POD, "node-a", POD_A)
    decision = decide(cluster(), flow(itself))
    assert (decision.backends, decision.masqueraded) == (ALL, LOCAL)
    under_local = decide(cluster(service(external="Local")), flow(itself, LB_IP))
    assert (under_local.backends, under_local.masqueraded) == (ALL, LOCAL)


def test_host_network_endpoints() -> None:
    """A host-network endpoint of the node that decides sees the client's address (RT-020, RT-021)."""
    made = cluster(slices=(piece(endpoint(NODE_A), endpoint(NODE_B, "node-b")),))
    outside = decide(made, flow(OUTSIDE, NODE_A, 30100))
    assert outside.backends == backends(NODE_A, NODE_B)
    assert outside.masqueraded == backends(NODE_B)
    # What the host sends passes the hook that replaces the source.
    assert decide(made, flow(HOST, LB_IP)).masqueraded == backends(NODE_A, NODE_B)
    local = cluster(service(internal="Local"), slices=made.endpoint_slices)
    assert decide(local, flow(POD)).backends == backends(NODE_A)


IGNORED: dict[str, Service] = {
    "headless": service(cluster_ip=CLUSTER_IP_NONE, cluster_ips=(CLUSTER_IP_NONE,)),
    "external name": service(type="ExternalName", external_name="example.com"),
    "another proxy's": service(labels={SERVICE_PROXY_NAME_LABEL: "other"}),
    "another proxy's, empty value": service(labels={SERVICE_PROXY_NAME_LABEL: ""}),
}


@pytest.mark.parametrize("made", IGNORED.values(), ids=IGNORED)
@pytest.mark.parametrize("to", TO)
def test_ignored_services(made: Service, to: str) -> None:
    """Services that are not the proxy's business are at none of their addresses (HEADLESS rows)."""
    assert _outcome(cluster(made), POD, to) is Outcome.NOT_A_SERVICE


INGRESS: list[tuple[LoadBalancerIngress, Outcome]] = [
    (LoadBalancerIngress(LB_IP), Outcome.FORWARD),
    (LoadBalancerIngress(LB_IP, ip_mode="VIP"), Outcome.FORWARD),
    (LoadBalancerIngress(LB_IP, ip_mode="Proxy"), Outcome.NOT_A_SERVICE),
    (LoadBalancerIngress(hostname="lb.example.com"), Outcome.NOT_A_SERVICE),
]


@pytest.mark.parametrize(("ingress", "outcome"), INGRESS)
def test_ingress(ingress: LoadBalancerIngress, outcome: Outcome) -> None:
    """Addresses in VIP mode are intercepted, others not; the node port works anyhow (LB-001, LB-002)."""
    made = cluster(service(ingress=(ingress,)))
    assert _outcome(made, POD, "load balancer") is outcome
    assert _outcome(made, POD, "node port") is Outcome.FORWARD


def test_several_ingress_addresses() -> None:
    """Each of several addresses is served; one in mode Proxy does not matter to the others (LB-015)."""
    made = cluster(
        service(ingress=(LoadBalancerIngress("198.19.1.1", ip_mode="Proxy"), LoadBalancerIngress(LB_IP)))
    )
    assert _outcome(made, POD, "load balancer") is Outcome.FORWARD
    assert decide(made, flow(POD, "198.19.1.1")).outcome is Outcome.NOT_A_SERVICE


def test_pending_load_balancer() -> None:
    """While nobody has provided a load balancer, node port and cluster IP work (NP-012)."""
    made = cluster(service(ingress=()))
    for to in ("node port", "cluster IP", "external IP"):
        assert _outcome(made, POD, to) is Outcome.FORWARD


NEAR_MISSES: list[Flow] = [
    flow(POD, VIP, 81),
    flow(POD, VIP, 8080),
    flow(POD, VIP, 30100),
    flow(POD, VIP, 80, "UDP"),
    flow(POD, NODE_A, 80),
    flow(POD, NODE_A, 30100, "UDP"),
    flow(POD, "10.96.0.99"),
    flow(POD, POD_A, 8080),
    flow(POD, LB_IP, 30100),
]


@pytest.mark.parametrize(
    "missed", NEAR_MISSES, ids=[f"{each.protocol} {each.ip}:{each.port}" for each in NEAR_MISSES]
)
def test_near_misses(missed: Flow) -> None:
    """What no Service has is left alone (RT-004, RT-023, RT-028)."""
    assert decide(cluster(), missed).outcome is Outcome.NOT_A_SERVICE


def test_no_node_port() -> None:
    """A port without a node port captures nothing on nodes (NP-016)."""
    made = cluster(service(ports=(evolve(HTTP, node_port=0),)))
    assert decide(made, flow(POD, NODE_A, 0)).outcome is Outcome.NOT_A_SERVICE
    assert _outcome(made, POD, "load balancer") is Outcome.FORWARD


def test_ports_and_protocols_are_separate() -> None:
    """Ports of one number differ by protocol, in endpoints and outcome (RT-004, NOEP-006)."""
    ports = (ServicePort(53, "dns", "UDP", 5353, 30053), ServicePort(53, "dns-tcp", "TCP", 53, 30053))
    made = cluster(service(ports=ports), slices=(piece(*BOTH, ports=(EndpointPort("dns", 5353, "UDP"),)),))
    for ip, port in ((VIP, 53), (NODE_A, 30053)):
        assert decide(made, flow(POD, ip, port, "UDP")).backends == backends(POD_A, POD_B, port=5353)
        assert decide(made, flow(POD, ip, port, "TCP")).outcome is Outcome.REJECT
        assert decide(made, flow(POD, ip, port, "SCTP")).outcome is Outcome.NOT_A_SERVICE


def test_a_node_is_known_by_all_its_addresses() -> None:
    """A second address of a node is its own: it takes node ports, and its processes are local (NP-002)."""
    nodes = (node("node-a", NODE_A, more=("172.16.0.1",)), NODES[1])
    made = cluster(service(external="Local"), nodes=nodes)
    assert decide(made, flow(OUTSIDE, "172.16.0.1", 30100)).backends == LOCAL
    second = Client(ClientKind.NODE, "node-a", "172.16.0.1")
    assert decide(made, flow(second, LB_IP)).backends == ALL


EXPLAINED: list[tuple[Cluster, Flow, tuple[str, ...]]] = [
    (cluster(), flow(POD), ("ITP-001", "RT-001", "RT-014")),
    (cluster(), flow(POD, VIP, 81), ("RT-028",)),
    (cluster(service(internal="Local")), flow(HOST), ("ITP-003", "RT-019", "RT-015")),
    (cluster(service(internal="Local"), slices=REMOTE_ONLY), flow(POD), ("ITP-004", "NOEP-005", "ITP-003")),
    (cluster(service(external="Local")), flow(POD, LB_IP), ("ETP-008", "RT-001", "ETP-009")),
    (cluster(service(external="Local")), flow(POD, NODE_A, 30100), ("ETP-011", "RT-001", "ETP-009")),
    (cluster(service(external="Local")), flow(OUTSIDE, LB_IP), ("ETP-005", "RT-019", "ETP-006")),
    (cluster(service(), slices=()), flow(HOST), ("NOEP-002", "NOEP-006")),
    (cluster(service(internal="Local"), slices=()), flow(POD), ("ITP-005", "NOEP-006")),
    (cluster(service(), slices=()), flow(POD, NODE_A, 30100), ("NOEP-003", "NOEP-006")),
]


@pytest.mark.parametrize(("made", "asked", "rules"), EXPLAINED)
def test_a_decision_says_which_rules_decided(made: Cluster, asked: Flow, rules: tuple[str, ...]) -> None:
    """The ids of the rows that decided are given in the order of the steps."""
    assert decide(made, asked).rules == rules


def test_a_cluster_without_nodes() -> None:
    """Where no node decides, nothing is a Service."""
    made = cluster(nodes=())
    assert decide(made, flow(POD)).outcome is Outcome.NOT_A_SERVICE
    assert compile(made).decide(flow(POD)).outcome is Outcome.NOT_A_SERVICE
