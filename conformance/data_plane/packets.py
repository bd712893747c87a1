# SPDX-License-Identifier: Apache-2.0
"""The few parts of IP packets that tell connections apart."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

TCP, UDP, SCTP = 6, 17, 132
_PROTOCOLS = {TCP: "TCP", UDP: "UDP", SCTP: "SCTP"}
_TCP_FLAGS, _SYN, _SYN_OR_ACK = 13, 0x02, 0x12
_UDP_HEADER = 8
_SCTP_HEADER = 12
_SCTP_INIT = 1


class Packet(NamedTuple):
    """The first packet of a connection: from where to where, and what identifies it."""

    protocol: str
    source_ip: str
    source_port: int
    ip: str
    port: int
    mark: bytes


def split(packet: bytes) -> tuple[int, int, bytes, bytes, bytes] | None:
    """IP version, protocol, packed source and destination, and what is inside; None for no IP packet.

    A fragment that is not the first, or an extension header, is no connection's first packet.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        if packet[6] & 0x1F or packet[7]:
            return None
        return 4, packet[9], packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4 :]
    if version == 6 and len(packet) >= 40:
        return 6, packet[6], packet[8:24], packet[24:40], packet[40:]
    return None


def first_of_connection(packet: bytes) -> Packet | None:
    """What an IP packet begins; None if it begins no connection."""
    parts = split(packet)
    if parts is None:
        return None
    version, number, source, destination, inside = parts
    mark = identity(number, inside)
    if mark is None or (number == TCP and inside[_TCP_FLAGS] & _SYN_OR_ACK != _SYN):
        return None
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    source_port, port = struct.unpack_from("!HH", inside)
    return Packet(
        _PROTOCOLS[number],
        socket.inet_ntop(family, source),
        source_port,
        socket.inet_ntop(family, destination),
        port,
        mark,
    )


def identity(protocol: int, inside: bytes) -> bytes | None:
    """What identifies a connection, whoever changes its addresses and ports on the way.

    The sequence number of TCP, what is in a UDP datagram, the initiate tag of SCTP.
    """
    if protocol == TCP and len(inside) >= 20:
        return inside[4:8]
    if protocol == UDP and len(inside) > _UDP_HEADER:
        return inside[_UDP_HEADER:]
    if protocol == SCTP and len(inside) >= _SCTP_HEADER + 8 and inside[_SCTP_HEADER] == _SCTP_INIT:
        return inside[_SCTP_HEADER + 4 : _SCTP_HEADER + 8]
    return None


def internet_checksum(data: bytes) -> int:
    """The checksum of ICMP (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
