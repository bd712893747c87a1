# SPDX-License-Identifier: Apache-2.0
"""What is judged of proportional hints leaves open what is open."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from attrs import evolve

from conformance.example import Example
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.invariants.endpoints import hinted_slices, kept_hints
from conformance.invariants.endpoints.worlds import World, cluster_of
from conformance.invariants.endpoints.zones import DUAL, SWITCHED, UNROUNDED, WORLDS
from conformance.model import answer
from reference.frozenmap import FrozenMap
from reference.objects import (
    ZONE_LABEL,
    Cluster,
    Endpoint,
    EndpointHints,
    EndpointSlice,
    ForZone,
    Node,
)

JUDGING = [item for item in all_invariants().values() if "topology-mode" in item.features]
LISTS = {
    "endpoints.zones": WORLDS,
    "endpoints.switched": SWITCHED,
    "endpoints.two-families": DUAL,
    "endpoints.unrounded": UNROUNDED,
}


def _renamed_slices(slices: Sequence[EndpointSlice], names: dict[str, str]) -> tuple[EndpointSlice, ...]:
    def renamed(endpoint: Endpoint) -> Endpoint:
        hints = endpoint.hints
        if hints is not None:
            zones = tuple(ForZone(names.get(zone.name, zone.name)) for zone in hints.for_zones)
            hints = EndpointHints(zones, hints.for_nodes)
        return evolve(endpoint, zone=names.get(endpoint.zone or "", endpoint.zone), hints=hints)

    return tuple(evolve(piece, endpoints=tuple(map(renamed, piece.endpoints))) for piece in slices)


class Otherwise:
    """A correct controller that comes across pods, slices and zones in another order than the model."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The model's answers in a cluster that is shuffled, and whose zones have changed names."""
        names = ["zone-a", "zone-b", "zone-c"]
        other = dict(zip(names, self.random.sample(names, k=3), strict=True))
        answers = answer(self._shuffled(example.cluster, other), operation, questions)
        back = {new: old for old, new in other.items()}
        return [_renamed_slices(slices, back) for slices in answers]

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True

    def _shuffled(self, cluster: Cluster, names: dict[str, str]) -> Cluster:
        def renamed(node: Node) -> Node:
            zone = node.metadata.labels.get(ZONE_LABEL)
            labels = node.metadata.labels | (FrozenMap({ZONE_LABEL: names[zone]}) if zone else {})
            return evolve(node, metadata=evolve(node.metadata, labels=labels))

        pods, nodes = list(cluster.pods), list(map(renamed, cluster.nodes))
        slices = list(_renamed_slices(cluster.endpoint_slices, names))
        for some in (pods, nodes, slices):
            self.random.shuffle(some)
        return evolve(cluster, pods=tuple(pods), nodes=tuple(nodes), endpoint_slices=tuple(slices))


def _judge(cluster: Cluster, name: str, asker: Any) -> int:
    """How many comparisons all invariants of the list make, of which none finds anything."""
    case = Case(Example(cluster=cluster, list=name), asker)
    for item in JUDGING:
        item.check(case)
    return case.tally.comparisons


@pytest.mark.parametrize("name", LISTS)
def test_every_choice_passes(name: str) -> None:
    """In no cluster does it matter in which order a correct controller looks at things."""
    random = Random(name)
    for world in LISTS[name]:
        cluster = cluster_of(world, world.scenarios)
        for _ in range(2):
            _judge(cluster, name, Otherwise(random))


def test_every_choice_of_kept_slices_passes() -> None:
    """Nor where slices are there already."""
    random = Random(0)
    for group in (*hinted_slices.groups(), *hinted_slices.lost()):
        for _ in range(8):
            assert _judge(hinted_slices.cluster(group), kept_hints.LIST, Otherwise(random))


def test_every_scenario_is_valid() -> None:
    """Each cluster has Services of different names and addresses, and pods of different addresses."""
    for world in (each for worlds in LISTS.values() for each in worlds):
        cluster = cluster_of(world, world.scenarios)
        ips = [entry.ip for pod in cluster.pods for entry in pod.status.pod_ips]
        assert len(ips) == len(set(ips))
        assert len({service.metadata.name for service in cluster.services}) == len(world.scenarios)
        assert len({node.metadata.name for node in cluster.nodes}) == len(world.nodes)


def test_a_world_without_services() -> None:
    """There is nothing to judge, and nothing fails."""
    assert _judge(cluster_of(World(WORLDS[0].nodes, ()), ()), "endpoints.zones", Otherwise(Random(1))) == 0
