# SPDX-License-Identifier: Apache-2.0
"""What is judged of slices that are there leaves open what is open."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from attrs import evolve

from conformance.areas import Area
from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.endpoints.looks import LIST
from conformance.invariants.endpoints.scenarios import (
    MOST,
    cluster_of,
    scenarios,
    scenarios_of_changes,
    scenarios_with_room,
)
from conformance.model import answer
from tests.planted import invariants_of

ALL = (*scenarios(), *scenarios_with_room(), *scenarios_of_changes())
AT_ONCE = 50


class InAnotherOrder:
    """A correct controller that comes across pods and slices in another order than they are listed in."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers, each from a cluster that is shuffled for it."""
        cluster = example.cluster
        pods, slices = list(cluster.pods), list(cluster.endpoint_slices)
        self.random.shuffle(pods)
        self.random.shuffle(slices)
        shuffled = evolve(cluster, pods=tuple(pods), endpoint_slices=tuple(slices))
        return answer(shuffled, operation, questions)

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True


@pytest.mark.parametrize("most", MOST)
def test_any_order_passes(most: int) -> None:
    """In no scenario does what is judged depend on the order in which pods or slices are looked at."""
    random = Random(most)
    judging = [item for item in invariants_of(Area.ENDPOINTS) if item.asks == ("synced_slices",)]
    assert judging
    for start in range(0, len(ALL), AT_ONCE):
        cluster = cluster_of(ALL[start : start + AT_ONCE], most)
        for _ in range(3):
            case = Case(Example(cluster=cluster, list=LIST), InAnotherOrder(random))
            for item in judging:
                item.check(case)
            assert case.tally.comparisons
