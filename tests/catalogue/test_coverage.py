# SPDX-License-Identifier: Apache-2.0
"""Every requirement ends in one state, and every change of the matrix is seen."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml
from attrs import evolve

from conformance import catalogue
from conformance.areas import Area, Level
from conformance.catalogue import Evidence, Requirement
from conformance.coverage import (
    WIDTH,
    State,
    coverage,
    current,
    main,
    render_text,
    render_yaml,
    summary,
    to_plain,
)
from conformance.errors import UsageError
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Invariant, Kind

GOLDEN = Path(__file__).with_name("coverage.yaml")


def _check(case: Case) -> None:
    """Something must hold."""


def _invariant(id: str, *requirements: str) -> Invariant:
    return Invariant(id, Area.SELECTORS, Kind.STATED, requirements, ("select",), _check)


_ROW = Requirement(
    id="SEL-001",
    level=Level.MUST,
    authority="K8s API",
    sentence="A sentence.",
    versions="always",
    source="somewhere",
    evidence=Evidence.READ,
    file="selectors",
)
ROWS = {
    row.id: row
    for row in (
        _ROW,
        evolve(_ROW, id="SEL-002"),
        evolve(_ROW, id="RT-001", level=Level.KUBE_PROXY, unobservable="kernel", file="routing"),
    )
}


def test_states() -> None:
    """A row is checked by the invariants that name it, else outside with its reason, else not covered."""
    rows = coverage([_invariant("selectors.a", "SEL-001"), _invariant("selectors.b", "SEL-001")], ROWS)
    assert [(row.requirement.id, row.state, row.invariants) for row in rows] == [
        ("SEL-001", State.CHECKED, ("selectors.a", "selectors.b")),
        ("SEL-002", State.NOT_COVERED, ()),
        ("RT-001", State.OUTSIDE, ()),
    ]


def test_inputs_and_faults_of_a_run() -> None:
    """A row shows the most inputs of its invariants, none where none was judged, and its faults."""
    invariants = [_invariant("selectors.a", "SEL-001"), _invariant("selectors.b", "SEL-001", "SEL-002")]
    rows = coverage(
        invariants,
        ROWS,
        inputs={"selectors.a": 7},
        faults={"SEL-001": ["two", "one"], "SEL-002": ["one", "two"]},
    )
    assert [(row.inputs, row.faults) for row in rows] == [
        (7, ("one", "two")),
        (0, ("one", "two")),
        (None, ()),
    ]


def test_unknown_requirement_is_an_error() -> None:
    """An invariant cannot check a requirement that does not exist; the closest id is named."""
    with pytest.raises(
        UsageError, match=r"invariant selectors.a: unknown requirement 'SEL-01' \(did you mean 'SEL-001'"
    ):
        coverage([_invariant("selectors.a", "SEL-01")], ROWS)


def test_unobservable_requirement_cannot_be_checked() -> None:
    """A requirement is not both checked and outside of what can be observed."""
    with pytest.raises(
        UsageError, match=r"invariant selectors.a: checks RT-001, which .* unobservable: kernel"
    ):
        coverage([_invariant("selectors.a", "RT-001")], ROWS)


def test_summary_counts_each_row_once() -> None:
    """The numbers by file and by level add up to the whole."""
    numbers = summary(coverage([_invariant("selectors.a", "SEL-001")], ROWS))
    assert numbers.total == {State.CHECKED: 1, State.NOT_COVERED: 1, State.OUTSIDE: 1}
    assert numbers.files["selectors"] == {State.CHECKED: 1, State.NOT_COVERED: 1}
    assert list(numbers.levels) == [Level.MUST, Level.KUBE_PROXY]
    assert sum(sum(counts.values()) for counts in numbers.levels.values()) == len(ROWS)


def test_text_fits_the_terminal() -> None:
    """The text is at most 80 columns wide, on every row of the catalogue, whatever is known of a run."""
    names = [f"selectors.an-invariant-with-a-rather-long-name-{number}" for number in range(4)]
    observable = [row.id for row in catalogue.load().values() if row.unobservable is None]
    rows = coverage(
        [_invariant(name, *observable) for name in names],
        catalogue.load(),
        inputs=dict.fromkeys(names, 5000),
        faults={name: ["a-fault-with-a-name", "another"] for name in observable},
    )
    text = render_text(rows)
    assert max(map(len, text.splitlines())) <= WIDTH
    for needed in (
        "DNS-HEADLESS-001",
        "kube-proxy-iptables",
        names[-1],
        "faults: ",
        "5000",
        "because:",
    ):
        assert needed in text


def test_text_of_a_small_matrix() -> None:
    """The text shows a row's id, level, state, and what checks it or why nothing can."""
    text = render_text(coverage([_invariant("selectors.a", "SEL-001")], ROWS))
    assert text.splitlines()[2:7] == [
        "SEL-001           must                 checked",
        "    by: selectors.a",
        "SEL-002           must                 not-covered",
        "RT-001            kube-proxy           outside",
        "    because: kernel",
    ]


def test_yaml_is_the_plain_data() -> None:
    """The YAML reads back as the plain data, with every row."""
    rows = coverage([_invariant("selectors.a", "SEL-001")], ROWS)
    plain = yaml.safe_load(render_yaml(rows))
    assert plain == to_plain(rows)
    assert plain["requirements"] == {
        "SEL-001": {"state": "checked", "by": ["selectors.a"]},
        "SEL-002": {"state": "not-covered"},
        "RT-001": {"state": "outside", "because": "kernel"},
    }


def test_write(tmp_path: Path) -> None:
    """The module writes the file that the golden test compares with."""
    target = tmp_path / "coverage.yaml"
    main(["--write", str(target)])
    assert target.read_text(encoding="utf-8") == render_yaml(current())


def test_coverage_is_as_reviewed() -> None:
    """What is checked, outside and not covered is what the reviewed file says."""
    reviewed = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    difference = list(
        difflib.unified_diff(
            reviewed.splitlines(), render_yaml(current()).splitlines(), "reviewed", "now", lineterm="", n=1
        )
    )
    assert not difference, "\n".join(
        [
            "the coverage changed: if that is meant, run",
            "    python -m conformance.coverage --write tests/catalogue/coverage.yaml",
            "and review the difference:",
            *difference[:60],
        ]
    )


def test_default_levels_rest_on_requirements_for_all() -> None:
    """An invariant that judges every implementation checks nothing but what holds for every one."""
    general = {Level.MUST, Level.CLASS}
    for invariant in all_invariants().values():
        if invariant.level in general and not invariant.features:
            for name in invariant.requirements:
                assert catalogue.get(name).level in general, f"{invariant.id}: {name}"


_STRENGTHS = {Level.MUST: 0, Level.CLASS: 1, Level.SHOULD: 2, Level.MAY: 3}


def test_no_invariant_is_stronger_than_its_strongest_requirement() -> None:
    """An invariant judges for no wider a circle than one of its rows does."""
    for invariant in all_invariants().values():
        levels = {catalogue.get(name).level for name in invariant.requirements}
        strongest = min(_STRENGTHS.get(level, 4) for level in levels)
        assert _STRENGTHS.get(invariant.level, 4) >= strongest, invariant.id
        if invariant.level in (Level.KUBE_PROXY_IPTABLES, Level.KUBE_PROXY_NFTABLES):
            levels |= {invariant.level} if Level.KUBE_PROXY in levels else set()
        assert strongest < 4 or invariant.level in levels, invariant.id
