# SPDX-License-Identifier: Apache-2.0
"""The catalogue's data is whole and consistent, and its reader refuses what is not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.areas import Level
from conformance.catalogue import Evidence
from conformance.errors import UsageError

GROUPS = {
    "SEL": 35, "EP": 42, "SLICE": 35, "PORT": 26, "ALLOC": 44, "VAL": 81, "TYPE": 25,
    "RT": 28, "ITP": 10, "ETP": 19, "TERM": 11, "TOPO": 15, "NP": 16, "LB": 17, "EXT": 7,
    "AFF": 16, "HC": 16, "NOEP": 12, "DUAL": 10, "HEADLESS": 8, "SYNC": 20,
    "DNS-META": 13, "DNS-A": 11, "DNS-AAAA": 5, "DNS-SRV": 15, "DNS-PTR": 16, "DNS-HEADLESS": 29,
    "DNS-CNAME": 15, "DNS-POD": 16, "DNS-NEG": 20, "DNS-SEARCH": 43,
    "ENV": 39, "ENV-ORDER": 12, "ENV-EXP": 19,
}  # fmt: skip
_REFERENCE = re.compile(rf"\b(?:{'|'.join(sorted(GROUPS, key=len, reverse=True))})-\d{{2,3}}\b")


def test_every_row_is_there() -> None:
    """Each group of the catalogue holds as many rows as its source tables."""
    assert Counter(row.group for row in catalogue.load().values()) == GROUPS


def test_numbers_have_no_gaps() -> None:
    """The ids of a group count from 1 on, so that no row was lost or renumbered."""
    numbers: dict[str, list[int]] = {}
    for row in catalogue.load().values():
        numbers.setdefault(row.group, []).append(int(row.id.rpartition("-")[2]))
    for group, found in numbers.items():
        assert found == list(range(1, GROUPS[group] + 1)), group


def test_references_exist() -> None:
    """A requirement that a row mentions is a row itself."""
    rows = catalogue.load()
    for row in rows.values():
        for name in _REFERENCE.findall(f"{row.sentence} {row.unobservable or ''} {row.versions}"):
            assert name in rows, f"{row.id} mentions {name}"


def test_rows_stand_alone() -> None:
    """No row refers to its neighbours by place, or carries marks of the tables it came from."""
    for row in catalogue.load().values():
        for text in (row.authority, row.sentence, row.versions, row.source):
            assert not re.search(
                r"\*\*|\[(I|K|2nd)\]|\((D|I|M)\)|table (above|below)|this section|^same\b", text
            ), row.id


def test_sources_are_explained() -> None:
    """Every short word for a source file is explained by the row's notation."""
    for row in catalogue.load().values():
        outside_code = re.sub(r"`[^`]*`|\"[^\"]*\"", "", row.source)
        if row.file in {"selectors", "endpoints", "slices", "ports", "allocation", "admission", "types"}:
            words = re.findall(r"\b[A-Z]{2,}\b", outside_code)
            words = [word for word in words if word not in {"KEP", "PR", "VAL"}]
        else:
            words = re.findall(
                r"(?<![\w/])(?:[A-Z]+\.go|E2E-\w+|UT-\w+|NFT-README|DOC-\w+|TYPES)\b", outside_code
            )
        assert set(words) <= set(catalogue.notation(row)), row.id


def test_words_of_a_sentence_are_explained() -> None:
    """The notation of a row holds the letters that its sentence uses, also inside a name, and no others."""
    found = catalogue.notation(catalogue.get("DNS-HEADLESS-003"))
    assert list(found) == ["H", "S", "N", "Z", "specification.md"]


def test_suite_rules_are_outside() -> None:
    """A rule for a test suite cannot be broken by an implementation, so it is never merely not covered."""
    for row in catalogue.load().values():
        assert row.level is not Level.SUITE or row.unobservable, row.id


@pytest.mark.parametrize(
    ("id", "level", "evidence"),
    [
        ("SEL-001", Level.MUST, Evidence.READ),
        ("EP-010", Level.MUST, Evidence.DOCUMENTED),
        ("RT-009", Level.CLASS, Evidence.READ),
        ("ITP-004", Level.CLASS, Evidence.READ),
        ("RT-026", Level.KUBE_PROXY, Evidence.DERIVED),
        ("NP-003", Level.KUBE_PROXY_IPTABLES, Evidence.READ),
        ("NP-004", Level.KUBE_PROXY_NFTABLES, Evidence.READ),
        ("HC-001", Level.MUST, Evidence.READ),
        ("SYNC-19", Level.SUITE, Evidence.READ),
        ("DNS-A-001", Level.MUST, Evidence.READ),
        ("DNS-A-010", Level.COREDNS, Evidence.READ),
        ("DNS-HEADLESS-011", Level.SHOULD, Evidence.READ),
        ("DNS-SEARCH-021", Level.RESOLVER, Evidence.READ),
        ("DNS-PTR-005", Level.DEPLOYMENT, Evidence.READ),
        ("ENV-009", Level.MUST, Evidence.READ),
        ("VAL-055", Level.MUST, Evidence.MEMORY),
    ],
)
def test_levels(id: str, level: Level, evidence: Evidence) -> None:
    """Each tag of the sources became the level, and each mark the evidence, that it stands for."""
    assert (catalogue.get(id).level, catalogue.get(id).evidence) == (level, evidence)


def test_rejections_name_field_and_reason() -> None:
    """A row about a rejection carries the field path and the cause type in its sentence."""
    sentence = catalogue.get("VAL-011").sentence
    assert "`spec.ports[i].port`: Invalid" in sentence
    assert "1..65535" in sentence


def test_unknown_requirement_names_the_closest() -> None:
    """An id that does not exist is an error that suggests one that does."""
    with pytest.raises(UsageError, match=r"unknown requirement 'DNS-A-0001' \(did you mean 'DNS-A-001'\?\)"):
        catalogue.get("DNS-A-0001")


NOTATION = "notation:\n  objects:\n    words: {}\n    sources: {}\n"
ROW = """\
  - id: SEL-001
    level: must
    authority: K8s API
    sentence: A sentence.
    versions: always
    source: somewhere
    evidence: read
"""


def _folder(tmp_path: Path, text: str, *, notation: str = NOTATION) -> Path:
    (tmp_path / "notation.yaml").write_text(notation)
    (tmp_path / "a.yaml").write_text(text)
    return tmp_path


def test_reads_a_row(tmp_path: Path) -> None:
    """A row is read as it is written, and knows its file."""
    rows = catalogue.read(_folder(tmp_path, f"notation: objects\nrequirements:\n{ROW}"))
    row = rows["SEL-001"]
    assert (row.level, row.sentence, row.file, row.unobservable) == (Level.MUST, "A sentence.", "a", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"notation: objects\nrequirements:\n{ROW}{ROW}", "'SEL-001' is given twice, first in a.yaml"),
        (
            f"notation: objects\nrequirements:\n{ROW.replace('must', 'mustt')}",
            r"requirements\[0\].level: unknown level 'mustt' \(did you mean 'must'",
        ),
        (
            f"notation: objects\nrequirements:\n{ROW.replace('A sentence.', '')}",
            r"requirements\[0\].sentence: has to be a text that is not empty",
        ),
        (
            f"notation: objects\nrequirements:\n{ROW.replace('    versions: always', '')}",
            r"requirements\[0\].versions: is missing",
        ),
        (
            f"notation: objects\nrequirements:\n{ROW.replace('source', 'sources')}",
            r"unknown field 'sources' \(did you mean 'source'",
        ),
        (
            f"notation: objects\nrequirements:\n{ROW.replace('read', 'reed')}",
            r"unknown evidence 'reed' \(did you mean 'read'",
        ),
        (f"notation: objects\nrequirements:\n{ROW.replace('SEL-001', 'sel 1')}", "'sel 1' is not an id"),
        (f"notation: object\nrequirements:\n{ROW}", r"unknown notation 'object' \(did you mean 'objects'"),
        ("notation: objects\nrequirements: []\n", "holds no list `requirements`"),
        ("notation: objects\nrequirements: [text]\n", r"requirements\[0\]: is not a mapping"),
        ("- a list\n", "is not a mapping"),
        ("requirements: [\n", "is not YAML"),
    ],
)
def test_malformed_data_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Each kind of malformed data is an error that names the file, the place and the reason."""
    with pytest.raises(UsageError, match=message) as caught:
        catalogue.read(_folder(tmp_path, text))
    assert str(tmp_path) in caught.value.where


def test_malformed_notation_is_refused(tmp_path: Path) -> None:
    """A symbol that YAML did not read as text, as an unquoted `yes`, is an error."""
    notation = "notation:\n  objects:\n    words: {yes: no}\n    sources: {}\n"
    with pytest.raises(UsageError, match="has to map texts to texts"):
        catalogue.read(_folder(tmp_path, f"notation: objects\nrequirements:\n{ROW}", notation=notation))
