# SPDX-License-Identifier: Apache-2.0
"""The catalogue of requirements: data in `data/requirements/`, read once and checked.

Each file there holds `requirements`, a list of rows, and names its group of
`notation`: what the short words in its sentences and sources stand for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from attrs import fields, frozen

from conformance.areas import Level
from conformance.errors import UsageError, unknown
from conformance.files import read_limited

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FOLDER = Path(__file__).parent / "data" / "requirements"
_NOTATION = "notation"
_ID = re.compile(r"[A-Z]+(-[A-Z]+)*-[0-9]{2,3}")
_WORD = re.compile(r"[A-Za-z0-9][\w.-]*\w|\w")


class Evidence(Enum):
    """How a requirement is known."""

    READ = "read"
    """Read in source code or in its tests."""
    DOCUMENTED = "documented"
    """Stated by API comments, documentation or an enhancement proposal."""
    DERIVED = "derived"
    """Follows from the code that was read, or from other requirements."""
    INFERRED = "inferred"
    """Deduced from a code path; no upstream test was found."""
    MEMORY = "memory"
    """General knowledge, not read again, for a part of the sentence at least."""
    SECOND_HAND = "second-hand"
    """Read in a copy or in a maintainer's words."""


@frozen(kw_only=True)
class Requirement:
    """One row of the catalogue.

    `authority` is the tag by which the row was classified, `level` what it comes
    to.  `unobservable` says why no answer of an adapter can show the requirement
    broken; None where one could.  `file` is the stem of the file that holds it.
    """

    id: str
    level: Level
    authority: str
    sentence: str
    versions: str
    source: str
    evidence: Evidence
    unobservable: str | None = None
    file: str

    @property
    def group(self) -> str:
        """The id without its number: `DNS-A` of `DNS-A-001`."""
        return self.id.rpartition("-")[0]


_FIELDS = tuple(attribute.name for attribute in fields(Requirement) if attribute.name != "file")


@cache
def load() -> Mapping[str, Requirement]:
    """Every requirement of the suite by id, file by file and in the order of each file."""
    return read(_FOLDER)


def get(id: str) -> Requirement:
    """The requirement with this id; an unknown one is an error that names the closest."""
    try:
        return load()[id]
    except KeyError:
        raise unknown("requirement", id, load()) from None


def read(folder: Path) -> Mapping[str, Requirement]:
    """The requirements of a folder; a row that is malformed, or given twice, is an error."""
    rows: dict[str, Requirement] = {}
    groups = _groups(folder)
    for path in sorted(folder.glob("*.yaml")):
        if path.stem == _NOTATION:
            continue
        content = _mapping(path)
        if content.get("notation") not in groups:
            raise unknown("notation", str(content.get("notation")), groups, where=str(path))
        entries = content.get("requirements")
        if not isinstance(entries, list) or not entries:
            raise UsageError("holds no list `requirements`", where=str(path))
        for number, entry in enumerate(entries):
            row = _requirement(entry, file=path.stem, where=f"{path}: requirements[{number}]")
            if row.id in rows:
                raise UsageError(
                    f"requirement {row.id!r} is given twice, first in {rows[row.id].file}.yaml",
                    where=str(path),
                )
            rows[row.id] = row
    return MappingProxyType(rows)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(read_limited(path), Loader=_LOADER)
    except yaml.YAMLError as error:
        raise UsageError(f"is not YAML: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise UsageError("is not a mapping", where=str(path))
    return content


def _requirement(entry: Any, *, file: str, where: str) -> Requirement:
    if not isinstance(entry, dict):
        raise UsageError("is not a mapping", where=where)
    texts: dict[str, str] = {}
    for key, value in entry.items():
        if key not in _FIELDS:
            raise unknown("field", str(key), _FIELDS, where=where)
        if not isinstance(value, str) or not value.strip():
            raise UsageError("has to be a text that is not empty", where=f"{where}.{key}")
        texts[key] = value
    for key in _FIELDS:
        if key not in texts and key != "unobservable":
            raise UsageError("is missing", where=f"{where}.{key}")
    if not _ID.fullmatch(texts["id"]):
        raise UsageError(f"{texts['id']!r} is not an id such as DNS-A-001", where=f"{where}.id")
    levels = {level.value: level for level in Level}
    if texts["level"] not in levels:
        raise unknown("level", texts["level"], levels, where=f"{where}.level")
    evidences = {evidence.value: evidence for evidence in Evidence}
    if texts["evidence"] not in evidences:
        raise unknown("evidence", texts["evidence"], evidences, where=f"{where}.evidence")
    return Requirement(
        id=texts["id"],
        level=levels[texts["level"]],
        authority=texts["authority"],
        sentence=texts["sentence"],
        versions=texts["versions"],
        source=texts["source"],
        evidence=evidences[texts["evidence"]],
        unobservable=texts.get("unobservable"),
        file=file,
    )


# -- notation ----------------------------------------------------------------


def notation(requirement: Requirement) -> dict[str, str]:
    """What the short words of a requirement's sentence and source mean, in order of appearance."""
    group = _notation_of_files()[requirement.file]
    return {
        **_known(requirement.sentence, group["words"]),
        **_known(requirement.source, group["sources"]),
    }


def _known(text: str, meanings: Mapping[str, str]) -> dict[str, str]:
    words = _WORD.findall(text)
    # `S.N.svc.Z` and `KEP-1672` are made of words that mean something each.
    parts = (part for word in words for part in (word, *re.split(r"[.-]", word)))
    return {part: meanings[part] for part in dict.fromkeys(parts) if part in meanings}


@cache
def _notation_of_files() -> dict[str, dict[str, dict[str, str]]]:
    groups = _groups(_FOLDER)
    return {
        path.stem: groups[_mapping(path)["notation"]]
        for path in _FOLDER.glob("*.yaml")
        if path.stem != _NOTATION
    }


def _groups(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    path = folder / f"{_NOTATION}.yaml"
    groups: dict[str, dict[str, dict[str, str]]] = _mapping(path)["notation"]
    for name, group in groups.items():
        for kind, meanings in group.items():
            for symbol, meaning in meanings.items():
                if not isinstance(symbol, str) or not isinstance(meaning, str):
                    raise UsageError("has to map texts to texts", where=f"{path}: {name}.{kind}.{symbol}")
    return groups
