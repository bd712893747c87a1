# SPDX-License-Identifier: Apache-2.0
"""A time limit on a call into somebody else's code, in this process.

In the main thread of a POSIX process an alarm interrupts the call: cheap, and it
reaches sleeping and looping Python code alike.  Elsewhere the call is made in a
thread of its own, which is left behind when it hangs.  Neither can interrupt
compiled code that never returns to the interpreter: such an implementation
belongs behind `exec:`, where its process is ended.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Protocol

_REPEAT = 0.25
"""Seconds after which code that swallowed the interruption is interrupted again."""


class TimeUp(BaseException):
    """Interrupts the call; not an `Exception`, so that ordinary handlers let it through."""


class Watchdog(Protocol):
    """Makes calls within a time limit."""

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Any:
        """`function(*arguments)`, or TimeUp."""

    def close(self) -> None:
        """Give back what is held."""


class AlarmWatchdog:
    """Interrupts the main thread by SIGALRM; shares the alarm with whoever set it before."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._previous: Any = None
        self._installed = False
        self._foreign_at: float | None = None
        self._foreign_interval = 0.0

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Any:
        """`function(*arguments)`, or TimeUp."""
        deadline = float("inf")
        try:
            try:
                deadline = self._arm(seconds)
                result = function(*arguments)
            except Exception as error:
                if time.monotonic() >= deadline:  # the adapter turned our interruption into its own error
                    raise TimeUp from error
                raise
            finally:
                self._deadline = None
            if time.monotonic() >= deadline:  # the interruption was swallowed, or came too late
                raise TimeUp
            return result
        finally:
            self._disarm()

    def _arm(self, seconds: float) -> float:
        if not self._installed:
            self._previous = signal.signal(signal.SIGALRM, self._ring)
            self._installed = True
        started = time.monotonic()
        left, self._foreign_interval = signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT)
        if left > 0:
            self._foreign_at = started + left
            if left < seconds:
                signal.setitimer(signal.ITIMER_REAL, left, _REPEAT)
        self._deadline = started + seconds
        return self._deadline

    def _disarm(self) -> None:
        self._deadline = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._foreign_at is not None:
            left = max(self._foreign_at - time.monotonic(), 0.001)
            self._foreign_at = None
            signal.setitimer(signal.ITIMER_REAL, left, self._foreign_interval)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._deadline is not None:
            if now >= self._deadline:
                raise TimeUp
            # Somebody else's alarm comes first: it rings once, then ours is set again.
            due = self._foreign_at is not None and now >= self._foreign_at
            if due:
                self._foreign_at = now + self._foreign_interval if self._foreign_interval else None
            signal.setitimer(signal.ITIMER_REAL, self._deadline - now, _REPEAT)
            if not due:
                return
        if callable(self._previous):
            self._previous(number, frame)

    def close(self) -> None:
        """Put the former handler back, unless somebody has replaced ours."""
        if self._installed and threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGALRM) == self._ring:
                signal.signal(signal.SIGALRM, self._previous or signal.SIG_DFL)
            self._installed = False


class ThreadWatchdog:
    """Makes the calls in a thread of its own; one that hangs is left behind."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] | None = None
        self._results: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Any:
        """`function(*arguments)`, or TimeUp."""
        if self._calls is None:
            self._calls, self._results = SimpleQueue(), SimpleQueue()
            threading.Thread(
                target=_work,
                args=(self._calls, self._results),
                name="conformance-adapter",
                daemon=True,
            ).start()
        self._calls.put((function, arguments))
        try:
            good, value = self._results.get(timeout=seconds)
        except Empty:
            self.close()
            raise TimeUp from None
        except BaseException:  # an interrupt while waiting: the next result would be of this call
            self.close()
            raise
        if good:
            return value
        raise value

    def close(self) -> None:
        """Let the thread end once it is done."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None


def _work(
    calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None],
    results: SimpleQueue[tuple[bool, Any]],
) -> None:
    while (call := calls.get()) is not None:
        function, arguments = call
        try:
            results.put((True, function(*arguments)))
        except BaseException as error:  # handed to the caller, whatever it is
            results.put((False, error))


def watchdog() -> Watchdog:
    """The one that works here: alarms need POSIX and the main thread."""
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return AlarmWatchdog()
    return ThreadWatchdog()
