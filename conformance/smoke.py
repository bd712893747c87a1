# SPDX-License-Identifier: Apache-2.0
"""Looks whether an adapter can be talked to, before anything that it says is judged.

Every check is about plumbing: is there an answer for each question, in order, of
the right type, and does the adapter end when it is told to?  What an answer says
is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from conformance.adapters.loading import near_misses
from conformance.adapters.session import Session
from conformance.adapters.transport import STATE_OPERATIONS
from conformance.areas import OPERATIONS, Operation
from conformance.example import Example
from conformance.outcomes import AdapterFailure, Crash, Hang, WrongShape
from conformance.smoke_inputs import QUESTIONS, SMALL

_UNKNOWN = "no-such-operation"

_REPEATABLE = frozenset({"select", "route", "health_checks", "resolve"})
"""Operations whose answers are the same each time; others pick backends, names or addresses anew."""


@frozen
class Check:
    """One thing that was looked at.

    `detail` says what was seen, `advice` what the implementer can do about it.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""


def smoke(session: Session) -> list[Check]:
    """Try out an adapter; the session is closed afterwards, as that is a check as well."""
    checks = [_hello(session), *_operations(session)]
    stateful = any(session.supports(name) and not OPERATIONS[name].stateless for name in OPERATIONS)
    usable = True
    if stateful or session.supports("apply"):
        for name, action in _state_checks(session):
            checks.append(_attempt(session, name, action))
            if name.startswith("apply"):
                usable = usable and checks[-1].ok
    for operation in OPERATIONS.values():
        if not session.supports(operation.name):
            continue
        if usable or operation.stateless:
            checks += _questions(session, operation)
        else:
            checks.append(Check(f"ask {operation.name}", False, "not tried: there is no state to ask about"))
    if hasattr(session.transport, "unknown_operation"):
        checks.append(_unknown_operation(session))
    checks.append(_end(session))
    return checks


# -- what it says of itself ------------------------------------------------------


def _hello(session: Session) -> Check:
    version = f" {session.version}" if session.version else ""
    return Check("start", True, f"{session.name}{version} started")


def _operations(session: Session) -> list[Check]:
    offered = [name for name in (*STATE_OPERATIONS, *OPERATIONS) if session.supports(name)]
    missing = [name for name in OPERATIONS if not session.supports(name)]
    advice = f"not supported, so not judged: {', '.join(missing)}" if missing else ""
    checks = [Check("operations", True, ", ".join(offered), advice)]
    adapter = getattr(session.transport, "adapter", None)
    for wrong, right in near_misses(adapter) if adapter is not None else ():
        detail = f"your object has `{wrong}`; did you mean `{right}`?"
        advice = f"rename it to `{right}`, or to something that is less like it"
        checks.append(Check("names of methods", False, detail, advice))
    return checks


# -- states ------------------------------------------------------------------------


def _state_checks(session: Session) -> list[tuple[str, Callable[[], object]]]:
    checks: list[tuple[str, Callable[[], object]]] = [
        ("apply an empty cluster", lambda: session.apply(Example())),
        ("apply a small cluster", lambda: session.apply(SMALL)),
        ("apply it again", lambda: session.apply(SMALL)),
    ]
    if session.supports("update"):
        checks += [
            ("update to an empty cluster", lambda: session.update(Example())),
            ("update to a small cluster", lambda: session.update(SMALL)),
        ]
    if session.supports("restart"):
        checks.append(("restart", session.restart))
    return checks


def _attempt(session: Session, name: str, action: Callable[[], object]) -> Check:
    try:
        action()
    except AdapterFailure as failure:
        return _failed(session, name, failure)
    return Check(name, True, "done")


def _failed(session: Session, name: str, failure: AdapterFailure) -> Check:
    """The check that a failure makes; the adapter is started again for the next one."""
    detail = f"{failure.outcome.value}: {failure.message}"
    advice = _advice(failure)
    if failure.stderr:
        what = "the end of the traceback" if hasattr(session.transport, "adapter") else "standard error"
        advice += f"\n{what}:\n{failure.stderr}"
    try:
        session.recover()
    except AdapterFailure as second:
        advice += f"\nit did not start again: {second.message}"
    return Check(name, False, detail, advice.strip())


def _advice(failure: AdapterFailure) -> str:
    operation = OPERATIONS.get(failure.operation)
    if isinstance(failure, WrongShape) and operation is not None:
        answer = operation.answer.__name__
        many = f"a list of {answer}" if operation.answers_many else f"one {answer}"
        return f"`{operation.name}` has to return a list that holds {many} for each question, in order"
    if isinstance(failure, Hang):
        return "return once it is done; a profile can allow more time under `timeouts`"
    if isinstance(failure, Crash):
        return ""
    return (
        "standard output is for the protocol alone: one line of JSON for each request, flushed; "
        "whatever else there is to say goes to standard error"
    )


# -- questions -----------------------------------------------------------------------


def _questions(session: Session, operation: Operation) -> list[Check]:
    """One question, then several, which tells whether answers are in the order of the questions."""
    name = operation.name
    questions = QUESTIONS[name]
    found: dict[str, Any] = {}

    def ask(key: str, asked: tuple[Any, ...]) -> None:
        found[key] = session.ask(SMALL, name, asked)

    first = _attempt(session, f"ask {name}", lambda: ask("one", questions[:1]))
    if not first.ok:
        return [first]
    checks = [Check(first.name, True, "an answer of the right type")]
    if len(questions) == 1:
        return checks
    several = _attempt(session, f"ask {name} several questions", lambda: ask("all", questions))
    if not several.ok:
        return [*checks, several]
    if name not in _REPEATABLE:
        return [*checks, Check(several.name, True, f"{len(questions)} answers")]
    last = _attempt(session, f"order of answers to {name}", lambda: ask("reversed", questions[::-1]))
    if not last.ok:
        return [*checks, last]
    same = found["reversed"][::-1] == found["all"] and found["all"][:1] == found["one"]
    detail = "kept" if same else "the same questions got other answers in another order"
    advice = "" if same else "answer each question at the place at which it was asked"
    return [*checks, Check(last.name, same, detail, advice)]


# -- the wire --------------------------------------------------------------------------


def _unknown_operation(session: Session) -> Check:
    name = "unknown operation"
    advice = 'answer what you do not know with {"id": ID, "error": "REASON"}, and go on'
    try:
        reason = session.transport.unknown_operation(_UNKNOWN)  # type: ignore[attr-defined]
    except AdapterFailure as failure:
        check = _failed(session, name, failure)
        return Check(name, False, check.detail, f"{advice}\n{check.advice}".strip())
    if not reason:
        return Check(name, False, f"{_UNKNOWN!r} was answered as if it were known", advice)
    return Check(name, True, f"answered with the error {reason!r}")


def _end(session: Session) -> Check:
    session.close()
    problem = session.closing_problem
    advice = "answer `bye`, give back what you hold, and end with exit code 0; do so at the end of input, too"
    if hasattr(session.transport, "adapter"):
        advice = "`close` has to return, and without an exception"
    return Check("end", not problem, problem or "ended", advice if problem else "")
