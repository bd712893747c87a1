# SPDX-License-Identifier: Apache-2.0
"""A program that speaks the protocol and has one fault, which its first argument names.

It imports nothing of the suite, so that it starts quickly.  Faults show at the
first question; until then, and without a fault, all is well.
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

fault = sys.argv[1]
extra = sys.argv[2] if len(sys.argv) > 2 else ""
GOOD: Any = {"outcome": "drop"}


def write(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def reply(number: object, **body: object) -> None:
    """A response."""
    write(json.dumps({"id": number, **body}) + "\n")


def hello(number: int) -> None:
    """The first response."""
    operations = ["apply", "route", "restart"]
    body: dict[str, object] = {"protocol": 1, "name": "faulty", "operations": operations}
    if fault == "hang-on-start":
        time.sleep(600)
    elif fault == "other-protocol":
        body["protocol"] = 2
    elif fault == "unknown-operation":
        operations.append("resolves")
    elif fault == "no-name":
        del body["name"]
    elif fault == "no-questions":
        body["operations"] = ["apply"]
    elif fault == "no-apply":
        body["operations"] = ["route"]
    elif fault == "surroundings":
        body["name"] = os.getcwd() + " " + os.environ.get("SURROUNDINGS", "")
    reply(number, **body)


def leave_a_grandchild() -> None:
    """A process that holds our pipes open and outlives us."""
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    with open(extra, "w") as file:
        file.write(str(child.pid))


def answer(number: int, count: int) -> None:
    """The response to questions, with the fault."""
    good = [GOOD] * count
    if fault == "hang":
        time.sleep(600)
    elif fault == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        reply(number, answers=good)
        time.sleep(600)
    elif fault in ("exit", "exit-0"):
        print("out of cheese", file=sys.stderr, flush=True)
        sys.exit(0 if fault == "exit-0" else 3)
    elif fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "half-line":
        write('{"id": 3, "ans')
        time.sleep(600)
    elif fault == "half-line-exit":
        write('{"id": 3, "ans')
        sys.exit(1)
    elif fault == "closed-stdout":
        os.close(1)
        time.sleep(600)
    elif fault == "garbage":
        write("Listening on port 80\n")
    elif fault == "not-utf8":
        sys.stdout.buffer.write(b'"\xff\xfe"\n')
        sys.stdout.buffer.flush()
    elif fault == "nan":
        reply(number, answers=[float("nan")])
    elif fault == "surrogate":
        reply(number, answers=[{"outcome": "\udc00"}])
    elif fault == "deep":
        write("[" * 200_000 + "\n")
    elif fault == "not-an-object":
        write("[1]\n")
    elif fault == "wrong-id":
        reply(number + 100, answers=good)
    elif fault == "no-id":
        write(json.dumps({"answers": good}) + "\n")
    elif fault == "text-id":
        reply(str(number), answers=good)
    elif fault == "too-many":
        reply(number, answers=[*good, GOOD])
    elif fault == "too-few":
        reply(number, answers=good[1:])
    elif fault == "no-answers":
        reply(number)
    elif fault == "answers-no-list":
        reply(number, answers={})
    elif fault == "stray-field":
        reply(number, answers=good, answer=1)
    elif fault == "wrong-type":
        bad = {"outcome": "forward", "backends": [{"ip": "10.0.0.1", "port": "80"}]}
        reply(number, answers=[*good[1:], bad])
    elif fault == "misspelt":
        reply(number, answers=[{"outcome": "forward", "backend": []}] * count)
    elif fault == "flood":
        while True:
            write("x" * 4096)
    elif fault == "flood-of-lines":
        while True:
            reply(number, answers=good)
    elif fault == "two-lines":
        write(2 * (json.dumps({"id": number, "answers": good}) + "\n"))
    elif fault == "log-line":
        write(json.dumps({"id": number, "answers": good}) + "\nanswered a question\n")
    elif fault == "late-line":
        reply(number, answers=good)
        time.sleep(0.05)
        reply(number, answers=good)
    elif fault == "error":
        reply(number, error="no such \x1b[31mflow")
    elif fault == "reported":
        reply(number, error="nobody answers there", outcome="hang")
    elif fault == "reported-as-pass":
        reply(number, error="nobody answers there", outcome="pass")
    elif fault == "error-without-id":
        write('{"id": null, "error": "could not read that"}\n')
    elif fault == "error-no-text":
        reply(number, error={"code": 7})
    elif fault == "loud":
        for _ in range(2000):
            sys.stderr.write("x" * 1000 + "\n")
        print("the \x1b[31mlast\x1b[0m words", file=sys.stderr, flush=True)
        reply(number, answers=good)
    elif fault == "loud-for-ever":
        while True:
            sys.stderr.write("x" * 4096)
    elif fault == "grandchild":
        leave_a_grandchild()
        sys.exit(5)
    elif fault == "grandchild-answers":
        leave_a_grandchild()
        reply(number, answers=good)
    else:
        reply(number, answers=good)


if fault == "banner":
    write("faulty 1.0 starting\n")
if fault == "exit-on-start":
    sys.exit("no configuration")

while line := sys.stdin.readline():
    request = json.loads(line)
    if request["op"] == "hello":
        hello(request["id"])
        if fault == "deaf":
            time.sleep(600)
    elif request["op"] == "apply":
        reply(request["id"])
    elif request["op"] == "route":
        answer(request["id"], len(request["questions"]))
    elif request["op"] == "bye":
        if fault == "no-end":
            time.sleep(600)
        reply(request["id"])
        sys.exit(4 if fault == "bad-exit" else 0)
    elif fault == "dies-of-unknown":
        sys.exit(9)
    else:
        reply(request["id"], error="unknown operation")
