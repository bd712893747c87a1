# SPDX-License-Identifier: Apache-2.0
"""The server as a caller sees it: objects go in, and it runs in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType

from aiohttp import web

from conformance.watch_api.objects import Json
from conformance.watch_api.resources import RESOURCES, Resource
from conformance.watch_api.server import Handler, Request, now
from conformance.watch_api.store import Store
from conformance.watch_api.streaming import Streams

__all__ = ["WatchApi"]

_START_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_GRACE_SECONDS = 0.5  # for watches to end cleanly
# Turns of the loop until a connection that was accepted is known to the server.
_ROUNDS_OF_ACCEPTING = 5
_HAND_OVER_SECONDS = 0.1
_RECORDED = 1024


class WatchApi:
    """Serves Kubernetes objects to unmodified programs, over the list and watch protocol.

    `history` is how many changes of each resource are kept for watches that start in the
    past, those of the last `replace` in any case; `bookmark_seconds` is the time between two
    bookmarks of a watch. Every method may be called from any thread. Versions start at the
    time in microseconds, so that a program which knew an earlier server lists again instead
    of waiting for its version. A client-go informer that has to list again first waits for
    about a second: a history that holds what a program may miss is worth its memory.
    """

    def __init__(
        self,
        *,
        history: int = 4096,
        bookmark_seconds: float = 60.0,
        resources: Iterable[Resource] = RESOURCES,
    ) -> None:
        if not bookmark_seconds > 0:
            raise ValueError("bookmark_seconds has to be positive")
        self._store = Store(history=history, start=time.time_ns() // 1000, resources=resources)
        self._requests: deque[Request] = deque(maxlen=_RECORDED)
        self._lock = threading.Lock()
        self._bookmark_seconds = bookmark_seconds
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    # -- what is served ---------------------------------------------------------

    def replace(self, *, objects: Mapping[str, Sequence[Json]]) -> int:
        """Serve `objects`, by the plural names of their resources; the version reached.

        Resources that are not named stay as they are. What was added, what differs (apart
        from metadata.resourceVersion) and what is gone is found out here: of each resource
        the deletions are published first, then the rest in the order given, so that what is
        given last is seen last. Absent uid, creationTimestamp and resourceVersion are set.
        When this returns, the events have been handed to the connections of all clients
        that keep up. ValueError, and no change, for what is no such object.
        """
        before = self._store.version
        version = self._store.replace(objects=objects, created=now())
        if version != before:
            self._hand_over()
        return version

    def _hand_over(self) -> None:
        """Wake the watches, and let them run before the caller goes on with its own work."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or thread is threading.current_thread():
            return
        written = threading.Event()

        def wake() -> None:
            self._streams.wake()
            loop.call_soon(written.set)  # after the watches that were woken

        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:  # closed meanwhile
            return
        written.wait(_HAND_OVER_SECONDS)

    @property
    def requests(self) -> tuple[Request, ...]:
        """The last requests, oldest first."""
        with self._lock:
            return tuple(self._requests)

    def _record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    # -- life --------------------------------------------------------------------

    def start(self, *, sockets: Sequence[socket.socket] = ()) -> None:
        """Serve on `sockets`: bound already, wherever they were made, and the server's from now on.

        RuntimeError if it was started before, OSError if a socket cannot be listened on. To
        serve under the same address again later, set SO_REUSEADDR on each socket before it is
        bound: the connections of the first server hold the port for a while.
        """
        if self._thread is not None or self._is_closed:
            raise RuntimeError("a WatchApi is started once")
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="watch-api", daemon=True)
        self._thread.start()
        ready.result(_START_SECONDS)
        try:
            for item in sockets:
                self.listen(item)
        except BaseException:
            self.close()
            raise

    def listen(self, listener: socket.socket) -> None:
        """Serve on one more socket, as in `start`."""
        loop = self._loop
        if loop is None or self._is_closed:
            raise RuntimeError("the WatchApi is not running")
        asyncio.run_coroutine_threadsafe(self._listen(listener), loop).result(_START_SECONDS)

    def close(self) -> None:
        """End every watch, close every socket and stop the thread.  May be called again."""
        self._is_closed = True
        thread, loop = self._thread, self._loop
        if thread is None or thread is threading.current_thread():
            return
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._stopping.set)
        thread.join(_CLOSE_SECONDS)
        if thread.is_alive():
            raise RuntimeError(f"the thread of the API has not ended within {_CLOSE_SECONDS:g} s")

    def __enter__(self) -> WatchApi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- in the thread of the loop ------------------------------------------------

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        self._stopping = asyncio.Event()
        self._streams = Streams(bookmark_seconds=self._bookmark_seconds)
        self._listeners: list[asyncio.Server] = []
        self._server = web.Server(
            Handler(store=self._store, streams=self._streams, record=self._record),
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=120.0,
        )
        self._loop = asyncio.get_running_loop()
        ready.set_result(None)
        try:
            await self._stopping.wait()
        finally:
            # A connection whose acceptance is under way when its listener is closed would be
            # forgotten by asyncio, open: accept no more, finish what has begun, then close.
            for listener in self._listeners:
                for item in listener.sockets:
                    self._loop.remove_reader(item.fileno())
            for _ in range(_ROUNDS_OF_ACCEPTING):
                await asyncio.sleep(0)
            for listener in self._listeners:
                listener.close()
            self._streams.end()
            self._server.pre_shutdown()  # what is idle ends at once
            await self._server.shutdown(_GRACE_SECONDS)

    async def _listen(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        server = await asyncio.get_running_loop().create_server(self._server, sock=listener, backlog=128)
        self._listeners.append(server)
