# SPDX-License-Identifier: Apache-2.0
"""The compiled form answers as the plain rules do."""

from __future__ import annotations

import random

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.questions.routing import flows, health_checks
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, ClusterSettings, Service
from reference.questions import Client, ClientKind, Flow
from reference.routing import compile, decide, health_check
from tests.routing.objects import OUTSIDE, cluster, flow, service

_STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=80)


@_STEADY
@given(clusters(dual_stack=True), st.sampled_from(((), ("10.244.0.0/16",), ("10.244.1.0/24",))))
def test_tables_decide_as_the_rules(made: Cluster, pod_cidrs: tuple[str, ...]) -> None:
    """Decision and deciding rules are the same for every flow, with and without a pod range."""
    made = evolve(made, settings=ClusterSettings(pod_cidrs=pod_cidrs))
    table = compile(made)
    for asked in flows(made):
        plain = decide(made, asked)
        assert table.decide(asked) == plain
        assert table.decide(asked).rules == plain.rules


def _shuffled_addresses(services: tuple[Service, ...], chance: random.Random) -> tuple[Service, ...]:
    """Services whose addresses and numbers collide with nodes' and with each other's."""
    pool = ["192.168.0.11", "192.168.0.12", "198.18.0.20", "10.96.0.20"]
    made = []
    for item in services:
        ports = tuple(
            evolve(port, port=chance.choice((80, 30100)), node_port=chance.choice((0, 30100, 30101)))
            for port in item.spec.ports
        )
        external_ips = tuple(chance.sample(pool, chance.randrange(3)))
        made.append(evolve(item, spec=evolve(item.spec, ports=ports, external_ips=external_ips)))
    return tuple(made)


@_STEADY
@given(clusters(dual_stack=True), st.integers(0, 1000))
def test_tables_decide_as_the_rules_when_addresses_collide(made: Cluster, seed: int) -> None:
    """Precedence between kinds of addresses, and the node that decides, are the same, too."""
    made = evolve(made, services=_shuffled_addresses(made.services, random.Random(seed)))
    table = compile(made)
    clients = [OUTSIDE, *(Client(ClientKind.NODE, node.metadata.name, "192.168.0.11") for node in made.nodes)]
    for ip in ("192.168.0.11", "192.168.0.12", "198.18.0.20", "10.96.0.20", "10.96.0.21"):
        for port in (80, 30100, 30101):
            for client in clients:
                asked = Flow(client, ip, port)
                assert table.decide(asked) == decide(made, asked)


@_STEADY
@given(clusters(dual_stack=True))
def test_tables_answer_health_checks_as_the_rules(made: Cluster) -> None:
    """So do answers to health checks."""
    table = compile(made)
    for check in health_checks(made):
        assert table.health_check(check) == health_check(made, check)


def test_contested_addresses_are_known() -> None:
    """An address, port and protocol that two service ports claim is contested, others are not (RT-026)."""
    first = service()
    second = service("other", cluster_ip="10.96.0.21", ingress=())
    table = compile(cluster(first, second))
    assert table.is_contested(flow(OUTSIDE, "198.18.0.20"))
    assert not table.is_contested(flow(OUTSIDE, "198.18.0.20", 81))
    assert not table.is_contested(flow(OUTSIDE, "10.96.0.21"))
    assert not compile(cluster(first)).is_contested(flow(OUTSIDE, "198.18.0.20"))


def test_what_a_masqueraded_flow_comes_from() -> None:
    """It comes from the primary address of the node that decides, else from where it came."""
    table = compile(cluster())
    assert table.node_address(flow(OUTSIDE)) == "192.168.0.11"
    assert table.node_address(flow(OUTSIDE, "192.168.0.12", 30100)) == "192.168.0.12"
    assert compile(cluster(nodes=())).node_address(flow(OUTSIDE)) == OUTSIDE.ip
