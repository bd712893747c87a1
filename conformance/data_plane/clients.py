# SPDX-License-Identifier: Apache-2.0
"""One connection: its socket, what it was told, and who was seen to get it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Hashable

from conformance.data_plane.addresses import SOCKET_FAMILIES, canonical, family_of
from conformance.data_plane.errors import NetworkError, UnsupportedProtocolError
from conformance.data_plane.icmp import RECEIVE_ERRORS, Error, Failure, failure_of, read_error
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.nowhere import Nowhere
from conformance.data_plane.servers import CLOSE_AT_ONCE, Arrival
from conformance.data_plane.source_ports import SourcePorts
from reference.questions import Connection

_KINDS = {
    "TCP": socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
    "UDP": socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
}
_PORTS_TRIED = 200
_PENDING = frozenset({0, errno.EINPROGRESS, errno.EAGAIN})


class Attempt:
    """A connection that is being made; made anew when silence is not believed.

    `failure` and `answered` are how it ended; with neither it is silent.
    """

    __slots__ = (
        "answered",
        "arrival",
        "connection",
        "failure",
        "family",
        "index",
        "ip",
        "key",
        "mark",
        "namespace",
        "nowhere",
        "sent",
        "server",
        "socket",
        "source_ip",
        "token",
        "tries",
    )

    def __init__(self, index: int, connection: Connection, key: Hashable | None) -> None:
        flow = connection.flow
        ip, source_ip = canonical(flow.ip), canonical(flow.client.ip)
        if ip is None or source_ip is None:
            raise NetworkError(
                f"cannot connect from {flow.client.ip} to {flow.ip}",
                where="connection",
                hint="both have to be addresses that packets can be sent to over a network",
            )
        if flow.protocol not in _KINDS:
            raise UnsupportedProtocolError(
                f"cannot make connections over {flow.protocol}", where="connection"
            )
        self.index = index
        self.connection = connection
        self.key = key
        self.ip = ip
        self.source_ip = source_ip
        self.family = SOCKET_FAMILIES[family_of(ip)]
        self.namespace: Namespace | None = None
        self.mark = 0
        self.tries = 0
        self.socket: socket.socket | None = None
        self.server: socket.socket | None = None
        self.token = b""
        self.sent = False
        self.answered = False
        self.failure: Failure | None = None
        self.arrival: Arrival | None = None

    @property
    def decided(self) -> bool:
        """Whether it has ended; what is silent has not."""
        return self.answered or self.failure is not None

    def start(self, token: bytes, ports: SourcePorts, nowhere: Nowhere) -> int:
        """Dial; the thread has to be inside of the client's namespace.  Gives its descriptor, or -1."""
        self.token = token
        self.nowhere = nowhere
        self.tries += 1
        self.sent = False
        self.arrival = None
        flow = self.connection.flow
        sock = self.socket = socket.socket(self.family, _KINDS[flow.protocol])
        sock.setsockopt(*RECEIVE_ERRORS[self.family], 1)
        if self.mark:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        if flow.protocol == "TCP":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)
        self._bind(sock, ports)
        code = sock.connect_ex((self.ip, flow.port))
        if code in _PENDING:
            # Most often the other side has answered by now, within this very call.
            self.send()
        else:
            self._failed(code)
        return -1 if self.decided else sock.fileno()

    def _bind(self, sock: socket.socket, ports: SourcePorts) -> None:
        flow = self.connection.flow
        for _ in range(_PORTS_TRIED):
            port = ports.take(flow.client.node, self.source_ip, flow.protocol)
            try:
                sock.bind((self.source_ip, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise NetworkError(
                    f"cannot connect from {flow.client.ip}: {os.strerror(error.errno or 0)}",
                    where=f"client of kind {flow.client.kind.value} at node {flow.client.node}",
                    hint="a client on a node has to have an address of that node",
                ) from None
            return
        raise NetworkError(
            f"no free source port at {flow.client.ip}", where=f"node {flow.client.node}"
        )  # pragma: no cover

    def send(self) -> None:
        """Send the token, if the connection is there."""
        assert self.socket is not None
        try:
            self.socket.send(self.token)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error.errno or 0)
            return
        self.sent = True

    def receive(self) -> None:
        """Take what has come back."""
        assert self.socket is not None
        try:
            data = self.socket.recv(64)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error.errno or 0)
            return
        if data == self.token:
            self.answered = True
        elif self.connection.flow.protocol == "TCP":
            # Ended without an answer, or answered by somebody else than an endpoint.
            self.failure = Failure.REFUSED

    def fail(self) -> None:
        """See why the socket reports an error."""
        assert self.socket is not None
        error = read_error(self.socket)
        if error is not None:
            self.told(error)
            return
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.failure = failure_of(code)
        elif self.connection.flow.protocol == "TCP" and self.sent:
            self.receive()

    def _failed(self, code: int) -> None:
        assert self.socket is not None
        self.told(read_error(self.socket) or Error(failure_of(code)))

    def told(self, error: Error) -> None:
        """The connection has failed."""
        self.failure = error.failure
        protocol = self.connection.flow.protocol
        mark = error.quoted[4:8] if protocol == "TCP" else error.quoted
        packet = self.nowhere.seen.get((protocol, mark)) if mark else None
        if packet is None:
            return
        if (packet.ip, packet.port) == (self.ip, self.connection.flow.port):
            self.failure = Failure.NOWHERE
        else:
            self.failure = Failure.LOST
            self.arrival = Arrival(self.token, packet.ip, packet.port, packet.source_ip)

    def close(self) -> None:
        """End the connection by a reset; the client's side first."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        if self.server is not None:
            self.server.close()
            self.server = None
