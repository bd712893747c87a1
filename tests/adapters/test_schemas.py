# SPDX-License-Identifier: Apache-2.0
"""The published schemas: in step with the code, and every message that is sent fits its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.adapters import jsonlines
from conformance.adapters.child import Exchanged
from conformance.adapters.schemas import (
    PUBLISHED,
    answer_fields,
    explain,
    message_schemas,
    protocol_schema,
    published_text,
)
from conformance.adapters.serve import respond
from conformance.adapters.session import Session
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.areas import OPERATIONS
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference.objects import EndpointSlice
from reference.questions import Decision, Matching
from tests.adapters.toy import Toy

OTHERS = ("hello", "bye", *ALL_OPERATIONS)


def test_the_published_file_is_in_step() -> None:
    """The file that adapters' authors read is what the code says; write `published_text()` to it if not."""
    assert PUBLISHED.read_text(encoding="utf-8") == published_text()


def test_every_operation_has_its_messages() -> None:
    """There is a schema for each request and each response, and one for errors."""
    wanted = {f"{name}.{side}" for name in OTHERS for side in ("request", "response")}
    assert set(message_schemas()) == {*wanted, "error.response"}


@pytest.mark.parametrize("name", sorted(message_schemas()))
def test_schemas_are_schemas(name: str) -> None:
    """Each schema is valid, and stands alone."""
    made = message_schemas()[name]
    Draft202012Validator.check_schema(made)
    assert list(Draft202012Validator(made).iter_errors({}))  # also finds a reference to nowhere
    Draft202012Validator.check_schema(protocol_schema())


class Loop:
    """A child process that is none: the worked server answers in place of one, and all is kept."""

    def __init__(self) -> None:
        self.adapter = Toy()
        self.messages: list[tuple[str, Any]] = []

    def exchange(self, operation: str, line: bytes, seconds: float) -> Exchanged:
        """Answer a line."""
        self.messages.append((f"{operation}.request", json.loads(line)))
        response, _ = respond(self.adapter, line)
        self.messages.append((f"{operation}.response", response))
        return Exchanged(json.dumps(response).encode(), b"", asked=True)

    def finish(self, farewell: bytes, seconds: float) -> str:
        """Answer the last line."""
        self.exchange("bye", farewell, seconds)
        return ""

    def start(self) -> None:
        """Nothing to start."""

    def end(self) -> None:
        """Nothing to end."""


def test_every_message_fits_its_schema() -> None:
    """Both sides of a whole conversation fit, each message its own schema and the document of all."""
    loop = Loop()
    transport = jsonlines.JsonLines(["loop"])
    transport.child = loop  # type: ignore[assignment]
    direct = Toy()
    direct.apply(SMALL.cluster)
    with Session(transport) as session:
        assert (session.name, session.version) == ("toy", "7")
        session.apply(SMALL)
        session.update(SMALL)
        session.restart()
        for name, questions in QUESTIONS.items():
            expected = getattr(direct, name)(questions)
            got = session.ask(SMALL, name, questions)
            assert got == [tuple(each) if isinstance(each, list) else each for each in expected]
    assert {name.partition(".")[0] for name, _ in loop.messages} == set(OTHERS)
    for name, message in loop.messages:
        assert explain(name, message) == ""
        # Without the id it is no message; so the schema is not one that anything fits.
        assert "'id' is a required property" in explain(name, {**message, "id": None}) or explain(
            name, {key: value for key, value in message.items() if key != "id"}
        )
    document = Draft202012Validator(protocol_schema())
    for _, message in loop.messages:
        assert document.is_valid(message)


def test_clusters_arrive_whole() -> None:
    """The cluster that an adapter is given over the wire equals the one that was sent."""
    loop = Loop()
    transport = jsonlines.JsonLines(["loop"])
    transport.child = loop  # type: ignore[assignment]
    with Session(transport) as session:
        session.apply(SMALL)
    assert loop.adapter.states == [SMALL.cluster]


@pytest.mark.parametrize(
    ("name", "message", "told"),
    [
        (
            "route.response",
            {"id": 1, "answers": [{"outcome": "forwards"}]},
            "answers[0].outcome: 'forwards' is",
        ),
        ("route.response", {"id": 1}, "'answers' is a required property"),
        ("route.response", {"id": "1", "answers": []}, "id: '1' is not of type 'integer'"),
        ("hello.response", {"id": 1, "protocol": 1, "name": "", "operations": []}, "name: "),
        ("error.response", {"id": 1, "error": ""}, "error: "),
        ("select.response", {"id": 1, "answers": ["matches", "yes"]}, "answers[1]: 'yes' is not one of"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(name: str, message: Any, told: str) -> None:
    """The explanation begins with the path of the field."""
    assert explain(name, message).startswith(told)


def test_which_fields_an_answer_may_have() -> None:
    """Our own answers are closed; API objects are Kubernetes' own, and a word is no object."""
    assert answer_fields(Decision) == frozenset({"outcome", "backends", "masqueraded", "rules"})
    assert answer_fields(EndpointSlice) is None
    assert answer_fields(Matching) is None
    assert {name for name, operation in OPERATIONS.items() if answer_fields(operation.answer) is None} == {
        "select",
        "endpoint_slices",
        "endpoints",
        "mirrored_slices",
        "synced_slices",
    }
