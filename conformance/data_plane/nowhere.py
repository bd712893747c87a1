# SPDX-License-Identifier: Apache-2.0
"""The end of the way for packets to addresses that nobody has.

The outside routes them over a link to a namespace that has nothing but this reader.
It notes where each first packet was going to, and answers that the host is
unreachable, as a router does.  So a client is told at once that nobody translated its
packet, or that it was translated to an address that is gone; and the kernel's own
limits, of few such errors a second to one address, do not count.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from conformance.data_plane.addresses import SOCKET_FAMILIES, family_of
from conformance.data_plane.links import ROUTER, Outside
from conformance.data_plane.listeners import enlarge
from conformance.data_plane.packets import Packet, first_of_connection, internet_checksum

_EVERY_PROTOCOL = 3  # ETH_P_ALL
_LONGEST = 2048
_QUOTED = 128
"""Bytes of a packet that are sent back with the error."""
_MOST = 1024
_UNREACHABLE = struct.pack("!BBHI", 3, 1, 0, 0)  # host unreachable
_UNREACHABLE6 = struct.pack("!BBHI", 1, 0, 0, 0)  # no route to destination


class Nowhere:
    """Reads what nobody gets."""

    def __init__(self, outside: Outside, families: Sequence[str]) -> None:
        self.seen: dict[tuple[str, bytes], Packet] = {}
        """Where a connection was going to, by its protocol and what identifies it."""
        with outside.nowhere.inside():
            self.socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            self.socket.bind((outside.nowhere_link, _EVERY_PROTOCOL))
            enlarge(self.socket)
        self._replies: dict[str, socket.socket] = {}
        with outside.namespace.inside():
            for family in families:
                protocol = socket.IPPROTO_ICMP if family == "IPv4" else socket.IPPROTO_ICMPV6
                reply = socket.socket(
                    SOCKET_FAMILIES[family],
                    socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
                    protocol,
                )
                reply.bind((ROUTER[family], 0))
                # Nobody reads what arrives there.
                reply.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
                self._replies[family] = reply

    def ready(self, event: int) -> None:
        """Take the packets that wait."""
        for _ in range(_MOST):
            try:
                data = self.socket.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # the interface was down for a while
            packet = first_of_connection(data)
            if packet is not None:
                self.seen[packet.protocol, packet.mark] = packet
                self._refuse(packet, data)

    def _refuse(self, packet: Packet, data: bytes) -> None:
        family = family_of(packet.source_ip)
        if family == "IPv4":
            message = _UNREACHABLE + data[:_QUOTED]
            message = message[:2] + struct.pack("!H", internet_checksum(message)) + message[4:]
        else:
            message = _UNREACHABLE6 + data[:_QUOTED]
        try:
            self._replies[family].sendto(message, (packet.source_ip, 0))
        except (KeyError, OSError):
            return  # then it stays silent, as to a sender that nobody can reach

    def close(self) -> None:
        """Read no more."""
        self.socket.close()
        for reply in self._replies.values():
            reply.close()
