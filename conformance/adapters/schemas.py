# SPDX-License-Identifier: Apache-2.0
"""The JSON Schemas of the protocol's messages, generated from the operations.

They are published as `conformance/data/protocol.schema.json`.  At run time they
only explain what is wrong with a message that was found to be wrong.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from attrs import fields, has

from conformance.adapters.transport import ALL_OPERATIONS, STATE_OPERATIONS
from conformance.areas import OPERATIONS
from conformance.convert import schema
from conformance.outcomes import REPORTED
from conformance.wire import TYPE_VERSIONS, wire_name
from reference.objects import Cluster

PROTOCOL = 1
"""The version of the protocol."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED = Path(__file__).parent.parent / "data" / "protocol.schema.json"

Json = dict[str, Any]

_ID = {
    "type": "integer",
    "minimum": 0,
    "description": "Given by the suite, and returned with the answer.",
}
_NOTES = {
    "hello": "The first request: who are you, and what do you support?",
    "apply": "Make this cluster the state, whatever it was before; answer once you have converged.",
    "update": "Move from the present state to this cluster; answer once you have converged.",
    "restart": "Restart the implementation with the state that it has.",
    "bye": "The last request: answer, and end with exit code 0.",
}


def answer_fields(cls: Any) -> frozenset[str] | None:
    """The names that an answer may have; None where Kubernetes, not this suite, says."""
    return _answer_fields(cls)


@cache
def _answer_fields(cls: Any) -> frozenset[str] | None:
    if not has(cls) or cls in TYPE_VERSIONS:
        return None
    return frozenset(wire_name(field.name) for field in fields(cls))


def _type(cls: Any, definitions: Json) -> Json:
    """The schema of a type, its parts gathered in `definitions`."""
    made = schema(cls)
    made.pop("$schema", None)
    definitions.update(made.pop("$defs", {}))
    return made


def _object(note: str, properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    return {
        "description": note,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _request(operation: str, note: str, more: Json | None = None) -> Json:
    return _object(note, {"id": _ID, "op": {"const": operation}, **(more or {})})


def _messages() -> tuple[dict[str, Json], Json]:
    """Every message by its name, and the types that they refer to."""
    types: Json = {}
    cluster = _type(Cluster, types)
    done = _object("Done.", {"id": _ID})
    messages: dict[str, Json] = {
        "hello.request": _request(
            "hello", _NOTES["hello"], {"protocol": {"const": PROTOCOL}, "suite": {"type": "string"}}
        ),
        "hello.response": _object(
            "Who I am and what I support; an operation that is not named is never asked.",
            {
                "id": _ID,
                "protocol": {"const": PROTOCOL},
                "name": {"type": "string", "minLength": 1},
                "version": {"type": "string"},
                "operations": {
                    "type": "array",
                    "items": {"enum": list(ALL_OPERATIONS)},
                    "uniqueItems": True,
                },
            },
            optional=("version",),
        ),
    }
    for name in STATE_OPERATIONS:
        more = {} if name == "restart" else {"cluster": cluster}
        messages[f"{name}.request"] = _request(name, _NOTES[name], more)
        messages[f"{name}.response"] = done
    for operation in OPERATIONS.values():
        answer = _type(operation.answer, types)
        if answer_fields(operation.answer) is not None:
            types[operation.answer.__name__]["additionalProperties"] = False
        if operation.answers_many:
            answer = {"type": "array", "items": answer}
        questions = {"type": "array", "items": _type(operation.question, types), "minItems": 1}
        state = "They need no cluster." if operation.stateless else "They are about the applied cluster."
        messages[f"{operation.name}.request"] = _request(
            operation.name, f"Questions of the area {operation.area.value}. {state}", {"questions": questions}
        )
        messages[f"{operation.name}.response"] = _object(
            "One answer for each question, in the same order.",
            {"id": _ID, "answers": {"type": "array", "items": answer}},
        )
    messages["bye.request"] = _request("bye", _NOTES["bye"])
    messages["bye.response"] = done
    messages["error.response"] = _object(
        "The answer to a request that cannot be answered: the reason, for people; and the outcome, if"
        " what the program itself speaks to has one of its own.",
        {
            "id": {"type": ["integer", "null"]},
            "error": {"type": "string", "minLength": 1},
            "outcome": {"enum": list(REPORTED)},
        },
        optional=("outcome",),
    )
    return messages, types


@cache
def message_schemas() -> dict[str, Json]:
    """The schema of each message by its name, `OPERATION.request` or `OPERATION.response`."""
    messages, types = _messages()
    return {
        name: {"$schema": DIALECT, "title": name, **message, "$defs": _needed(message, types)}
        for name, message in messages.items()
    }


def _needed(message: Json, types: Json) -> Json:
    """Those of `types` that a message refers to, directly or through others."""
    found: Json = {}
    left = [message]
    while left:
        text = json.dumps(left.pop())
        for name, described in types.items():
            if name not in found and f'"#/$defs/{name}"' in text:
                found[name] = described
                left.append(described)
    return {name: found[name] for name in sorted(found)}


def protocol_schema() -> Json:
    """All messages as one document: any line that either side writes is one of them."""
    messages, types = _messages()
    return {
        "$schema": DIALECT,
        "title": "kube-service-conformance adapter protocol",
        "description": f"Protocol version {PROTOCOL}: one JSON object a line, one response for each request.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in messages],
        "$defs": {**messages, **{name: types[name] for name in sorted(types)}},
    }


def published_text() -> str:
    """The text of the published file."""
    return json.dumps(protocol_schema(), indent=2) + "\n"


def explain(name: str, message: Any) -> str:
    """What the schema of the message `name` finds wrong, with the path; empty if nothing."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        error = best_match(Draft202012Validator(message_schemas()[name]).iter_errors(message))
    except RecursionError:
        return "nested too deeply"
    if error is None:
        return ""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    reason = error.message if len(error.message) <= 300 else error.message[:297] + "..."
    return f"{path.lstrip('.')}: {reason}" if path else reason
