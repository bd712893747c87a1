# SPDX-License-Identifier: Apache-2.0
"""One connection: its socket, what it was told, and who was seen to get it.

It was forwarded if what it sent arrived at a listener, and what that sent back arrived
from the address and port that was dialled.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

from conformance.data_plane.addresses import FREE_BIND, SOCKET_FAMILIES, family_of
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.icmp import RECEIVE_ERRORS, Error, Failure, failure_of, read_error
from conformance.data_plane.listeners import CLOSE_AT_ONCE, Arrival
from conformance.data_plane.loop import Loop
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.nowhere import Nowhere
from conformance.data_plane.source_ports import SourcePorts
from reference.questions import FIRST_PORT_IN_TURN, Connection

_KINDS = {
    "TCP": socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
    "UDP": socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
}
_PORTS_TRIED = 200
_PENDING = frozenset({0, errno.EINPROGRESS, errno.EAGAIN})
_FAILED = select.EPOLLERR | select.EPOLLHUP


class Attempt(ABC):
    """A connection that is being made, and made anew where silence is not believed.

    `failure` or `answered` says how it ended; with neither it is silent so far.
    """

    aborted = False
    """Refused by one, while another may still answer."""

    def __init__(
        self,
        connection: Connection,
        *,
        source_ip: str,
        ip: str,
        namespace: Namespace,
        mark: int,
        key: Hashable | None,
        ports: SourcePorts,
        nowhere: Nowhere,
        foreign: bool,
    ) -> None:
        """`foreign` is a source address that no interface of the namespace has, but packets are routed to."""
        self.connection = connection
        self.source_ip = source_ip
        self.ip = ip
        self.namespace = namespace
        self.mark = mark
        self.key = key
        self.ports = ports
        self.nowhere = nowhere
        self.foreign = foreign
        self.tries = 0
        self.begun = 0.0
        self.token = b""
        self.answered = False
        self.failure: Failure | None = None
        self.arrival: Arrival | None = None
        self.server: socket.socket | None = None
        self._ended: list[Attempt] = []

    @property
    def decided(self) -> bool:
        """Whether it has ended; what is silent has not."""
        return self.answered or self.failure is not None

    def begin(self, loop: Loop, ended: list[Attempt]) -> None:
        """Dial; the thread has to be inside of the client's namespace.  It adds itself to `ended` once."""
        self.tries += 1
        self.begun = time.monotonic()
        self.arrival = None
        self._ended = ended
        self.token = self._new_token(loop)
        loop.clients[self.token] = self
        self._dial(loop)

    def _new_token(self, loop: Loop) -> bytes:
        return loop.token()

    @abstractmethod
    def _dial(self, loop: Loop) -> None:
        """Send the token."""

    def take_port(self) -> int:
        """A source port; one below those that are given out in turn belongs to a flow that goes on."""
        flow = self.connection.flow
        if 0 < self.connection.source_port < FIRST_PORT_IN_TURN:
            return self.connection.source_port
        return self.ports.take(flow.client.node, self.source_ip, flow.protocol)

    def told(self, error: Error) -> None:
        """It failed; or the kernel says no more than that it was silent."""
        if error.failure is Failure.SILENT or self.decided:
            return
        self.failure = error.failure
        flow = self.connection.flow
        mark = self._quoted(error)
        packet = self.nowhere.seen.get((flow.protocol, mark)) if mark else None
        if packet is not None and (packet.ip, packet.port) == (self.ip, flow.port):
            self.failure = Failure.NOWHERE
        elif packet is not None:
            self.failure = Failure.LOST
            self.arrival = Arrival(self.token, packet.ip, packet.port, packet.source_ip)
        self._ended.append(self)

    @abstractmethod
    def _quoted(self, error: Error) -> bytes | None:
        """What of the failed packet tells it from others."""

    def done(self) -> None:
        """The answer has come."""
        if not self.decided:
            self.answered = True
            self._ended.append(self)

    def close(self, loop: Loop) -> None:
        """End the connection, the client's side first."""
        loop.clients.pop(self.token, None)
        if self.server is not None:
            self.server.close()
            self.server = None


class SocketAttempt(Attempt):
    """A connection over TCP or UDP; it ends by a reset, so that nothing of it stays."""

    def __init__(self, connection: Connection, **options: Any) -> None:
        super().__init__(connection, **options)
        self._socket: socket.socket | None = None
        self._loop: Loop | None = None
        self._sent = False
        self._stream = connection.flow.protocol == "TCP"

    def _dial(self, loop: Loop) -> None:
        family = SOCKET_FAMILIES[family_of(self.ip)]
        flow = self.connection.flow
        self._sent = False
        self._loop = loop
        try:
            sock = self._socket = socket.socket(family, _KINDS[flow.protocol])
        except OSError as error:
            raise NetworkError(
                f"no socket: {error.strerror}",
                where=f"namespace of {self.namespace.name}",
                hint="raise the limit of open files (ulimit -n)",
            ) from None
        sock.setsockopt(*RECEIVE_ERRORS[family], 1)
        if self.foreign:
            sock.setsockopt(*FREE_BIND[family], 1)
        if self.mark:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        if self._stream:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)
        self._bind(sock)
        code = sock.connect_ex((self.ip, flow.port))
        if code in _PENDING:
            # Most often the other side has answered by now, within this very call.
            self._send(sock)
        else:
            self._failed(sock, code)
        if not self.decided:
            loop.add(sock, self, select.EPOLLIN if self._sent else select.EPOLLIN | select.EPOLLOUT)

    def _bind(self, sock: socket.socket) -> None:
        client = self.connection.flow.client
        for _ in range(_PORTS_TRIED):
            try:
                sock.bind((self.source_ip, self.take_port()))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise NetworkError(
                    f"cannot connect from {client.ip}: {os.strerror(error.errno or 0)}",
                    where=f"client of kind {client.kind.value} at node {client.node}",
                    hint="a client on a node has to have an address of that node",
                ) from None
            return
        raise NetworkError(f"{_PORTS_TRIED} source ports of {client.ip} are in use", where=client.node)

    def _send(self, sock: socket.socket) -> None:
        try:
            sock.send(self.token)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(sock, error.errno or 0)
        self._sent = True

    def ready(self, event: int) -> None:
        """Take what has come back, or see why it failed."""
        sock, loop = self._socket, self._loop
        if sock is None or loop is None or self.decided:
            return
        if event & select.EPOLLIN and self._sent:
            self._receive(sock)
        if self.decided:
            return
        if event & _FAILED:
            self._failed(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            if not self.decided and event & select.EPOLLHUP:
                loop.remove(sock)  # it would be told again and again
        elif event & select.EPOLLOUT and not self._sent:
            self._send(sock)
            if self._sent:
                loop.only_read(sock)

    def _receive(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(64)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(sock, error.errno or 0)
            return
        if data == self.token:
            self.done()
        elif self._stream:
            # Ended without an answer, or answered by somebody else than an endpoint.
            self.told(Error(Failure.REFUSED))

    def _failed(self, sock: socket.socket, code: int) -> None:
        error = read_error(sock)
        if error is not None:
            self.told(error)
        elif code:
            self.told(Error(failure_of(code)))

    def _quoted(self, error: Error) -> bytes | None:
        return error.quoted[4:8] if self._stream else error.quoted

    def close(self, loop: Loop) -> None:
        """End the connection by a reset, the client's side first."""
        if self._socket is not None:
            loop.remove(self._socket)
            self._socket.close()
            self._socket = None
        super().close(loop)
