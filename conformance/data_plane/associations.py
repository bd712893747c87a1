# SPDX-License-Identifier: Apache-2.0
"""One connection over SCTP, and the sockets that all of them share."""

from __future__ import annotations

import struct
from typing import Any

from conformance.data_plane.addresses import family_of
from conformance.data_plane.clients import Attempt
from conformance.data_plane.icmp import Error, failure_of
from conformance.data_plane.listeners import Arrival
from conformance.data_plane.loop import Loop
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.sctp import Reply, SCTPSocket, quoted_tag
from reference.questions import Connection


class Associations:
    """The raw sockets for SCTP of every namespace, made when they are first needed."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._sockets: dict[tuple[int, str], SCTPSocket] = {}

    def open(self, namespace: Namespace, family: str) -> None:
        """Answer what arrives in a namespace."""
        key = (namespace.descriptor, family)
        if key not in self._sockets:
            sock = self._sockets[key] = SCTPSocket(namespace, family)
            self._loop.add(sock.socket, _Reader(sock, self._loop))

    def of(self, namespace: Namespace, family: str) -> SCTPSocket:
        """The socket of a namespace."""
        return self._sockets[namespace.descriptor, family]

    def close(self) -> None:
        """Close them all."""
        for sock in self._sockets.values():
            self._loop.remove(sock.socket)
            sock.close()
        self._sockets.clear()


class _Reader:
    """Gives each what it was sent."""

    def __init__(self, sock: SCTPSocket, loop: Loop) -> None:
        self._socket = sock
        self._loop = loop

    def ready(self, event: int) -> None:
        for item in self._socket.receive():
            if isinstance(item, Arrival):
                self._loop.arrived(item, None)
                continue
            tag = item.tag if isinstance(item, Reply) else quoted_tag(item)
            client = self._loop.clients.get(tag) if tag is not None else None
            if not isinstance(client, Association):
                continue
            if isinstance(item, Reply):
                client.replied(item)
            else:
                client.told(item)


class Association(Attempt):
    """A connection over SCTP: its first packet and the answer to it."""

    def __init__(self, connection: Connection, *, associations: Associations, **options: Any) -> None:
        super().__init__(connection, **options)
        self._associations = associations
        self._port = 0

    def _new_token(self, loop: Loop) -> bytes:
        return loop.tag()

    def _dial(self, loop: Loop) -> None:
        self.aborted = False
        self._port = self.take_port()
        (tag,) = struct.unpack("!I", self.token)
        sock = self._associations.of(self.namespace, family_of(self.ip))
        try:
            sock.send((self.source_ip, self._port), (self.ip, self.connection.flow.port), tag, self.mark)
        except OSError as error:
            self.told(Error(failure_of(error.errno or 0)))

    def replied(self, reply: Reply) -> None:
        """Only what comes from where it was dialled, to where it was dialled from, is an answer."""
        if (reply.ip, reply.port, reply.own_port) != (self.ip, self.connection.flow.port, self._port):
            return
        if not reply.refused:
            self.done()
        elif self.arrival is None:
            self.aborted = True

    def _quoted(self, error: Error) -> bytes | None:
        return quoted_tag(error)
