# SPDX-License-Identifier: Apache-2.0
"""Generated clusters: valid, varied, small when shrunk."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from conformance.strategies.clusters import Limits, clusters
from conformance.strategies.services import Shape
from reference.endpoints import with_managed_slices
from reference.objects import CLUSTER_IP_NONE, MANAGED_BY_LABEL, Cluster, Service
from reference.ports.admission import validate_create
from reference.ports.defaulting import with_defaults

_STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=200)


@_STEADY
@given(clusters(dual_stack=True))
def test_every_service_is_admitted_and_defaulted(cluster: Cluster) -> None:
    """The API server would store each generated Service, and change nothing of it."""
    for service in cluster.services:
        assert validate_create(service) == (), service
        assert with_defaults(service) == service


@_STEADY
@given(clusters(dual_stack=True))
def test_names_addresses_and_ports_have_one_owner(cluster: Cluster) -> None:
    """No two objects share what the API server keeps unique."""
    for collection in (cluster.services, cluster.pods, cluster.endpoint_slices, cluster.nodes):
        names = [(item.metadata.namespace, item.metadata.name) for item in collection]
        assert len(set(names)) == len(names)
    ips = [ip for service in cluster.services for ip in service.spec.cluster_ips if ip != CLUSTER_IP_NONE]
    assert len(set(ips)) == len(ips)
    ports = [
        number
        for service in cluster.services
        for number in (
            *(port.node_port for port in service.spec.ports),
            service.spec.health_check_node_port,
        )
        if number
    ]
    assert len(set(ports)) == len(ports)
    assert all(30000 <= number <= 32767 for number in ports)


@_STEADY
@given(clusters(dual_stack=True))
def test_managed_slices_are_what_the_controller_writes(cluster: Cluster) -> None:
    """The slices of the controller are those that the reference derives from the pods."""
    assert with_managed_slices(cluster) == cluster


def test_limits_are_kept() -> None:
    """No collection outgrows its limit."""

    @_STEADY
    @given(clusters(Limits(services=1, pods=2, nodes=1, slices=0)))
    def within(cluster: Cluster) -> None:
        own = [service for service in cluster.services if service.metadata.name != "kubernetes"]
        assert len(own) <= 1
        assert len(cluster.pods) <= 2
        assert len(cluster.nodes) == 1
        assert all(
            MANAGED_BY_LABEL in item.metadata.labels or item.metadata.name == "kubernetes"
            for item in cluster.endpoint_slices
        )

    within()


def test_every_shape_is_reached() -> None:
    """Two hundred clusters hold every shape of Service and both values of every policy."""
    seen: Counter[str] = Counter()

    @_STEADY
    @given(clusters(dual_stack=True))
    def count(cluster: Cluster) -> None:
        for service in cluster.services:
            spec = service.spec
            seen[spec.type] += 1
            seen["headless"] += spec.cluster_ip == CLUSTER_IP_NONE
            seen["internal Local"] += spec.internal_traffic_policy == "Local"
            seen["external Local"] += spec.external_traffic_policy == "Local"
            seen["affinity"] += spec.session_affinity == "ClientIP"
            seen["selectorless"] += spec.selector is None
            seen["external IP"] += bool(spec.external_ips)
            seen["ranges"] += bool(spec.load_balancer_source_ranges)
            seen["pending"] += spec.type == "LoadBalancer" and not service.status.load_balancer.ingress

    count()
    assert all(seen.values()), seen
    assert len(seen) == 12
    assert len(Shape) == 15


@pytest.mark.thorough
@pytest.mark.parametrize("wanted", [1, 3])
def test_a_shrunk_cluster_is_small(wanted: int) -> None:
    """What is not needed is shrunk away: just as many pods as the condition asks for."""

    def interesting(cluster: Cluster) -> bool:
        return (
            any(_local(service) for service in cluster.services)
            and sum(pod.status.phase == "Running" for pod in cluster.pods) >= wanted
        )

    smallest = find(
        clusters(dual_stack=True),
        interesting,
        settings=settings(derandomize=True, database=None, max_examples=2000),
    )
    assert len(smallest.services) == 1
    assert len(smallest.pods) == wanted
    assert len(smallest.nodes) == 1
    assert [namespace.metadata.name for namespace in smallest.namespaces] == ["default"]


def _local(service: Service) -> bool:
    return service.spec.internal_traffic_policy == "Local"


def test_both_families_come_up() -> None:
    """A third of the clusters has two families, and in these there is everything of both."""
    seen: Counter[object] = Counter()

    @_STEADY
    @given(clusters(dual_stack=True))
    def count(cluster: Cluster) -> None:
        two = len(cluster.settings.service_cidrs) > 1
        seen["two" if two else "one"] += 1
        if not two:
            assert not any(":" in ip for service in cluster.services for ip in service.spec.cluster_ips)
            assert not any(piece.address_type != "IPv4" for piece in cluster.endpoint_slices)
            assert not any(":" in entry.ip for pod in cluster.pods for entry in pod.status.pod_ips)
            return
        for service in cluster.services:
            if service.spec.type != "ExternalName":
                seen["families", service.spec.ip_families] += 1
            seen["external"] += any(":" in ip for ip in service.spec.external_ips)
            seen["balanced"] += any(":" in each.ip for each in service.status.load_balancer.ingress)
            seen["ranges"] += any(":" in cidr for cidr in service.spec.load_balancer_source_ranges)
        for piece in cluster.endpoint_slices:
            seen["slices", piece.address_type, MANAGED_BY_LABEL in piece.metadata.labels] += 1
        for pod in cluster.pods:
            seen["pods", len(pod.status.pod_ips)] += 1

    count()
    assert 40 < seen["two"] < seen["one"]
    assert all(seen.values()), seen
    assert {key for key in seen if isinstance(key, tuple) and key[0] == "families"} == {
        ("families", families) for families in (("IPv4",), ("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4"))
    }


def test_one_family_unless_two_are_asked_for() -> None:
    """Who does not claim dual-stack never meets an IPv6 address."""

    @_STEADY
    @given(clusters())
    def count(cluster: Cluster) -> None:
        assert "fd00" not in repr(cluster)
        assert "2001:db8" not in repr(cluster)

    count()


def test_strategies_are_lazy() -> None:
    """Building the strategy draws nothing."""
    assert isinstance(clusters(), st.SearchStrategy)
