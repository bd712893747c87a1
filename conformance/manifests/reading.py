# SPDX-License-Identifier: Apache-2.0
"""Reads YAML and JSON into plain data, within limits that are kept before anything is built.

YAML is read from the parser's events, so a document that would expand to more
than it may is refused while it is still small.  Scalars mean what they mean to
kubectl: times stay text, and `1:30` is no number in base 60.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from attrs import define, field, frozen

from conformance.errors import UsageError
from conformance.manifests.places import LOADER, Place, line_of

MOST_BYTES = 64 * 1024 * 1024
MOST_NODES = 5_000_000
"""Scalars, lists and mappings of one file, each alias counted as what it stands for."""
MOST_REPEATED = 200_000
"""Of these, what aliases stand for: a large cluster has many values, but it does not repeat them."""
MOST_NESTING = 64

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{word: True for lower in ("true", "yes", "on") for word in (lower, lower.title(), lower.upper())},
    **{word: False for lower in ("false", "no", "off") for word in (lower, lower.title(), lower.upper())},
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **{word: float("nan") for word in (".nan", ".NaN", ".NAN")},
}


@frozen
class Document:
    """One document that is not empty, and where it begins."""

    data: Any
    place: Place


def parse(text: str, *, where: str) -> list[Any]:
    """The plain data of every document that is not empty; `where` names the text in errors."""
    return [document.data for document in read_documents(text, where)]


def read_documents(text: str, where: str) -> list[Document]:
    """Every document of a YAML or JSON text that is not empty, numbered from 1 as they stand."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        try:
            return list(_json_documents(text, where))
        except json.JSONDecodeError as error:
            if where.endswith(".json"):
                place = Place(where, 1, error.lineno)
                raise place.error(f"is not JSON: {error.msg}, column {error.colno}") from None
    return list(_yaml_documents(text, where))


# -- scalars -----------------------------------------------------------------


def plain_scalar(text: str) -> Any:
    """What a plain (unquoted) YAML scalar means."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _integer(text: str) -> int | float:
    digits = text.lstrip("+-")
    if len(digits) > 80:
        return float("inf")  # no field takes it, and Python would refuse to read it
    sign = -1 if text.startswith("-") else 1
    for prefix, base in (("0b", 2), ("0x", 16), ("0o", 8), ("0", 8)):
        if digits.startswith(prefix) and len(digits) > len(prefix):
            return sign * int(digits[len(prefix) :], base)
    return sign * int(digits)


class _Tag(Exception):
    """A tag that no manifest has."""


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag is None or event.tag == "!":
        return plain_scalar(event.value) if event.implicit[0] else event.value
    if event.tag in (_TAG + "str", _TAG + "timestamp"):
        return event.value
    if event.tag in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
        return plain_scalar(event.value)
    raise _Tag


# -- YAML --------------------------------------------------------------------


@define(eq=False)
class _Open:
    """A list or mapping that is being read."""

    value: Any
    line: int
    anchor: str | None
    counted_before: int
    key: str | None = None
    lines: dict[str, int] = field(factory=dict)
    merged: list[Any] = field(factory=list)
    height: int = 0

    def step(self) -> str:
        """The part of a field path that leads to what is being read in it."""
        if isinstance(self.value, list):
            return f"[{len(self.value)}]"
        if self.key is None:
            return ""
        return f"[{self.key}]" if "." in self.key or "/" in self.key else f".{self.key}"


@frozen
class _Anchored:
    value: Any
    size: int
    height: int


class _Reader:
    """Builds documents from events."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.counted = 0
        self.repeated = 0
        self.number = 0
        self.line = 0
        self.open: list[_Open] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.result: Any = None

    def place(self, line: int = 0) -> Place:
        """Where reading has come to."""
        path = "".join(item.step() for item in self.open).lstrip(".")
        return Place(self.where, self.number, line, path)

    def read(self, text: str) -> Iterator[Document]:
        """The documents of `text`."""
        for event in yaml.parse(text, Loader=LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end(line)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, line)
            elif isinstance(event, yaml.DocumentStartEvent):
                self.number += 1
                self.anchors, self.result, self.line = {}, None, 0
            elif isinstance(event, yaml.DocumentEndEvent) and self.result is not None:
                yield Document(self.result, Place(self.where, self.number, self.line))

    def _count(self, nodes: int, line: int) -> None:
        self.counted += nodes
        if self.counted > MOST_NODES:
            raise self.place(line).error(f"more than {MOST_NODES} values")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._count(1, line)
        try:
            value = _scalar(event)
        except _Tag:
            raise self._meaningless(event, line) from None
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, 1, 0)
        if self._is_key():
            if value == "<<" and event.implicit[0]:
                self.open[-1].key = "<<"
            else:
                self._key(value, event.value, line)
        else:
            self._add(value, line, 0)

    def _meaningless(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> UsageError:
        return self.place(line).error(f"the tag {event.tag!r} has no meaning in a manifest")

    def _is_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None

    def _key(self, key: Any, written: str, line: int) -> None:
        top = self.open[-1]
        if not isinstance(key, str):
            raise self.place(line).error(f"the key {written} is not a string", hint="put it in quotes")
        top.key = key
        if key in top.lines:
            raise self.place(line).error(f"is written twice, first at line {top.lines[key]}")
        top.lines[key] = line

    def _start(self, event: yaml.CollectionStartEvent, line: int) -> None:
        self._count(1, line)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            raise self._meaningless(event, line)
        if self._is_key():
            raise self.place(line).error("a key that is a list or a mapping", hint="keys are strings")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.open.append(_Open({} if mapping else [], line, event.anchor, self.counted))
        self._limit_nesting(len(self.open), line)

    def _limit_nesting(self, depth: int, line: int) -> None:
        if depth > MOST_NESTING:
            raise self.place(line).error(f"nested deeper than {MOST_NESTING} levels")

    def _end(self, line: int) -> None:
        done = self.open.pop()
        if done.merged:
            base: dict[str, Any] = {}
            for mapping in done.merged:
                base = {**mapping, **base}
            done.value = {**base, **done.value}
        height = done.height + 1
        if done.anchor is not None:
            size = self.counted - done.counted_before + 1
            self.anchors[done.anchor] = _Anchored(done.value, size, height)
        self._add(done.value, done.line, height)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if event.anchor not in self.anchors:
            raise self.place(line).error(f"the alias *{event.anchor} has no anchor before it")
        target = self.anchors[event.anchor]
        if target is None:
            raise self.place(line).error(f"the alias *{event.anchor} stands inside its own anchor")
        self.repeated += target.size
        if self.repeated > MOST_REPEATED:
            raise self.place(line).error(f"more than {MOST_REPEATED} values, aliases written out")
        self._count(target.size, line)
        self._limit_nesting(len(self.open) + target.height, line)
        if self._is_key():
            self._key(target.value, f"*{event.anchor}", line)
        else:
            self._add(target.value, line, target.height)

    def _add(self, value: Any, line: int, height: int) -> None:
        if not self.open:
            self.result, self.line = value, line
            return
        top = self.open[-1]
        top.height = max(top.height, height)
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == "<<" and "<<" not in top.lines:
            mappings = value if isinstance(value, list) else [value]
            if not all(isinstance(mapping, dict) for mapping in mappings):
                raise self.place(line).error("only mappings can be merged")
            top.merged.extend(mappings)
            top.key = None
        else:
            top.value[top.key] = value
            top.key = None


def _yaml_documents(text: str, where: str) -> Iterator[Document]:
    reader = _Reader(where)
    try:
        yield from reader.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(where, max(reader.number, 1), mark.line + 1 if mark else 0)
        problem = error.problem or error.context or ""
        # The scanner reads ahead, and newer ones have a limit of their own.
        if "nesting depth" in problem:
            raise place.error(f"nested deeper than {MOST_NESTING} levels") from None
        raise place.error(f"is not YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 0
        raise Place(where, max(reader.number, 1), line).error(f"is not YAML: {error.reason}") from None


# -- JSON --------------------------------------------------------------------


class _Duplicate(Exception):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Duplicate(next(key for key in keys if keys.count(key) > 1))
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)
_BLANKS = re.compile(r"\s*")


def _json_documents(text: str, where: str) -> Iterator[Document]:
    counted = 0
    number = 0
    position = 0
    while (position := _BLANKS.match(text, position).end()) < len(text):  # type: ignore[union-attr]
        number += 1
        place = Place(where, number, text.count("\n", 0, position) + 1)
        try:
            data, position = _DECODER.raw_decode(text, position)
        except _Duplicate as duplicate:
            raise _duplicate_key(text, where, place, str(duplicate)) from None
        except RecursionError:
            raise place.error(f"nested deeper than {MOST_NESTING} levels") from None
        counted = _limited(data, place, counted)
        yield Document(data, place)


def _duplicate_key(text: str, where: str, place: Place, key: str) -> UsageError:
    """Nearly all JSON is YAML, whose reader knows the line and the path."""
    try:
        list(_yaml_documents(text, where))
    except UsageError as error:
        if "is written twice" in error.message:
            return error
    return place.error(f"the key {key!r} is written twice in one object")


def _limited(data: Any, place: Place, counted: int) -> int:
    """How many values there are so far; refuses too many and too deep ones."""
    level, depth = [data], 0
    while level:
        counted += len(level)
        if counted > MOST_NODES:
            raise place.error(f"more than {MOST_NODES} values")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.keys())
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        depth += any(isinstance(item, (dict, list)) for item in level)
        if depth > MOST_NESTING:
            raise place.error(f"nested deeper than {MOST_NESTING} levels")
        level = inner
    return counted


def with_line(place: Place, text: str) -> Place:
    """The place with the line of its field path."""
    line = line_of(text, place.document, place.path)
    return Place(place.file, place.document, line or place.line, place.path)
