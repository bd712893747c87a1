# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas (draft 2020-12) of the model's types, generated from their classes.

API objects are described loosely, by their kind: their schema is Kubernetes' own.
"""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from conformance.wire import API_VERSIONS, TIMES, ApiObject, wire_name
from reference import objects
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, ClusterSettings, Labels, LabelSelector
from reference.questions import Selection, SelectorForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Json = dict[str, Any]

_PRIMITIVES = {str: "string", int: "integer", bool: "boolean"}


def schema(cls: Any) -> Json:
    """The JSON Schema of what `to_plain` makes of a `cls`, which `from_plain` reads."""
    definitions: dict[str, Json] = {}
    described = _describe(cls, definitions)
    return {"$schema": DIALECT, **described, **({"$defs": definitions} if definitions else {})}


def _describe(tp: Any, definitions: dict[str, Json]) -> Json:
    if tp in _PRIMITIVES:
        return {"type": _PRIMITIVES[tp]}
    if isinstance(tp, type) and issubclass(tp, Enum):
        return {"type": "string", "enum": [member.value for member in tp]}
    origin, args = get_origin(tp), get_args(tp)
    if origin in (Union, UnionType):
        return _any_of(*(_describe(arg, definitions) for arg in args if arg is not type(None)))
    if origin is tuple and args[-1] is not Ellipsis:
        parts = [_describe(arg, definitions) for arg in args]
        return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
    if origin is tuple:
        return {"type": "array", "items": _describe(args[0], definitions)}
    if origin is frozenset:
        return {"type": "array", "items": _describe(args[0], definitions), "uniqueItems": True}
    if origin is FrozenMap:
        return {"type": "object", "additionalProperties": _describe(args[1], definitions)}
    if not attrs.has(tp):
        raise TypeError(f"no JSON Schema for {tp!r}")
    if tp.__name__ not in definitions:
        definitions[tp.__name__] = {}  # reserved: a class may refer to itself
        definitions[tp.__name__] = _class(tp, definitions)
    return {"$ref": f"#/$defs/{tp.__name__}"}


def _class(cls: type[Any], definitions: dict[str, Json]) -> Json:
    if cls in API_VERSIONS:
        return _kind(cls)
    if cls is Selection:
        return _selection(definitions)
    if cls is Cluster:
        properties = {
            "settings": _describe(ClusterSettings, definitions),
            "objects": {"type": "array", "items": _describe(ApiObject, definitions)},
        }
        return {"type": "object", **_title(cls), "properties": properties, "required": ["objects"]}
    attrs.resolve_types(cls)
    properties = {}
    required = []
    for field in attrs.fields(cls):
        name = wire_name(field.name)
        if field.name in TIMES and cls.__module__ == objects.__name__:
            described: Json = {"type": "string", "format": "date-time"}
        else:
            described = _describe(field.type, definitions)
        if field.default is attrs.NOTHING:
            required.append(name)
            properties[name] = described
        else:  # null means "not written down", as everywhere in the API
            properties[name] = _any_of(described, {"type": "null"})
    return {"type": "object", **_title(cls), "properties": properties, "required": required}


def _title(cls: type[Any]) -> Json:
    return {"description": " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())}


def _any_of(*parts: Json) -> Json:
    if len(parts) == 1:
        return parts[0]
    if all(set(part) == {"type"} for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": [inner for part in parts for inner in part.get("anyOf", [part])]}


def _kind(cls: type[Any]) -> Json:
    return {
        "type": "object",
        "description": f"A Kubernetes {cls.__name__} of {API_VERSIONS[cls]}, as the API writes it.",
        "properties": {
            "apiVersion": {"const": API_VERSIONS[cls]},
            "kind": {"const": cls.__name__},
            "metadata": {"type": "object"},
        },
        "required": ["apiVersion", "kind", "metadata"],
        "x-kubernetes-kind": cls.__name__,
    }


def _selection(definitions: dict[str, Json]) -> Json:
    """The selector's type depends on the form; null is a selector in each."""
    labels = _describe(Labels, definitions)
    by_form = {
        SelectorForm.SERVICE: labels,
        SelectorForm.LABEL_SELECTOR: _describe(LabelSelector, definitions),
        SelectorForm.STRING: {"type": "string"},
    }
    return {
        "type": "object",
        **_title(Selection),
        "required": ["form", "selector"],
        "oneOf": [
            {
                "properties": {
                    "form": {"const": form.value},
                    "selector": _any_of(selector, {"type": "null"}),
                    "labels": labels,
                }
            }
            for form, selector in by_form.items()
        ],
    }
