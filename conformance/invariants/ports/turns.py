# SPDX-License-Identifier: Apache-2.0
"""Sessions that are the same for every input, but for which of them get their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

from attrs import evolve

from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.ports.timeline import Step, show_response, steps
from conformance.invariants.ports.topics import show_causes
from conformance.questions import spread, turn_of
from reference.ports.rejections import CONFLICT, INTERNAL_ERROR, NOT_FOUND
from reference.questions import ApiSession


def steps_in_turn(
    case: Case, name: str, sessions: Callable[[], Sequence[ApiSession]], *, most: int, whole: bool = False
) -> Iterator[Step]:
    """What is answered in `most` of the sessions, which differ from input to input.

    `name` is that of the list; a reproducer of it has its sessions judged instead.  It
    ends with the request that failed, unless `whole` sessions are needed to see it again.
    """
    given = case.example.list

    def related() -> Case:
        chosen = case.example.sessions if given else spread(sessions(), most=most, turn=turn_of_case(case))
        return case.variant(evolve(case.example, sessions=tuple(chosen)))

    if given and given != name:
        return
    for step in steps(case.memo(name, related)):
        requests = step.session.requests if whole else step.session.requests[: step.index + 1]
        case.shows = Example(sessions=(evolve(step.session, requests=requests),), list=name)
        yield step
    case.shows = None


def turn_of_case(case: Case) -> int:
    """A number that differs from input to input and is the same for equal ones."""
    told = "|".join(
        f"{request.verb.value} {request.service.metadata.name} {request.service.spec.type}"
        for session in case.example.sessions
        for request in session.requests
    )
    return turn_of(case.cluster) + crc32(told.encode())


def judge_admission(case: Case, step: Step, row: str, *, question: str, because: Sequence[str] = ()) -> None:
    """A request is granted or refused as it may be, and a refusal has the right code and causes."""
    judge_grant(case, step, row, question=question, because=because)
    judge_code(case, step, row, question=question, because=because)
    judge_causes(case, step, row, question=question, because=because)


def judge_grant(case: Case, step: Step, row: str, *, question: str, because: Sequence[str] = ()) -> None:
    """A request is granted or refused as it may be."""
    expectation = step.expectation
    rejected = expectation.rejected
    if not expectation.allows(granted=step.granted):
        case.fail(
            row,
            question=question,
            expected=f"refused: {show_causes(rejected.given) or rejected.code}" if rejected else "granted",
            got=show_response(step.response),
            because=_rules(step, because),
        )


def judge_code(case: Case, step: Step, row: str, *, question: str, because: Sequence[str] = ()) -> None:
    """A refusal has the right status code."""
    if step.rejected is not None and step.response.code not in step.rejected.codes:
        case.fail(
            row,
            question=f"status code of {question}",
            expected=" or ".join(map(str, sorted(step.rejected.codes))),
            got=show_response(step.response),
            because=_rules(step, because),
        )


def judge_causes(case: Case, step: Step, row: str, *, question: str, because: Sequence[str] = ()) -> None:
    """A refusal names the fields that are wrong."""
    causes = step.rejected.causes if step.rejected is not None else ()
    if step.response.code in (CONFLICT, NOT_FOUND, INTERNAL_ERROR):
        return  # each of which has a code of its own and no causes
    if causes and frozenset(step.response.causes) not in causes:
        case.fail(
            row,
            question=f"causes of refusing {question}",
            expected=" or ".join(map(show_causes, causes)),
            got=show_response(step.response),
            because=_rules(step, because),
        )


def _rules(step: Step, because: Sequence[str]) -> tuple[str, ...]:
    rejected = step.expectation.rejected
    return tuple(because) or (rejected.rules if rejected is not None else ())
