# SPDX-License-Identifier: Apache-2.0
"""Strategies for any value of the model, derived from the types of its fields."""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from conformance.wire import QUANTITIES, TIMES
from reference.frozenmap import FrozenMap
from reference.objects import Labels, LabelSelector
from reference.questions import Selection, SelectorForm

_TEXT = st.sampled_from(["", "web", "None", "80", "true", "a/b.c", "ü\n", "\x00"])
_INTEGERS = st.sampled_from([0, 1, -1, 80, 2**31 - 1])
_QUANTITIES = st.sampled_from(["", "0", "2", "500m", "1.5", "2e3", "1Ki"])
# The whole range that RFC 3339 can write: the years 1 to 9999.
_TIMES = st.integers(-62_135_596_800, 253_402_300_799)


def values_of(tp: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the model."""
    if tp is str:
        return _TEXT
    if tp is int:
        return _INTEGERS
    if tp is bool:
        return st.booleans()
    if tp is type(None):
        return st.none()
    if isinstance(tp, type) and issubclass(tp, Enum):
        return st.sampled_from(tp)
    origin, args = get_origin(tp), get_args(tp)
    if origin in (Union, UnionType):
        return st.one_of([values_of(arg) for arg in args])
    if origin is tuple and args[-1] is not Ellipsis:
        return st.tuples(*(values_of(arg) for arg in args))
    if origin is tuple:
        return st.lists(values_of(args[0]), max_size=2).map(tuple)
    if origin is frozenset:
        return st.frozensets(values_of(args[0]), max_size=2)
    if origin is FrozenMap:
        return st.dictionaries(_TEXT, _TEXT, max_size=2).map(FrozenMap)
    if tp is Selection:
        return _selections()
    attrs.resolve_types(tp)
    return st.builds(tp, **{field.alias: _field(tp, field) for field in attrs.fields(tp)})


def _field(cls: type[Any], field: Any) -> st.SearchStrategy[Any]:
    if field.name in TIMES and cls.__module__ == "reference.objects":
        return _TIMES if field.default == 0 else st.none() | _TIMES
    if field.name in QUANTITIES and cls.__module__ == "reference.objects":
        return _QUANTITIES
    return values_of(field.type)


def _selections() -> st.SearchStrategy[Selection]:
    labels = values_of(Labels)
    forms = (
        (SelectorForm.SERVICE, Labels),
        (SelectorForm.LABEL_SELECTOR, LabelSelector),
        (SelectorForm.STRING, str),
    )
    return st.one_of(
        [st.builds(Selection, st.just(form), st.none() | values_of(tp), labels) for form, tp in forms]
    )
