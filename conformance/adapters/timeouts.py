# SPDX-License-Identifier: Apache-2.0
"""How long each thing that an adapter does may take."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen
from attrs.validators import gt


class Waits(Protocol):
    """Seconds that the suite waits; whoever takes longer hangs.  A profile has them."""

    @property
    def start(self) -> float:
        """From starting an adapter until it has said what it supports."""

    @property
    def apply(self) -> float:
        """One `apply`, `update` or `restart`: the implementation has to converge in it."""

    @property
    def answer(self) -> float:
        """One batch of questions."""

    @property
    def stop(self) -> float:
        """From telling it to end until it has ended; then it is ended by force."""


@frozen(kw_only=True)
class Timeouts:
    """The waits where no profile says any."""

    start: float = field(default=30.0, validator=gt(0))
    apply: float = field(default=30.0, validator=gt(0))
    answer: float = field(default=30.0, validator=gt(0))
    stop: float = field(default=5.0, validator=gt(0))
