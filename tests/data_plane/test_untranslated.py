# SPDX-License-Identifier: Apache-2.0
"""What is seen where no proxy is: of every client, by every protocol."""

from __future__ import annotations

import socket

import pytest
from attrs import evolve
from pyroute2 import IPRoute

from conformance.data_plane.network import Network
from reference.objects import ObjectMeta, Service, ServicePort, ServiceSpec
from reference.questions import Connection, Flow, Observation, Outcome
from tests.data_plane import worlds
from tests.data_plane.worlds import NODE_A, NODE_B, OUTSIDE, POD_A, POD_B, PROTOCOLS, SIX, VIP

pytestmark = pytest.mark.usefixtures("networked")

CLIENTS = {
    "IPv4": [worlds.from_pod(), worlds.from_node(), worlds.from_outside(), worlds.from_outside("node-b")],
    "IPv6": [
        worlds.from_pod(SIX[POD_A]),
        worlds.from_node(SIX[NODE_A]),
        worlds.from_outside(ip=SIX[OUTSIDE]),
    ],
}


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_without_a_proxy_nothing_is_a_service(family: str) -> None:
    """Nobody's address, an open or closed port of a pod, a node or an endpoint: no Service, and at once."""
    dialled = [VIP, POD_A, POD_B, NODE_A, NODE_B, worlds.ELSEWHERE, worlds.GONE]
    flows = [
        Flow(client, SIX[ip] if family == "IPv6" else ip, port, protocol)
        for client in CLIENTS[family]
        for ip in dialled
        for port in (80, 8080, 81, 30100)
        for protocol in PROTOCOLS
    ]
    with Network() as network:
        network.prepare(worlds.cluster())
        silent: list[Connection] = []

        def expected(connection: Connection) -> bool:
            silent.append(connection)
            return False

        seen = network.connect([Connection(flow) for flow in flows], expected_to_answer=expected)
    assert dict(zip(flows, seen, strict=True)) == dict.fromkeys(flows, Observation(Outcome.NOT_A_SERVICE))
    assert silent == []


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("prohibit", Outcome.REJECT), ("unreachable", Outcome.REJECT), ("blackhole", Outcome.DROP)],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_routes_that_refuse_or_swallow(kind: str, outcome: Outcome, protocol: str) -> None:
    """A node that refuses by a route is a REJECT, and one that swallows a DROP."""
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"), IPRoute() as netlink:
            netlink.route("add", dst=f"{VIP}/32", type=kind, family=socket.AF_INET)
        seen = [
            worlds.one(network, client, VIP, protocol=protocol, expected=lambda _: False)
            for client in (worlds.from_pod(), worlds.from_outside())
        ]
    assert seen == [Observation(outcome)] * 2


def test_an_address_that_is_a_frontend_and_an_endpoint_is_forwarded_to() -> None:
    """An external IP that an endpoint has too, with the same port: whoever gets there was forwarded."""
    cluster = worlds.cluster()
    service = Service(
        ObjectMeta("own", "default"),
        ServiceSpec(external_ips=(POD_B,), ports=(ServicePort(8080, "", "TCP", 8080),)),
    )
    cluster = evolve(cluster, services=(service,))
    with Network() as network:
        network.prepare(cluster)
        seen = worlds.one(network, worlds.from_pod(), POD_B, 8080)
    assert seen.outcome is Outcome.FORWARD


def test_a_program_on_a_node_keeps_its_port() -> None:
    """What another program of the node listens on is its own: it answers, and is not disturbed."""
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"):
            program = socket.create_server(("0.0.0.0", 30100))
        with program:
            seen = worlds.one(network, worlds.from_pod(), NODE_A, 30100, expected=lambda _: False)
            program.settimeout(5)
            accepted, peer = program.accept()
            accepted.close()
        assert peer[0] == POD_A
        assert seen == Observation(Outcome.DROP), "it says nothing"
        # Afterwards the port is free for whoever comes.
        assert worlds.one(network, worlds.from_pod(), NODE_A, 30100).outcome is Outcome.NOT_A_SERVICE
        with network.inside("node-a"):
            socket.create_server(("0.0.0.0", 30100)).close()
