# SPDX-License-Identifier: Apache-2.0
"""Whatever is written is read again as the same value."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from conformance.areas import OPERATIONS
from conformance.convert import (
    KINDS,
    cluster_from_plain,
    cluster_to_plain,
    example_from_plain,
    example_to_plain,
    from_plain,
    schema,
    to_plain,
)
from conformance.example import Example
from conformance.strategies.clusters import clusters
from reference.objects import Cluster
from reference.questions import Backend, Decision, Outcome
from tests.convert.values import values_of

TYPES: list[type[Any]] = sorted(
    {
        *KINDS.values(),
        *(operation.question for operation in OPERATIONS.values()),
        *(operation.answer for operation in OPERATIONS.values()),
        Example,
        Cluster,
    },
    key=lambda cls: cls.__name__,
)

quick = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_every_value_survives_json(cls: type[Any]) -> None:
    """Written, through JSON text, and read: the same value, which its schema describes."""
    described = jsonschema.Draft202012Validator(schema(cls))

    @quick
    @given(values_of(cls))
    def check(value: Any) -> None:
        plain = to_plain(value)
        assert from_plain(json.loads(json.dumps(plain)), cls) == value
        described.validate(plain)

    check()


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_every_schema_is_a_schema(cls: type[Any]) -> None:
    """The published schemas are valid against the dialect that they name."""
    made = schema(cls)

    jsonschema.Draft202012Validator.check_schema(made)

    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@quick
@given(clusters())
def test_generated_clusters_survive_json(cluster: Cluster) -> None:
    """A generated cluster is read again as it was, its objects in the same order."""
    plain = json.loads(json.dumps(cluster_to_plain(cluster)))

    assert cluster_from_plain(plain) == cluster
    assert [entry["kind"] for entry in plain["objects"]].count("Service") == len(cluster.services)


@quick
@given(values_of(Example))
def test_examples_survive_json(example: Example) -> None:
    """An example keeps its cluster, selections and sessions."""
    assert example_from_plain(json.loads(json.dumps(example_to_plain(example)))) == example


def test_sets_are_written_in_order() -> None:
    """A set is written the same way however it was built."""
    backends = [Backend("10.0.0.2", 80), Backend("10.0.0.1", 81), Backend("10.0.0.1", 80)]

    one, other = (
        to_plain(Decision(Outcome.FORWARD, frozenset(order))) for order in (backends, backends[::-1])
    )

    assert one["backends"] == other["backends"]
    assert [entry["port"] for entry in one["backends"]] == [80, 81, 80]


def test_what_equality_leaves_out_is_kept() -> None:
    """The rules of a decision are never compared, and are written all the same."""
    decision = from_plain({"outcome": "drop", "rules": ["RULE-1"]}, Decision)

    assert decision.rules == ("RULE-1",)
    assert to_plain(decision)["rules"] == ["RULE-1"]
