# SPDX-License-Identifier: Apache-2.0
"""Reads the fields of a hand-written file: each value is what it has to be, or an error with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, TypeVar

from attrs import evolve, frozen

from conformance.errors import unknown
from conformance.located import Located

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Scalar = str | int | float | bool

_MISSING: Any = object()
_KINDS = {dict: "a mapping", tuple: "a list", str: "a text", bool: "true or false", type(None): "nothing"}


def _wrong(value: Located, needed: str) -> Exception:
    kind = _KINDS.get(type(value.value), repr(value.value))
    return value.error(f"{needed} is needed, not {kind}")


@frozen
class Section:
    """A mapping of a file, whose keys are read one by one."""

    located: Located

    def only(self, *known: str) -> Section:
        """The section itself, in which every key has to be one of `known`."""
        for key, value in mapping(self.located).items():
            if key not in known:
                raise unknown("field", key, known, where=value.where)
        return self

    def get(self, key: str, read: Callable[[Located], T], *, default: T = _MISSING) -> T:
        """The value of `key`, or `default`; without one the key has to be there."""
        found = mapping(self.located).get(key)
        if found is not None:
            return read(found)
        if default is _MISSING:
            raise self.place(key).error("is missing", hint="write it, or extend a profile that has it")
        return default

    def section(self, key: str, *, optional: bool = False) -> Section:
        """The mapping at `key`; an empty one where it is optional and missing."""
        empty = {"default": Section(evolve(self.place(key), value={}))} if optional else {}
        return self.get(key, lambda value: Section(evolve(value, value=mapping(value))), **empty)

    def place(self, key: str) -> Located:
        """Where `key` stands, or would stand."""
        found = mapping(self.located).get(key)
        if found is not None:
            return found
        path = f"{self.located.path}.{key}" if self.located.path else key
        return evolve(self.located, value=None, path=path)


def mapping(value: Located) -> dict[str, Located]:
    """A mapping."""
    if not isinstance(value.value, dict):
        raise _wrong(value, "a mapping")
    return value.value


def items(value: Located) -> tuple[Located, ...]:
    """A list."""
    if not isinstance(value.value, tuple):
        raise _wrong(value, "a list")
    return value.value


def text(value: Located) -> str:
    """A text that is not empty; surrounding blanks are dropped."""
    if not isinstance(value.value, str):
        raise _wrong(value, "a text")
    stripped = " ".join(value.value.split())
    if not stripped:
        raise value.error("is empty")
    return stripped


def scalar(value: Located) -> Scalar:
    """A text, which may be empty, a number, or true or false."""
    if not isinstance(value.value, str | int | float | bool):
        raise _wrong(value, "a text, a number, or true or false")
    return value.value


def whole(value: Located, *, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    if not isinstance(value.value, int) or isinstance(value.value, bool):
        raise _wrong(value, "a whole number")
    if not least <= value.value <= most:
        raise value.error(f"{value.value} is not from {least} to {most}")
    return value.value


def seconds(value: Located, *, most: float) -> float:
    """A positive number of seconds."""
    if not isinstance(value.value, (int, float)) or isinstance(value.value, bool):
        raise _wrong(value, "a number of seconds")
    number = float(value.value) if abs(value.value) <= most else math.inf
    if not 0 < number <= most:
        raise value.error(f"{value.value} is not a number of seconds above 0 and up to {most}")
    return number


def name(value: Located, *, kind: str, known: Collection[str]) -> str:
    """One of the `known` names."""
    found = text(value)
    if found not in known:
        raise unknown(kind, found, known, where=value.where)
    return found


def names(value: Located, *, kind: str, known: Collection[str], least: int = 0) -> tuple[str, ...]:
    """A list of different known names."""
    found: dict[str, Located] = {}
    for item in items(value):
        entry = name(item, kind=kind, known=known)
        if entry in found:
            raise item.error(f"{entry!r} is listed twice")
        found[entry] = item
    if len(found) < least:
        raise value.error(f"is empty, at least {least} {kind} is needed")
    return tuple(found)


def members(value: Located, *, kind: str, of: type[E], least: int = 0) -> tuple[E, ...]:
    """A list of different members of an enumeration, by their values."""
    known = {member.value: member for member in of}
    return tuple(known[entry] for entry in names(value, kind=kind, known=known, least=least))
