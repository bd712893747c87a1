# SPDX-License-Identifier: Apache-2.0
"""Many connections at once, in one loop.

A connection was forwarded if what it sent arrived at a listener, and what that sent
back arrived from the address and port that was dialled.  What is silent for a short
while is given up, or where an answer is expected made anew with more patience: a
packet may be lost, or a busy machine late, and neither is a deviation.
"""

from __future__ import annotations

import heapq
import os
import select
import struct
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack

from conformance.data_plane.clients import Attempt
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.icmp import Failure
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.nowhere import Nowhere
from conformance.data_plane.servers import Arrival, Listener
from conformance.data_plane.source_ports import SourcePorts
from reference.questions import Connection, Flow

PATIENCE = (0.05, 0.45, 2.5)
"""Seconds without an answer after which the first, second and third attempt are given up."""
TOO_LONG = 120.0
"""Seconds after which a batch is given up, beyond what it was asked to wait."""
_AT_ONCE = 512
_CHUNK = 64
"""As many are begun before the listeners have their turn, whose queues are short."""

Expected = Callable[[Connection], bool]


class Loop:
    """Where listeners and connections are served; kept from one batch to the next."""

    def __init__(self, nowhere: Nowhere) -> None:
        self.poller = select.epoll()
        self._nowhere = nowhere
        self.listeners: dict[int, Listener | Nowhere] = {nowhere.socket.fileno(): nowhere}
        self.poller.register(nowhere.socket.fileno(), select.EPOLLIN)
        self.ports = SourcePorts()
        self._attempts: dict[int, Attempt] = {}
        self._by_token: dict[bytes, Attempt] = {}
        self._prefix = os.urandom(8)
        self._count = 0

    def close(self) -> None:
        """Let everything go."""
        self.poller.close()
        self._nowhere.close()

    # -- one group: connections of one time --------------------------------------

    def run(self, attempts: Sequence[Attempt], *, expected: Expected | None, until: float) -> None:
        """Make connections, those of one key one after the other; `until` is when to give up altogether."""
        self._drain()
        waiting: dict[int, deque[Attempt]] = {}
        chains: dict[Hashable, deque[Attempt]] = {}
        for attempt in attempts:
            if attempt.key is not None:
                chain = chains.setdefault(attempt.key, deque())
                chain.append(attempt)
                if len(chain) > 1:
                    continue
            _enqueue(waiting, attempt)
        given_up: set[Flow] = set()
        deadlines: list[tuple[float, int, int, Attempt]] = []
        left = len(attempts)
        try:
            while left:
                now = time.monotonic()
                if now > until:
                    raise NetworkError(
                        f"{left} of {len(attempts)} connections were not done in time",
                        where="network",
                        hint="is the machine overloaded, or does the proxy answer late?",
                    )
                ended = self._start(waiting, deadlines)
                more = bool(waiting) and len(self._attempts) < _AT_ONCE
                wait = 0.0 if more or ended else max(0.0, deadlines[0][0] - now) if deadlines else 0.0
                quiet = self._serve(ended, wait)
                if quiet:
                    self._expire(deadlines, ended, given_up, expected, waiting)
                for attempt in ended:
                    left -= 1
                    attempt.close()
                    if attempt.key is None:
                        continue
                    chain = chains[attempt.key]
                    chain.popleft()
                    if chain:
                        _enqueue(waiting, chain[0])
        finally:
            for attempt in attempts:
                attempt.close()
            self._attempts.clear()
            self._by_token.clear()
            self._nowhere.seen.clear()

    def _drain(self) -> None:
        """Take what came between the batches; it is nobody's."""
        while self._events(0.0, []):
            pass

    def _start(
        self, waiting: dict[int, deque[Attempt]], deadlines: list[tuple[float, int, int, Attempt]]
    ) -> list[Attempt]:
        """Begin some of those that wait; gives those that have ended at once."""
        room = min(_CHUNK, _AT_ONCE - len(self._attempts))
        ended: list[Attempt] = []
        while room > 0 and waiting:
            place, queue = next(iter(waiting.items()))
            namespace = queue[0].namespace
            with ExitStack() as stack:
                if namespace is not None:
                    stack.enter_context(namespace.inside())
                while queue and room > 0:
                    attempt = queue.popleft()
                    room -= 1
                    self._begin(attempt, deadlines, ended)
            if not queue:
                del waiting[place]
        return ended

    def _begin(
        self,
        attempt: Attempt,
        deadlines: list[tuple[float, int, int, Attempt]],
        ended: list[Attempt],
    ) -> None:
        self._count += 1
        token = self._prefix + struct.pack("=Q", self._count)
        self._by_token[token] = attempt
        descriptor = attempt.start(token, self.ports, self._nowhere)
        if descriptor < 0:
            if attempt.failure is not Failure.SILENT:
                self._forget(attempt, -1)
                ended.append(attempt)
                return
            attempt.failure = None
        else:
            self._attempts[descriptor] = attempt
            self.poller.register(
                descriptor, select.EPOLLIN if attempt.sent else select.EPOLLIN | select.EPOLLOUT
            )
        patience = PATIENCE[attempt.tries - 1]
        heapq.heappush(deadlines, (time.monotonic() + patience, self._count, attempt.tries, attempt))

    def _forget(self, attempt: Attempt, descriptor: int) -> None:
        self._by_token.pop(attempt.token, None)
        if descriptor >= 0:
            self._attempts.pop(descriptor, None)

    def _serve(self, ended: list[Attempt], wait: float) -> bool:
        """Serve what is ready; True if nothing was, though it was waited for."""
        return not self._events(wait, ended)

    def _events(self, wait: float, ended: list[Attempt]) -> bool:
        events = self.poller.poll(wait)
        for descriptor, event in events:
            attempt = self._attempts.get(descriptor)
            if attempt is None:
                listener = self.listeners.get(descriptor)
                if listener is not None:
                    listener.answer(self._arrived)
                continue
            if event & select.EPOLLIN and attempt.sent:
                attempt.receive()
            if event & (select.EPOLLERR | select.EPOLLHUP) and not attempt.decided:
                attempt.fail()
            elif event & select.EPOLLOUT and not attempt.sent and not attempt.decided:
                attempt.send()
                if attempt.sent:
                    self.poller.modify(descriptor, select.EPOLLIN)
            if attempt.failure is Failure.SILENT:
                # The kernel says that it was silent for long; that is waited for here.
                attempt.failure = None
                self.poller.unregister(descriptor)
            elif attempt.decided:
                self._forget(attempt, descriptor)
                ended.append(attempt)
        return bool(events)

    def _arrived(self, arrival: Arrival, connection: object) -> None:
        attempt = self._by_token.get(arrival.token)
        if attempt is None:
            if connection is not None:
                connection.close()  # type: ignore[attr-defined]
            return
        attempt.arrival = arrival
        if connection is not None:
            connection.send(arrival.token)  # type: ignore[attr-defined]
            attempt.server = connection  # type: ignore[assignment]

    def _expire(
        self,
        deadlines: list[tuple[float, int, int, Attempt]],
        ended: list[Attempt],
        given_up: set[Flow],
        expected: Expected | None,
        waiting: dict[int, deque[Attempt]],
    ) -> None:
        """Give up those that were silent for too long, or try them again."""
        now = time.monotonic()
        while deadlines and deadlines[0][0] <= now:
            _, _, tries, attempt = heapq.heappop(deadlines)
            if attempt.decided or attempt.tries != tries:
                continue
            flow = attempt.connection.flow
            again = (
                tries < len(PATIENCE)
                and flow not in given_up
                and (expected is None or expected(attempt.connection))
            )
            self._forget(attempt, attempt.socket.fileno() if attempt.socket is not None else -1)
            attempt.close()
            if again:
                _enqueue(waiting, attempt)
                continue
            if tries == len(PATIENCE):
                # Known to be silent now: the others of this flow need not be waited for as long.
                given_up.add(flow)
            attempt.failure = Failure.SILENT
            ended.append(attempt)


def _enqueue(waiting: dict[int, deque[Attempt]], attempt: Attempt) -> None:
    namespace: Namespace | None = attempt.namespace
    waiting.setdefault(0 if namespace is None else namespace.descriptor, deque()).append(attempt)
