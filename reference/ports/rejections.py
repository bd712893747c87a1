# SPDX-License-Identifier: Apache-2.0
"""How a request is refused: by field errors (422) or because a pool is exhausted (500)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import evolve, frozen

from reference.questions import Cause

INVALID = 422
NOT_FOUND = 404
CONFLICT = 409
INTERNAL_ERROR = 500


class Standing(Enum):
    """Who looks at a broken rule."""

    ALWAYS = "always"
    """Every server, so that it has to be told."""
    NEWER = "newer"
    """Newer servers, which refuse what older ones take."""
    BESIDE = "beside"
    """Some servers, where they refuse for another reason."""


@frozen
class Violation:
    """One broken rule: the field path, the API's reason, and the requirement id.

    What is told `instead` is as good.
    """

    field: str
    reason: str
    rule: str
    standing: Standing = Standing.ALWAYS
    instead: tuple[Cause, ...] = ()

    @property
    def cause(self) -> Cause:
        """The cause as a response carries it."""
        return Cause(self.field, self.reason)


class Refused(Exception):
    """Allocation failed: nothing was taken, and nothing else is looked at (ALLOC-001)."""

    def __init__(
        self,
        code: int,
        *,
        violations: Iterable[Violation] = (),
        rules: tuple[str, ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.violations = tuple(violations)
        self._rules = rules

    @property
    def rules(self) -> tuple[str, ...]:
        """The requirements by which it failed."""
        return self._rules or tuple(dict.fromkeys(violation.rule for violation in self.violations))

    @classmethod
    def invalid(cls, *violations: Violation) -> Refused:
        """Refused with field errors."""
        return cls(INVALID, violations=violations)


def causes(violations: Iterable[Violation]) -> tuple[Cause, ...]:
    """The causes of a response, each once, in the order of the rules."""
    return tuple(dict.fromkeys(violation.cause for violation in violations))


def beside(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """The same, but that they are told only where there is another reason to refuse."""
    return tuple(evolve(violation, standing=Standing.BESIDE) for violation in violations)
