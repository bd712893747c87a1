# SPDX-License-Identifier: Apache-2.0
"""The worked server: any Python adapter as a program."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.loading import load_adapter
from conformance.adapters.serve import serve
from conformance.adapters.session import Session
from conformance.areas import OPERATIONS
from conformance.outcomes import Crash
from conformance.smoke_inputs import QUESTIONS, SMALL
from tests.adapters.toy import Toy

SERVE = [sys.executable, "-m", "conformance.adapters.serve"]


class Chatty(Toy):
    """Writes to standard output, which is not its own."""

    def apply(self, cluster: object) -> None:
        """Print in two ways."""
        print("applied")
        os.write(1, b"applied indeed\n")


class Named(Toy):
    """Is called what it is told to be called."""

    def __init__(self, name: str, *, port: int) -> None:
        super().__init__()
        self.name = f"{name}:{port + 1}"


class Broken(Toy):
    """Raises."""

    def route(self, flows: object) -> tuple[()]:
        """Fail."""
        raise LookupError("no such node")


def test_lines_are_answered_in_order() -> None:
    """One line for each line, until `bye`; what comes after it is not read."""
    requests = [
        {"id": 1, "op": "hello", "protocol": 1, "suite": "0"},
        {"id": 2, "op": "restart"},
        {"id": 3, "op": "frobnicate"},
        {"id": 4},
        {"id": 5, "op": "bye"},
        {"id": 6, "op": "restart"},
    ]
    stdin = io.BytesIO(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
    stdout = io.BytesIO()
    toy = Toy()
    serve(toy, stdin, stdout)
    responses = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [response["id"] for response in responses] == [1, 2, 3, 4, 5]
    assert responses[0]["name"] == "toy"
    assert "unknown operation 'frobnicate'" in responses[2]["error"]
    assert responses[3]["error"] == "KeyError: 'op'"
    assert toy.restarts == 1


def test_the_end_of_the_input_is_an_end() -> None:
    """Without `bye`, too, the server ends when there is nothing more to read; half a line is an error."""
    stdout = io.BytesIO()
    serve(Toy(), io.BytesIO(b'{"id": 1, "op'), stdout)
    assert json.loads(stdout.getvalue())["id"] is None


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_an_object_as_a_program_answers_as_in_process() -> None:
    """Over the wire the same answers come back, whatever the object prints meanwhile."""
    with (
        Session(JsonLines([*SERVE, "tests.adapters.test_serve:Chatty"])) as wire,
        Session.of(Toy()) as direct,
    ):
        assert wire.operations == direct.operations
        for name in ("select", "route", "resolve", "environment", "admit"):
            assert wire.ask(SMALL, name, QUESTIONS[name]) == direct.ask(SMALL, name, QUESTIONS[name])
    assert wire.closing_problem == ""
    assert sorted(wire.stderr.splitlines()) == ["applied", "applied indeed"]


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_an_exception_travels_as_an_error() -> None:
    """An adapter that raises makes an error; its traceback is on standard error; the program goes on."""
    with Session(JsonLines([*SERVE, "tests.adapters.test_serve:Broken"])) as session:
        with pytest.raises(Crash) as caught:
            session.ask(SMALL, "route", QUESTIONS["route"])
        assert caught.value.message == "answered with an error: LookupError: no such node"
        assert "raise LookupError" in caught.value.stderr
        assert len(session.ask(SMALL, "resolve", QUESTIONS["resolve"][:2])) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: "),
        (["tests.adapters.toy:Tory"], "unknown object 'Tory' (did you mean 'Toy'?)"),
        (["tests.adapters.toy:NamespacedName"], "needs arguments: namespace, name (--namespace=VALUE)"),
        (
            ["tests.adapters.toy:Toy", "--port=4"],
            "unknown option 'port' of tests.adapters.toy:Toy (",
        ),
        (["tests.adapters.toy:Toy", "--port"], "'port' is no option of an adapter (written NAME=VALUE"),
        (["tests.adapters.toy:Toy", "port=4"], "usage: "),
        (["exec:env"], "exec:env: is a program already"),
    ],
)
def test_a_bad_argument_is_refused(arguments: list[str], message: str) -> None:
    """What cannot be served is told on standard error, with exit code 2."""
    done = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_the_reference_over_the_wire() -> None:
    """The reference says the same in process and as a program, to every operation."""
    with Session(JsonLines([*SERVE, "reference"])) as wire, load_adapter("reference") as direct:
        assert (wire.name, wire.version) == (direct.name, direct.version)
        assert set(OPERATIONS) <= wire.operations == direct.operations
        for name, questions in QUESTIONS.items():
            assert wire.ask(SMALL, name, questions) == direct.ask(SMALL, name, questions)


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_what_is_served_has_options() -> None:
    """Options follow the adapter's name, and are converted as in process."""
    served = [*SERVE, "tests.adapters.test_serve:Named", "--port=80", "--name=a b"]
    with Session(JsonLines(served)) as session:
        assert session.name == "a b:81"
    assert session.closing_problem == ""
