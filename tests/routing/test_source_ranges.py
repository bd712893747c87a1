# SPDX-License-Identifier: Apache-2.0
"""Source ranges: whom they let in, and where they count."""

from __future__ import annotations

import pytest

from reference.objects import LoadBalancerIngress
from reference.questions import Client, ClientKind, Outcome
from reference.routing import compile, decide
from tests.routing.objects import EXTERNAL_IP, HOST, LB_IP, NODE_A, OUTSIDE, POD, VIP, cluster, flow, service

SECOND = "198.19.1.20"
ITSELF = Client(ClientKind.EXTERNAL, "node-a", SECOND)

RANGES: list[tuple[tuple[str, ...], Client, bool]] = [
    ((), OUTSIDE, True),
    (("203.0.113.0/24",), OUTSIDE, True),
    ((" 203.0.113.0/24 ",), OUTSIDE, True),
    (("203.0.113.7/32",), OUTSIDE, True),
    (("203.0.113.8/32",), OUTSIDE, False),
    (("198.51.100.0/24", "203.0.113.0/24"), OUTSIDE, True),
    (("198.51.100.0/24", "0.0.0.0/0"), OUTSIDE, True),
    (("203.0.113.0/24",), POD, False),
    (("203.0.113.0/24",), HOST, False),
    (("10.244.0.0/16",), POD, True),
    (("192.168.0.0/24",), HOST, True),
    (("fd00::/8",), OUTSIDE, True),  # no range of the family: not filtered (LB-007)
    (("192.168.0.0/24",), ITSELF, True),  # one of the Service's own addresses (LB-009)
    (("203.0.113.0/24",), ITSELF, False),
]


@pytest.mark.parametrize("external", ["Cluster", "Local"])
@pytest.mark.parametrize(("ranges", "client", "admitted"), RANGES)
def test_load_balancer_addresses(
    ranges: tuple[str, ...], client: Client, admitted: bool, external: str
) -> None:
    """Packets to each of a load balancer's addresses are let in or dropped by their source alone."""
    made = cluster(
        service(
            external=external,
            load_balancer_source_ranges=ranges,
            ingress=(LoadBalancerIngress(LB_IP), LoadBalancerIngress(SECOND)),
        )
    )
    for ip in (LB_IP, SECOND):
        decision = decide(made, flow(client, ip))
        assert decision.outcome is (Outcome.FORWARD if admitted else Outcome.DROP)
        assert ("LB-006" in decision.rules) is not admitted
        assert compile(made).decide(flow(client, ip)) == decision


@pytest.mark.parametrize(("ip", "port"), [(VIP, 80), (EXTERNAL_IP, 80), (NODE_A, 30100)])
def test_other_addresses(ip: str, port: int) -> None:
    """Ranges keep nobody from the Service's other addresses (LB-012, NP-011)."""
    made = cluster(service(load_balancer_source_ranges=("192.0.2.0/24",)))
    for client in (POD, HOST, OUTSIDE):
        assert decide(made, flow(client, ip, port)).outcome is Outcome.FORWARD


def test_other_services() -> None:
    """One Service's ranges do not matter to another one."""
    kept = service(load_balancer_source_ranges=("192.0.2.0/24",))
    other = service(
        "other",
        cluster_ip="10.96.0.21",
        external_ips=(),
        ports=(),
        ingress=(LoadBalancerIngress("198.19.0.21"),),
    )
    free = service(cluster_ip="10.96.0.22", external_ips=(), ingress=(LoadBalancerIngress("198.19.0.22"),))
    made = cluster(kept, other, free)
    assert decide(made, flow(OUTSIDE, "198.19.0.22")).outcome is Outcome.FORWARD
    assert decide(made, flow(OUTSIDE, LB_IP)).outcome is Outcome.DROP


def test_ranges_go_before_policies() -> None:
    """Whoever is outside is dropped even where there is no endpoint (as in nftables mode, LB-013)."""
    made = cluster(service(load_balancer_source_ranges=("192.0.2.0/24",)), slices=())
    assert decide(made, flow(OUTSIDE, LB_IP)).outcome is Outcome.DROP
