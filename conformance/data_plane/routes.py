# SPDX-License-Identifier: Apache-2.0
"""Routes to single addresses, many at once.

A cluster brings tens of addresses with three routes each.  One request at a time
takes a quarter of a millisecond each; here all of a namespace go in few packets.
The format is that of rtnetlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

from conformance.data_plane.addresses import SOCKET_FAMILIES, family_of
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.namespaces import Namespace

LOOPBACK = 1
"""The index of the loopback interface, in every namespace."""

GATEWAYS = {"IPv4": "169.254.1.1", "IPv6": "fe80::1"}
"""Nobody has them: the links ask for no neighbours, so all that counts is the link."""

_NEW, _DELETE = 24, 25  # RTM_NEWROUTE, RTM_DELROUTE
_REQUEST, _ACK, _REPLACE, _CREATE = 1, 4, 0x100, 0x400
_ERROR = 2  # NLMSG_ERROR
_DESTINATION, _INTERFACE, _GATEWAY = 1, 4, 5  # RTA_DST, RTA_OIF, RTA_GATEWAY
_MAIN, _LOCAL = 254, 255
_BOOT = 3  # RTPROT_BOOT
_UNICAST, _LOCAL_TYPE = 1, 2  # RTN_UNICAST, RTN_LOCAL
_ANYWHERE, _HERE = 0, 254  # RT_SCOPE_UNIVERSE, RT_SCOPE_HOST
_ON_LINK = 4  # RTNH_F_ONLINK
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_MOST = 100
"""Requests in one packet; their acknowledgements have to fit into the receive buffer."""


class Route(NamedTuple):
    """The way to an address: over the interface `link`, or with the loopback to the namespace itself."""

    ip: str
    link: int


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value  # values are multiples of 4 bytes here


_PACKED_GATEWAYS = {
    family: _attribute(_GATEWAY, socket.inet_pton(SOCKET_FAMILIES[family], ip))
    for family, ip in GATEWAYS.items()
}


def _body(route: Route) -> bytes:
    family = family_of(route.ip)
    number = SOCKET_FAMILIES[family]
    packed = socket.inet_pton(number, route.ip)
    attributes = _attribute(_DESTINATION, packed) + _attribute(_INTERFACE, struct.pack("=I", route.link))
    if route.link == LOOPBACK:
        header = _ROUTE.pack(number, len(packed) * 8, 0, 0, _LOCAL, _BOOT, _HERE, _LOCAL_TYPE, 0)
        return header + attributes
    header = _ROUTE.pack(number, len(packed) * 8, 0, 0, _MAIN, _BOOT, _ANYWHERE, _UNICAST, _ON_LINK)
    return header + attributes + _PACKED_GATEWAYS[family]


class Routes:
    """The routes of a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._name = namespace.name
        with namespace.inside():
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
        self._socket.bind((0, 0))

    def change(self, *, removed: Iterable[Route], added: Iterable[Route]) -> None:
        """Take routes away, then add others; one that is not there any more is no error."""
        self._ask([(_DELETE, 0, route) for route in removed], forgiven=(errno.ESRCH, errno.ENOENT))
        self._ask([(_NEW, _CREATE | _REPLACE, route) for route in added], forgiven=())

    def _ask(self, requests: list[tuple[int, int, Route]], *, forgiven: tuple[int, ...]) -> None:
        for start in range(0, len(requests), _MOST):
            chunk = requests[start : start + _MOST]
            packet = b""
            for number, (kind, flags, route) in enumerate(chunk):
                body = _body(route)
                packet += (
                    _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | _ACK | flags, number, 0) + body
                )
            self._socket.send(packet)
            answered = 0
            while answered < len(chunk):
                answered += self._read(chunk, forgiven)

    def _read(self, chunk: list[tuple[int, int, Route]], forgiven: tuple[int, ...]) -> int:
        data = self._socket.recv(65536)
        offset = answers = 0
        while offset < len(data):
            length, kind, _, number, _ = _HEADER.unpack_from(data, offset)
            if kind == _ERROR:
                answers += 1
                (code,) = struct.unpack_from("=i", data, offset + _HEADER.size)
                if code and -code not in forgiven:
                    raise NetworkError(
                        f"cannot change the route to {chunk[number][2].ip}: {os.strerror(-code)}",
                        where=f"namespace of {self._name}",
                        hint="is the address one that can be routed to, and free?",
                    )
            offset += (length + 3) & ~3
        return answers

    def close(self) -> None:
        """Close the socket; the routes stay."""
        self._socket.close()
