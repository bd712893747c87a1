# SPDX-License-Identifier: Apache-2.0
"""Options of a Python adapter become keyword arguments of the class or function that makes it."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from conformance.adapters.options import OPTION, AdapterOption
from conformance.errors import UsageError, closest

_Parameter = inspect.Parameter
_NAMED = (_Parameter.POSITIONAL_OR_KEYWORD, _Parameter.KEYWORD_ONLY)
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_UNIONS = (Union, types.UnionType)


def bound(found: Any, options: Sequence[AdapterOption], spec: str) -> Callable[[], Any]:
    """What makes the adapter, without arguments: a class or a function, and its options.

    Everything is checked before anything is made: unknown and missing names, and
    values that the annotation of the parameter does not take.
    """
    if inspect.iscoroutinefunction(found):
        raise UsageError("is an async function: adapters are made and called without await", where=spec)
    parameters = _parameters(found)
    named = {each.name: each for each in parameters if each.kind in _NAMED}
    rest = next((each for each in parameters if each.kind is _Parameter.VAR_KEYWORD), None)
    arguments = {}
    for option in options:
        parameter = named.get(option.key, rest)
        if parameter is None:
            hint = closest(option.name, named) if named else "it takes none"
            raise UsageError(f"unknown option {option.name!r} of {spec}", where=option.where, hint=hint)
        arguments[option.key] = _argument(option, parameter, found)
    needed = [each for each in parameters if _is_needed(each) and each.name not in arguments]
    if needed:
        givable = all(each.kind in _NAMED and _is_known(_annotation(each, found)) for each in needed)
        raise UsageError(
            f"needs arguments: {', '.join(each.name for each in needed)}",
            where=spec,
            hint=f"--{OPTION} {needed[0].name}=VALUE"
            if givable
            else "name an instance, or a class or function that can be called without any",
        )
    made: Callable[[], Any] = partial(found, **arguments) if arguments else found
    return made


def _parameters(found: Any) -> Sequence[inspect.Parameter]:
    try:
        return list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return ()


def _is_needed(parameter: inspect.Parameter) -> bool:
    various = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in various


# -- annotations -------------------------------------------------------------------


def _annotation(parameter: inspect.Parameter, found: Any) -> Any:
    """The type that a parameter is to have: its annotation, else that of its default, else Any."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        known = type(parameter.default) in _READERS
        return type(parameter.default) if known else Any
    if not isinstance(annotation, str):
        return annotation

    def holder() -> None:
        """Has this annotation alone: those of other parameters may name what is not there."""

    holder.__annotations__ = {parameter.name: annotation}
    try:
        return typing.get_type_hints(holder, globalns=_names_around(found))[parameter.name]
    except Exception:  # an annotation may name what is imported for type checkers alone
        return annotation


def _names_around(found: Any) -> dict[str, Any]:
    """What the annotations of a class or a function can name."""
    makers = (getattr(found, "__init__", None), inspect.unwrap(found), found)
    modules = [sys.modules.get(getattr(maker, "__module__", None) or "") for maker in makers]
    return {name: value for module in modules if module for name, value in vars(module).items()}


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union but None, texts last, as everything is one; else the type alone."""
    if get_origin(annotation) not in _UNIONS:
        return (annotation,)
    members = [member for member in get_args(annotation) if member is not type(None)]
    return tuple(sorted(members, key=lambda member: member is str))


def _is_known(annotation: Any) -> bool:
    """Whether an option can have this type."""
    return any(_reader(member) is not None for member in _members(annotation))


# -- values --------------------------------------------------------------------------


def _argument(option: AdapterOption, parameter: inspect.Parameter, found: Any) -> Any:
    annotation = _annotation(parameter, found)
    readers = [reader for member in _members(annotation) if (reader := _reader(member)) is not None]
    if not readers:
        shown = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        raise UsageError(
            f"{option.name}: no option can be a {shown}",
            where=option.where,
            hint=f"known: {', '.join(kind.__name__ for kind in _READERS)}",
        )
    for _, read in readers:
        value = _tried(read, option)
        if value is not None:
            return value
    needed = " or ".join(what for what, _ in readers)
    raise UsageError(f"{option.name}: {needed} is needed, not {option.text!r}", where=option.where)


def _tried(read: Callable[[AdapterOption], Any], option: AdapterOption) -> Any:
    try:
        return read(option)
    except ValueError:
        return None


_Reader = tuple[str, Callable[[AdapterOption], Any]]


def _reader(annotation: Any) -> _Reader | None:
    """What an annotation asks for, in words, and how it is read; None for what no option can be."""
    if annotation is Any or annotation is object:
        return "a value", lambda option: option.value
    if get_origin(annotation) is Literal:
        choices = {str(choice): choice for choice in get_args(annotation)}
        return f"one of {', '.join(choices)}", lambda option: _choice(option.text, choices)
    return _READERS.get(annotation) if isinstance(annotation, type) else None


def _choice(text: str, choices: Mapping[str, Any]) -> Any:
    if text not in choices:
        raise ValueError(text)
    return choices[text]


def _whole(option: AdapterOption) -> int:
    return option.value if type(option.value) is int else int(option.text)


def _number(option: AdapterOption) -> float:
    return option.value if type(option.value) is float else float(option.text)


def _truth(option: AdapterOption) -> bool:
    if isinstance(option.value, bool):
        return option.value
    text = option.text.lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


def _path(option: AdapterOption) -> Path:
    if not option.text:
        raise ValueError(option.text)
    return Path(option.text)


_READERS: dict[type, _Reader] = {
    str: ("a text", lambda option: option.text),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    bool: ("true or false", _truth),
    Path: ("a path", _path),
}
