# SPDX-License-Identifier: Apache-2.0
"""What listens at endpoints: it notes who came to which address, and sends back what was sent."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

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


class Listener:
    """A listening socket of one address, or of all addresses of its namespace."""

    def __init__(self, namespace: Namespace, family: str, kind: int, port: int, ip: str | None) -> None:
        """The thread has to be inside of `namespace`; `ip` None is every address."""
        self.port = port
        self._ip = ip
        number = SOCKET_FAMILIES[family]
        self.socket = socket.socket(number, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
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

    def _set_options(self, family: int) -> None:
        raise NotImplementedError

    def _listen(self) -> None:
        raise NotImplementedError

    def answer(self, arrived: Arrived) -> None:
        """Take what has arrived."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


class AddressInUseError(NetworkError):
    """Somebody else has the port."""


class TCPListener(Listener):
    """Takes connections when their first data has come."""

    def _set_options(self, family: int) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)

    def _listen(self) -> None:
        self.socket.listen(_BACKLOG)

    def answer(self, arrived: Arrived) -> None:
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
            arrived(Arrival(token, ip, self.port, peer[0]), connection)


class UDPListener(Listener):
    """Answers from the address that was asked."""

    def _set_options(self, family: int) -> None:
        self._packet_info = _PACKET_INFO[family]
        if self._ip is None:
            self.socket.setsockopt(*self._packet_info, 1)
        enlarge(self.socket)

    def _listen(self) -> None:
        pass

    def answer(self, arrived: Arrived) -> None:
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
            arrived(Arrival(token, ip, self.port, peer[0]), None)
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


LISTENERS = {"TCP": (TCPListener, socket.SOCK_STREAM), "UDP": (UDPListener, socket.SOCK_DGRAM)}


class Key(NamedTuple):
    """What tells a listener from another in one namespace; `ip` empty is every address."""

    family: str
    protocol: str
    port: int
    ip: str = ""


class Servers:
    """The listeners of one namespace."""

    def __init__(
        self, namespace: Namespace, poller: select.epoll, by_descriptor: MutableMapping[int, Any]
    ) -> None:
        self._namespace = namespace
        self._poller = poller
        self._by_descriptor = by_descriptor
        self._listeners: dict[Key, Listener] = {}

    def keys(self) -> set[Key]:
        """What is listened on."""
        return set(self._listeners)

    def open(self, keys: set[Key], *, must: bool = True) -> list[Key]:
        """Listen; gives what was opened.  What another program has is left out, unless it `must` be there."""
        missing = [key for key in keys if key not in self._listeners and key.protocol in LISTENERS]
        if not missing:
            return []
        opened = []
        with self._namespace.inside():
            for key in missing:
                cls, kind = LISTENERS[key.protocol]
                try:
                    listener = cls(self._namespace, key.family, kind, key.port, key.ip or None)
                except AddressInUseError:
                    if must:
                        raise
                    continue
                self._listeners[key] = listener
                descriptor = listener.socket.fileno()
                self._by_descriptor[descriptor] = listener
                self._poller.register(descriptor, select.EPOLLIN)
                opened.append(key)
        return opened

    def shut(self, keys: set[Key] | list[Key]) -> None:
        """Listen no more."""
        for key in keys:
            listener = self._listeners.pop(key, None)
            if listener is not None:
                self._by_descriptor.pop(listener.socket.fileno(), None)
                listener.close()

    def close(self) -> None:
        """Listen on nothing any more."""
        self.shut(list(self._listeners))
