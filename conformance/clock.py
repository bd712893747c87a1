# SPDX-License-Identifier: Apache-2.0
"""How much time a run lets pass: an implementation that lives in real time has to wait for it."""

from __future__ import annotations

from collections import Counter

from attrs import define, field


@define(eq=False)
class Clock:
    """The seconds on the cluster's clock that each invariant about time may let pass; None for any number.

    An implementation that is given the time simulates it, and has no limit.
    """

    seconds: float | None = None
    _spent: Counter[str] = field(factory=Counter)

    def spend(self, invariant: str, seconds: int) -> bool:
        """Whether so many seconds are left; they are gone then."""
        if self.seconds is None:
            return True
        if self._spent[invariant] + seconds > self.seconds:
            return False
        self._spent[invariant] += seconds
        return True

    def again(self) -> Clock:
        """A clock with the same limit of which nothing is spent: to judge one example anew."""
        return Clock(self.seconds)
