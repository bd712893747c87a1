# SPDX-License-Identifier: Apache-2.0
"""When connections are made: at their time, in order where that matters, again where silence is doubted."""

from __future__ import annotations

import threading
import time

import pytest

from conformance.data_plane.batch import PATIENCE
from conformance.data_plane.network import Network
from reference.questions import Backend, Connection, Flow, Observation, Outcome
from tests.data_plane import worlds
from tests.data_plane.worlds import OTHER_POD_A, POD_A, POD_B, VIP

pytestmark = pytest.mark.usefixtures("networked")

TURNS = """
table ip proxy {{
  chain arriving {{
    type nat hook prerouting priority -100
    ip daddr {vip} dnat to numgen inc mod 3 map {{ 0 : {a}, 1 : {b}, 2 : {c} }}
  }}
}}
"""
DROPPED = """
table ip proxy {{
  chain forwarded {{
    type filter hook forward priority 0
    ip daddr {vip} drop
  }}
}}
"""


@pytest.mark.parametrize("protocol", worlds.PROTOCOLS)
def test_connections_of_one_key_are_made_in_order(protocol: str) -> None:
    """A node that takes its endpoints in turn shows the order in which connections came to it."""
    endpoints = [OTHER_POD_A, POD_B, worlds.ELSEWHERE]
    flow = Flow(worlds.from_pod(), VIP, 80, protocol)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.rules(network, "node-a", TURNS.format(vip=VIP, a=endpoints[0], b=endpoints[1], c=endpoints[2]))
        seen = network.connect([Connection(flow)] * 30)
        at_once = network.connect([Connection(flow)] * 300, in_order=lambda _: None)
    # The port is that of the Service, which stays as it is.
    assert [entry.backend for entry in seen] == [Backend(ip, 80) for ip in endpoints] * 10
    assert {entry.backend for entry in at_once} == {Backend(ip, 80) for ip in endpoints}


def test_connections_of_a_later_time_are_made_later() -> None:
    """The clock of the cluster runs as real time does, and the answers are in the order of the questions."""
    flow = Flow(worlds.from_pod(), VIP, 80)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.rules(network, "node-a", TURNS.format(vip=VIP, a=OTHER_POD_A, b=POD_B, c=worlds.ELSEWHERE))
        began = time.monotonic()
        seen = network.connect([Connection(flow, at) for at in (12, 10, 11)])
        took = time.monotonic() - began
    assert [entry.backend and entry.backend.ip for entry in seen] == [worlds.ELSEWHERE, OTHER_POD_A, POD_B]
    assert 2 <= took < 3


@pytest.mark.parametrize("protocol", worlds.PROTOCOLS)
def test_a_late_answer_is_waited_for_where_one_is_expected(protocol: str) -> None:
    """A node that begins to forward after the first attempt: a forward if expected, else a drop."""
    flow = Flow(worlds.from_pod(), VIP, 80, protocol)
    for answers, outcome in ((lambda _: True, Outcome.FORWARD), (lambda _: False, Outcome.DROP)):
        with Network() as network:
            network.prepare(worlds.cluster())
            worlds.rules(network, "node-a", DROPPED.format(vip=VIP))

            def open_up(network: Network = network) -> None:
                worlds.rules(network, "node-a", "flush ruleset")
                worlds.translate(network, "node-a", POD_B)

            timer = threading.Timer(0.3, open_up)
            timer.start()
            seen = worlds.one(network, flow.client, VIP, protocol=protocol, expected=answers)
            timer.join()
        assert seen.outcome is outcome


def test_silence_costs_little_where_it_is_expected() -> None:
    """Many silent connections at once take one short wait, and where an answer is expected one long wait."""
    flow = Flow(worlds.from_pod(), VIP, 80)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.rules(network, "node-a", DROPPED.format(vip=VIP))
        began = time.monotonic()
        seen = network.connect(
            [Connection(flow)] * 200, expected_to_answer=lambda _: False, in_order=lambda _: None
        )
        short = time.monotonic() - began
        began = time.monotonic()
        # In order, and only the first is waited for as long: the others are silent as it was.
        seen += network.connect([Connection(flow)] * 5, expected_to_answer=None)
        long = time.monotonic() - began
    assert seen == [Observation(Outcome.DROP)] * 205
    assert short < 1
    assert sum(PATIENCE) <= long < sum(PATIENCE) + 4 * PATIENCE[0] + 1


def test_no_source_port_is_used_twice_in_a_row() -> None:
    """Connection tracking remembers a flow, so each connection comes from another port."""
    flow = Flow(worlds.from_pod(), VIP, 80, "UDP")
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", POD_B)
        first = network.connect([Connection(flow, source_port=40000)] * 3)
        worlds.rules(network, "node-a", "flush ruleset")
        worlds.translate(network, "node-a", OTHER_POD_A)
        second = network.connect([Connection(flow, source_port=40000)] * 3)
    assert [entry.backend for entry in first] == [Backend(POD_B, 8080)] * 3
    assert [entry.backend for entry in second] == [Backend(OTHER_POD_A, 8080)] * 3
    assert {entry.source_ip for entry in first + second} == {POD_A}


def test_a_flow_goes_on_from_a_port_that_is_not_given_out_in_turn() -> None:
    """Connection tracking sends a UDP flow where it sent it before, until it is told to forget it."""
    flow = Flow(worlds.from_pod(), VIP, 80, "UDP")
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", POD_B)
        first = network.connect([Connection(flow, source_port=1000)])
        worlds.rules(network, "node-a", "flush ruleset")
        worlds.translate(network, "node-a", OTHER_POD_A)
        second = network.connect([Connection(flow, source_port=port) for port in (1000, 1001)])
    assert [entry.backend for entry in first] == [Backend(POD_B, 8080)]
    assert [entry.backend for entry in second] == [Backend(POD_B, 8080), Backend(OTHER_POD_A, 8080)]
