# SPDX-License-Identifier: Apache-2.0
"""What is seen of connections that a node translates."""

from __future__ import annotations

import pytest

from conformance.data_plane.network import Network
from reference.questions import Backend, Client, Connection, Flow, Observation, Outcome
from tests.data_plane import worlds
from tests.data_plane.worlds import (
    ELSEWHERE,
    GONE,
    NODE_A,
    NODE_B,
    OTHER_POD_A,
    OUTSIDE,
    POD_A,
    POD_B,
    PROTOCOLS,
    SIX,
    VIP,
)

pytestmark = [
    pytest.mark.usefixtures("networked"),
    pytest.mark.parametrize("protocol", PROTOCOLS),
    pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"]),
]


def _forwarded(ip: str, source_ip: str) -> Observation:
    return Observation(Outcome.FORWARD, Backend(ip, 8080), source_ip)


def _of_family(six: bool, *ips: str) -> list[str]:
    return [SIX[ip] for ip in ips] if six else list(ips)


@pytest.mark.parametrize("to", [OTHER_POD_A, POD_B], ids=["same-node", "other-node"])
def test_a_pod_reaches_a_pod_and_keeps_its_address(six: bool, protocol: str, to: str) -> None:
    """A translated connection is forwarded to the endpoint, which sees the pod's own address."""
    vip, source, backend = _of_family(six, VIP, POD_A, to)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", backend, vip=vip)
        seen = worlds.one(network, worlds.from_pod(source), vip, protocol=protocol)
    assert seen == _forwarded(backend, source)


def test_a_pod_reaches_itself_with_the_address_of_its_node(six: bool, protocol: str) -> None:
    """A connection back to the pod that made it passes the node, both ways, and is masqueraded there."""
    vip, source, host = _of_family(six, VIP, POD_A, NODE_A)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", source, vip=vip, masqueraded=f"saddr {source}")
        seen = worlds.one(network, worlds.from_pod(source), vip, protocol=protocol)
    assert seen == _forwarded(source, host)


def test_a_pod_that_reaches_itself_without_masquerading_is_seen_to(six: bool, protocol: str) -> None:
    """A pod of its own namespace would drop it, and only say that; here the source tells what is wrong."""
    vip, source = _of_family(six, VIP, POD_A)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", source, vip=vip)
        seen = worlds.one(network, worlds.from_pod(source), vip, protocol=protocol)
    assert seen == _forwarded(source, source)


@pytest.mark.parametrize("masqueraded", [False, True], ids=["preserved", "masqueraded"])
@pytest.mark.parametrize(
    ("by", "to"), [("node-a", POD_A), ("node-b", POD_B), ("node-b", NODE_B)], ids=["a", "b", "host"]
)
def test_an_outside_client_arrives_at_the_node_that_it_names(
    six: bool, protocol: str, masqueraded: bool, by: str, to: str
) -> None:
    """It is translated there, and nowhere else, and its address is kept unless it is masqueraded."""
    vip, source, backend, host = _of_family(six, VIP, OUTSIDE, to, {"node-a": NODE_A, "node-b": NODE_B}[by])
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, by, backend, vip=vip, masqueraded=f"saddr {source}" if masqueraded else "")
        seen = worlds.one(network, worlds.from_outside(by, source), vip, protocol=protocol)
        other = "node-a" if by == "node-b" else "node-b"
        untranslated = worlds.one(network, worlds.from_outside(other, source), vip, protocol=protocol)
    # What a node has itself never leaves it, so that nothing is masqueraded.
    replaced = masqueraded and to != NODE_B
    assert seen == _forwarded(backend, host if replaced else source)
    assert untranslated == Observation(Outcome.NOT_A_SERVICE)


@pytest.mark.parametrize("to", [POD_A, POD_B, NODE_B, ELSEWHERE], ids=["own", "other", "host", "elsewhere"])
def test_a_node_reaches_every_kind_of_endpoint(six: bool, protocol: str, to: str) -> None:
    """What a node sends is translated on its way out; the endpoint sees the node's address."""
    vip, source, backend = _of_family(six, VIP, NODE_A, to)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", backend, vip=vip)
        seen = worlds.one(network, worlds.from_node(source), vip, protocol=protocol)
    assert seen == _forwarded(backend, source)


def _clients(six: bool) -> list[Client]:
    pod, host, outside = _of_family(six, POD_A, NODE_A, OUTSIDE)
    return [worlds.from_pod(pod), worlds.from_node(host), worlds.from_outside("node-a", outside)]


@pytest.mark.parametrize("masqueraded", [False, True], ids=["preserved", "masqueraded"])
def test_what_is_translated_to_nobodys_address_is_seen(six: bool, protocol: str, masqueraded: bool) -> None:
    """An endpoint that is gone is named, though nobody answers there."""
    vip, gone, pod, host = _of_family(six, VIP, GONE, POD_A, NODE_A)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", gone, vip=vip, masqueraded=f"saddr {pod}" if masqueraded else "")
        seen = worlds.one(network, worlds.from_pod(pod), vip, protocol=protocol)
    assert seen == _forwarded(gone, host if masqueraded else pod)


def test_a_refusal_is_told_from_silence(six: bool, protocol: str) -> None:
    """A node that refuses is a REJECT and one that drops a DROP, whoever asks."""
    (vip,) = _of_family(six, VIP)
    family = "ip6" if six else "ip"
    for verdict, outcome in (("reject", Outcome.REJECT), ("drop", Outcome.DROP)):
        with Network() as network:
            network.prepare(worlds.cluster())
            worlds.rules(
                network,
                "node-a",
                f"""
table {family} proxy {{
  chain forwarded {{
    type filter hook forward priority 0
    {family} daddr {vip} {verdict}
  }}
  chain own {{
    type filter hook output priority 0
    {family} daddr {vip} {verdict}
  }}
}}
""",
            )
            for client in _clients(six):
                seen = worlds.one(network, client, vip, protocol=protocol, expected=lambda _: False)
                assert seen == Observation(outcome), client


def test_many_refusals_are_all_seen(six: bool, protocol: str) -> None:
    """The kernel's limits of errors hold none back: a hundred refusals are a hundred."""
    (vip,) = _of_family(six, VIP)
    family = "ip6" if six else "ip"
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.rules(
            network,
            "node-a",
            f"""
table {family} proxy {{
  chain forwarded {{
    type filter hook forward priority 0
    {family} daddr {vip} reject
  }}
}}
""",
        )
        client = _clients(six)[0]
        asked = [Connection(Flow(client, vip, 80, protocol))] * 100
        seen = network.connect(asked, expected_to_answer=lambda _: False, in_order=lambda _: None)
    assert seen == [Observation(Outcome.REJECT)] * 100


def test_an_answer_that_takes_another_way_is_no_forward(six: bool, protocol: str) -> None:
    """The endpoint got it, but what it sends back does not come from where it was dialled: silence."""
    vip, source, backend = _of_family(six, VIP, OUTSIDE, ELSEWHERE)
    with Network() as network:
        network.prepare(worlds.cluster())
        # The endpoint and the client are both outside, so the answer never passes the node.
        worlds.translate(network, "node-a", backend, vip=vip)
        seen = worlds.one(
            network, worlds.from_outside("node-a", source), vip, protocol=protocol, expected=lambda _: False
        )
    assert seen == Observation(Outcome.DROP)


def test_a_port_that_is_not_translated_is_seen(six: bool, protocol: str) -> None:
    """A proxy that keeps the port of the Service is seen to deliver to that port."""
    vip, pod, other = _of_family(six, VIP, POD_A, POD_B)
    family = "ip6" if six else "ip"
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.rules(
            network,
            "node-a",
            f"""
table {family} proxy {{
  chain arriving {{
    type nat hook prerouting priority -100
    {family} daddr {vip} dnat to {other}
  }}
}}
""",
        )
        seen = worlds.one(network, worlds.from_pod(pod), vip, protocol=protocol)
    assert seen == Observation(Outcome.FORWARD, Backend(other, 80), pod)
