# SPDX-License-Identifier: Apache-2.0
"""Addresses that no generated object has, in the family that is wanted."""

from __future__ import annotations

from ipaddress import ip_address

from reference.routing.addresses import IPV4


def number_of(ip: str) -> int:
    """The last eight bits of an address: alike in both families of one object, and unlike another's."""
    return int(ip_address(ip)) & 0xFF


def fresh(net: int, number: int, family: str) -> str:
    """An address of a net that nobody uses; `net` from 245 on, `number` below 256."""
    return f"10.{net}.0.{number}" if family == IPV4 else f"fd00:10:{net:x}::{number:x}"


def other_cluster_ip(ip: str) -> str:
    """A cluster IP that is free, of the family of `ip`."""
    number = number_of(ip)
    return f"10.96.7.{number}" if ":" not in ip else f"fd00:10:96::7{number:02x}"


def other_external_ip(ip: str) -> str:
    """An external IP that is free, of the family of `ip`."""
    number = number_of(ip)
    return f"198.18.9.{number}" if ":" not in ip else f"2001:db8:18:9::{number:x}"


def sibling(ip: str, number: int) -> str:
    """Another address in the same net; `number` from 1 to 254."""
    if ":" not in ip:
        return f"{ip.rpartition('.')[0]}.{number}"
    return f"{ip.rpartition(':')[0]}:{number:x}"
