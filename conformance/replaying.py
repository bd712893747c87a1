# SPDX-License-Identifier: Apache-2.0
"""Judges stored reproducers again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import reproducer
from conformance.adapters.loading import load_adapter
from conformance.engine.shrink import judge
from conformance.engine.survey import alpha
from conformance.engine.verdicts import Verdict, unsupported
from conformance.errors import UsageError
from conformance.invariants import all_invariants
from conformance.options import Settings
from conformance.outcomes import AdapterFailure, Outcome
from conformance.profiles import load_profile
from conformance.selection import missing_operation


def replay_file(paths: Sequence[Path], settings: Settings) -> Iterator[tuple[str, Verdict]]:
    """The verdict of each file's invariant on its example; all files are read first."""
    stored = [(path, reproducer.load(path)) for path in paths]
    profile = load_profile(settings["profile"])
    try:
        session = load_adapter(settings["adapter"], timeouts=profile.timeouts)
    except AdapterFailure as error:
        raise UsageError(f"the adapter did not start: {error.message}", where=settings["adapter"]) from error
    with session:
        for path, found in stored:
            invariant = all_invariants()[found.invariant]
            missing = missing_operation(invariant, session.supports)
            if missing is not None:
                yield str(path), unsupported(invariant, missing)
                continue
            failure = judge(
                session, invariant, found.example, alpha=alpha(1, profile.budget.statistical_examples)
            )
            yield (
                str(path),
                Verdict(invariant, Outcome.PASS, "", 1)
                if failure is None
                else Verdict(
                    invariant,
                    failure.outcome,
                    failure.got if failure.outcome is not Outcome.DEVIATION else "",
                    1,
                    failure=failure,
                    reproducer=str(path),
                ),
            )
