# SPDX-License-Identifier: Apache-2.0
"""Is an answer given in process of the type that it should be, all the way down?

Types are compared exactly: a `bool` is no port number, a `dict` no FrozenMap.
The usual case, an answer that is right, has to cost about a microsecond: the
types of all fields are looked up at once, and only containers are looked into.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import fields, frozen, has

from reference.frozenmap import FrozenMap

Check = Callable[[Any], bool]


@frozen
class Wrong:
    """Where a value is wrong and what is there instead."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def checker(wanted: Any) -> Check:
    """A quick test for "is exactly of the type `wanted`"."""
    return _checker(wanted)


@cache
def _checker(wanted: Any) -> Check:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _one_of(tuple((_outer(part), checker(part)) for part in arguments))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _row(tuple(checker(part) for part in arguments))
    if origin in (tuple, frozenset):
        return _collection(origin, arguments[0])
    if origin is FrozenMap:
        return _mapping(*arguments)
    if has(wanted):
        return _instance(wanted)
    return _plain(wanted)


def _outer(wanted: Any) -> Any:
    """The class that a value of the type has."""
    return get_origin(wanted) or wanted


def _is_leaf(wanted: Any) -> bool:
    """Whether the class of a value says all."""
    if get_origin(wanted) in (Union, types.UnionType):
        return all(map(_is_leaf, get_args(wanted)))
    return get_origin(wanted) is None and not has(wanted)


def _plain(wanted: type) -> Check:
    return lambda value: type(value) is wanted


def _one_of(parts: tuple[tuple[Any, Check], ...]) -> Check:
    by_class = dict(parts)

    def good(value: Any) -> bool:
        check = by_class.get(type(value))
        return check is not None and check(value)

    return good


def _row(checks: tuple[Check, ...]) -> Check:
    return lambda value: (
        type(value) is tuple
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )


def _collection(kind: type, item: Any) -> Check:
    if _is_leaf(item):
        return _leaves(kind, item)
    check = checker(item)
    hints = get_type_hints(item) if has(item) else {}
    if len(hints) < 2 or not all(map(_is_leaf, hints.values())):
        return _items(kind, check)
    # The same as above without a call for each item: backends and records come in numbers.
    all_fields = attrgetter(*(field.name for field in fields(item)))
    known: set[tuple[type, ...]] = set()

    def good(value: Any) -> bool:
        if type(value) is not kind:
            return False
        for each in value:  # type: ignore[attr-defined]
            if type(each) is not item:
                return False
            signature = tuple(map(type, all_fields(each)))
            if signature not in known:
                if not check(each):
                    return False
                known.add(signature)
        return True

    return good


def _leaves(kind: type, item: type) -> Check:
    only = {item}

    def good(value: Any) -> bool:
        items: Any = value
        return type(value) is kind and (not items or set(map(type, items)) == only)

    return good


def _items(kind: type, check: Check) -> Check:
    def good(value: Any) -> bool:
        items: Any = value
        return type(value) is kind and all(map(check, items))

    return good


def _mapping(key: type, value: type) -> Check:
    keys, values = {key}, {value}

    def good(mapping: Any) -> bool:
        return type(mapping) is FrozenMap and (
            not mapping
            or (
                set(map(type, mapping)) == keys
                and set(map(type, map(mapping.__getitem__, mapping))) == values
            )
        )

    return good


def _instance(cls: type) -> Check:
    """All fields at once: their classes form a signature, which is looked into the first time only.

    What has to be looked into each time, containers and other objects, is remembered with it.
    """
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)]
    wanted = [hints[name] for name in names]
    if len(names) == 1:
        only, check = attrgetter(names[0]), checker(wanted[0])
        return lambda value: type(value) is cls and check(only(value))
    all_fields = attrgetter(*names)
    known: dict[tuple[type, ...], tuple[tuple[int, Check], ...]] = {}

    def good(value: Any) -> bool:
        if type(value) is not cls:
            return False
        values = all_fields(value)
        signature = tuple(map(type, values))
        deeper = known.get(signature)
        if deeper is None:
            if not all(checker(type_)(item) for type_, item in zip(wanted, values, strict=True)):
                return False
            parts = [_part(type_, found) for type_, found in zip(wanted, signature, strict=True)]
            known[signature] = tuple(
                (index, checker(part)) for index, part in enumerate(parts) if not _is_leaf(part)
            )
            return True
        for index, check in deeper:  # noqa: SIM110 - a generator would cost as much as the checks
            if not check(values[index]):
                return False
        return True

    return good


def _part(wanted: Any, found: type) -> Any:
    """That member of a union which a value of the class `found` is; any other type as it is."""
    if get_origin(wanted) in (Union, types.UnionType):
        return next(part for part in get_args(wanted) if _outer(part) is found)
    return wanted


def explain(value: Any, wanted: Any, path: str = "") -> Wrong | None:
    """Where and how `value` differs from the type `wanted`; None if it does not."""
    if checker(wanted)(value):
        return None
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        for part in arguments:
            if type(value) is _outer(part):
                return explain(value, part, path)
    elif type(value) is _outer(wanted):
        inner = _inner(value, wanted, origin, arguments)
        for step, item, type_ in inner:
            wrong = explain(item, type_, path + step if path else step.lstrip("."))
            if wrong is not None:
                return wrong
        return Wrong(path, f"{len(arguments)} items are needed, got {shorten(value)}")
    return Wrong(path, f"{type_name(wanted)} is needed, got {described(value)}")


def _inner(value: Any, wanted: Any, origin: Any, arguments: Sequence[Any]) -> Iterable[tuple[str, Any, Any]]:
    if origin is FrozenMap:
        for key in value:
            yield ".keys()", key, arguments[0]
            yield f"[{key!r}]", value[key], arguments[1]
    elif origin is frozenset:
        for item in value:
            yield "{}", item, arguments[0]
    elif origin is tuple and arguments[-1] is Ellipsis:
        for index, item in enumerate(value):
            yield f"[{index}]", item, arguments[0]
    elif origin is tuple:
        for index, (item, type_) in enumerate(zip(value, arguments, strict=False)):
            yield f"[{index}]", item, type_
    else:
        hints = get_type_hints(wanted)
        for field in fields(wanted):
            yield f".{field.name}", getattr(value, field.name), hints[field.name]


def type_name(wanted: Any) -> str:
    """A type as a reader writes it."""
    if wanted is type(None):
        return "None"
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(part) for part in arguments)
    if origin is not None:
        inner = ", ".join("..." if part is Ellipsis else type_name(part) for part in arguments)
        return f"{origin.__name__}[{inner}]"
    return str(wanted.__name__)


def described(value: Any) -> str:
    """A value and its type, short."""
    if value is None:
        return "None"
    return f"{type(value).__name__} {shorten(value)}"


def shorten(value: Any, *, most: int = 80) -> str:
    """The repr of a value, cut; a repr that raises is no obstacle."""
    try:
        text = value.name if isinstance(value, Enum) else repr(value)
    except Exception as error:
        text = f"(its repr raises {type(error).__name__})"
    return text if len(text) <= most else text[: most - 3] + "..."


def printable(text: str) -> str:
    """`text` without control characters, which could do things to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\t" else repr(character)[1:-1]
        for character in text
    )
