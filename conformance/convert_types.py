# SPDX-License-Identifier: Apache-2.0
"""How values of the model's types become JSON and are read again, whatever the class.

The hooks are generated once for each type, from the attrs classes themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError, IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from conformance.wire import (
    QUANTITIES,
    TIMES,
    TYPE_VERSIONS,
    Refused,
    describe,
    read_boolean,
    read_integer,
    read_integer_or_string,
    read_quantity,
    read_string,
    read_time,
    refuse,
    wire_name,
    write_time,
)
from reference import objects
from reference.frozenmap import FrozenMap
from reference.objects import ClusterSettings, Labels

Hook = Callable[[Any], Any]
StructureHook = Callable[[Any, Any], Any]


# -- containers --------------------------------------------------------------


def _elements(tp: Any) -> Any:
    """The element type of `tuple[X, ...]` or `frozenset[X]`."""
    return get_args(tp)[0]


def _is_tuple(tp: Any) -> bool:
    return get_origin(tp) is tuple


def _is_pair(tp: Any) -> bool:
    return get_origin(tp) is tuple and get_args(tp)[-1] is not Ellipsis


def _is_set(tp: Any) -> bool:
    return get_origin(tp) is frozenset


def _is_map(tp: Any) -> bool:
    return get_origin(tp) is FrozenMap


def _read_list(data: Any, element: Any, hook: StructureHook) -> list[Any]:
    if not isinstance(data, list):
        raise refuse("a list", data)
    try:
        return [hook(item, element) for item in data]
    except (ValueError, KeyError, BaseValidationError):
        raise IterableValidationError("list", list(_failures(data, element, hook)), list) from None


def _failures(data: list[Any], element: Any, hook: StructureHook) -> Iterable[Exception]:
    for index, item in enumerate(data):
        try:
            hook(item, element)
        except (ValueError, KeyError, BaseValidationError) as error:  # noqa: PERF203
            note: Any = IterableValidationNote(f"[{index}]", index, element)
            # As cattrs does: Python 3.10 has no add_note.
            vars(error)["__notes__"] = [*getattr(error, "__notes__", ()), note]
            yield error


def _read_map(data: Any, _: Any = None) -> Labels:
    if not isinstance(data, dict):
        raise refuse("a mapping", data)
    for key, value in data.items():
        if type(key) is not str:
            raise refuse("a string as key", key)
        if type(value) is not str:
            raise Refused(f"a string is needed, not {describe(value)}", step=f"[{key}]")
    return FrozenMap(data)


# -- classes -----------------------------------------------------------------


def _omits_defaults(cls: type[Any]) -> bool:
    """Whether fields that have their default are left out, as the API's `omitempty` does."""
    return cls.__module__ == objects.__name__ and cls is not ClusterSettings


def _overrides(cls: type[Any], converter: Converter) -> dict[str, Any]:
    attrs.resolve_types(cls)
    omitting = _omits_defaults(cls)
    made = {}
    for field in attrs.fields(cls):
        time = field.name in TIMES and omitting
        quantity = field.name in QUANTITIES and omitting
        made[field.name] = override(
            rename=wire_name(field.name),
            omit_if_default=omitting or field.default is None or field.eq is False,
            unstruct_hook=write_time if time else None,
            struct_hook=read_time if time else read_quantity if quantity else None,
        )
    return made


def _class_writer(cls: type[Any], converter: Converter) -> Hook:
    write = make_dict_unstructure_fn(cls, converter, **_overrides(cls, converter))
    version = TYPE_VERSIONS.get(cls)
    if version is None:
        return write
    kind = cls.__name__

    def write_object(value: Any) -> dict[str, Any]:
        return {"apiVersion": version, "kind": kind, **write(value)}

    return write_object


def _class_reader(cls: type[Any], converter: Converter) -> StructureHook:
    read = make_dict_structure_fn(
        cls,
        converter,
        _cattrs_detailed_validation=True,
        **_overrides(cls, converter),
    )
    version = TYPE_VERSIONS.get(cls)

    def read_fields(data: Any, _: Any = None) -> Any:
        if not isinstance(data, dict):
            raise refuse("a mapping", data)
        if None in data.values():
            data = {name: value for name, value in data.items() if value is not None}
        return read(data, cls)

    if version is None:
        return read_fields
    expected = (("apiVersion", version), ("kind", cls.__name__))

    def read_object(data: Any, _: Any = None) -> Any:
        # A Go client leaves both empty in the items of a list, so absence is no error.
        if isinstance(data, dict):
            for name, wanted in expected:
                if data.get(name) not in (None, "", wanted):
                    raise Refused(f"{wanted!r} is needed, not {describe(data[name])}", step=name)
        return read_fields(data)

    return read_object


def register_types(converter: Converter) -> None:
    """Teach `converter` our classes, enumerations, tuples, sets, maps and strict scalars."""
    for primitive, read in ((str, read_string), (int, read_integer), (bool, read_boolean)):
        converter.register_structure_hook(primitive, read)

    @converter.register_structure_hook_factory(attrs.has)
    def class_reader(cls: type[Any]) -> StructureHook:
        return _class_reader(cls, converter)

    @converter.register_unstructure_hook_factory(attrs.has)
    def class_writer(cls: type[Any]) -> Hook:
        return _class_writer(cls, converter)

    @converter.register_structure_hook_factory(_is_tuple)
    def tuple_reader(tp: Any) -> StructureHook:
        element = _elements(tp)
        hook = converter.get_structure_hook(element)
        return lambda data, _: tuple(_read_list(data, element, hook))

    @converter.register_structure_hook_factory(_is_pair)
    def pair_reader(tp: Any) -> StructureHook:
        parts, hook = get_args(tp), converter.get_structure_hook(_elements(tp))

        def read(data: Any, _: Any) -> Any:
            if isinstance(data, list) and len(data) != len(parts):
                raise Refused(f"a list of {len(parts)} is needed, not of {len(data)}")
            return tuple(_read_list(data, parts[0], hook))

        return read

    @converter.register_unstructure_hook_factory(_is_tuple)
    def tuple_writer(tp: Any) -> Hook:
        if _elements(tp) in (str, int):
            return list
        hook = converter.get_unstructure_hook(_elements(tp))
        return lambda value: [hook(item) for item in value]

    @converter.register_structure_hook_factory(_is_set)
    def set_reader(tp: Any) -> StructureHook:
        element = _elements(tp)
        hook = converter.get_structure_hook(element)
        return lambda data, _: frozenset(_read_list(data, element, hook))

    @converter.register_unstructure_hook_factory(_is_set)
    def set_writer(tp: Any) -> Hook:
        hook = converter.get_unstructure_hook(_elements(tp))
        return lambda value: [hook(item) for item in sorted(value)]

    converter.register_structure_hook_func(_is_map, _read_map)
    converter.register_unstructure_hook_func(_is_map, dict)
    converter.register_unstructure_hook(FrozenMap, dict)
    converter.register_structure_hook_func(lambda tp: tp == int | str | None, read_integer_or_string)
    converter.register_unstructure_hook_func(lambda tp: tp == int | str | None, lambda value: value)

    @converter.register_structure_hook_factory(lambda tp: isinstance(tp, type) and issubclass(tp, Enum))
    def enum_reader(tp: type[Enum]) -> StructureHook:
        members = {member.value: member for member in tp}

        def read(data: Any, _: Any) -> Enum:
            if type(data) is str and data in members:
                return members[data]
            raise refuse("one of " + ", ".join(members), data)

        return read
