# SPDX-License-Identifier: Apache-2.0
"""The areas of the model agree with each other, and each planted disagreement is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen

from conformance.adapters.reference import ReferenceAdapter
from conformance.areas import Area, Level
from conformance.catalogue import load
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants.base import Case, Deviation, Invariant
from conformance.strategies.clusters import clusters
from reference.questions import Backend
from tests.planted import Found, faults_of, idle, invariants_of, not_listed, reported

INVARIANTS = invariants_of(Area.CROSS)


def _same(value: Any) -> Any:
    return value


@frozen
class Asker:
    """The model, of which some operations give other answers."""

    says: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    lacks: frozenset[str] = frozenset({"connect"})

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers."""
        said: Callable[[Any], Any] = dict(self.says).get(operation, _same)
        reference = ReferenceAdapter()
        reference.apply(example.cluster)
        return [said(answer) for answer in getattr(reference, operation)(questions)]

    def supports(self, operation: str) -> bool:
        """Everything but what it lacks."""
        return operation not in self.lacks


RIGHT = Asker()
OBSERVED = Asker(lacks=frozenset({"route"}))


@cache
def examples() -> tuple[Example, ...]:
    """What a short run would judge."""
    return tuple(Example(cluster=cluster) for cluster in drawn(clusters(), examples=120, seed_value=11))


def judged(invariant: Invariant, asker: Asker) -> tuple[Deviation | None, Case]:
    """The first deviation, and the case that has counted everything."""
    total = Case(Example(), asker)
    for example in examples():
        case = Case(example, asker, tally=total.tally)
        try:
            invariant.check(case)
        except Deviation as deviation:
            return deviation, case
    return None, total


@pytest.mark.parametrize("asker", [RIGHT, OBSERVED], ids=["decides", "is observed"])
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda item: item.id)
def test_the_model_agrees(invariant: Invariant, asker: Asker) -> None:
    """The model's areas agree, whether routing tells its decisions or makes connections."""
    deviation, case = judged(invariant, asker)
    assert deviation is None
    assert case.tally.comparisons >= 10
    assert set(invariant.classes) <= set(case.tally.classes)


# -- planted disagreements ----------------------------------------------------------


@cache
def reported_of(name: str) -> Found:
    """What the invariants report of a fault."""
    return reported(all_faults()[name], INVARIANTS, examples())


@pytest.mark.thorough
@pytest.mark.parametrize("name", faults_of(Area.CROSS))
def test_disagreements_are_reported(name: str) -> None:
    """Where one area answers otherwise than the others, the invariants between them name what is wrong."""
    found = reported_of(name)
    assert set(all_faults()[name].breaks) <= set().union(*found.values()), found
    assert not_listed(found) == {}


@pytest.mark.thorough
def test_every_invariant_reports_a_fault() -> None:
    """No invariant is idle: of each there is a fault that it reports."""
    assert idle(Area.CROSS, map(reported_of, faults_of(Area.CROSS)), examples()) == set()


def test_observed_disagreements_are_reported() -> None:
    """A proxy that is observed is judged by single connections."""

    def elsewhere(seen: Any) -> Any:
        return evolve(seen, backend=Backend("10.244.0.99", 80)) if seen.backend else seen

    asker = Asker(says=(("connect", elsewhere),), lacks=frozenset({"route"}))
    found = {invariant.id for invariant in INVARIANTS if judged(invariant, asker)[0] is not None}
    assert {"cross.name-to-endpoints", "cross.controller-to-backends"} <= found


def test_levels_and_requirements() -> None:
    """Every implementation has to agree with itself, on requirements that exist and can be observed."""
    known = load()
    for invariant in INVARIANTS:
        assert invariant.level in (Level.MUST, Level.CLASS)
        for name in invariant.requirements:
            assert known[name].unobservable is None, (invariant.id, name)


def test_an_empty_cluster() -> None:
    """Nothing is judged, and nothing breaks, where there is nothing."""
    case = Case(Example(), RIGHT)
    for invariant in INVARIANTS:
        invariant.check(case)
    assert case.tally.comparisons == 0


def test_a_controller_that_gives_no_hints() -> None:
    """It is not accused of what its proxy makes of the hints that are there."""

    def without(slices: Any) -> Any:
        return tuple(
            evolve(piece, endpoints=tuple(evolve(each, hints=None) for each in piece.endpoints))
            for piece in slices
        )

    asker = Asker(says=(("endpoint_slices", without),))
    found = {item.id: judged(item, asker)[0] for item in INVARIANTS if "endpoint_slices" in item.asks}
    assert found
    assert not any(found.values()), found
