# SPDX-License-Identifier: Apache-2.0
"""One loop for listeners and clients: whatever has something to read is served in turn."""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import Protocol

from conformance.data_plane.listeners import Arrival


class Handler(Protocol):
    """Whoever has a socket in the loop."""

    def ready(self, event: int) -> None:
        """There is something to read, to write, or an error; as epoll says."""


class Receiver(Protocol):
    """A client, as a listener finds it by its token."""

    arrival: Arrival | None
    server: socket.socket | None


class Loop:
    """The sockets that are served, and the clients by what they send."""

    def __init__(self) -> None:
        self._poller = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._prefix = os.urandom(8)
        self._first_tag = struct.unpack("=I", os.urandom(4))[0]
        self._count = 0
        self.clients: dict[bytes, Receiver] = {}
        """Who has sent a token, for as long as an answer to it counts."""

    def add(self, sock: socket.socket, handler: Handler, events: int = select.EPOLLIN) -> None:
        """Serve a socket."""
        descriptor = sock.fileno()
        self._handlers[descriptor] = handler
        self._poller.register(descriptor, events)

    def only_read(self, sock: socket.socket) -> None:
        """Nothing has to be written any more."""
        self._poller.modify(sock.fileno(), select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Serve a socket no more; before it is closed."""
        descriptor = sock.fileno()
        if self._handlers.pop(descriptor, None) is not None:
            self._poller.unregister(descriptor)

    def serve(self, wait: float) -> bool:
        """Serve what is ready within `wait` seconds; whether there was anything."""
        events = self._poller.poll(wait)
        for descriptor, event in events:
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler.ready(event)
        return bool(events)

    def token(self) -> bytes:
        """16 bytes that nobody has sent yet."""
        self._count += 1
        return self._prefix + struct.pack("=Q", self._count)

    def tag(self) -> bytes:
        """4 bytes that have not been sent for long, and are not all zero."""
        self._count += 1
        return struct.pack("!I", (self._first_tag + self._count) % 0xFFFFFFFF + 1)

    def arrived(self, arrival: Arrival, connection: socket.socket | None) -> None:
        """A listener got a token; a connection is answered here, and closed by its client."""
        client = self.clients.get(arrival.token)
        if client is None:
            if connection is not None:
                connection.close()
            return
        client.arrival = arrival
        if connection is not None:
            client.server = connection
            try:
                connection.send(arrival.token)
            except OSError:
                return  # no answer is silence

    def close(self) -> None:
        """Serve nothing any more."""
        self._poller.close()
