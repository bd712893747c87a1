# SPDX-License-Identifier: Apache-2.0
"""Whether what was found is a deviation that the profile lists."""

from __future__ import annotations

from conformance import reproducer
from conformance.engine.records import AN_ANSWER, Failure, Record
from conformance.outcomes import Outcome
from conformance.profiles import KnownDeviation
from conformance.reproducer import Reproducer


def is_known(failure: Failure, stored: Reproducer) -> bool:
    """Whether the input that is listed fails as it did.

    No time-out is known, a crash only as a crash, and a deviation only from the requirement
    that is listed.
    """
    if failure.outcome in (Outcome.HANG, Outcome.SUITE_ERROR):
        return False
    if failure.outcome is Outcome.DEVIATION:
        return failure.requirement == stored.requirement
    return stored.expected == AN_ANSWER


def is_same_input(record: Record, entry: KnownDeviation) -> bool:
    """Whether the smallest failing input is the listed one.

    Of the invariant's own sessions, which are hand-made variations of a few themes,
    another one counts as the same where the answer is as wrong in the same way.
    """
    failure = record.failure
    assert failure is not None
    stored = reproducer.load(entry.input)
    found = reproducer.relevant(failure.example, record.invariant.area)
    if not found.list:
        return found == stored.example
    return (found.list, failure.requirement, failure.expected, failure.got) == (
        stored.example.list,
        stored.requirement,
        stored.expected,
        stored.got,
    )
