# SPDX-License-Identifier: Apache-2.0
"""The pools of node ports and cluster IPs: their ranges, their bands, and what is taken.

A dynamic choice is free within what is allowed, so it is modelled as a set
(`Allowed`), not as a number.

Source: kubernetes `pkg/registry/core/service/portallocator`, `ipallocator`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from attrs import frozen

from reference.objects import ClusterSettings
from reference.ports.addresses import IPV4, Address, Prefix, parse_cidr


def node_port_static_band(size: int) -> int:
    """How many node ports at the start of a range are kept for explicit choice (ALLOC-007)."""
    return _static_band(size, share=32, most=128)


def cluster_ip_static_band(host_bits: int) -> int:
    """How many addresses, from the first usable one, are kept for explicit choice (ALLOC-027)."""
    return _static_band(1 << host_bits, share=16, most=256)


def _static_band(size: int, *, share: int, most: int) -> int:
    return 0 if size <= 16 else min(max(16, size // share), most)


def usable_addresses(prefix: Prefix) -> range:
    """Not the network address, and for IPv4 not the broadcast address (ALLOC-026)."""
    last = prefix.network + (1 << prefix.host_bits) - 1
    return range(prefix.network + 1, last if prefix.family == IPV4 else last + 1)


@frozen
class Pool:
    """A range that is given out: its lower band (for explicit choice) and its upper band."""

    lower: range
    upper: range

    def __contains__(self, value: int) -> bool:
        return value in self.lower or value in self.upper


@frozen
class Allowed:
    """What a dynamic choice may take now: any number of `bands` that is not `taken`.

    `pools` are where the bands belong: an implementation that chooses a free
    number of the wrong band breaks one rule, not the whole allocation.
    """

    bands: tuple[range, ...]
    taken: frozenset[int]
    pools: tuple[Pool, ...]

    def __contains__(self, value: int) -> bool:
        return value not in self.taken and any(value in band for band in self.bands)

    def __bool__(self) -> bool:
        return bool(self.bands)

    def is_free(self, value: int) -> bool:
        """Whether a number is free, in whichever band."""
        return value not in self.taken and any(value in pool for pool in self.pools)

    def lowest(self) -> int:
        """The lowest allowed number."""
        return min(next(number for number in band if number not in self.taken) for band in self.bands)

    def without(self, numbers: Iterable[int]) -> Allowed:
        """The same without these numbers."""
        taken = self.taken.union(numbers)
        return Allowed(tuple(band for band in self.bands if _has_free(band, taken)), taken, self.pools)

    def __str__(self) -> str:
        spans = " or ".join(f"{band.start} to {band.stop - 1}" for band in self.bands)
        taken = sorted(number for number in self.taken if any(number in band for band in self.bands))
        return f"{spans}, but none of {', '.join(map(str, taken))}" if taken else spans


@lru_cache(maxsize=64)
def node_port_pool(node_port_range: tuple[int, int]) -> Pool:
    """The pool of node ports, both ends of the range included (ALLOC-006, ALLOC-007)."""
    first, last = node_port_range
    start = first + node_port_static_band(last - first + 1)
    return Pool(range(first, start), range(start, last + 1))


@lru_cache(maxsize=64)
def cluster_ip_pools(service_cidrs: tuple[str, ...]) -> tuple[tuple[str, tuple[Pool, ...]], ...]:
    """The pools of each family, the cluster's default family first (ALLOC-027, ALLOC-031)."""
    pools: dict[str, tuple[Pool, ...]] = {}
    for text in service_cidrs:
        prefix = parse_cidr(text)
        if prefix is None:
            raise ValueError(f"service CIDR {text!r} is no CIDR")
        usable = usable_addresses(prefix)
        start = usable.start + cluster_ip_static_band(prefix.host_bits)
        pool = Pool(range(usable.start, start), range(start, usable.stop))
        pools[prefix.family] = (*pools.get(prefix.family, ()), pool)
    return tuple(pools.items())


@frozen
class Allocations:
    """What is taken of the cluster's pools.

    Node ports are numbers: the pool does not know protocols (ALLOC-011).
    """

    settings: ClusterSettings
    node_ports: frozenset[int] = frozenset()
    cluster_ips: frozenset[Address] = frozenset()

    def pools_of(self, family: str) -> tuple[Pool, ...]:
        """The service CIDRs of a family; none when it is not configured (ALLOC-040)."""
        return dict(cluster_ip_pools(self.settings.service_cidrs)).get(family, ())

    @property
    def families(self) -> tuple[str, ...]:
        """The configured families, the default one first (ALLOC-036)."""
        return tuple(family for family, _ in cluster_ip_pools(self.settings.service_cidrs))

    def may_take_node_port(self, number: int) -> bool:
        """Whether an explicit node port is in the range and free (ALLOC-009)."""
        first, last = self.settings.node_port_range
        return first <= number <= last and number not in self.node_ports

    def may_take_cluster_ip(self, address: Address) -> bool:
        """Whether an explicit cluster IP is usable and free (ALLOC-029)."""
        return address not in self.cluster_ips and any(
            address.value in pool for pool in self.pools_of(address.family)
        )

    def with_node_port(self, number: int) -> Allocations:
        """`number` taken."""
        return Allocations(self.settings, self.node_ports | {number}, self.cluster_ips)

    def with_cluster_ip(self, address: Address) -> Allocations:
        """`address` taken."""
        return Allocations(self.settings, self.node_ports, self.cluster_ips | {address})

    def without(
        self, *, node_ports: frozenset[int] = frozenset(), cluster_ips: frozenset[Address] = frozenset()
    ) -> Allocations:
        """These released (ALLOC-004, ALLOC-016, ALLOC-020)."""
        if not node_ports and not cluster_ips:
            return self
        return Allocations(self.settings, self.node_ports - node_ports, self.cluster_ips - cluster_ips)


def allowed_dynamic_node_ports(state: Allocations) -> Allowed:
    """The upper band while any number is free there, then the lower one (ALLOC-008)."""
    pool = node_port_pool(state.settings.node_port_range)
    return _allowed((pool,), state.node_ports)


def allowed_dynamic_cluster_ips(state: Allocations, family: str) -> Allowed:
    """For each service CIDR its upper band while any is free there, then its lower one (ALLOC-028)."""
    taken = frozenset(address.value for address in state.cluster_ips if address.family == family)
    return _allowed(state.pools_of(family), taken)


def _allowed(pools: tuple[Pool, ...], taken: frozenset[int]) -> Allowed:
    bands = (pool.upper if _has_free(pool.upper, taken) else pool.lower for pool in pools)
    return Allowed(tuple(band for band in bands if _has_free(band, taken)), taken, pools)


def _has_free(band: range, taken: frozenset[int]) -> bool:
    size = band.stop - band.start
    return size > len(taken) or size > sum(number in band for number in taken)
