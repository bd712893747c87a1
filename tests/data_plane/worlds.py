# SPDX-License-Identifier: Apache-2.0
"""Small clusters, clients in them, and rules as a proxy would write them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

import pytest

from conformance.data_plane.network import Network
from reference.objects import (
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Node,
    NodeAddress,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Client, ClientKind, Connection, Flow, Observation

PROTOCOLS = ("TCP", "UDP", "SCTP")
NODE_A, NODE_B = "192.168.0.11", "192.168.0.12"
POD_A, OTHER_POD_A, POD_B = "10.244.0.2", "10.244.0.3", "10.244.1.2"
ELSEWHERE = "10.9.9.9"
"""An endpoint on no node."""
GONE = "10.244.1.77"
"""Nobody's address."""
VIP = "10.96.0.20"
OUTSIDE = "203.0.113.7"
SIX = {
    NODE_A: "fd00:192::11",
    NODE_B: "fd00:192::12",
    POD_A: "fd00:244::2",
    OTHER_POD_A: "fd00:244::3",
    POD_B: "fd00:244:1::2",
    ELSEWHERE: "fd00:9::9",
    GONE: "fd00:244:1::77",
    VIP: "fd00:96::20",
    OUTSIDE: "2001:db8::7",
}
"""The same in IPv6."""


def node(name: str, *ips: str) -> Node:
    """A node with these InternalIPs."""
    return Node(
        ObjectMeta(name), status=NodeStatus(tuple(NodeAddress("InternalIP", address) for address in ips))
    )


def pod(name: str, ip: str, node_name: str, *, host_network: bool = False) -> Pod:
    """A pod with an address."""
    return Pod(
        ObjectMeta(name, "default"),
        PodSpec(node_name=node_name, host_network=host_network),
        PodStatus("Running", ip),
    )


def slice_of(
    *endpoints: tuple[str, str | None], ports: Sequence[int] = (8080,), family: str = "IPv4", name: str = "s"
) -> EndpointSlice:
    """A slice of addresses and the nodes that they are on, each port over every protocol."""
    return EndpointSlice(
        ObjectMeta(name, "default"),
        family,
        tuple(Endpoint((ip,), node_name=node_name) for ip, node_name in endpoints),
        tuple(
            EndpointPort(f"{protocol.lower()}-{port}", port, protocol)
            for port in ports
            for protocol in PROTOCOLS
        ),
    )


_ENDPOINTS = (
    (POD_A, "node-a"),
    (OTHER_POD_A, "node-a"),
    (POD_B, "node-b"),
    (NODE_B, "node-b"),
    (ELSEWHERE, None),
)


def cluster() -> Cluster:
    """Two nodes of both families with pods, a host-network endpoint and one elsewhere; port 8080."""
    return Cluster(
        nodes=(node("node-a", NODE_A, SIX[NODE_A]), node("node-b", NODE_B, SIX[NODE_B])),
        services=(
            Service(
                ObjectMeta("web", "default"),
                ServiceSpec(
                    cluster_ip=VIP,
                    cluster_ips=(VIP, SIX[VIP]),
                    ports=tuple(
                        ServicePort(80, protocol.lower(), protocol, 8080, 30100) for protocol in PROTOCOLS
                    ),
                ),
            ),
        ),
        endpoint_slices=(
            slice_of(*_ENDPOINTS),
            slice_of(*((SIX[ip], name) for ip, name in _ENDPOINTS), family="IPv6", name="s6"),
        ),
    )


def from_pod(ip: str = POD_A, node_name: str = "node-a") -> Client:
    """A client in a pod."""
    return Client(ClientKind.POD, node_name, ip)


def from_node(ip: str = NODE_A, node_name: str = "node-a") -> Client:
    """A client on a node."""
    return Client(ClientKind.NODE, node_name, ip)


def from_outside(node_name: str = "node-a", ip: str = OUTSIDE) -> Client:
    """A client whose packets arrive at a node."""
    return Client(ClientKind.EXTERNAL, node_name, ip)


def one(
    network: Network,
    client: Client,
    ip: str,
    port: int = 80,
    protocol: str = "TCP",
    *,
    expected: Callable[[Connection], bool] = lambda _: True,
) -> Observation:
    """What one connection meets."""
    (seen,) = network.connect([Connection(Flow(client, ip, port, protocol))], expected_to_answer=expected)
    return seen


def needs_nft() -> None:
    """Skip a test that needs the program `nft`, or fail it where nothing may be missing."""
    if shutil.which("nft") is None:
        if os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1":
            pytest.fail("CONFORMANCE_REQUIRE_REAL=1, but the program nft is not installed")
        pytest.skip("the program nft is not installed")


def rules(network: Network, node_name: str, text: str) -> None:
    """Load rules on a node."""
    needs_nft()
    with network.inside(node_name):
        done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def translate(
    network: Network,
    node_name: str,
    to: str,
    *,
    vip: str = VIP,
    port: int = 80,
    masqueraded: str = "",
) -> None:
    """Translate the Service's address to an endpoint, with `masqueraded` naming whose source is replaced.

    On the way in and out of the node, as every proxy in the kernel does.
    """
    family, shown = ("ip6", f"[{to}]:8080") if ":" in to else ("ip", f"{to}:8080")
    replaced = f"{family} {masqueraded} masquerade" if masqueraded else ""
    rules(
        network,
        node_name,
        f"""
table {family} proxy {{
  chain services {{
    {family} daddr {vip} meta l4proto {{ tcp, udp, sctp }} th dport {port} dnat to {shown}
  }}
  chain arriving {{
    type nat hook prerouting priority -100
    jump services
  }}
  chain own {{
    type nat hook output priority -100
    jump services
  }}
  chain leaving {{
    type nat hook postrouting priority 100
    {replaced}
  }}
}}
""",
    )
