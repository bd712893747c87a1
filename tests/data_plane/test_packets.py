# SPDX-License-Identifier: Apache-2.0
"""Packets as they are read and made by hand, and what needs no network."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.data_plane.addresses import canonical
from conformance.data_plane.packets import Packet, first_of_connection, internet_checksum
from conformance.data_plane.sctp import checksum
from conformance.data_plane.source_ports import COUNT, SourcePorts

SOURCE, DESTINATION = ip_address("10.0.0.1"), ip_address("10.0.0.2")
SYN = struct.pack("!HHIIBB", 1000, 80, 7, 0, 0x50, 0x02) + bytes(6)


def _ipv4(protocol: int, inside: bytes, *, fragment: int = 0, options: bytes = b"") -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 0, 0, fragment, 64, protocol, 0)
    return header + SOURCE.packed + DESTINATION.packed + options + inside


def test_the_checksum_of_sctp_is_crc32c() -> None:
    """The check values of CRC32c: of the digits, and of 32 zeros and ones (RFC 3720, B.4)."""
    assert checksum(b"123456789") == 0xE3069283
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43


@given(st.binary(max_size=64))
def test_the_checksum_of_icmp_sums_up_to_nothing(data: bytes) -> None:
    """With its checksum, a message has the checksum zero (RFC 1071)."""
    whole = data + b"\0" * (len(data) % 2)
    assert internet_checksum(struct.pack("!H", internet_checksum(data)) + whole) == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_ipv4(6, SYN), Packet("TCP", "10.0.0.1", 1000, "10.0.0.2", 80, b"\0\0\0\7")),
        (_ipv4(6, SYN, options=b"\1" * 8), Packet("TCP", "10.0.0.1", 1000, "10.0.0.2", 80, b"\0\0\0\7")),
        (
            _ipv4(17, struct.pack("!HHHH", 5, 6, 12, 0) + b"data"),
            Packet("UDP", "10.0.0.1", 5, "10.0.0.2", 6, b"data"),
        ),
        (_ipv4(6, SYN[:13] + b"\x12" + SYN[14:]), None),  # the answer to a SYN
        (_ipv4(6, SYN, fragment=1), None),
        (_ipv4(1, SYN), None),
        (_ipv4(6, SYN[:10]), None),
        (b"", None),
        (b"\x60" + bytes(39), None),
    ],
)
def test_only_first_packets_of_connections_count(data: bytes, expected: Packet | None) -> None:
    """Errors, answers, fragments and what is too short begin no connection."""
    assert first_of_connection(data) == expected


@given(st.binary(max_size=120))
def test_no_packet_is_too_strange(data: bytes) -> None:
    """Whatever comes is read without an error."""
    first_of_connection(b"\x45" + data)
    first_of_connection(b"\x60" + data)


def test_addresses_are_written_as_the_kernel_does() -> None:
    """One way to write each, and None for those that no packet is routed to."""
    assert canonical("FD00:0:0:0:0:0:0:1") == "fd00::1"
    assert canonical("::ffff:10.0.0.1") == "::ffff:10.0.0.1"
    assert canonical("10.0.0.1") == "10.0.0.1"
    for text in ("", "None", "10.0.0.01", "127.0.0.1", "::1", "169.254.1.1", "fe80::1", "224.0.0.1", "::"):
        assert canonical(text) is None, text


def test_a_source_port_comes_again_as_late_as_possible() -> None:
    """Each client goes through all of them, and none is privileged or a usual node port."""
    ports = SourcePorts()
    taken = [ports.take("node-a", "10.0.0.1", "TCP") for _ in range(COUNT)]
    assert len(set(taken)) == COUNT
    assert min(taken) == 1024
    assert max(taken) == 65535
    assert not any(30000 <= port <= 32767 for port in taken)
    assert ports.take("node-a", "10.0.0.1", "TCP") == taken[0]
    assert ports.take("node-a", "10.0.0.1", "UDP") == taken[0]
