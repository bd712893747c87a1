# SPDX-License-Identifier: Apache-2.0
"""Reproducers: exact, applicable, and clear about what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from attrs import evolve
from hypothesis import given, settings

from conformance.areas import Area
from conformance.errors import UsageError
from conformance.example import Example
from conformance.reproducer import Reproducer, from_text, load, relevant, store, to_text
from conformance.strategies.examples import examples

STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=60)
INVARIANT = "routing.local-policy-never-crosses-nodes"


def reproducer(example: Example) -> Reproducer:
    """A reproducer with every field filled in."""
    return Reproducer(
        invariant=INVARIANT,
        requirement="ITP-003",
        example=example,
        expected="only endpoints on node-a: []\nsecond line",
        got="forward: {10.0.0.1:80} # no comment",
        question="pod -> 10.96.0.20:80",
        because=("ITP-003", "RT-019"),
        adapter="exec:./a b",
    )


@pytest.mark.parametrize("area", [Area.SELECTORS, Area.ROUTING, Area.PORTS])
def test_what_is_stored_is_what_is_read(area: Area) -> None:
    """The part of an example that an area looks at comes back exactly."""

    @STEADY
    @given(examples())
    def check(example: Example) -> None:
        stored = reproducer(relevant(example, area))
        assert from_text(to_text(stored), where="text") == stored

    check()


@STEADY
@given(examples(areas=frozenset({Area.DNS})))
def test_the_file_is_plain_yaml_of_api_objects(example: Example) -> None:
    """Without the comment lines it is what kubectl applies: documents with apiVersion, kind and name."""
    documents = list(yaml.safe_load_all(to_text(reproducer(relevant(example, Area.DNS)))))
    for document in filter(None, documents):
        assert document["apiVersion"]
        assert document["kind"]
        assert document["metadata"]["name"]
    assert len([document for document in documents if document]) == sum(
        len(collection)
        for collection in (
            example.cluster.namespaces,
            example.cluster.nodes,
            example.cluster.config_maps,
            example.cluster.pods,
            example.cluster.services,
            example.cluster.endpoint_slices,
        )
    )


def test_a_file_survives_the_disk(tmp_path: Path) -> None:
    """`store` names the file after the invariant and `load` reads it back."""
    made = reproducer(Example())
    path = store(made, tmp_path / "new" / "folder")
    assert path.name == f"{INVARIANT}.yaml"
    assert load(path) == made
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "kind: Service\n", "not a reproducer"),
        (lambda text: "", "not a reproducer"),
        (lambda text: text.replace("#: version: 1", "#: version: 99"), "version 99"),
        (lambda text: text.replace("never-crosses-nodes", "never-crosses-node"), "did you mean"),
        (lambda text: text.replace("#: question", "#: questoin"), "questoin"),
        (lambda text: text.replace("#: invariant: ", "#: invariant: ["), "header"),
        (lambda text: text + "---\napiVersion: v1\nkind: Service\nmetadata: 7\n", "metadata"),
        (lambda text: text + "---\napiVersion: v1\nkind: Service\n  metadata: {}\n", "text"),
        (lambda text: text.replace("#: because:\n#: - ITP-003\n#: - RT-019", "#: because: 7"), "because"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(change: object, message: str) -> None:
    """One clear error with the place, the reason and the closest name."""
    text = change(to_text(reproducer(Example())))  # type: ignore[operator]
    with pytest.raises(UsageError, match="text") as caught:
        from_text(text, where="text")
    assert message in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A path that is not there, a folder, and bytes that are no text."""
    with pytest.raises(UsageError, match="cannot read"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="folder"):
        load(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        load(tmp_path / "bytes.yaml")


def test_only_what_an_area_looks_at_is_kept() -> None:
    """A selector's reproducer has no cluster, a cluster's has no requests."""
    found: list[Example] = []

    @settings(derandomize=True, database=None, deadline=None, max_examples=20)
    @given(examples())
    def collect(example: Example) -> None:
        if example.selections and example.sessions and example.cluster.services:
            found.append(example)

    collect()
    example = found[0]
    assert relevant(example, Area.SELECTORS) == Example(selections=example.selections)
    assert relevant(example, Area.PORTS) == Example(sessions=example.sessions)
    assert relevant(example, Area.CROSS) == evolve(example, selections=(), sessions=())
