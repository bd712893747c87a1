# SPDX-License-Identifier: Apache-2.0
"""What is asked of controllers that find slices leaves them the freedom that they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import evolve, frozen

from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Invariant
from conformance.invariants.endpoints.looks import LIST
from conformance.invariants.endpoints.scenarios import (
    MOST,
    cluster_of,
    scenarios,
    scenarios_of_changes,
    scenarios_with_room,
)
from conformance.model import answer
from reference.objects import Cluster
from tests.planted import deviation

SYNCING = [item for item in all_invariants().values() if item.asks == ("synced_slices",)]
EVERY = [item for item in SYNCING if not item.features]
BATCH = 40


def clusters() -> list[Cluster]:
    """Every scenario with every size of slices."""
    every = (*scenarios(), *scenarios_with_room(), *scenarios_of_changes())
    batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
    return [cluster_of(batch, most) for batch in batches for most in MOST]


def backwards(cluster: Cluster) -> Cluster:
    """The same objects, listed the other way round."""
    return evolve(
        cluster,
        pods=cluster.pods[::-1],
        endpoint_slices=cluster.endpoint_slices[::-1],
        nodes=cluster.nodes[::-1],
    )


@frozen
class Backwards:
    """The model, given everything in the opposite order."""

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """Its answers."""
        return answer(backwards(example.cluster), operation, questions)

    def supports(self, operation: str) -> bool:
        """It supports everything."""
        return True


@frozen
class Other:
    """Another adapter, which is told of each cluster before it is asked."""

    make: Callable[[], Any]

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """Its answers."""
        adapter = self.make()
        adapter.apply(example.cluster)
        found: Sequence[Any] = adapter.answer(operation, questions)
        return found

    def supports(self, operation: str) -> bool:
        """It supports everything."""
        return True


def accused(asker: Any, invariants: Sequence[Invariant]) -> dict[str, str]:
    """What is said of it, over all scenarios."""
    found = {}
    for cluster in clusters():
        case = Case(Example(cluster=cluster, list=LIST), asker)
        for item in invariants:
            if (error := deviation(item, case)) is not None:
                found[item.id] = str(error)
    return found


@pytest.mark.thorough
def test_the_order_of_pods_and_slices_is_no_matter() -> None:
    """In no scenario does the outcome that is asked for depend on the order in which objects are read."""
    assert accused(Backwards(), SYNCING) == {}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        "endpoints.never-into-unchanged-slices",
        "endpoints.the-emptiest-slice",
        "endpoints.emptied-slices-are-not-used-again",
        "endpoints.pods-of-one-address-are-the-same",
    ],
)
def test_what_is_no_duty_is_not_asked_for(name: str) -> None:
    """Which slice is filled, and whether a name is used again, is only judged where that is claimed."""
    make = all_faults()[name].make
    assert make is not None
    assert accused(Other(make), EVERY) == {}
    assert accused(Other(make), SYNCING)
