# SPDX-License-Identifier: Apache-2.0
"""Programs as adapters: each way in which one can fail has its outcome, its message, and an end."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters.session import Session
from conformance.areas import OPERATIONS
from conformance.outcomes import AdapterFailure, Crash, Flood, Garbage, Hang, WrongShape
from conformance.smoke_inputs import QUESTIONS, SMALL
from tests.adapters.processes import PATIENT, command, faulty, gone

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")

FLOWS = QUESTIONS["route"]
SHORT = 0.7


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Whatever happens, no descriptor, no thread and no zombie is left behind."""
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    threads = threading.active_count()
    yield
    gc.collect()
    assert threading.active_count() <= threads
    if descriptors.exists():
        assert len(list(descriptors.iterdir())) <= before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def failure_of(fault: str, *arguments: str, **limits: float) -> AdapterFailure:
    """How the faulty program fails when it is asked; it has to be gone then."""
    transport = faulty(fault, *arguments, **limits)  # type: ignore[arg-type]
    with Session(transport) as session:
        pid = transport.child.pid
        assert pid is not None
        with pytest.raises(AdapterFailure) as caught:
            session.ask(SMALL, "route", FLOWS)
        if not transport.child.running:
            assert gone(pid)
    assert gone(pid)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("exit", Crash, "ended with exit code 3 instead of answering"),
        ("exit-0", Crash, "ended with exit code 0 instead of answering"),
        ("killed", Crash, "was killed by SIGKILL instead of answering"),
        ("half-line-exit", Crash, "ended with exit code 1 instead of answering, after half a line: "),
        ("closed-stdout", Crash, "closed its standard output and runs on"),
        ("error", Crash, r"answered with an error: no such \x1b[31mflow"),
        ("reported", Hang, "nobody answers there"),
        ("reported-as-pass", WrongShape, "outcome: 'pass' is not one of "),
        ("error-without-id", Crash, "answered with an error: could not read that"),
        ("garbage", Garbage, "not a line of JSON: 'Listening on port 80'"),
        ("not-utf8", Garbage, "not UTF-8: "),
        ("nan", Garbage, "not a line of JSON: "),
        ("surrogate", Garbage, "not UTF-8: "),
        ("deep", Garbage, "not a line of JSON: '[[["),
        ("log-line", Garbage, "not a line of JSON: 'answered a question'"),
        ("not-an-object", WrongShape, "a JSON object is needed, got '[1]'"),
        ("wrong-id", WrongShape, "id: the request had the id 3, the response has the id 103"),
        ("no-id", WrongShape, "id: the request had the id 3, the response has no id"),
        ("text-id", WrongShape, 'id: the request had the id 3, the response has the id "3"'),
        ("too-many", WrongShape, "answers: 2 questions, 3 answers"),
        ("too-few", WrongShape, "answers: 2 questions, 1 answers"),
        ("no-answers", WrongShape, "'answers' is a required property"),
        ("answers-no-list", WrongShape, "answers: {} is not of type 'array'"),
        ("stray-field", WrongShape, "unknown field 'answer' (did you mean 'answers'?)"),
        ("error-no-text", WrongShape, "error: {'code': 7} is not of type 'string'"),
        (
            "wrong-type",
            WrongShape,
            "answers[1].backends[0].port: an integer is needed, not the string '80'",
        ),
        ("misspelt", WrongShape, "answers[0]: unknown field 'backend' (did you mean 'backends'?)"),
        ("two-lines", Flood, "more than one line for one request: "),
    ],
)
def test_a_failure_at_a_question(fault: str, kind: type[AdapterFailure], message: str) -> None:
    """Each fault has its own outcome and a message that says what was seen; nothing is waited for."""
    failure = failure_of(fault)
    assert type(failure) is kind or issubclass(type(failure), kind)
    assert failure.outcome is kind.outcome
    assert failure.message.startswith(message)
    assert failure.operation == "route"


@pytest.mark.parametrize("fault", ["hang", "loud-for-ever"])
def test_no_answer_is_a_hang(fault: str) -> None:
    """A program that stays silent, or only ever writes to standard error, is a hang after the time-out."""
    started = time.monotonic()
    failure = failure_of(fault, answer=SHORT)
    assert isinstance(failure, Hang)
    assert failure.message == f"no answer within {SHORT} s"
    assert time.monotonic() - started < PATIENT


def test_half_a_line_is_garbage() -> None:
    """Half a line and then nothing is told from silence."""
    failure = failure_of("half-line", answer=SHORT)
    assert isinstance(failure, Garbage)
    assert failure.message == f"""half a line, and no end of it within {SHORT} s: '{{"id": 3, "ans'"""


def test_a_line_without_end_is_a_flood() -> None:
    """A line may only be so long; memory is never filled."""
    failure = failure_of("flood", answer_bytes=50_000)
    assert isinstance(failure, Flood)
    assert failure.message.startswith("a line of more than 50000 bytes: 'xxxx")


def test_a_flood_of_lines_is_seen_at_once_or_at_the_next_request() -> None:
    """Lines without end are a flood: with the first answer, or with the next if they were too late for it."""
    transport = faulty("flood-of-lines")
    with Session(transport) as session:
        with contextlib.suppress(Flood):
            session.ask(SMALL, "route", FLOWS)
        if transport.child.running:
            with pytest.raises(Flood, match="a second line for request 3"):
                session.ask(SMALL, "route", FLOWS)
        assert not transport.child.running


def test_a_line_after_the_answer_is_a_flood() -> None:
    """A second response is found with the next request, if it was too late for the first."""
    with Session(faulty("late-line")) as session:
        session.ask(SMALL, "route", FLOWS)
        with pytest.raises(Flood, match=r"a second line for request 3|more than one line"):
            session.ask(SMALL, "route", FLOWS)


def test_a_program_that_does_not_read_is_a_hang() -> None:
    """Writing to a program never blocks for longer than an answer may take."""
    transport = faulty("deaf", answer=SHORT)
    many = [evolve(FLOWS[0], port=1 + number % 65535) for number in range(5000)]
    with Session(transport):
        pid = transport.child.pid
        with pytest.raises(Hang, match="did not read its standard input"):
            transport.ask(OPERATIONS["route"], many)
    assert pid is not None
    assert gone(pid)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("banner", Garbage, "not a line of JSON: 'faulty 1.0 starting'"),
        ("exit-on-start", Crash, "ended with exit code 1 instead of answering"),
        ("other-protocol", WrongShape, "protocol: this suite speaks version 1, the program 2"),
        (
            "unknown-operation",
            WrongShape,
            "operations[3]: unknown operation 'resolves' (did you mean 'resolve'?)",
        ),
        ("no-name", WrongShape, "'name' is a required property"),
    ],
)
def test_a_failure_at_the_start(fault: str, kind: type[AdapterFailure], message: str) -> None:
    """A program that does not shake hands is refused at once, and ended."""
    with pytest.raises(kind) as caught:
        Session(faulty(fault))
    assert caught.value.operation == "hello"
    assert caught.value.message == message


def test_a_hang_at_the_start() -> None:
    """A program that does not say hello is a hang."""
    with pytest.raises(Hang, match=f"no answer within {SHORT} s"):
        Session(faulty("hang-on-start", start=SHORT))


def test_a_program_that_cannot_be_started() -> None:
    """What the system refuses to start is a crash that says why."""
    from conformance.adapters.jsonlines import JsonLines

    with pytest.raises(Crash, match="cannot start '/no/such/program': No such file or directory"):
        Session(JsonLines(["/no/such/program"]))


def test_standard_error_is_shown_with_a_failure() -> None:
    """The end of standard error belongs to a failure."""
    assert failure_of("exit").stderr == "out of cheese"
    with pytest.raises(Crash) as caught:
        Session(faulty("exit-on-start"))
    assert caught.value.stderr == "no configuration"


def test_standard_error_is_no_failure() -> None:
    """A program may write two megabytes of it; the end is kept, and cannot do anything to a terminal."""
    with Session(faulty("loud")) as session:
        session.ask(SMALL, "route", FLOWS)
        session.ask(SMALL, "route", FLOWS)
    lines = session.stderr.splitlines()
    assert len(lines) == 40
    assert lines[-1] == r"the \x1b[31mlast\x1b[0m words"
    assert session.closing_problem == ""


def test_a_process_that_the_program_started_is_ended_after_a_crash(tmp_path: Path) -> None:
    """A grandchild that holds the pipes open hides the end of the program from nobody, and is ended."""
    note = tmp_path / "pid"
    failure = failure_of("grandchild", str(note))
    assert failure.message == "ended with exit code 5 instead of answering"
    assert gone(int(note.read_text()))


def test_a_process_that_the_program_started_is_ended_after_a_good_end(tmp_path: Path) -> None:
    """Also after `bye` the whole process group is ended."""
    note = tmp_path / "pid"
    with Session(faulty("grandchild-answers", str(note))) as session:
        session.ask(SMALL, "route", FLOWS)
    assert session.closing_problem == ""
    assert gone(int(note.read_text()))


def test_a_program_that_ignores_the_end() -> None:
    """Neither `bye`, nor the end of input, nor SIGTERM: then SIGKILL; it is told, and is no failure."""
    transport = faulty("stubborn", stop=SHORT)
    with Session(transport) as session:
        pid = transport.child.pid
        session.ask(SMALL, "route", FLOWS)
    assert session.closing_problem.startswith(f"did not end within {SHORT} s after `bye`")
    assert pid is not None
    assert gone(pid)


def test_a_bad_exit_code_is_told() -> None:
    """The exit code after `bye` is looked at."""
    with Session(faulty("bad-exit")) as session:
        pass
    assert session.closing_problem == "ended with exit code 4 after `bye`"


def test_an_interrupt_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of an exchange leaves no process behind and is passed on."""
    transport = faulty("hang")

    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    with Session(transport) as session:
        pid = transport.child.pid
        monkeypatch.setattr(transport.child, "_write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.ask(SMALL, "route", FLOWS)
        assert not transport.child.running
        with pytest.raises(Crash, match="the program is not running"):
            session.ask(SMALL, "route", FLOWS)
    assert pid is not None
    assert gone(pid)


def test_the_end_of_the_suite_ends_the_program(tmp_path: Path) -> None:
    """A suite that ends without closing its session leaves no process behind."""
    script = (
        "import sys; from conformance.adapters.child import Child\n"
        f"child = Child({command('none')!r}); child.start(); print(child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert gone(int(done.stdout))


def test_the_program_has_our_directory_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing about the surroundings of a program is changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SURROUNDINGS", "kept")
    with Session(faulty("surroundings")) as session:
        assert session.name == f"{tmp_path.resolve()} kept"


def test_recovery_after_each_failure() -> None:
    """After a failure a new program is asked, and is told the cluster again."""
    transport = faulty("exit")
    with Session(transport) as session:
        for _ in range(3):
            first = transport.child.pid
            with pytest.raises(Crash):
                session.ask(SMALL, "route", FLOWS)
            session.recover()
            assert transport.child.pid not in (None, first)
        assert session.applies == 3


def test_a_recovery_that_fails() -> None:
    """A program that does not start again is a failure of its own, and stays closed."""
    transport = faulty("none")
    with Session(transport) as session:
        transport.child.command = tuple(command("exit-on-start"))
        with pytest.raises(Crash):
            session.recover()
        with pytest.raises(Crash, match="not running"):
            session.ask(SMALL, "route", FLOWS)


def test_a_healthy_program() -> None:
    """Many exchanges, whole clusters among them; the program is asked to end and does."""
    with Session(faulty("none")) as session:
        assert session.operations == {"apply", "route", "restart"}
        for _ in range(200):
            assert len(session.ask(SMALL, "route", FLOWS)) == 2
        assert session.applies == 1
        assert session.questions == 400
    assert session.closing_problem == ""


def test_a_restart_that_is_refused() -> None:
    """An error in answer to something that the program offers is a crash; the program goes on."""
    with Session(faulty("none")) as session:
        with pytest.raises(Crash, match="answered with an error: unknown operation"):
            session.restart()
        assert len(session.ask(SMALL, "route", FLOWS)) == 2
