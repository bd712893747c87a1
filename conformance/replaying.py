# SPDX-License-Identifier: Apache-2.0
"""Judges stored reproducers again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import reproducer
from conformance.adapters.loading import start_adapter
from conformance.adapters.options import AdapterOption
from conformance.adapters.session import Session
from conformance.engine.quota import budget_for, clock_of
from conformance.engine.shrink import judge_case
from conformance.engine.survey import alpha
from conformance.engine.verdicts import Verdict, unsupported
from conformance.errors import UsageError
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.outcomes import AdapterFailure, Outcome
from conformance.profiles import Profile
from conformance.reproducer import Reproducer
from conformance.selection import missing_operation


def replay(
    paths: Sequence[Path], *, adapter: str, profile: Profile, options: Sequence[AdapterOption] = ()
) -> Iterator[tuple[str, Verdict]]:
    """The verdict of each file's invariant on its example; all files are read first.

    An adapter that does not start, or not again after a failure, is a UsageError.
    """
    stored = [(path, reproducer.load(path)) for path in paths]
    session = start_adapter(adapter, timeouts=profile.timeouts, options=options)
    with session:
        for path, found in stored:
            invariant = all_invariants()[found.invariant]
            missing = missing_operation(invariant, session.supports)
            if missing is not None:
                yield str(path), unsupported(invariant, missing)
                continue
            yield str(path), _verdict(session, found, str(path), profile)


def _verdict(session: Session, found: Reproducer, path: str, profile: Profile) -> Verdict:
    invariant = all_invariants()[found.invariant]
    budget = budget_for(session, profile.budget)
    case = Case(
        found.example,
        session,
        alpha(1, budget.statistical_examples),
        clock=clock_of(session, budget, (invariant,)),
    )
    before = session.questions
    try:
        failure = judge_case(session, invariant, case)
    except AdapterFailure as error:
        said = f"{error.after}; the adapter did not start again: {error.message}"
        raise UsageError(said, where=path) from error
    if failure is None:
        # Where an implementation does right there may be nothing left to compare, but it was asked.
        if case.tally.comparisons or session.questions > before:
            return Verdict(invariant, Outcome.PASS, "", 1)
        return Verdict(invariant, Outcome.NOT_EXERCISED, NOTHING_JUDGED)
    return Verdict(
        invariant,
        failure.outcome,
        failure.got if failure.outcome is not Outcome.DEVIATION else "",
        1,
        failure=failure,
        reproducer=path,
    )


NOTHING_JUDGED = "the stored input holds nothing that this invariant judges"
