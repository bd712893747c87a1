# SPDX-License-Identifier: Apache-2.0
"""The mutants that no adapter can show, reviewed: which lines, and why they make no difference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from attrs import frozen

from conformance.fields import Section, items, text
from conformance.located import read
from conformance.mutants.operators import Mutant

FILE = Path(__file__).parents[1] / "data" / "equivalent_mutants.yaml"


@frozen
class Reviewed:
    """Mutants of a module of which a line (a pattern of the whole line) changes, and why they are equivalent.

    `becomes` narrows it to changes to lines of that pattern.  `where` is file and line.
    """

    module: str
    was: re.Pattern[str]
    becomes: re.Pattern[str]
    because: str
    where: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether it speaks of this mutant."""
        return bool(
            re.fullmatch(self.module, mutant.module)
            and self.was.fullmatch(mutant.was)
            and self.becomes.fullmatch(mutant.becomes)
        )


@cache
def reviewed(path: Path = FILE) -> tuple[Reviewed, ...]:
    """The entries of the reviewed list."""
    return tuple(
        _entry(Section(located).only("module", "was", "becomes", "because")) for located in items(read(path))
    )


def _entry(section: Section) -> Reviewed:
    return Reviewed(
        module=section.get("module", text),
        was=re.compile(section.get("was", text)),
        becomes=re.compile(section.get("becomes", text, default=".*")),
        because=section.get("because", text),
        where=section.located.where,
    )


def why_equivalent(mutant: Mutant) -> str:
    """Why a mutant that survived makes no difference; empty where nobody has said so."""
    return next((entry.because for entry in reviewed() if entry.covers(mutant)), "")


def stale(mutants: Iterable[Mutant]) -> list[Reviewed]:
    """Entries that speak of none of these mutants, which are all there are."""
    every = list(mutants)
    return [entry for entry in reviewed() if not any(map(entry.covers, every))]
