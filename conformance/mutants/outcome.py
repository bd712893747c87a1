# SPDX-License-Identifier: Apache-2.0
"""What became of all mutants, as figures and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import frozen

from conformance.mutants.hunt import Fate, Judgement
from conformance.mutants.reviewed import why_equivalent

LEAST_KILLED = 0.95


@frozen
class Outcome:
    """The judgements, the survivors told apart by whether the reviewed list explains them."""

    judgements: tuple[Judgement, ...]
    explained: tuple[tuple[Judgement, str], ...]
    unexplained: tuple[Judgement, ...]

    @classmethod
    def of(cls, judgements: Iterable[Judgement]) -> Outcome:
        """Sort the judgements of mutants."""
        every = tuple(
            sorted(judgements, key=lambda each: (each.mutant.module, each.mutant.line, each.mutant.id))
        )
        alive = [(each, why_equivalent(each.mutant)) for each in every if each.fate is Fate.SURVIVED]
        return cls(
            every,
            tuple((each, why) for each, why in alive if why),
            tuple(each for each, why in alive if not why),
        )

    def count(self, fate: Fate) -> int:
        """How many had this fate."""
        return sum(each.fate is fate for each in self.judgements)

    @property
    def share_killed(self) -> float:
        """Of those that can make a difference, the share that was noticed; a time-out is noticed too."""
        able = len(self.judgements) - len(self.explained)
        return (able - len(self.unexplained)) / able if able else 1.0

    @property
    def fails(self) -> bool:
        """Whether too many survive, or one without an explanation."""
        return bool(self.unexplained) or self.share_killed < LEAST_KILLED


def _place(judgement: Judgement) -> tuple[str, int, str]:
    mutant = judgement.mutant
    return mutant.module, mutant.line, mutant.id


def lines(outcome: Outcome) -> Iterable[str]:
    """The survivors and the figures, as text."""
    for each in outcome.unexplained:
        yield f"SURVIVED {each.mutant.id}"
    for each in outcome.judgements:
        if each.fate is Fate.TIMED_OUT:
            yield f"timed out {each.mutant.id}"
    for module, some in _by_module(outcome.judgements):
        counts = Counter(each.fate for each in some)
        yield f"{module:<40} " + "  ".join(f"{counts[fate]:>4} {fate.value}" for fate in Fate)
    yield (
        f"{len(outcome.judgements)} mutants: {outcome.count(Fate.KILLED)} killed, "
        f"{outcome.count(Fate.TIMED_OUT)} timed out, {outcome.count(Fate.SURVIVED)} survived, "
        f"of which {len(outcome.explained)} are explained as equivalent"
    )
    yield f"of those that can make a difference {100 * outcome.share_killed:.1f} % were noticed"


def _by_module(judgements: Sequence[Judgement]) -> Iterable[tuple[str, list[Judgement]]]:
    modules: dict[str, list[Judgement]] = {}
    for each in judgements:
        modules.setdefault(each.mutant.module, []).append(each)
    return modules.items()
