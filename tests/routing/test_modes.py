# SPDX-License-Identifier: Apache-2.0
"""Where the modes of kube-proxy differ, each by its own rules."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings

from conformance.questions.routing import flows
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, ClusterSettings, EndpointConditions, NodeAddress
from reference.questions import Client, ClientKind, Decision, Flow, Outcome
from reference.routing import Mode, compile, decide_in_mode, is_ambiguous_in_mode
from tests.routing.objects import (
    BOTH,
    EXTERNAL_IP,
    HOST,
    LB_IP,
    NODE_A,
    OUTSIDE,
    POD,
    POD_A,
    POD_B,
    VIP,
    backends,
    cluster,
    endpoint,
    flow,
    node,
    piece,
    service,
)

FURTHER = "198.51.100.211"
NODES = (node("node-a", NODE_A), node("node-b", "192.168.0.12"))
WITH_MORE = (
    evolve(
        NODES[0],
        status=evolve(
            NODES[0].status,
            addresses=(*NODES[0].status.addresses, NodeAddress("ExternalIP", FURTHER)),
        ),
    ),
    NODES[1],
)
LOOPBACK = Client(ClientKind.NODE, "node-a", "127.0.0.1")
LOOPBACK6 = Client(ClientKind.NODE, "node-a", "::1")
NONE = cluster(
    service(external_ips=(EXTERNAL_IP,), load_balancer_source_ranges=("198.51.100.0/24",)), slices=()
)


def met(made: Cluster, asked: Flow, mode: Mode) -> Decision:
    """What becomes of a flow in one mode."""
    return decide_in_mode(compile(made), asked, mode)


def test_which_addresses_take_node_ports() -> None:
    """All of the node in iptables, the primary one alone in nftables (NP-003, NP-004, NP-013)."""
    made = cluster(service(), slices=(piece(*BOTH),), nodes=WITH_MORE)
    asked = flow(OUTSIDE, FURTHER, 30100)
    assert met(made, asked, Mode.IPTABLES).backends == backends(POD_A, POD_B)
    assert met(made, asked, Mode.NFTABLES).outcome is Outcome.NOT_A_SERVICE
    for mode in Mode:
        assert met(made, flow(OUTSIDE, NODE_A, 30100), mode).backends == backends(POD_A, POD_B)


def test_loopback() -> None:
    """A node port at 127.0.0.1 works in iptables, and at ::1 nowhere (NP-007, NP-008)."""
    made = cluster(service(external="Local"), slices=(piece(*BOTH),))
    decision = met(made, flow(LOOPBACK, "127.0.0.1", 30100), Mode.IPTABLES)
    assert decision.backends == decision.masqueraded == backends(POD_A, POD_B)
    assert met(made, flow(LOOPBACK, "127.0.0.1", 30100), Mode.NFTABLES).outcome is Outcome.NOT_A_SERVICE
    assert met(made, flow(LOOPBACK, "127.0.0.1", 30101), Mode.IPTABLES).outcome is Outcome.NOT_A_SERVICE
    for mode in Mode:
        assert met(made, flow(LOOPBACK6, "::1", 30100), mode).outcome is Outcome.NOT_A_SERVICE


def test_copies_that_contradict_each_other() -> None:
    """What is open at the node's own address is open at 127.0.0.1, where that is served (RT-007)."""
    copies = (endpoint(POD_A), endpoint(POD_A, conditions=EndpointConditions(ready=False)))
    table = compile(cluster(service(), slices=(piece(*copies),)))
    at_loopback, at_node = flow(LOOPBACK, "127.0.0.1", 30100), flow(OUTSIDE, NODE_A, 30100)
    assert is_ambiguous_in_mode(table, at_loopback, Mode.IPTABLES)
    assert not is_ambiguous_in_mode(table, at_loopback, Mode.NFTABLES)
    assert not is_ambiguous_in_mode(table, flow(LOOPBACK, "127.0.0.1", 30101), Mode.IPTABLES)
    assert all(is_ambiguous_in_mode(table, at_node, mode) for mode in Mode)
    clear = compile(cluster(service(), slices=(piece(*BOTH),)))
    assert not is_ambiguous_in_mode(clear, at_loopback, Mode.IPTABLES)


@pytest.mark.parametrize(
    ("ip", "port", "nftables"),
    [
        (VIP, 81, Outcome.REJECT),
        ("10.96.250.250", 80, Outcome.DROP),
        ("192.0.2.1", 80, Outcome.NOT_A_SERVICE),
    ],
    ids=["another port", "a free address", "elsewhere"],
)
def test_cluster_ips_are_guarded(ip: str, port: int, nftables: Outcome) -> None:
    """Nftables refuses other ports and drops at addresses that nobody has (RT-023, RT-024)."""
    asked = flow(POD, ip, port)
    assert met(cluster(), asked, Mode.NFTABLES).outcome is nftables
    assert met(cluster(), asked, Mode.IPTABLES).outcome is Outcome.NOT_A_SERVICE


def test_another_proxys_cluster_ip_is_free() -> None:
    """To nftables the cluster IP of a Service for another proxy is one that nobody has (HEADLESS-004)."""
    made = cluster(service(labels={"service.kubernetes.io/service-proxy-name": ""}))
    assert met(made, flow(POD, VIP), Mode.NFTABLES).outcome is Outcome.DROP
    assert met(made, flow(POD, VIP), Mode.IPTABLES).outcome is Outcome.NOT_A_SERVICE


def test_without_endpoints() -> None:
    """Iptables lets hosts be and forgets source ranges; nftables does neither (NOEP-004, LB-013)."""
    for ip in (EXTERNAL_IP, LB_IP):
        assert met(NONE, flow(HOST, ip), Mode.IPTABLES).outcome is Outcome.NOT_A_SERVICE
    assert met(NONE, flow(HOST, EXTERNAL_IP), Mode.NFTABLES).outcome is Outcome.REJECT
    assert met(NONE, flow(OUTSIDE, LB_IP), Mode.IPTABLES).outcome is Outcome.REJECT
    assert met(NONE, flow(OUTSIDE, LB_IP), Mode.NFTABLES).outcome is Outcome.DROP
    for mode in Mode:
        assert met(NONE, flow(OUTSIDE, EXTERNAL_IP), mode).outcome is Outcome.REJECT
        assert met(NONE, flow(HOST, VIP), mode).outcome is Outcome.REJECT


@settings(derandomize=True, deadline=None, database=None, max_examples=80)
@given(clusters(dual_stack=True))
def test_what_is_forwarded_is_the_same(made: Cluster) -> None:
    """At the usual addresses both modes forward the same flows to the same endpoints."""
    table = compile(made)
    for asked in flows(made):
        plain = table.decide(asked)
        for mode in Mode:
            other = decide_in_mode(table, asked, mode)
            assert (plain.outcome is Outcome.FORWARD) == (other.outcome is Outcome.FORWARD)
            assert other.backends == plain.backends


def test_a_cluster_without_the_clients_node() -> None:
    """Nobody decides on what comes from a node that is not there."""
    made = evolve(cluster(), settings=ClusterSettings(), nodes=())
    for mode in Mode:
        assert met(made, flow(POD, "10.96.250.250"), mode).outcome is Outcome.NOT_A_SERVICE
