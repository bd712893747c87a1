# SPDX-License-Identifier: Apache-2.0
"""Generated sessions: what they reach, and that they are small when shrunk."""

from __future__ import annotations

from collections import Counter

from hypothesis import find, given, settings

from conformance.strategies.ports import DEFECTS, EDITS, NEAR_MISSES, SETTINGS, SHAPES, sessions
from reference.ports import serve
from reference.questions import ApiSession, Verb

_STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=300)


def test_sessions_reach_what_matters() -> None:
    """Three hundred sessions hold every verb, every kind of answer, and every setting."""
    seen: Counter[object] = Counter()

    @_STEADY
    @given(sessions())
    def count(found: tuple[ApiSession, ...]) -> None:
        for session in found:
            seen[session.settings] += 1
            for request, response in zip(session.requests, serve(session), strict=True):
                seen[request.verb, response.code] += 1

    count()
    assert all(seen[item] for item in SETTINGS)
    for verb, codes in (
        (Verb.CREATE, (201, 409, 422, 500)),
        (Verb.UPDATE, (200, 422)),
        (Verb.DELETE, (200, 404)),
    ):
        assert all(seen[verb, code] for code in codes), seen
    assert seen[Verb.CREATE, 201] > 300


@_STEADY
@given(sessions(max_requests=3))
def test_the_limit_is_kept(found: tuple[ApiSession, ...]) -> None:
    """A session has at least one request and at most as many as it may."""
    assert [1 <= len(session.requests) <= 3 for session in found] == [True]


def test_the_tables_are_rich() -> None:
    """Everyday shapes, near misses, defects and edits are many, and have names of their own."""
    assert len(DEFECTS) > 80
    assert len(EDITS) > 40
    assert not SHAPES.keys() & NEAR_MISSES.keys() | DEFECTS.keys() & (SHAPES.keys() | NEAR_MISSES.keys())


def test_a_shrunk_session_is_small() -> None:
    """Nothing remains but what is needed: here a creation and a deletion."""
    (smallest,) = find(
        sessions(),
        lambda found: any(
            request.verb is Verb.DELETE and response.code == 200
            for request, response in zip(found[0].requests, serve(found[0]), strict=True)
        ),
        settings=settings(derandomize=True, database=None, max_examples=2000),
    )
    assert len(smallest.requests) == 2
    assert smallest.settings == SETTINGS[0]
