# SPDX-License-Identifier: Apache-2.0
"""SCTP, without the kernel's: an association's first two packets, over raw sockets.

Few kernels come with SCTP, but what translates packets knows it.  A client sends an
INIT and the namespace that it arrives in answers with an INIT ACK (RFC 9260, section
3.3), so that as much is seen as of a TCP connection: who got it, from whom, and that
the answer came back from where it was expected.  The initiate tag tells associations
apart; an answer carries it as its verification tag.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from conformance.data_plane.addresses import FREE_BIND, SOCKET_FAMILIES
from conformance.data_plane.errors import UnsupportedProtocolError
from conformance.data_plane.icmp import RECEIVE_ERRORS, Error, read_error
from conformance.data_plane.listeners import Arrival, enlarge
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.packets import SCTP, identity, split

_INIT, _INIT_ACK, _ABORT = 1, 2, 6
_HEADER = struct.Struct("!HHII")
_CHUNK = struct.Struct("!BBHIIHHI")  # type, flags, length, initiate tag, window, streams out and in, TSN
_WINDOW = 65536
_COOKIE = struct.pack("!HH", 7, 8) + b"none"
_MOST = 1024
_LONGEST = 2048
_PACKET_INFO = {
    socket.AF_INET: (socket.IPPROTO_IP, 8),  # IP_PKTINFO
    socket.AF_INET6: (socket.IPPROTO_IPV6, 50),  # IPV6_PKTINFO
}
_WITH_PACKET_INFO = 49  # IPV6_RECVPKTINFO


def _shifted(value: int) -> int:
    """A byte of the checksum's table: eight steps of division by the reflected polynomial."""
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_CRC32C = tuple(map(_shifted, range(256)))


def checksum(data: bytes) -> int:
    """CRC32c (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _packet(source_port: int, port: int, verification_tag: int, kind: int, tag: int) -> bytes:
    parameters = _COOKIE if kind == _INIT_ACK else b""
    chunk = _CHUNK.pack(kind, 0, _CHUNK.size + len(parameters), tag, _WINDOW, 1, 1, tag) + parameters
    ports = struct.pack("!HHI", source_port, port, verification_tag)
    crc = checksum(ports + b"\0\0\0\0" + chunk)
    return ports + struct.pack("<I", crc) + chunk


class Reply(NamedTuple):
    """What came back to a client: from where, to which port, and whether it is a refusal."""

    tag: bytes
    ip: str
    port: int
    own_port: int
    refused: bool


class SCTPSocket:
    """All of SCTP in one namespace and family: its clients and its endpoints."""

    def __init__(self, namespace: Namespace, family: str) -> None:
        number = self._family = SOCKET_FAMILIES[family]
        with namespace.inside():
            try:
                self.socket = socket.socket(
                    number, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, SCTP
                )
            except OSError as error:
                raise UnsupportedProtocolError(
                    f"no raw socket for SCTP: {error.strerror}", where=f"namespace of {namespace.name}"
                ) from None
        self.socket.setsockopt(*RECEIVE_ERRORS[number], 1)
        self.socket.setsockopt(*FREE_BIND[number], 1)
        if number == socket.AF_INET6:
            # The header is not part of what is read, so the destination is told beside it.
            self.socket.setsockopt(socket.IPPROTO_IPV6, _WITH_PACKET_INFO, 1)
        enlarge(self.socket)

    def send(self, source: tuple[str, int], to: tuple[str, int], tag: int, mark: int) -> None:
        """Send an INIT.  Raises OSError if the kernel does not let it out."""
        packet = _packet(source[1], to[1], 0, _INIT, tag)
        try:
            self._send(packet, source[0], to[0], mark)
        except OSError:
            # The first may be the error that an earlier packet met, which is in the queue too.
            self._send(packet, source[0], to[0], mark)

    def _send(self, packet: bytes, source_ip: str, ip: str, mark: int) -> None:
        level, kind = _PACKET_INFO[self._family]
        packed = socket.inet_pton(self._family, source_ip)
        info = packed + b"\0\0\0\0" if len(packed) == 16 else b"\0\0\0\0" + packed + b"\0\0\0\0"
        ancillary = [(level, kind, info)]
        if mark:
            ancillary.append((socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=i", mark)))
        self.socket.sendmsg([packet], ancillary, 0, (ip, 0))

    def receive(self) -> list[Arrival | Reply | Error]:
        """Take the packets and errors that wait, and answer the INITs."""
        found: list[Arrival | Reply | Error] = []
        for _ in range(_MOST):
            try:
                data, ancillary, _, peer = self.socket.recvmsg(_LONGEST, 128)
            except BlockingIOError:
                break
            except OSError:
                continue  # an error of one of its clients, which is in the queue too
            if self._family == socket.AF_INET:
                parts = split(data)
                if parts is None:
                    continue
                ip, inside = socket.inet_ntop(self._family, parts[3]), parts[4]
            else:
                ip, inside = socket.inet_ntop(self._family, ancillary[0][2][:16]), data
            taken = self._take(peer[0], ip, inside)
            if taken is not None:
                found.append(taken)
        while (error := read_error(self.socket)) is not None:
            found.append(error)
        return found

    def _take(self, source_ip: str, ip: str, inside: bytes) -> Arrival | Reply | None:
        if len(inside) <= _HEADER.size:
            return None
        source_port, port, verification_tag, _ = _HEADER.unpack_from(inside)
        kind = inside[_HEADER.size]
        tag = identity(SCTP, inside)
        if tag is not None:
            (number,) = struct.unpack("!I", tag)
            with suppress(OSError):  # no answer is silence
                self._send(_packet(port, source_port, number, _INIT_ACK, number), ip, source_ip, 0)
            return Arrival(tag, ip, port, source_ip)
        if kind in (_INIT_ACK, _ABORT):
            return Reply(struct.pack("!I", verification_tag), source_ip, source_port, port, kind == _ABORT)
        return None

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def quoted_tag(error: Error) -> bytes | None:
    """The initiate tag of the INIT that an error quotes."""
    return identity(SCTP, error.quoted)
