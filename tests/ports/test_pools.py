# SPDX-License-Identifier: Apache-2.0
"""Ranges, bands and free numbers."""

from __future__ import annotations

import pytest

from reference.objects import ClusterSettings
from reference.ports import Allocations, allowed_dynamic_cluster_ips, allowed_dynamic_node_ports
from reference.ports.addresses import (
    IPV4,
    IPV6,
    Address,
    format_ip,
    is_special,
    parse_cidr,
    parse_ip,
    parse_legacy_ip,
)
from reference.ports.pools import (
    cluster_ip_pools,
    cluster_ip_static_band,
    node_port_pool,
    node_port_static_band,
    usable_addresses,
)


@pytest.mark.parametrize(
    ("size", "band"),
    [(1, 0), (16, 0), (17, 16), (543, 16), (544, 17), (2768, 86), (4095, 127), (4096, 128), (65535, 128)],
)
def test_node_port_band(size: int, band: int) -> None:
    """0 up to 16 numbers, then size/32 between 16 and 128 (ALLOC-007)."""
    assert node_port_static_band(size) == band


def test_default_node_port_bands() -> None:
    """Of 30000-32767 the first 86 are static, so that dynamic ones start at 30086 (ALLOC-007)."""
    pool = node_port_pool((30000, 32767))
    assert (pool.lower.start, pool.lower.stop) == (30000, 30086)
    assert (pool.upper.start, pool.upper.stop) == (30086, 32768)


@pytest.mark.parametrize(
    ("length", "band"),
    [
        (30, 0),
        (29, 0),
        (28, 0),
        (27, 16),
        (24, 16),
        (23, 32),
        (22, 64),
        (21, 128),
        (20, 256),
        (16, 256),
        (8, 256),
    ],
)
def test_cluster_ip_band(length: int, band: int) -> None:
    """0 up to 16 addresses, then size/16 between 16 and 256 (ALLOC-027)."""
    assert cluster_ip_static_band(32 - length) == band


@pytest.mark.parametrize(
    ("cidr", "lower", "upper"),
    [
        ("10.96.0.0/24", ("10.96.0.1", "10.96.0.16"), ("10.96.0.17", "10.96.0.254")),
        ("10.96.0.0/16", ("10.96.0.1", "10.96.1.0"), ("10.96.1.1", "10.96.255.254")),
        ("10.96.0.0/28", None, ("10.96.0.1", "10.96.0.14")),
        ("fd00::/112", ("fd00::1", "fd00::100"), ("fd00::101", "fd00::ffff")),
    ],
)
def test_cluster_ip_bands(cidr: str, lower: tuple[str, str] | None, upper: tuple[str, str]) -> None:
    """Bands count from the first usable address; IPv6 uses its last one (ALLOC-026, ALLOC-027)."""
    ((family, (pool,)),) = cluster_ip_pools((cidr,))
    ends = [
        (format_ip(family, band.start), format_ip(family, band.stop - 1)) if band.stop > band.start else None
        for band in (pool.lower, pool.upper)
    ]
    assert ends == [lower, upper]


def test_usable_addresses() -> None:
    """Neither the network address nor the IPv4 broadcast address (ALLOC-026)."""
    prefix = parse_cidr("10.96.0.0/30")
    assert prefix is not None
    assert [format_ip(IPV4, value) for value in usable_addresses(prefix)] == ["10.96.0.1", "10.96.0.2"]


def test_dynamic_node_ports_use_the_upper_band_first() -> None:
    """The static band is only used when the dynamic one is full (ALLOC-008)."""
    state = Allocations(ClusterSettings(node_port_range=(30000, 30016)))
    assert allowed_dynamic_node_ports(state).lowest() == 30016
    assert 30000 not in allowed_dynamic_node_ports(state)
    full = state.with_node_port(30016)
    assert allowed_dynamic_node_ports(full).lowest() == 30000
    assert 30016 not in allowed_dynamic_node_ports(full)
    nothing = full
    for number in range(30000, 30016):
        nothing = nothing.with_node_port(number)
    assert not allowed_dynamic_node_ports(nothing)
    assert allowed_dynamic_node_ports(nothing.without(node_ports=frozenset({30003}))).lowest() == 30003


def test_dynamic_cluster_ips_use_the_upper_band_first() -> None:
    """So it is with cluster IPs, for each family on its own (ALLOC-028)."""
    state = Allocations(ClusterSettings(service_cidrs=("10.96.0.0/27", "fd00::/120")))
    allowed = allowed_dynamic_cluster_ips(state, IPV4)
    assert format_ip(IPV4, allowed.lowest()) == "10.96.0.17"
    for last in range(17, 31):
        address = parse_ip(f"10.96.0.{last}")
        assert address is not None
        state = state.with_cluster_ip(address)
    assert format_ip(IPV4, allowed_dynamic_cluster_ips(state, IPV4).lowest()) == "10.96.0.1"
    assert format_ip(IPV6, allowed_dynamic_cluster_ips(state, IPV6).lowest()) == "fd00::11"


def test_several_cidrs_of_a_family() -> None:
    """The range is the union of the CIDRs, each with its bands (ALLOC-031)."""
    state = Allocations(ClusterSettings(service_cidrs=("10.0.0.0/30", "10.1.0.0/24")))
    allowed = allowed_dynamic_cluster_ips(state, IPV4)
    for text, is_allowed in (
        ("10.0.0.1", True),
        ("10.1.0.17", True),
        ("10.1.0.16", False),
        ("10.2.0.1", False),
    ):
        address = parse_ip(text)
        assert address is not None
        assert (address.value in allowed) is is_allowed
        assert state.may_take_cluster_ip(address) is not text.startswith("10.2")


@pytest.mark.parametrize(
    ("number", "free"), [(29999, False), (30000, True), (30001, False), (30003, True), (30004, False)]
)
def test_explicit_node_ports(number: int, free: bool) -> None:
    """In the range, both ends included, and not taken (ALLOC-006, ALLOC-009)."""
    state = Allocations(ClusterSettings(node_port_range=(30000, 30003))).with_node_port(30001)
    assert state.may_take_node_port(number) is free


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", Address(IPV4, 0x0A000001)),
        ("::1", Address(IPV6, 1)),
        ("10.0.0", None),
        ("10.0.0.256", None),
        ("010.0.0.1", None),
        ("::ffff:10.0.0.1", None),
        ("fe80::1%eth0", None),
        ("10.0.0.0/8", None),
        ("", None),
        ("None", None),
    ],
)
def test_parse_ip(text: str, expected: Address | None) -> None:
    """Addresses in their strict forms (VAL-039)."""
    assert parse_ip(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", Address(IPV4, 0x0A000001)),
        ("010.000.0.0001", Address(IPV4, 0x0A000001)),
        ("::ffff:10.0.0.1", Address(IPV4, 0x0A000001)),
        ("::FFFF:0a00:001", Address(IPV4, 0x0A000001)),
        ("0::00001", Address(IPV6, 1)),
        ("::10.0.0.01", Address(IPV6, 0x0A000001)),
        ("10.0.0.0256", None),
        ("10.0.0", None),
        ("0x0a.0.0.1", None),
        ("fe80::1%eth0", None),
        ("10.0.0.01/8", None),
        ("", None),
    ],
)
def test_parse_legacy_ip(text: str, expected: Address | None) -> None:
    """Leading zeros count for nothing, and IPv4 written as IPv6 is IPv4 (VAL-074)."""
    assert parse_legacy_ip(text) == expected


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("10.0.0.0/8", True),
        ("0.0.0.0/0", True),
        ("192.0.2.1/32", True),
        ("2001:db8::/64", True),
        ("10.0.0.0", False),
        ("10.0.0.0/33", False),
        ("10.0.0.0/08", False),
        ("10.0.0.0/255.0.0.0", False),
        ("10.0.0.1/8", False),
        ("010.0.0.0/8", False),
        ("::ffff:10.0.0.0/104", False),
        ("::ffff:0:0/96", False),
        ("fe80::%1/64", False),
        ("::/0", True),
        ("10.0.0.0/8 ", False),
        ("", False),
    ],
)
def test_parse_cidr(text: str, good: bool) -> None:
    """CIDRs in their strict forms (VAL-057)."""
    assert (parse_cidr(text) is not None) is good


@pytest.mark.parametrize(
    ("text", "special"),
    [
        ("0.0.0.0", True),
        ("::", True),
        ("127.255.255.255", True),
        ("::1", True),
        ("169.254.255.255", True),
        ("fe80::1", True),
        ("febf::1", True),
        ("224.0.0.255", True),
        ("ff02::1", True),
        ("ff12::1", True),
        ("0.0.0.1", False),
        ("126.255.255.255", False),
        ("128.0.0.0", False),
        ("169.253.255.255", False),
        ("224.0.1.0", False),
        ("255.255.255.255", False),
        ("10.0.0.1", False),
        ("ff05::1", False),
        ("fec0::1", False),
        ("2001:db8::1", False),
    ],
)
def test_special_addresses(text: str, special: bool) -> None:
    """Unspecified, loopback, link-local unicast and multicast, and no others (VAL-050 to VAL-054)."""
    address = parse_ip(text)
    assert address is not None
    assert is_special(address) is special
