# SPDX-License-Identifier: Apache-2.0
"""Shows how far a long run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from conformance.engine.records import Record
from conformance.engine.run import Listener

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A context in which a run's `listener()` is shown on `stream`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._console = Console(file=self._stream)
        self._bar: Bar | None = None
        self._task: int | None = None
        self._phase = ""
        self._total = 0
        self._last = time.monotonic()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def listener(self) -> Listener:
        """What a run tells goes here."""
        return Listener(phase=self._start, step=self._step, failed=self._failed)

    def _start(self, name: str, total: int) -> None:
        self._phase, self._total = name, total
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)  # type: ignore[arg-type]
            self._task = self._bar.add_task(name, total=total)

    def _step(self, done: int) -> None:
        now = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)  # type: ignore[arg-type]
        elif now - self._last > _SECONDS_BETWEEN_LINES:
            self._last = now
            print(f"{self._phase}: {done} of {self._total}", file=self._stream, flush=True)

    def _failed(self, record: Record) -> None:
        assert record.failure is not None
        text = f"found {record.failure.outcome.value}: {record.invariant.id}"
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)
