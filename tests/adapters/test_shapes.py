# SPDX-License-Identifier: Apache-2.0
"""Answers given in process: right ones pass, wrong ones are told by the path of the wrong field."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve, fields, has

from conformance.adapters.shapes import checker, explain, shorten
from conformance.areas import OPERATIONS
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    ClusterSettings,
    EndpointSlice,
    NamespacedName,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import (
    Answer,
    ApiResponse,
    Backend,
    Decision,
    Environment,
    HealthCheckAnswer,
    Matching,
    Observation,
    Outcome,
    Rcode,
    Record,
    Selection,
)
from tests.adapters.toy import Toy

BACKENDS = frozenset({Backend("10.0.0.1", 80), Backend("10.0.0.2", 80)})
WRONG: Any = object()


def answers_of_toy() -> list[Any]:
    """One right answer for each operation."""
    toy = Toy()
    toy.apply(SMALL.cluster)
    found = []
    for operation in OPERATIONS.values():
        answer = getattr(toy, operation.name)(QUESTIONS[operation.name])[0]
        found.append(answer[0] if operation.answers_many else answer)
    return found


@pytest.mark.parametrize("answer", answers_of_toy(), ids=lambda answer: type(answer).__name__)
def test_right_answers_pass(answer: Any) -> None:
    """An answer of the right type passes, the first time and from memory."""
    check = checker(type(answer))
    assert check(answer)
    assert check(answer)
    assert explain(answer, type(answer)) is None


@pytest.mark.parametrize("cluster", [Cluster(), SMALL.cluster])
def test_right_objects_pass(cluster: Cluster) -> None:
    """Every object of a cluster is of the type that its class says."""
    assert explain(cluster, Cluster) is None


@pytest.mark.parametrize("answer", answers_of_toy(), ids=lambda answer: type(answer).__name__)
def test_a_wrong_field_is_told(answer: Any) -> None:
    """Whatever field of an answer has a wrong type, its path is told."""
    kind = type(answer)
    assert checker(kind)(answer)
    if not has(kind):
        assert str(explain("matches", kind)) == "Matching is needed, got str 'matches'"
        return
    for field in fields(kind):
        broken = evolve(answer, **{field.name: WRONG})
        assert not checker(kind)(broken)
        wrong = explain(broken, kind)
        assert wrong is not None
        assert wrong.path == field.name
        assert " is needed, got object " in wrong.reason


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            Decision(Outcome.FORWARD, frozenset({Backend("10.0.0.1", WRONG)})),
            Decision,
            "backends{}.port: int is needed, got object ",
        ),
        (
            Decision(Outcome.FORWARD, {Backend("10.0.0.1", 80)}),  # type: ignore[arg-type]
            Decision,
            "backends: frozenset[Backend] is needed, got set ",
        ),
        (
            Decision(Outcome.FORWARD, BACKENDS, None, ["X"]),  # type: ignore[arg-type]
            Decision,
            "rules: tuple[str, ...] is needed, got list ['X']",
        ),
        (
            Decision(Outcome.FORWARD, frozenset({"10.0.0.1"})),  # type: ignore[arg-type]
            Decision,
            "backends{}: Backend is needed, got str '10.0.0.1'",
        ),
        (Observation("drop"), Observation, "outcome: Outcome is needed, got str 'drop'"),  # type: ignore[arg-type]
        (
            Answer(Rcode.NOERROR, frozenset({Record("a", "A", "10.0.0.1", True)})),
            Answer,
            "records{}.ttl: int or None is needed, got bool True",
        ),
        (
            Environment({"A": "1"}),  # type: ignore[arg-type]
            Environment,
            "variables: FrozenMap[str, str] is needed, got dict {'A': '1'}",
        ),
        (
            Environment(FrozenMap({"A": 1})),  # type: ignore[arg-type]
            Environment,
            "variables['A']: str is needed, got int 1",
        ),
        (HealthCheckAnswer(200, 1, ("a", "b")), HealthCheckAnswer, "service: NamespacedName or None "),  # type: ignore[arg-type]
        (
            HealthCheckAnswer(200, 1, NamespacedName("a", None)),  # type: ignore[arg-type]
            HealthCheckAnswer,
            "service.name: str is needed, got None",
        ),
        (
            ApiResponse(201, Service(ObjectMeta(), ServiceSpec(ports=(ServicePort(80, target_port=80.0),)))),  # type: ignore[arg-type]
            ApiResponse,
            "service.spec.ports[0].target_port: int or str or None is needed, got float 80.0",
        ),
        (
            ClusterSettings(node_port_range=(1, 2, 3)),  # type: ignore[arg-type]
            ClusterSettings,
            "node_port_range: 2 items are needed, got (1, 2, 3)",
        ),
        (
            ClusterSettings(node_port_range=(1, "2")),  # type: ignore[arg-type]
            ClusterSettings,
            "node_port_range[1]: int is needed, got str '2'",
        ),
        (None, Matching, "Matching is needed, got None"),
        (ObjectMeta(), EndpointSlice, "EndpointSlice is needed, got ObjectMeta "),
        (Selection(WRONG, None), Selection, "form: SelectorForm is needed, got object "),
    ],
)
def test_the_path_of_what_is_wrong(value: Any, kind: Any, message: str) -> None:
    """What is wrong deep inside is told by its path, what is needed there and what was got."""
    for _ in range(2):  # also after right values were seen
        assert not checker(kind)(value)
        wrong = explain(value, kind)
        assert wrong is not None
        assert str(wrong).startswith(message)


def test_a_wrong_value_beside_a_right_one() -> None:
    """A right answer that was seen before does not let a wrong one of the same fields pass."""
    check = checker(Decision)
    assert check(Decision(Outcome.FORWARD, BACKENDS, BACKENDS, ("X",)))
    assert not check(Decision(Outcome.FORWARD, BACKENDS, frozenset({1}), ("X",)))  # type: ignore[arg-type]
    assert not check(Decision(Outcome.FORWARD, BACKENDS, BACKENDS, (1,)))  # type: ignore[arg-type]


def test_a_repr_that_raises_is_no_obstacle() -> None:
    """An answer is described whatever its repr does."""

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shorten(Rude()) == "(its repr raises RuntimeError)"
    assert str(explain(Rude(), Matching)) == "Matching is needed, got Rude (its repr raises RuntimeError)"
    assert len(shorten("x" * 1000)) == 80
