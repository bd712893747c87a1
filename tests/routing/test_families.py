# SPDX-License-Identifier: Apache-2.0
"""Each family for itself: tables, endpoints, ranges and outcomes (DUAL rows)."""

from __future__ import annotations

from attrs import evolve

from reference.objects import ClusterSettings, LoadBalancerIngress
from reference.questions import Client, ClientKind, Outcome
from reference.routing import compile, decide
from tests.routing.objects import (
    BOTH,
    LB_IP,
    NODE_A,
    NODES,
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

VIP6, LB6, NODE6, POD6 = "fd00:96::20", "fd00:19::20", "fd00:168::11", "fd00:244::2"
DUAL = service(
    cluster_ips=(VIP, VIP6),
    ip_families=("IPv4", "IPv6"),
    ingress=(LoadBalancerIngress(LB_IP), LoadBalancerIngress(LB6)),
)
NODES6 = (node("node-a", NODE_A, more=(NODE6,)), NODES[1])
SIX = piece(endpoint(POD6), name="web-6", family="IPv6")
CLIENT6 = Client(ClientKind.EXTERNAL, "node-a", "2001:db8::7")
MADE = cluster(DUAL, slices=(piece(*BOTH), SIX), nodes=NODES6)


def test_families_have_their_own_endpoints() -> None:
    """A flow ends at endpoints of its own family, at every kind of address (DUAL-003, -004, -006)."""
    for ip, port in ((VIP6, 80), (LB6, 80), (NODE6, 30100)):
        decision = decide(MADE, flow(CLIENT6, ip, port))
        assert decision.backends == backends(POD6)
        assert compile(MADE).decide(flow(CLIENT6, ip, port)) == decision
    for ip, port in ((VIP, 80), (LB_IP, 80), (NODE_A, 30100)):
        assert decide(MADE, flow(OUTSIDE, ip, port)).backends == backends(POD_A, POD_B)


def test_one_family_may_have_no_endpoints() -> None:
    """IPv6 is refused while IPv4 is forwarded (DUAL-001)."""
    made = cluster(DUAL, nodes=NODES6)
    assert decide(made, flow(CLIENT6, VIP6)).outcome is Outcome.REJECT
    assert decide(made, flow(POD, VIP)).outcome is Outcome.FORWARD


def test_a_family_that_the_service_lacks() -> None:
    """Without a cluster IP of a family, a Service is nowhere in it (DUAL-002, DUAL-005, EXT-005)."""
    single = service(
        external_ips=("fd00:18::20",), ingress=(LoadBalancerIngress(LB_IP), LoadBalancerIngress(LB6))
    )
    made = cluster(single, slices=(piece(*BOTH), SIX), nodes=NODES6)
    for ip, port in (("fd00:18::20", 80), (LB6, 80), (NODE6, 30100)):
        assert decide(made, flow(CLIENT6, ip, port)).outcome is Outcome.NOT_A_SERVICE
        assert compile(made).decide(flow(CLIENT6, ip, port)).outcome is Outcome.NOT_A_SERVICE
    assert decide(made, flow(OUTSIDE, NODE_A, 30100)).outcome is Outcome.FORWARD


def test_ranges_count_for_their_own_family() -> None:
    """Ranges of one family leave the other one open (LB-007)."""
    made = evolve(
        MADE,
        services=(evolve(DUAL, spec=evolve(DUAL.spec, load_balancer_source_ranges=("198.51.100.0/24",))),),
    )
    assert decide(made, flow(OUTSIDE, LB_IP)).outcome is Outcome.DROP
    assert decide(made, flow(CLIENT6, LB6)).outcome is Outcome.FORWARD


def test_only_the_first_range_of_a_family_tells_pods() -> None:
    """A second pod range of the same family counts for nothing, another family's for that (RT-027)."""
    settings = ClusterSettings(pod_cidrs=("10.200.0.0/16", "10.244.0.0/16", "fd00:244::/32"))
    made = evolve(MADE, settings=settings)
    assert decide(made, flow(POD, VIP)).masqueraded == backends(POD_A, POD_B)
    inside6 = Client(ClientKind.POD, "node-a", "fd00:244::9")
    assert decide(made, flow(inside6, VIP6)).masqueraded == frozenset()
