# SPDX-License-Identifier: Apache-2.0
"""Watches on their way to the clients: woken by changes, ended in time, cut off when stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from conformance.watch_api.watching import Watch

__all__ = ["Stream", "Streams", "stream"]

# Where the client names no time-out. The real server draws one between this and its double.
_DEFAULT_SECONDS = 1800.0
# A last bookmark comes so long before the end, so that the next watch starts late.
_BEFORE_END_SECONDS = 2.0


class Stream:
    """One connection that is being watched on."""

    def __init__(self, watch: Watch, transport: asyncio.Transport | None) -> None:
        self.watch = watch
        self.woken = asyncio.Event()
        self.is_ending = False
        self.owes_bookmark = False
        self.is_writing = False
        self._transport = transport

    def wake(self) -> None:
        """Something may have to be sent; who cannot take it any more is cut off."""
        if self.is_writing and (self.is_ending or self.watch.is_lost) and self._transport is not None:
            self._transport.abort()
        self.woken.set()

    def end(self) -> None:
        """End the watch, cleanly if the client reads."""
        self.is_ending = True
        self.wake()

    def remind(self) -> None:
        """A bookmark is due."""
        self.owes_bookmark = True
        self.wake()


class Streams:
    """The watches that are served; to be used in the thread of the loop."""

    def __init__(self, *, bookmark_seconds: float) -> None:
        self.bookmark_seconds = bookmark_seconds
        self._streams: set[Stream] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._streams)

    def wake(self) -> None:
        """Tell all that there may be changes."""
        for item in self._streams:
            item.wake()

    def end(self) -> None:
        """End all, and whatever begins from now on."""
        self._is_closed = True
        for item in self._streams:
            item.end()

    @contextmanager
    def joined(self, item: Stream) -> Iterator[None]:
        """While a watch is served it is told of changes, of bookmarks and of its end."""
        loop = asyncio.get_running_loop()
        timeout = item.watch.options.timeout
        seconds = float(timeout) if timeout else _DEFAULT_SECONDS
        timers = [loop.call_later(max(seconds, 0.0), item.end)]
        if item.watch.options.bookmarks and seconds > _BEFORE_END_SECONDS:
            timers.append(loop.call_later(seconds - _BEFORE_END_SECONDS, item.remind))
        repeated: list[asyncio.TimerHandle] = []

        def again() -> None:
            item.remind()
            repeated[:] = [loop.call_later(self.bookmark_seconds, again)]

        if item.watch.options.bookmarks:
            repeated.append(loop.call_later(self.bookmark_seconds, again))
        self._streams.add(item)
        if self._is_closed:
            item.end()
        try:
            yield
        finally:
            self._streams.discard(item)
            for timer in (*timers, *repeated):
                timer.cancel()


async def stream(
    watch: Watch, request: web.BaseRequest, response: web.StreamResponse, *, streams: Streams
) -> None:
    """Send the events of `watch` until it ends, the client leaves, or it has to be cut off."""
    item = Stream(watch, request.transport)

    async def send(lines: bytes) -> None:
        if lines:
            item.is_writing = True
            await response.write(lines)
            item.is_writing = False

    with streams.joined(item):
        await response.prepare(request)
        await send(watch.start())
        while not watch.is_over:
            item.woken.clear()
            lines, more = watch.proceed()
            await send(lines)
            if more or watch.is_over:
                continue
            if item.owes_bookmark:
                item.owes_bookmark = False
                await send(watch.bookmark())
            if item.is_ending:
                break
            await item.woken.wait()
