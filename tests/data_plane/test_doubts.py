# SPDX-License-Identifier: Apache-2.0
"""Silence that another try mended is told from packets that are lost again and again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.data_plane.doubts import TRIES, comes_again, unsteady
from conformance.data_plane.network import Network
from reference.questions import Connection, Flow, Outcome
from tests.data_plane import worlds
from tests.data_plane.worlds import POD_A, VIP

_LOSSY = f"""
table ip lossy {{
  chain arriving {{
    type filter hook prerouting priority -150
    ip daddr {VIP} ct state new numgen inc mod 3 0 drop
  }}
}}
"""
FLOWS = [Flow(worlds.from_pod(), f"10.96.0.{number}", 80) for number in range(1, 8)]


@pytest.mark.parametrize(
    ("silences", "again"),
    [
        ("", False),
        ("....", False),
        ("xxxx", False),  # dropped, always
        ("..xxx...", False),  # one pause of the machine
        ("xx......", False),
        ("..x.x...", True),
        ("x......x", True),
    ],
)
def test_silence_that_comes_again(silences: str, again: bool) -> None:
    """Only silence on both sides of an answer is no accident."""
    assert comes_again([each == "x" for each in silences]) is again


def test_a_few_flows_are_looked_into() -> None:
    """Each doubted flow once, as often as it takes, and only so many of them."""
    asked: list[Connection] = []

    def silent(connections: Sequence[Connection]) -> list[bool]:
        asked.extend(connections)
        return [connection.flow is FLOWS[1] and number % 3 == 0 for number, connection in enumerate(asked)]

    assert unsteady([*FLOWS[:3], *FLOWS], silent) == {FLOWS[1]}
    assert [connection.flow for connection in asked] == [flow for flow in FLOWS[:4] for _ in range(TRIES)]
    assert unsteady([], silent) == frozenset()


@pytest.mark.usefixtures("networked")
@pytest.mark.parametrize("lossy", [True, False])
def test_packets_that_are_lost_again_and_again_show(lossy: bool) -> None:
    """Where a node loses every third packet to an address, no other try hides it; else all get through."""
    flow = Flow(worlds.from_pod(worlds.OTHER_POD_A), VIP, 80)
    with Network() as network:
        network.prepare(worlds.cluster())
        worlds.translate(network, "node-a", POD_A)
        if lossy:
            worlds.rules(network, "node-a", _LOSSY)
        seen = network.connect(
            [Connection(flow, source_port=40000 + number) for number in range(8)],
            expected_to_answer=lambda _: True,
        )
    outcomes = {each.outcome for each in seen}
    assert outcomes == ({Outcome.FORWARD, Outcome.DROP} if lossy else {Outcome.FORWARD})
