# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON are read as kubectl reads them, and within limits."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.errors import UsageError
from conformance.manifests import dump, parse, reading
from conformance.manifests.reading import MOST_NESTING, MOST_NODES, MOST_REPEATED


def refusal(text: str, where: str = "a.yaml") -> str:
    """The message with which `text` is refused."""
    with pytest.raises(UsageError) as caught:
        parse(text, where=where)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80", 80),
        ('"80"', "80"),
        ("'80'", "80"),
        ("0x10", 16),
        ("010", 8),
        ("0o10", 8),
        ("0b11", 3),
        ("-1", -1),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001-01-01", "2001-01-01"),
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
        ("None", "None"),
        ("null", None),
        ("~", None),
        ("true", True),
        ("yes", True),
        ("off", False),
        ("y", "y"),
        ("web", "web"),
        ("!!str 80", "80"),
        ("!!int 80", 80),
        ("|\n  a\n  b", "a\nb"),
    ],
)
def test_scalars_mean_what_they_mean_to_kubectl(text: str, value: Any) -> None:
    """Times and base-60 numbers stay text, the YAML 1.1 booleans are booleans."""
    assert parse(f"a: {text}", where="a.yaml") == [{"a": value}]


def test_several_documents_and_empty_ones() -> None:
    """Documents that are empty or hold only comments are passed over."""
    text = "# nothing\n---\na: 1\n---\n---\n# still nothing\n---\nb: 2\n"

    assert parse(text, where="a.yaml") == [{"a": 1}, {"b": 2}]


def test_aliases_and_merges_are_followed() -> None:
    """Anchors stand for their value; merged keys give way to written ones."""
    text = "base: &base {a: 1, b: 2}\nmade:\n  b: 3\n  <<: *base\nlist: [*base, *base]\n"

    made = parse(text, where="a.yaml")[0]

    assert made["made"] == {"a": 1, "b": 3}
    assert made["list"] == [{"a": 1, "b": 2}] * 2


def test_the_first_of_several_merged_mappings_wins() -> None:
    """As the YAML merge key has it."""
    text = "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}\n"

    assert parse(text, where="a.yaml")[0]["z"] == {"a": 1, "b": 2}


def test_json_and_a_stream_of_json() -> None:
    """JSON is read as such: tabs, escaped slashes and surrogate pairs included."""
    text = '{\n\t"a": "\\ud83d\\ude00\\/"}\n{"b": [1, null]}'

    assert parse(text, where="a.json") == [{"a": "\U0001f600/"}, {"b": [1, None]}]


def test_a_yaml_flow_mapping_is_not_taken_for_broken_json() -> None:
    """What begins with a brace and is no JSON is read as YAML."""
    assert parse("{a: [b, c]}", where="a.yaml") == [{"a": ["b", "c"]}]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: 1\nb: 2\na: 3\n", ("document 1, line 3, a:", "written twice, first at line 1")),
        ("---\nx: 1\n---\nx:\n- y:\n    z: 1\n    z: 2\n", ("document 2, line 7, x[0].y.z", "written twice")),
        ("metadata:\n  1: x\n", ("line 2, metadata", "the key 1 is not a string")),
        ("yes: x\n", ("line 1", "the key yes is not a string")),
        ("? [a]\n: b\n", ("line 1", "a key that is a list or a mapping")),
        ("a: *b\n", ("line 1, a:", "*b has no anchor before it")),
        ("a: &b [x, *b]\n", ("line 1, a[1]", "inside its own anchor")),
        ("a: &b {<<: *b}\n", ("line 1", "inside its own anchor")),
        ("a: {<<: [1]}\n", ("line 1", "only mappings can be merged")),
        ("a: !!python/object/apply:os.system [ls]\n", ("line 1, a", "has no meaning in a manifest")),
        ("a: !secret x\n", ("line 1, a", "'!secret' has no meaning")),
        ("a: b: c\n", ("document 1, line 1", "is not YAML: mapping values are not allowed")),
        ("ok: 1\n---\na: [1\n", ("document 2, line 4", "is not YAML")),
        ("a: \x00\n", ("line 1", "is not YAML")),
        ("a: 'x\n", ("is not YAML",)),
    ],
)
def test_malformed_yaml_is_refused_with_its_place(text: str, parts: tuple[str, ...]) -> None:
    """File, document, line, field path and reason are in the message."""
    message = refusal(text)

    assert message.startswith("a.yaml, document ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"a": 1,}', "a.json, document 1, line 1: is not JSON"),
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', "a.json, document 1, line 2, b.c: is written twice"),
        ('{"a": "\\ud83d\\ude00", "a": 2}', "is written twice"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ("[" * 100 + "]" * 100, "nested deeper than 64 levels"),
        ("[" + "1," * MOST_NODES + "1]", f"more than {MOST_NODES} values"),
    ],
)
def test_malformed_json_is_refused_with_its_place(text: str, part: str) -> None:
    """JSON has the same limits, and no key twice."""
    assert part in refusal(text, "a.json")


def _bomb(first: str, of_nine: str) -> str:
    """Twelve anchors, each nine times the one before."""
    lines = [f"a: &a {first}"]
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True):
        lines.append(f"{name}: &{name} {of_nine.replace('*', '*' + before)}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        _bomb("[x]", "[" + ", ".join(["*"] * 9) + "]"),
        _bomb("x", "{" + ", ".join(f"k{n}: *" for n in range(9)) + "}"),
        "a: &a {"
        + ", ".join(f"k{n}: 1" for n in range(1000))
        + "}\n"
        + "".join(f"b{n}: {{<<: *a}}\n" for n in range(1000)),
        "- " * 1000 + "x",
        "{a: " * 1000,
        "a: " + "[" * 100_000,
        "x: &x " + "[" * 40 + "]" * 40 + "\ny: " + "[" * 40 + "*x" + "]" * 40,
    ],
    ids=["lists", "mappings", "merges", "block depth", "flow depth", "open lists", "alias depth"],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    """Whatever a document would expand to, it is refused before it has."""
    start = time.perf_counter()

    message = refusal(text)

    assert time.perf_counter() - start < 5
    assert f"more than {MOST_REPEATED} values" in message or f"deeper than {MOST_NESTING} levels" in message


def test_a_document_of_absurd_width_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit without any alias, too."""
    monkeypatch.setattr(reading, "MOST_NODES", 1000)
    assert "more than 1000 values" in refusal("- x\n" * 1001)


def test_a_large_cluster_is_read() -> None:
    """What `kubectl get -A -o yaml` prints of a cluster with hundreds of pods is no bomb."""
    count = 300_000
    assert len(parse("items:\n" + "- x\n" * count, where="a.yaml")[0]["items"]) == count


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(st.dictionaries(st.text(max_size=4), _PLAIN, min_size=1, max_size=4))
def test_what_is_dumped_is_parsed_again(data: dict[str, Any]) -> None:
    """Any plain data survive YAML, and JSON, and mean the same to an ordinary YAML parser."""
    text = dump([data])

    assert parse(text, where="a.yaml") == [data]
    assert parse(json.dumps(data), where="a.json") == [data]
    assert yaml.safe_load(text) == data


@pytest.mark.parametrize(
    "text", ["80", "1e3", "0o7", "y", "N", "yes", "null", "~", "1:30", "2001-01-01", "", "0x1"]
)
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    """No parser may take it for a number, a boolean or a time."""
    written = dump([{"a": text}]).strip()

    assert written in (f'a: "{text}"', f"a: '{text}'")


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.text(alphabet="a:-[]{}&*!<> \n#'\"%1", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Garbage ends in data or in a UsageError, and in nothing else."""
    parsed: list[Any] = []
    with contextlib.suppress(UsageError):
        parsed = parse(text, where="a.yaml")

    assert None not in parsed
