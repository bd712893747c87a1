# SPDX-License-Identifier: Apache-2.0
"""The network follows the cluster: what is new is there, what is gone is not."""

from __future__ import annotations

import socket

import pytest
from attrs import evolve

from conformance.data_plane.network import Network, NetworkError
from reference.objects import Cluster, NodeAddress
from reference.questions import Backend, Client, ClientKind, Observation, Outcome
from tests.data_plane import worlds
from tests.data_plane.worlds import NODE_A, NODE_B, OTHER_POD_A, POD_A, POD_B, VIP, node, pod, slice_of

pytestmark = pytest.mark.usefixtures("networked")


def _reached(network: Network, to: str, client: Client | None = None) -> Observation:
    """What a new rule to an endpoint leads to."""
    worlds.rules(network, "node-a", "flush ruleset")
    worlds.translate(network, "node-a", to)
    return worlds.one(network, client or worlds.from_pod(), VIP)


def test_endpoints_that_are_gone_answer_no_more() -> None:
    """An address is where the present cluster has it, and nowhere once it has it no more."""
    cluster = worlds.cluster()
    with Network() as network:
        network.prepare(cluster)
        assert _reached(network, POD_B) == Observation(Outcome.FORWARD, Backend(POD_B, 8080), POD_A)
        network.prepare(evolve(cluster, endpoint_slices=(slice_of((POD_A, "node-a")),)))
        assert network.connect([], expected_to_answer=None) == []
        direct = worlds.one(network, worlds.from_pod(), POD_B, 8080)
        assert direct == Observation(Outcome.NOT_A_SERVICE)
        # It moved to the other node, and to another port.
        network.prepare(evolve(cluster, endpoint_slices=(slice_of((POD_B, "node-a"), ports=(8080, 9)),)))
        assert _reached(network, POD_B) == Observation(Outcome.FORWARD, Backend(POD_B, 8080), POD_A)


def test_pods_and_their_families_are_placed_by_their_node() -> None:
    """A pod of the cluster is where it runs, whatever a slice says of its address."""
    cluster = Cluster(
        nodes=(node("node-a", NODE_A), node("node-b", NODE_B)),
        pods=(pod("p", POD_A, "node-a"), pod("h", NODE_B, "node-b", host_network=True)),
        endpoint_slices=(slice_of((POD_A, "node-b"), (NODE_B, "node-a")),),
    )
    with Network() as network:
        network.prepare(cluster)
        for to in (POD_A, NODE_B):
            assert _reached(network, to, worlds.from_node()).backend == Backend(to, 8080)


def test_addresses_are_reported_as_the_cluster_writes_them() -> None:
    """However the kernel writes an address of IPv6, the answer has it as the slice and the client do."""
    written, client = "FD00:244:0001:0:0:0:0:2", "fd00:0244::0002"
    cluster = worlds.cluster()
    with Network() as network:
        network.prepare(evolve(cluster, endpoint_slices=(slice_of((written, "node-b"), family="IPv6"),)))
        worlds.translate(network, "node-a", "fd00:244:1::2", vip=worlds.SIX[VIP])
        seen = worlds.one(network, worlds.from_pod(client), worlds.SIX[VIP])
    assert seen == Observation(Outcome.FORWARD, Backend(written, 8080), client)


def test_two_nodes_may_exchange_their_addresses() -> None:
    """Addresses are taken away everywhere before they are given."""
    cluster = worlds.cluster()
    with Network() as network:
        network.prepare(cluster)
        network.prepare(evolve(cluster, nodes=(node("node-a", NODE_B), node("node-b", NODE_A))))
        seen = worlds.one(network, worlds.from_node(NODE_B), NODE_A, 81)
        assert seen == Observation(Outcome.NOT_A_SERVICE)
        # And the third has the address of one that is there no more.
        network.prepare(evolve(cluster, nodes=(node("node-c", NODE_A),)))
        client = worlds.from_node(NODE_A, "node-c")
        assert worlds.one(network, client, NODE_B, 81) == Observation(Outcome.NOT_A_SERVICE)


def test_the_first_address_of_a_node_is_the_one_that_it_masquerades_with() -> None:
    """Of several addresses of each family the first InternalIP, as a node is known by."""
    cluster = worlds.cluster()
    six = worlds.SIX
    several = node("node-a", NODE_A, "192.168.0.99", six[NODE_A], "fd00:192::99")
    external = evolve(
        several.status,
        addresses=(NodeAddress("ExternalIP", "192.0.2.1"), *several.status.addresses),
    )
    with Network() as network:
        network.prepare(evolve(cluster, nodes=(evolve(several, status=external), cluster.nodes[1])))
        for to, source in ((POD_B, POD_A), (six[POD_B], six[POD_A])):
            vip = six[VIP] if ":" in to else VIP
            worlds.translate(network, "node-a", to, vip=vip, masqueraded=f"saddr {source}")
            seen = worlds.one(network, worlds.from_pod(source), vip)
            assert seen.source_ip == (six[NODE_A] if ":" in to else NODE_A)


def test_a_port_that_another_program_has_is_told() -> None:
    """An endpoint on the host network cannot listen where a program of the node does: what, where and why."""
    with Network() as network:
        network.prepare(Cluster(nodes=(node("node-a", NODE_A),)))
        with network.inside("node-a"):
            program = socket.create_server((NODE_A, 8080))
        with (
            program,
            pytest.raises(NetworkError, match=r"node node-a: port 8080 of 192\.168\.0\.11 is in use"),
        ):
            network.prepare(
                Cluster(nodes=(node("node-a", NODE_A),), endpoint_slices=(slice_of((NODE_A, "node-a")),))
            )


def test_what_cannot_be_asked_is_refused() -> None:
    """Two nodes with one address, an unknown node, a client or an address that cannot be: each is told."""
    with Network(families=("IPv4",)) as network:
        with pytest.raises(NetworkError, match="the nodes a and b both have the address"):
            network.prepare(Cluster(nodes=(node("a", NODE_A), node("b", NODE_A))))
        network.prepare(worlds.cluster())
        for client, ip, protocol, said in (
            (worlds.from_pod(node_name="node-z"), VIP, "TCP", "no node 'node-z'"),
            (worlds.from_pod(), "localhost", "TCP", "no connection from '10.244.0.2' to 'localhost'"),
            (worlds.from_pod(), worlds.SIX[VIP], "TCP", "of one family"),
            (worlds.from_pod(worlds.SIX[POD_A]), worlds.SIX[VIP], "TCP", "without IPv6"),
            (worlds.from_pod(), VIP, "DCCP", "no connections over 'DCCP'"),
            (Client(ClientKind.NODE, "node-a", "192.168.0.77"), VIP, "TCP", "an address of that node"),
        ):
            with pytest.raises(NetworkError, match=said):
                worlds.one(network, client, ip, protocol=protocol)
        with pytest.raises(NetworkError, match="no node 'node-z'"):
            network.inside("node-z")
    with pytest.raises(NetworkError, match="no families"):
        Network(families=())


def test_clients_that_the_cluster_does_not_know_are_guests() -> None:
    """A pod that only asks has its address while it asks, and nobody's address afterwards."""
    guest = worlds.from_pod("10.244.0.250")
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", OTHER_POD_A)
        assert worlds.one(network, guest, VIP).source_ip == guest.ip
        network.prepare(worlds.cluster())
        assert worlds.one(network, guest, VIP).source_ip == guest.ip
        for _ in range(2):
            network.prepare(worlds.cluster())
        worlds.rules(network, "node-a", "flush ruleset")
        worlds.translate(network, "node-a", guest.ip)
        assert worlds.one(network, worlds.from_pod(), VIP).backend == Backend(guest.ip, 8080)
        # Once it is a pod elsewhere, it is there.
        network.prepare(evolve(worlds.cluster(), pods=(pod("p", guest.ip, "node-b"),)))
        assert worlds.one(network, worlds.from_pod(guest.ip, "node-b"), POD_B, 81) == Observation(
            Outcome.NOT_A_SERVICE
        )


def test_a_backend_is_written_as_its_slice_writes_it() -> None:
    """Where a pod writes its address otherwise, the pod's way is for sources, the slice's for backends."""
    pods = (pod("p", "fd00:244:0:0:0:0:0:3", "node-a"), pod("q", "fd00:244:0:0::2", "node-a"))
    cluster = evolve(worlds.cluster(), pods=pods)
    with Network() as network:
        network.prepare(
            evolve(cluster, endpoint_slices=(slice_of(("fd00:244::3", "node-a"), family="IPv6"),))
        )
        worlds.translate(network, "node-a", "fd00:244::3", vip=worlds.SIX[VIP])
        seen = [
            worlds.one(network, worlds.from_pod(client), worlds.SIX[VIP])
            for client in ("fd00:244::2", "fd00:244:0:0:0:0:0:3")
        ]
    # And a client's address is written as the client writes it.
    assert seen[0] == Observation(Outcome.FORWARD, Backend("fd00:244::3", 8080), "fd00:244::2")
    assert seen[1].source_ip == "fd00:244:0:0:0:0:0:3"


def test_a_node_whose_addresses_change_is_still_reached() -> None:
    """Packets leave a node that has only new addresses as they did before."""
    cluster = worlds.cluster()
    with Network() as network:
        network.prepare(cluster)
        network.prepare(evolve(cluster, nodes=(node("node-a", "192.0.2.77"), node("node-b", NODE_B))))
        worlds.translate(network, "node-a", POD_B)
        seen = worlds.one(network, worlds.from_pod(), VIP)
    assert seen == Observation(Outcome.FORWARD, Backend(POD_B, 8080), POD_A)


def test_a_process_reaches_its_own_host_at_a_loopback_address() -> None:
    """Nobody listens there, so the kernel refuses; what is translated on the way out arrives."""
    client = Client(ClientKind.NODE, "node-a", "127.0.0.1")
    with Network() as network:
        network.prepare(worlds.cluster())
        assert worlds.one(network, client, "127.0.0.1", 30080) == Observation(Outcome.REJECT)
        six = Client(ClientKind.NODE, "node-a", "::1")
        assert worlds.one(network, six, "::1", 30080) == Observation(Outcome.REJECT)
        with pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
            worlds.one(network, worlds.from_pod("127.0.0.1"), "127.0.0.1", 30080)
