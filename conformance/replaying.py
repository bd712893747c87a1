# SPDX-License-Identifier: Apache-2.0
"""Judges stored reproducers again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import reproducer
from conformance.adapters.loading import start_adapter
from conformance.adapters.session import Session
from conformance.engine.quota import clock_of
from conformance.engine.shrink import judge_case
from conformance.engine.survey import alpha
from conformance.engine.verdicts import Verdict, unsupported
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.options import Settings
from conformance.outcomes import Outcome
from conformance.profiles import Profile, load_profile
from conformance.reproducer import Reproducer
from conformance.selection import missing_operation


def replay_file(paths: Sequence[Path], settings: Settings) -> Iterator[tuple[str, Verdict]]:
    """The verdict of each file's invariant on its example; all files are read first."""
    stored = [(path, reproducer.load(path)) for path in paths]
    profile = load_profile(settings["profile"])
    session = start_adapter(settings["adapter"], timeouts=profile.timeouts)
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
    case = Case(
        found.example,
        session,
        alpha(1, profile.budget.statistical_examples),
        clock=clock_of(profile.budget, (invariant,)),
    )
    before = session.questions
    failure = judge_case(session, invariant, case)
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
