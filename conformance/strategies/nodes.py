# SPDX-License-Identifier: Apache-2.0
"""Nodes: one choice each, their zone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from conformance.strategies import pools
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import ZONE_LABEL, Node, NodeAddress, NodeSpec, NodeStatus, ObjectMeta


def node_ip(index: int) -> str:
    """The InternalIP of the node at `index`."""
    return f"192.168.0.{11 + index}"


@lru_cache(maxsize=64)
def build(index: int, zone: str | None) -> Node:
    """The node at `index` in `zone`."""
    return Node(
        metadata=ObjectMeta(
            name=pools.NODE_NAMES[index],
            uid=f"node-{index}",
            labels=FrozenMap({ZONE_LABEL: zone}) if zone else EMPTY,
        ),
        spec=NodeSpec(pod_cidr=f"10.244.{index}.0/24", pod_cidrs=(f"10.244.{index}.0/24",)),
        status=NodeStatus(addresses=(NodeAddress("InternalIP", node_ip(index)),)),
    )


def build_all(zones: Sequence[str | None]) -> tuple[Node, ...]:
    """One node for each of `zones`."""
    return tuple(build(index, zone) for index, zone in enumerate(zones))
