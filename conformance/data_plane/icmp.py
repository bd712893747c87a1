# SPDX-License-Identifier: Apache-2.0
"""What a connection was told when it failed: the error queue of a socket (ip(7), IP_RECVERR)."""

from __future__ import annotations

import errno
import socket
import struct
from enum import Enum

from conformance.data_plane.links import ROUTER

RECEIVE_ERRORS = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),  # IP_RECVERR
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),  # IPV6_RECVERR
}
_ERROR_QUEUE = 0x2000  # MSG_ERRQUEUE
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err
_ICMP, _ICMP6 = 2, 3  # SO_EE_ORIGIN_*
_NOBODY = frozenset({(_ICMP, 3, 0), (_ICMP, 3, 1), (_ICMP6, 1, 0), (_ICMP6, 1, 3)})
"""Destination unreachable, with the codes network or host unreachable, no route, address unreachable."""
_UNREACHABLE = frozenset({(_ICMP, 3), (_ICMP6, 1)})
_ROUTERS = frozenset(ROUTER.values())
_OFFENDER = _EXTENDED_ERROR.size


class Failure(Enum):
    """How a connection failed."""

    REFUSED = "refused"
    """Somebody said no: a reset, port unreachable, or prohibited."""
    NOWHERE = "nowhere"
    """Nobody has the address that was dialled, and nobody translated it: the outside says so."""
    LOST = "lost"
    """It was translated, to an address that nobody has."""
    SILENT = "silent"
    """The local kernel did not let it out, which a program sees as an error and the network as silence."""


def failure_of(code: int) -> Failure:
    """What an errno says that came with no ICMP error."""
    if code in (errno.EPERM, errno.EINVAL, errno.ETIMEDOUT):
        return Failure.SILENT  # dropped by a filter, or by a blackhole route
    if code in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return Failure.NOWHERE
    return Failure.REFUSED


def read_failure(sock: socket.socket, dialled: str) -> Failure | None:
    """What the error queue of a socket holds; None if there is nothing that ends the connection."""
    while True:
        try:
            _, ancillary, _, _ = sock.recvmsg(1, 512, _ERROR_QUEUE)
        except OSError:
            return None
        for _, kind, data in ancillary:
            if kind in (11, 25) and len(data) >= _EXTENDED_ERROR.size:
                failure = _understood(data, dialled)
                if failure is not None:
                    return failure


def _understood(data: bytes, dialled: str) -> Failure | None:
    code, origin, kind, detail, *_ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in (_ICMP, _ICMP6):
        return failure_of(code)
    if (origin, kind) not in _UNREACHABLE:
        return None
    if (origin, kind, detail) in _NOBODY:
        # An error on the way from a translated destination is translated back too, its sender included.
        offender = _address(data[_OFFENDER:], ipv6=origin == _ICMP6)
        if offender in _ROUTERS:
            return Failure.NOWHERE
        if offender == dialled:
            return Failure.LOST
    return Failure.REFUSED


def _address(data: bytes, *, ipv6: bool) -> str:
    """The address in a `sockaddr`."""
    if ipv6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return socket.inet_ntop(socket.AF_INET, data[4:8])
