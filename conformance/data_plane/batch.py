# SPDX-License-Identifier: Apache-2.0
"""Many connections at once.

What is silent for a short while is given up, or where an answer is expected, or others of
the same flow have got one, made anew with more patience: a packet may be lost, or a busy
machine late, and neither is a deviation.  Nothing is called silent while there is still something to read.
"""

from __future__ import annotations

import heapq
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence

from conformance.data_plane.clients import Attempt
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.icmp import Failure
from conformance.data_plane.loop import Loop
from reference.questions import Connection, Flow

PATIENCE = (0.05, 0.45, 2.5)
"""Seconds without an answer after which the first, second and third attempt are given up."""
BATCH_SECONDS = 25.0
"""Seconds after which a batch is given up: before whoever asks gives up waiting for it."""
_SLOWER = 4
"""The first attempt waits as many times as long as the slowest answer so far took."""
_FLOODED = 1.0
"""Seconds after which what is silent is given up although there is still something to read."""
_AT_ONCE = 512
_LEAST_AT_ONCE = 16
_CHUNK = 64
"""As many are begun before the listeners have their turn, whose queues are short."""

Expected = Callable[[Connection], bool]


def _affordable() -> int:
    """As many connections at once as there may be descriptors for both their ends."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_LEAST_AT_ONCE, min(_AT_ONCE, (most - len(os.listdir("/proc/self/fd"))) // 3))


class Batch:
    """Connections that are made at one time; those of one key one after the other."""

    def __init__(
        self,
        loop: Loop,
        attempts: Sequence[Attempt],
        expected: Expected | None,
        *,
        patience: Sequence[float] = PATIENCE,
        seconds: float = BATCH_SECONDS,
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._seconds = seconds
        self._attempts = attempts
        self._expected = expected
        self._waiting: dict[int, deque[Attempt]] = {}
        self._chains: dict[Hashable, deque[Attempt]] = {}
        self._deadlines: list[tuple[float, int, int, Attempt]] = []
        self._begun = 0
        self._active = 0
        self._ended: list[Attempt] = []
        self._answering: set[Flow] = set()
        self._given_up: set[Flow] = set()
        self._slowest = 0.0
        self._at_once = _affordable()

    def run(self) -> None:
        """Make them all.  Raises NetworkError if that takes too long."""
        while self._loop.serve(0.0):
            pass  # what came since the last batch is nobody's
        for attempt in self._attempts:
            if attempt.key is not None:
                chain = self._chains.setdefault(attempt.key, deque())
                chain.append(attempt)
                if len(chain) > 1:
                    continue
            self._enqueue(attempt)
        left = len(self._attempts)
        until = time.monotonic() + self._seconds
        try:
            while left:
                left -= self._step()
                if left and time.monotonic() > until:
                    raise NetworkError(
                        f"{left} of {len(self._attempts)} connections were not done in {self._seconds:.3g} s",
                        where="network",
                        hint="is the machine overloaded, or does the proxy answer late?",
                    )
        finally:
            for attempt in self._attempts:
                attempt.close(self._loop)

    def _step(self) -> int:
        """Begin some, serve what is ready, give up what is silent; gives how many have ended."""
        self._start()
        idle = not self._ended and not (self._waiting and self._active < self._at_once)
        wait = max(0.0, self._deadlines[0][0] - time.monotonic()) if idle and self._deadlines else 0.0
        busy = self._loop.serve(wait)
        if not busy or (self._deadlines and time.monotonic() - self._deadlines[0][0] > _FLOODED):
            self._expire()
        ended = self._ended.copy()
        self._ended.clear()  # the attempts have this very list
        now = time.monotonic()
        for attempt in ended:
            self._active -= 1
            if attempt.failure is not Failure.SILENT:
                self._answering.add(attempt.connection.flow)
            if attempt.answered:
                self._slowest = max(self._slowest, now - attempt.begun)
            attempt.close(self._loop)
            if attempt.key is not None:
                chain = self._chains[attempt.key]
                chain.popleft()
                if chain:
                    self._enqueue(chain[0])
        return len(ended)

    def _enqueue(self, attempt: Attempt) -> None:
        self._waiting.setdefault(attempt.namespace.descriptor, deque()).append(attempt)

    def _start(self) -> None:
        """Begin some of those that wait, entering each namespace once."""
        room = min(_CHUNK, self._at_once - self._active)
        while room > 0 and self._waiting:
            place, queue = next(iter(self._waiting.items()))
            with queue[0].namespace.inside():
                while queue and room > 0:
                    room -= 1
                    self._begin(queue.popleft())
            if not queue:
                del self._waiting[place]

    def _begin(self, attempt: Attempt) -> None:
        self._active += 1
        self._begun += 1
        attempt.begin(self._loop, self._ended)
        if attempt.decided:
            return
        patience = self._patience[attempt.tries - 1]
        if attempt.tries == 1 < len(self._patience):
            patience = max(patience, min(_SLOWER * self._slowest, self._patience[1]))
        heapq.heappush(self._deadlines, (attempt.begun + patience, self._begun, attempt.tries, attempt))

    def _expire(self) -> None:
        """Give up those that were silent for too long, or try them again."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, tries, attempt = heapq.heappop(self._deadlines)
            if attempt.decided or attempt.tries != tries:
                continue
            if self._try_again(attempt):
                self._active -= 1
                attempt.close(self._loop)
                self._enqueue(attempt)
                continue
            if tries == len(self._patience):
                # Known to be silent now: the others of its flow need not be waited for as long.
                self._given_up.add(attempt.connection.flow)
            attempt.failure = Failure.REFUSED if attempt.aborted else Failure.SILENT
            self._ended.append(attempt)

    def _try_again(self, attempt: Attempt) -> bool:
        return (
            attempt.tries < len(self._patience)
            and not attempt.aborted
            and attempt.connection.flow not in self._given_up
            and (
                self._expected is None
                or attempt.connection.flow in self._answering
                or self._expected(attempt.connection)
            )
        )
