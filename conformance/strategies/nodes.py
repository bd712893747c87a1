# SPDX-License-Identifier: Apache-2.0
"""Nodes: one choice each, their zone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from conformance.strategies import pools
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    ZONE_LABEL,
    Node,
    NodeAddress,
    NodeCondition,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    ResourceList,
)


def node_ip(index: int) -> str:
    """The InternalIP of the node at `index`."""
    return f"192.168.0.{11 + index}"


@lru_cache(maxsize=64)
def build(index: int, zone: str | None, *, with_capacity: bool = False) -> Node:
    """The node at `index` in `zone`; `with_capacity` it is Ready and has CPUs."""
    status = NodeStatus(addresses=(NodeAddress("InternalIP", node_ip(index)),))
    if with_capacity:
        status = NodeStatus(status.addresses, (NodeCondition("Ready", "True"),), ResourceList("2"))
    return Node(
        metadata=ObjectMeta(
            name=pools.NODE_NAMES[index],
            uid=f"node-{index}",
            labels=FrozenMap({ZONE_LABEL: zone}) if zone else EMPTY,
        ),
        spec=NodeSpec(pod_cidr=f"10.244.{index}.0/24", pod_cidrs=(f"10.244.{index}.0/24",)),
        status=status,
    )


def build_all(zones: Sequence[str | None], *, with_capacity: bool) -> tuple[Node, ...]:
    """One node for each of `zones`."""
    return tuple(build(index, zone, with_capacity=with_capacity) for index, zone in enumerate(zones))
