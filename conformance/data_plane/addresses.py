# SPDX-License-Identifier: Apache-2.0
"""IP addresses as the kernel writes them."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

IPV4 = "IPv4"
IPV6 = "IPv6"
SOCKET_FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
FREE_BIND = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),  # IP_FREEBIND
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),  # IPV6_FREEBIND
}
"""The option with which a socket may use an address that no interface has, by the family of the socket."""


@lru_cache(maxsize=65536)
def canonical(text: str) -> str | None:
    """The address as the kernel writes it; None for what is no address, or none that can be routed to."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return None
    number = SOCKET_FAMILIES[IPV6 if address.version == 6 else IPV4]
    return socket.inet_ntop(number, address.packed)


def is_loopback(text: str) -> bool:
    """Whether it is an address by which a process reaches its own host, and nobody else."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def family_of(ip: str) -> str:
    """The family of an address."""
    return IPV6 if ":" in ip else IPV4
