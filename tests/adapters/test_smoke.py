# SPDX-License-Identifier: Apache-2.0
"""`smoke` tries out the plumbing, judges nothing, and says what is wrong to the implementer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.session import Session
from conformance.adapters.timeouts import Timeouts
from conformance.areas import OPERATIONS
from conformance.smoke import Check, smoke
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference import questions as q
from tests.adapters.processes import faulty
from tests.adapters.toy import Toy

posix = pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")


def bad(checks: Sequence[Check]) -> dict[str, Check]:
    """The checks that failed, by name."""
    return {check.name: check for check in checks if not check.ok}


def test_a_good_object() -> None:
    """All is tried and all is well: each operation, states, order, and the end."""
    checks = smoke(Session.of(Toy()))
    assert not bad(checks)
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    for name in OPERATIONS:
        assert f"ask {name}" in names
    for name in ("start", "apply an empty cluster", "apply it again", "restart", "order of answers to route"):
        assert name in names
    assert names[-1] == "end"


@posix
def test_a_good_program() -> None:
    """The same over the wire, and an unknown operation besides."""
    transport = JsonLines([sys.executable, "-m", "conformance.adapters.serve", "tests.adapters.toy:Toy"])
    checks = smoke(Session(transport))
    assert not bad(checks)
    assert "unknown operation" in {check.name for check in checks}


def test_there_are_questions_for_each_operation() -> None:
    """Every operation is tried, by questions of its own type."""
    assert set(QUESTIONS) == set(OPERATIONS)
    for name, questions in QUESTIONS.items():
        assert questions
        assert all(type(question) is OPERATIONS[name].question for question in questions)


def test_the_content_of_answers_is_not_judged() -> None:
    """An implementation that drops everything has good plumbing."""
    toy = Toy()
    toy.route = lambda flows: tuple(q.Decision(q.Outcome.DROP) for _ in flows)  # type: ignore[method-assign]
    assert not bad(smoke(Session.of(toy)))


def test_what_is_missing_is_named() -> None:
    """An operation that is not supported is no fault; it is said that it will not be judged."""
    toy = Toy()
    toy.connect = None  # type: ignore[assignment,method-assign]
    checks = smoke(Session.of(toy))
    assert not bad(checks)
    operations = next(check for check in checks if check.name == "operations")
    assert operations.advice == "not supported, so not judged: connect"


def test_a_misspelt_method_is_pointed_out() -> None:
    """A method whose name is almost an operation's is most likely meant to be one."""

    class Misspelt(Toy):
        resolve = None  # type: ignore[assignment]

        def resolves(self, queries: Sequence[q.Query]) -> list[q.Answer]:
            """Meant to be `resolve`."""
            return []

    failed = bad(smoke(Session.of(Misspelt())))
    assert list(failed) == ["names of methods"]
    assert failed["names of methods"].detail == "your object has `resolves`; did you mean `resolve`?"


def test_answers_out_of_order_are_found() -> None:
    """Answers that do not follow the order of the questions are found, whatever they say."""
    toy = Toy()
    right = toy.route
    toy.route = lambda flows: right(sorted(flows, key=lambda flow: flow.ip))  # type: ignore[method-assign]
    failed = bad(smoke(Session.of(toy)))
    assert list(failed) == ["order of answers to route"]
    assert "at the place at which it was asked" in failed["order of answers to route"].advice


def test_a_wrong_shape_is_explained() -> None:
    """What an operation has to return is said in its own terms; the others are tried all the same."""
    toy = Toy()
    toy.route = lambda flows: {}  # type: ignore[method-assign,assignment,return-value]
    toy.admit = lambda sessions: [q.ApiResponse(201) for _ in sessions]  # type: ignore
    failed = bad(smoke(Session.of(toy)))
    assert list(failed) == ["ask route", "ask admit"]
    assert failed["ask route"].detail == "wrong-shape: a list or tuple of answers is needed, got dict {}"
    assert failed["ask route"].advice == (
        "`route` has to return a list that holds one Decision for each question, in order"
    )
    assert "a list of ApiResponse for each question" in failed["ask admit"].advice


def test_without_a_state_nothing_is_asked_about_it() -> None:
    """Where `apply` fails the questions about the cluster are not tried; the stateless ones are."""

    class Stuck(Toy):
        def apply(self, cluster: object) -> None:
            """Fail."""
            raise OSError("no permission")

    failed = bad(smoke(Session.of(Stuck())))
    assert failed["apply an empty cluster"].detail.startswith("crash: raised OSError: no permission")
    assert "raise OSError" in failed["apply an empty cluster"].advice
    assert failed["ask route"].detail == "not tried: there is no state to ask about"
    assert "ask select" not in failed


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX alarms")
def test_a_hang_is_told_with_what_to_do() -> None:
    """An operation that does not come back costs its time-out once."""

    def never(_: Any) -> Any:
        while True:
            pass

    toy = Toy()
    toy.connect = never  # type: ignore[method-assign,assignment]
    failed = bad(smoke(Session.of(toy, timeouts=Timeouts(answer=0.3))))
    assert list(failed) == ["ask connect"]
    assert failed["ask connect"].detail == "hang: no answer within 0.3 s"
    assert "`timeouts`" in failed["ask connect"].advice


@posix
def test_a_program_that_dies_of_an_unknown_operation() -> None:
    """It should answer with an error; the check says how one looks."""
    failed = bad(smoke(Session(faulty("dies-of-unknown"))))
    assert failed["restart"].detail == "crash: ended with exit code 9 instead of answering"
    assert '{"id": ID, "error": "REASON"}' in failed["unknown operation"].advice


@posix
def test_a_program_with_other_output() -> None:
    """Log lines on standard output are told from answers, and where they belong is said."""
    failed = bad(smoke(Session(faulty("garbage"))))
    assert failed["ask route"].detail == "garbage: not a line of JSON: 'Listening on port 80'"
    assert "goes to standard error" in failed["ask route"].advice


@posix
@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("no-end", "did not end within 0.5 s after `bye`"),
        ("bad-exit", "ended with exit code 4 after `bye`"),
    ],
)
def test_a_program_that_does_not_end_well(fault: str, detail: str) -> None:
    """The end is a check of its own."""
    failed = bad(smoke(Session(faulty(fault, stop=0.5 if fault == "no-end" else 60))))
    assert failed["end"].detail.startswith(detail)


def test_an_object_that_does_not_close() -> None:
    """The same for an object."""

    class Untidy(Toy):
        def close(self) -> None:
            """Fail."""
            raise OSError("already gone")

    failed = bad(smoke(Session.of(Untidy())))
    assert list(failed) == ["end"]
    assert "`close` has to return" in failed["end"].advice


def test_the_small_cluster_is_a_good_one() -> None:
    """The fixed cluster is written as the API server stores it."""
    from reference.ports.admission import validate_create
    from reference.ports.defaulting import with_defaults

    for service in SMALL.cluster.services:
        assert validate_create(service) == ()
        assert with_defaults(service) == service
