# SPDX-License-Identifier: Apache-2.0
"""Errors that end in one clear line and exit code 2, and the closest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Input that cannot be used: says what, where, why and what to do.

    `where` is a file, document and field path, an option, or a position in one.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


def closest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of `known`, or lists them when none is close."""
    names = sorted(known)
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if matches:
        return f"did you mean {matches[0]!r}?"
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (", ..." if len(names) > 12 else "")


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UsageError:
    """The error for a name that is not known, with the closest one that is."""
    return UsageError(f"unknown {kind} {name!r}", where=where, hint=closest(name, known))
