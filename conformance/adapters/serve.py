# SPDX-License-Identifier: Apache-2.0
"""Turns a Python adapter into a program that speaks the protocol; also a worked example of one.

    python -m conformance.adapters.serve package.module:object --NAME=VALUE...

What the adapter prints goes to standard error, because standard output is the
protocol's.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, BinaryIO

from conformance.adapters.options import OPTION, given
from conformance.adapters.schemas import PROTOCOL
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.areas import OPERATIONS
from conformance.convert import cluster_from_plain, from_plain, to_plain
from conformance.errors import UsageError, unknown
from conformance.outcomes import AdapterFailure


def serve(adapter: Any, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer each line of `stdin` by one line on `stdout`, until `bye` or the end of the input."""
    for line in stdin:
        response, last = respond(adapter, line)
        stdout.write(json.dumps(response, separators=(",", ":")).encode("ascii") + b"\n")
        stdout.flush()
        if last:
            return


def respond(adapter: Any, line: bytes) -> tuple[dict[str, Any], bool]:
    """The response to one request, and whether it is the last; an adapter that raises makes it an error."""
    number = None
    try:
        request = json.loads(line)
        number = request["id"]
        operation = request["op"]
        return {"id": number, **_answer(adapter, operation, request)}, operation == "bye"
    except UsageError as error:
        reason, more, _ = str(error).partition("\n")
        if more:  # as the end of a log: a reason is one line
            print(error, file=sys.stderr, flush=True)
        return {"id": number, "error": reason}, False
    except AdapterFailure as failure:  # of what the adapter speaks to
        if failure.stderr:
            print(failure.stderr, file=sys.stderr, flush=True)
        return {"id": number, "error": failure.message, "outcome": failure.outcome.value}, False
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return {"id": number, "error": f"{type(error).__name__}: {error}"}, False


def _answer(adapter: Any, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    supported = [name for name in ALL_OPERATIONS if callable(getattr(adapter, name, None))]
    if operation == "hello":
        return {
            "protocol": PROTOCOL,
            "name": str(getattr(adapter, "name", type(adapter).__name__)),
            "version": str(getattr(adapter, "version", "")),
            "operations": supported,
        }
    if operation == "bye":
        return {}
    if operation not in supported:
        raise unknown("operation", operation, supported)
    method = getattr(adapter, operation)
    if operation == "restart":
        method()
        return {}
    if operation not in OPERATIONS:
        method(cluster_from_plain(request["cluster"]))
        return {}
    asked = OPERATIONS[operation]
    answers = method([from_plain(question, asked.question) for question in request["questions"]])
    if asked.answers_many:
        return {"answers": [[to_plain(each) for each in answer] for answer in answers]}
    return {"answers": [to_plain(answer) for answer in answers]}


def main(arguments: list[str]) -> int:
    """The program: serves the adapter that its first argument names, with the options that follow."""
    from conformance.adapters.loading import make_adapter

    if not arguments or not all(word.startswith("--") for word in arguments[1:]):
        usage = "usage: python -m conformance.adapters.serve package.module:object --NAME=VALUE..."
        print(usage, file=sys.stderr)
        return 2
    # Whatever else writes to standard output must not get between the answers.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stdout:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            words = [word[2:] for word in arguments[1:]]
            options = given(words, origin="command line", where="options of the adapter")
            adapter = make_adapter(arguments[0], options)
        except UsageError as error:
            error.hint = error.hint.replace(f"--{OPTION} ", "--")  # here options are words of their own
            print(f"error: {error}", file=sys.stderr)
            return 2
        serve(adapter, sys.stdin.buffer, stdout)
        close = getattr(adapter, "close", None)
        if callable(close):
            close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
