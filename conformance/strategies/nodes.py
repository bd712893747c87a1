# SPDX-License-Identifier: Apache-2.0
"""Nodes: one choice each, their zone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from conformance.strategies import pools
from conformance.strategies.addresses import ONE_STACK, node_external_ip, node_ip, node_pod_range
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


@lru_cache(maxsize=64)
def build(
    index: int,
    zone: str | None,
    *,
    with_external_ip: bool = False,
    with_capacity: bool = False,
    families: tuple[str, ...] = ONE_STACK,
) -> Node:
    """The node at `index` in `zone`; `with_capacity` it is Ready and has CPUs.

    Every address of its status is one that it has, and that traffic may arrive at.
    """
    addresses = tuple(NodeAddress("InternalIP", node_ip(index, family)) for family in families)
    if with_external_ip:
        addresses += tuple(NodeAddress("ExternalIP", node_external_ip(index, family)) for family in families)
    ranges = tuple(node_pod_range(index, family) for family in families)
    status = NodeStatus(addresses=addresses)
    if with_capacity:
        status = NodeStatus(status.addresses, (NodeCondition("Ready", "True"),), ResourceList("2"))
    return Node(
        metadata=ObjectMeta(
            name=pools.NODE_NAMES[index],
            uid=f"node-{index}",
            labels=FrozenMap({ZONE_LABEL: zone}) if zone else EMPTY,
        ),
        spec=NodeSpec(pod_cidr=ranges[0], pod_cidrs=ranges),
        status=status,
    )


def build_all(
    choices: Sequence[tuple[str | None, bool]],
    *,
    with_capacity: bool,
    families: tuple[str, ...] = ONE_STACK,
) -> tuple[Node, ...]:
    """One node for each choice of a zone and of whether it has an ExternalIP."""
    return tuple(
        build(index, zone, with_external_ip=external, with_capacity=with_capacity, families=families)
        for index, (zone, external) in enumerate(choices)
    )
