# SPDX-License-Identifier: Apache-2.0
"""The way to an implementation that is a program: JSON lines, as PROTOCOL.md says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import conformance
from conformance.adapters.child import ANSWER_BYTES, Child, Exchanged, excerpt
from conformance.adapters.schemas import PROTOCOL, answer_fields, explain
from conformance.adapters.shapes import printable
from conformance.adapters.timeouts import Timeouts, Waits
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.areas import Operation
from conformance.convert import ConversionError, cluster_to_plain, from_plain, to_plain
from conformance.errors import closest
from conformance.outcomes import REPORTED, Crash, Flood, Garbage, WrongShape
from reference.objects import Cluster

_HELLO = frozenset({"id", "protocol", "name", "version", "operations"})
_DONE = frozenset({"id"})
_ANSWERS = frozenset({"id", "answers"})


class JsonLines:
    """A child process that answers one line for each line."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeouts: Waits | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self.child = Child(command, answer_bytes=answer_bytes)
        self._timeouts: Waits = timeouts or Timeouts()
        self._id = 0
        self._name = command[0]
        self._version = ""
        self._operations: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What the program calls itself."""
        return self._name

    @property
    def version(self) -> str:
        """Its version, empty if it does not tell."""
        return self._version

    @property
    def operations(self) -> frozenset[str]:
        """What it said that it supports."""
        return self._operations

    @property
    def stderr(self) -> str:
        """The end of what it wrote on standard error."""
        return self.child.stderr

    def start(self) -> None:
        """Start the program anew and shake hands."""
        self.child.start()
        self._id = 0
        try:
            hello = self._request(
                "hello",
                _HELLO,
                self._timeouts.start,
                protocol=PROTOCOL,
                suite=conformance.__version__,
            )
            self._introduced(hello)
        except BaseException:
            self.child.end()
            raise

    def _introduced(self, hello: dict[str, Any]) -> None:
        if hello.get("protocol") != PROTOCOL or type(hello["protocol"]) is not int:
            shown = json.dumps(hello.get("protocol"))
            self._wrong("hello", f"protocol: this suite speaks version {PROTOCOL}, the program {shown}")
        operations = hello.get("operations")
        for index, name in enumerate(operations if isinstance(operations, list) else ()):
            if isinstance(name, str) and name not in ALL_OPERATIONS:
                hint = closest(name, ALL_OPERATIONS)
                self._wrong("hello", f"operations[{index}]: unknown operation {printable(name)!r} ({hint})")
        problem = explain("hello.response", hello)
        if problem:
            self._wrong("hello", problem)
        assert isinstance(operations, list)
        self._name = printable(hello["name"])
        self._version = printable(hello.get("version", ""))
        self._operations = frozenset(operations)

    def apply(self, cluster: Cluster) -> None:
        """Send `apply`."""
        self._request("apply", _DONE, self._timeouts.apply, cluster=cluster_to_plain(cluster))

    def update(self, cluster: Cluster) -> None:
        """Send `update`."""
        self._request("update", _DONE, self._timeouts.apply, cluster=cluster_to_plain(cluster))

    def restart(self) -> None:
        """Send `restart`."""
        self._request("restart", _DONE, self._timeouts.apply)

    def ask(self, operation: Operation, questions: Sequence[Any]) -> list[Any]:
        """Send a batch of questions and read the answers."""
        plain = [to_plain(question) for question in questions]
        name = operation.name
        response = self._request(name, _ANSWERS, self._timeouts.answer, questions=plain)
        try:
            return self._answers(operation, response, len(questions))
        except BaseException:
            self.child.end()
            raise

    def _answers(self, operation: Operation, response: dict[str, Any], count: int) -> list[Any]:
        name, answers = operation.name, response.get("answers")
        if not isinstance(answers, list):
            self._wrong(name, explain(f"{name}.response", response))
        if len(answers) != count:
            self._wrong(name, f"answers: {count} questions, {len(answers)} answers")
        if not operation.answers_many:
            return [
                self._answer(operation, plain, f"answers[{index}]") for index, plain in enumerate(answers)
            ]
        many = []
        for index, plain in enumerate(answers):
            if not isinstance(plain, list):
                self._wrong(name, explain(f"{name}.response", response))
            many.append(
                tuple(
                    self._answer(operation, each, f"answers[{index}][{place}]")
                    for place, each in enumerate(plain)
                )
            )
        return many

    def _answer(self, operation: Operation, plain: Any, path: str) -> Any:
        names = answer_fields(operation.answer)
        if names is not None and isinstance(plain, dict) and not plain.keys() <= names:
            stray = next(name for name in plain if name not in names)
            hint = closest(stray, names)
            self._wrong(operation.name, f"{path}: unknown field {printable(stray)!r} ({hint})")
        try:
            return from_plain(plain, operation.answer)
        except ConversionError as error:
            below = error.path if not error.path or error.path.startswith("[") else f".{error.path}"
            hint = f" ({error.hint})" if error.hint else ""
            self._wrong(operation.name, f"{path}{below}: {error.reason}{hint}")
        except (RecursionError, TypeError, AttributeError, OverflowError) as error:
            self._wrong(operation.name, f"{path}: {error}")

    def unknown_operation(self, name: str) -> str:
        """Ask for an operation that there is not; the program's error, empty if it answers."""
        try:
            self._request(name, _ANSWERS, self._timeouts.answer, questions=[{}])
        except _Refusal as refusal:
            return refusal.reason
        return ""

    def stop(self) -> str:
        """Say goodbye and see the program end."""
        line = _line({"id": self._id + 1, "op": "bye"})
        return self.child.finish(line, self._timeouts.stop)

    # -- one line there, one line back ------------------------------------------

    def _request(
        self, operation: str, expected: frozenset[str], seconds: float, **body: Any
    ) -> dict[str, Any]:
        """The response to a request.  Unless it is an error, a failure ends the program."""
        self._id += 1
        line = _line({"id": self._id, "op": operation, **body})
        try:
            return self._response(operation, expected, self.child.exchange(operation, line, seconds))
        except _Refusal:
            raise
        except BaseException:
            self.child.end()
            raise

    def _response(self, operation: str, expected: frozenset[str], exchanged: Exchanged) -> dict[str, Any]:
        line, rest = exchanged.line, exchanged.rest
        message = self._parsed(operation, line)
        if not isinstance(message, dict):
            self._wrong(operation, f"a JSON object is needed, got {excerpt(line)}")
        number = message.get("id")
        if type(number) is not int or number != self._id:
            if type(number) is int and 0 < number < self._id:
                again = f"a second line for request {number}, which was answered: {excerpt(line)}"
                raise self.child.failure(Flood, operation, again)
            if not ("error" in message and number is None):
                shown = "no id" if "id" not in message else f"the id {json.dumps(number)[:40]}"
                self._wrong(operation, f"id: the request had the id {self._id}, the response has {shown}")
        if not exchanged.asked:
            early = f"a response before the request had been read: {excerpt(line)}"
            raise self.child.failure(Flood, operation, early)
        if rest:
            if b"\n" in rest:  # what is no JSON is garbage, whether it was written now or a moment later
                self._parsed(operation, rest[: rest.index(b"\n")])
            more = f"more than one line for one request: {excerpt(line)}, then {excerpt(rest)}"
            raise self.child.failure(Flood, operation, more)
        if "error" in message:
            problem = explain("error.response", message)
            if problem:
                self._wrong(operation, problem)
            kind = REPORTED[message.get("outcome") or Crash.outcome.value]
            if kind is Crash:
                raise self.child.failure(_Refusal, operation, message["error"])
            raise self.child.failure(kind, operation, _shortened(message["error"]))
        if not message.keys() <= expected:
            stray = next(name for name in message if name not in expected)
            self._wrong(operation, f"unknown field {printable(stray)!r} ({closest(stray, expected)})")
        return message

    def _parsed(self, operation: str, line: bytes) -> Any:
        try:
            text = line.decode("utf-8")
            message = json.loads(text, parse_constant=_no_constant)
            if "\\u" in text:  # half of a surrogate pair could be read but never be written
                json.dumps(message, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError) as error:
            reason = "not UTF-8" if isinstance(error, UnicodeError) else "not a line of JSON"
            raise self.child.failure(Garbage, operation, f"{reason}: {excerpt(line)}") from error
        return message

    def _wrong(self, operation: str, reason: str) -> NoReturn:
        raise self.child.failure(WrongShape, operation, reason)


class _Refusal(Crash):
    """The program answered with an error; it is still there."""

    def __init__(self, operation: str, reason: str, *, stderr: str) -> None:
        self.reason = _shortened(reason)
        super().__init__(operation, f"answered with an error: {self.reason}", stderr=stderr)


def _shortened(reason: str) -> str:
    return printable(reason if len(reason) <= 2000 else reason[:1997] + "...")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
