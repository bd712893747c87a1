# SPDX-License-Identifier: Apache-2.0
"""The questions: bounded, repeatable, and of every kind."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from conformance.questions.routing import (
    MOST_FLOWS,
    NOBODYS_CHECK_PORT,
    burst,
    clients_of,
    direct_frontends,
    flows,
    health_checks,
    internal_ip,
)
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, ServicePort
from reference.questions import ClientKind, Outcome
from reference.routing import decide
from reference.routing.addresses import IPV4, IPV6, family_of
from tests.routing.objects import (
    EXTERNAL_IP,
    LB_IP,
    NODE_A,
    NODE_B,
    POD_A,
    VIP,
    cluster,
    flow,
    pod,
    service,
)

_STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=80)


@_STEADY
@given(clusters(dual_stack=True))
def test_flows_are_bounded_and_repeat(made: Cluster) -> None:
    """No more than the most are asked, none twice, and the same ones of an equal cluster."""
    asked = flows(made)
    assert len(asked) <= MOST_FLOWS
    assert len(set(asked)) == len(asked)
    assert flows(made) == asked


@_STEADY
@given(clusters(dual_stack=True))
def test_every_frontend_is_asked_for(made: Cluster) -> None:
    """Each address and port of each Service is asked for by every kind of client, up to the limit."""
    asked = flows(made)
    if len(asked) == MOST_FLOWS:
        return
    met = {(each.client.kind, each.ip, each.port, each.protocol) for each in asked}
    for item in made.services:
        for ip, port in direct_frontends(item):
            for kind in ClientKind:
                assert (kind, ip, port.port, port.protocol) in met
        for port in item.spec.ports:
            for node in made.nodes if port.node_port else ():
                for family in (IPV4, IPV6):
                    own = internal_ip(node, family)
                    assert own is None or (ClientKind.EXTERNAL, own, port.node_port, port.protocol) in met


@_STEADY
@given(clusters(dual_stack=True))
def test_clients_are_of_the_family_that_they_use(made: Cluster) -> None:
    """A client has an address of the family of the address that it uses."""
    assert all(family_of(each.client.ip) == family_of(each.ip) for each in flows(made))


def test_a_small_cluster_is_asked_for_everything() -> None:
    """In a small cluster every client meets every frontend, so that a reproducer stays one."""
    made = cluster(service(ingress=(), external_ips=()), pods=(pod("web-0", POD_A, "node-a"),))
    clients = clients_of(made)
    assert clients is not None
    asked = {each.client for each in flows(made) if (each.ip, each.port) == (VIP, 80)}
    assert asked == set(clients.all)


def test_near_misses_come_up() -> None:
    """Over many clusters other ports, other protocols and swapped addresses are asked for."""
    met: Counter[str] = Counter()
    for index in range(40):
        made = cluster(service(f"web-{index}"))
        for each in flows(made):
            if decide(made, each).outcome is not Outcome.NOT_A_SERVICE:
                continue
            on_node = each.ip in (NODE_A, NODE_B)
            met["node at the Service's port"] += on_node and each.port == 80
            met["Service at the node's port"] += each.ip == VIP and each.port == 30100
            met["another port"] += each.ip == VIP and each.port == 81
            met["another protocol"] += each.ip == VIP and each.protocol == "UDP"
            met["nobody's address"] += each.ip not in (VIP, EXTERNAL_IP, LB_IP) and not on_node
    assert len(met) == 5
    assert min(met.values()) > 0, met


def test_hairpins_come_up() -> None:
    """A pod that is an endpoint asks for its own Service."""
    busy = tuple(ServicePort(80 + index, f"port-{index}", "TCP", 8080) for index in range(4))
    made = cluster(
        service(ports=busy), pods=(pod("web-0", POD_A, "node-a"), pod("web-1", "10.244.1.9", "node-b"))
    )
    assert any(each.client.ip == POD_A and each.ip == VIP for each in flows(made))


def test_clusters_without_clients() -> None:
    """Where some kind of client has no place, nothing is asked."""
    assert flows(cluster(nodes=())) == ()
    assert health_checks(cluster(nodes=())) == ()


def test_health_checks() -> None:
    """Each check port is asked for on each node, and one that is nobody's."""
    asked = health_checks(cluster(service(external="Local")))
    assert {(each.node, each.port) for each in asked} == {
        (node, port) for node in ("node-a", "node-b") for port in (30900, NOBODYS_CHECK_PORT)
    }


def test_bursts() -> None:
    """Connections of a burst differ in source port and are as far apart as asked."""
    client = clients_of(cluster())
    assert client is not None
    made = burst(flow(client.pods[0]), count=4, at=100, apart=30)
    assert [each.at for each in made] == [100, 130, 160, 190]
    assert len({each.source_port for each in made}) == 4
