# SPDX-License-Identifier: Apache-2.0
"""What listens at endpoints: it notes who came to which address, and sends back what was sent."""

from __future__ import annotations

import errno
import os
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from conformance.data_plane.addresses import SOCKET_FAMILIES
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.namespaces import Namespace

TOKEN_SIZE = 16
CLOSE_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER that ends a connection by a reset, so that nothing of it stays."""

_PACKET_INFO: dict[int, tuple[int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, 8),  # IP_PKTINFO
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO),
}
_WILDCARDS = {"IPv4": "0.0.0.0", "IPv6": "::"}
_BACKLOG = 4096
_RECEIVE_BUFFER = 8 << 20
_MOST_DATAGRAMS = 4096
"""As many at a time, so that whoever floods does not keep the others waiting."""
_FORCED_BUFFER = 33  # SO_RCVBUFFORCE


def enlarge(sock: socket.socket) -> None:
    """Give a socket that many datagrams come to at once a large buffer."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, _RECEIVE_BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


class Arrival(NamedTuple):
    """A token that arrived: at which address and port, and from which address."""

    token: bytes
    ip: str
    port: int
    source_ip: str


Arrived = Callable[[Arrival, "socket.socket | None"], None]
"""Called before the answer is sent; the socket is that of a connection, to be closed by whoever is called."""


class Listener(ABC):
    """A listening socket of one address, or of all addresses of its namespace."""

    kind: int

    def __init__(
        self, namespace: Namespace, family: str, port: int, ip: str | None, arrived: Arrived
    ) -> None:
        """The thread has to be inside of `namespace`; `ip` None is every address."""
        self._arrived = arrived
        self.port = port
        self._ip = ip
        number = SOCKET_FAMILIES[family]
        self.socket = socket.socket(number, self.kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            if number == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._set_options(number)
            self.socket.bind((ip or _WILDCARDS[family], port))
            self._listen()
        except OSError as error:
            self.socket.close()
            if error.errno == errno.EADDRINUSE:
                raise AddressInUseError(
                    f"port {port} of {ip or 'every address'} is in use already",
                    where=f"namespace of {namespace.name}",
                    hint="an endpoint on the host network cannot have a port that another program there has",
                ) from None
            raise NetworkError(
                f"cannot listen on port {port} of {ip or 'every address'}: {os.strerror(error.errno or 0)}",
                where=f"namespace of {namespace.name}",
            ) from None

    @abstractmethod
    def _set_options(self, family: int) -> None:
        """Before it is bound."""

    @abstractmethod
    def _listen(self) -> None:
        """Once it is bound."""

    @abstractmethod
    def ready(self, event: int) -> None:
        """Take what has arrived."""

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


class AddressInUseError(NetworkError):
    """Somebody else has the port."""


class TCPListener(Listener):
    """Takes connections when their first data has come."""

    kind = socket.SOCK_STREAM

    def _set_options(self, family: int) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)

    def _listen(self) -> None:
        self.socket.listen(_BACKLOG)

    def ready(self, event: int) -> None:
        """Take every connection that waits."""
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            try:
                token = connection.recv(TOKEN_SIZE, socket.MSG_DONTWAIT)
                ip = self._ip or connection.getsockname()[0]
            except OSError:
                connection.close()
                continue
            self._arrived(Arrival(token, ip, self.port, peer[0]), connection)


class UDPListener(Listener):
    """Answers from the address that was asked."""

    kind = socket.SOCK_DGRAM

    def _set_options(self, family: int) -> None:
        self._packet_info = _PACKET_INFO[family]
        if self._ip is None:
            self.socket.setsockopt(*self._packet_info, 1)
        enlarge(self.socket)

    def _listen(self) -> None:
        pass

    def ready(self, event: int) -> None:
        """Take the datagrams that wait."""
        sock = self.socket
        for _ in range(_MOST_DATAGRAMS):
            try:
                token, ancillary, _, peer = sock.recvmsg(TOKEN_SIZE + 1, 64)
            except BlockingIOError:
                return
            except OSError:
                continue  # an earlier answer was told to be unreachable
            ip, answering = (self._ip, []) if self._ip is not None else self._local(ancillary)
            self._arrived(Arrival(token, ip, self.port, peer[0]), None)
            try:
                sock.sendmsg([token], answering, 0, peer)
            except OSError:
                continue  # no answer is silence

    def _local(self, ancillary: list[tuple[int, int, bytes]]) -> tuple[str, list[tuple[int, int, bytes]]]:
        """The address that a datagram was sent to, and what makes the answer come from there."""
        level, kind, data = ancillary[0]
        if level == socket.IPPROTO_IP:
            return socket.inet_ntop(socket.AF_INET, data[8:12]), [
                (level, kind, b"\0\0\0\0" + data[8:12] + b"\0\0\0\0")
            ]
        return socket.inet_ntop(socket.AF_INET6, data[:16]), [(level, kind, data[:16] + b"\0\0\0\0")]


LISTENERS: dict[str, type[Listener]] = {"TCP": TCPListener, "UDP": UDPListener}
