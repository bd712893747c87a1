# SPDX-License-Identifier: Apache-2.0
"""Generation that depends on the seed and the strategy alone.

Hypothesis mixes constants of the modules that happen to be imported into what it
generates.  Then one seed would give other clusters in pytest than on the command
line, and after a lazy import other ones in the shrink than in the survey.  There is
no public setting for it; where a version of Hypothesis has none of these names,
nothing is done, and the engine still notices a shrink that sees other inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis.internal.conjecture import providers

_SOURCE = "_get_local_constants"


def _forget() -> None:
    cache = getattr(getattr(providers, "CONSTANTS_CACHE", None), "cache", None)
    if cache is not None:
        cache.clear()


@contextmanager
def steady() -> Iterator[None]:
    """Within it, Hypothesis takes no constants from imported modules."""
    original = getattr(providers, _SOURCE, None)
    if original is None:
        yield
        return
    none = type(original())()
    _forget()
    setattr(providers, _SOURCE, lambda: none)
    try:
        yield
    finally:
        setattr(providers, _SOURCE, original)
        _forget()
