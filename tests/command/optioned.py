# SPDX-License-Identifier: Apache-2.0
"""The naive implementation with options."""

from __future__ import annotations

from collections.abc import Sequence

from reference.questions import Answer, Query
from tests.naive.adapter import NaiveAdapter


class Optioned(NaiveAdapter):
    """Is called what its options say; with `once` it fails when asked, and cannot be made again."""

    made = 0

    def __init__(self, word: str, *, times: int = 1, once: bool = False) -> None:
        super().__init__()
        self.name = word * times
        self.once = once
        Optioned.made += 1
        if once and Optioned.made > 1:
            raise OSError("only once")

    def resolve(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer, or fail."""
        if self.once:
            raise OSError("no zone")
        return super().resolve(queries)
