# SPDX-License-Identifier: Apache-2.0
"""Addresses of a family that a cluster does not have change nothing for the family that it has."""

from __future__ import annotations

from attrs import evolve
from hypothesis import HealthCheck, given, settings

from conformance.data_plane.widening import Memory
from conformance.model import Model
from conformance.questions.routing import flows
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, ClusterSettings
from tests.data_plane import worlds

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_FOUR, _SIX = ClusterSettings(pod_cidrs=("10.244.0.0/16",)), ClusterSettings(pod_cidrs=("fd00:244::/48",))


def _of(cluster_settings: ClusterSettings, *ips: str, name: str = "node-a") -> Cluster:
    return Cluster(nodes=(worlds.node(name, *ips),), settings=cluster_settings)


def _addresses(cluster: Cluster) -> list[str]:
    return [entry.address for entry in cluster.nodes[0].status.addresses]


def test_a_family_is_kept() -> None:
    """A cluster of one family has the address and the range of the other, behind its own."""
    memory = Memory()
    four, six = _of(_FOUR, worlds.NODE_A), _of(_SIX, worlds.SIX[worlds.NODE_A])
    assert memory.widened(four) == four
    wide = memory.widened(six)
    assert _addresses(wide) == [worlds.SIX[worlds.NODE_A], worlds.NODE_A]
    assert wide.settings.pod_cidrs == ("fd00:244::/48", "10.244.0.0/16")
    again = memory.widened(four)
    assert _addresses(again) == [worlds.NODE_A, worlds.SIX[worlds.NODE_A]]


def test_the_primary_address_stays() -> None:
    """What a program is told first of its own family is what the cluster says, also when that changes."""
    memory = Memory()
    memory.widened(_of(_FOUR, worlds.NODE_A))
    memory.widened(_of(_SIX, worlds.SIX[worlds.NODE_A]))
    moved = memory.widened(_of(_FOUR, "192.168.0.99", worlds.NODE_A))
    assert _addresses(moved) == ["192.168.0.99", worlds.NODE_A, worlds.SIX[worlds.NODE_A]]
    assert _addresses(memory.widened(_of(_SIX, worlds.SIX[worlds.NODE_B])))[1] == "192.168.0.99"


def test_nodes_are_told_apart() -> None:
    """A node that was never seen has no address but its own; a cluster of both families stays as it is."""
    memory = Memory()
    memory.widened(_of(_FOUR, worlds.NODE_A))
    other = memory.widened(_of(_SIX, worlds.SIX[worlds.NODE_B], name="node-b"))
    assert _addresses(other) == [worlds.SIX[worlds.NODE_B]]
    both = worlds.cluster()
    assert memory.widened(both) == both


def test_a_node_without_addresses_keeps_what_it_had() -> None:
    """Without any address a program would wait for one; the ranges of pods are the cluster's all the same."""
    memory = Memory()
    memory.widened(worlds.cluster())
    bare = Cluster(nodes=(worlds.node("node-a"), worlds.node("node-c")), settings=_FOUR)
    wide = memory.widened(bare)
    assert _addresses(wide) == [worlds.NODE_A, worlds.SIX[worlds.NODE_A]]
    assert wide.nodes[1] == bare.nodes[1]
    assert wide.settings == bare.settings


@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
@given(before=clusters(dual_stack=True), cluster=clusters(dual_stack=True))
def test_decisions_are_the_same(before: Cluster, cluster: Cluster) -> None:
    """Whatever was before, the model decides each flow of the cluster as without what was added."""
    memory = Memory()
    memory.widened(before)
    wide = memory.widened(cluster)
    asked = flows(cluster)
    plain, widened = Model(cluster).routing, Model(wide).routing
    assert [plain.decide(flow) for flow in asked] == [widened.decide(flow) for flow in asked]
    for node, wider in zip(cluster.nodes, wide.nodes, strict=True):
        own = node.status.addresses
        assert wider.status.addresses[: len(own)] == own
        assert evolve(wider, status=node.status) == node
    assert wide.settings.pod_cidrs[: len(cluster.settings.pod_cidrs)] == cluster.settings.pod_cidrs
    assert memory.widened(cluster) == wide
