# SPDX-License-Identifier: Apache-2.0
"""What a connection was told when it failed: the error queue of a socket (ip(7), IP_RECVERR)."""

from __future__ import annotations

import errno
import socket
import struct
from enum import Enum
from typing import NamedTuple

RECEIVE_ERRORS = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),  # IP_RECVERR
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),  # IPV6_RECVERR
}
_KINDS = frozenset(kind for _, kind in RECEIVE_ERRORS.values())
_ERROR_QUEUE = 0x2000  # MSG_ERRQUEUE
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err
_ICMP, _ICMP6 = 2, 3  # SO_EE_ORIGIN_*
_UNREACHABLE = frozenset({(_ICMP, 3), (_ICMP6, 1)})
"""Destination unreachable, of either family: port, host, protocol, prohibited, ..."""


class Failure(Enum):
    """How a connection failed."""

    REFUSED = "refused"
    """Somebody said no: a reset, or destination unreachable."""
    NOWHERE = "nowhere"
    """Nobody has the address that was dialled, and nobody translated it."""
    LOST = "lost"
    """It was translated, to an address that nobody has."""
    SILENT = "silent"
    """Nothing came back; or the local kernel did not let it out."""


class Error(NamedTuple):
    """An error, and what it quotes: what was sent, from the TCP header on, or what was in the datagram."""

    failure: Failure
    quoted: bytes = b""


def failure_of(code: int) -> Failure:
    """What an errno says that came with no ICMP error."""
    if code in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.EACCES):
        return Failure.REFUSED  # a reset, or a route that prohibits
    if code in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Failure.NOWHERE  # no route
    return Failure.SILENT  # among others EPERM of a filter, EINVAL of a blackhole route


def read_error(sock: socket.socket) -> Error | None:
    """The first in the error queue that ends a connection; None if there is none."""
    while True:
        try:
            quoted, ancillary, _, _ = sock.recvmsg(256, 512, _ERROR_QUEUE)
        except OSError:
            return None
        for _, kind, data in ancillary:
            if kind in _KINDS and len(data) >= _EXTENDED_ERROR.size:
                code, origin, icmp_type, *_ = _EXTENDED_ERROR.unpack_from(data)
                if (origin, icmp_type) in _UNREACHABLE:
                    return Error(Failure.REFUSED, quoted)
                if origin not in (_ICMP, _ICMP6):
                    return Error(failure_of(code), quoted)
