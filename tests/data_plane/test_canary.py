# SPDX-License-Identifier: Apache-2.0
"""The objects by which is known that a state has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from attrs import evolve
from hypothesis import HealthCheck as Health
from hypothesis import given, settings

from conformance.convert import from_plain
from conformance.data_plane.canary import NAMESPACE, Canary, canaries
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, EndpointSlice, Node, NodeStatus, ObjectMeta, Service
from reference.questions import HealthCheck, HealthCheckAnswer, NamespacedName
from tests.data_plane import worlds

_NODES = worlds.cluster().nodes
_BOTH = canaries(7, _NODES)


def _answer(canary: Canary, *, status: int = 200, number: int | None = None) -> HealthCheckAnswer:
    name = canary.name if number is None else evolve(canary, number=number).name
    return HealthCheckAnswer(status, 1, NamespacedName(NAMESPACE, name))


class _Answers:
    """What there is to look at: answers to health checks that are given."""

    def __init__(self, *answers: HealthCheckAnswer) -> None:
        self.answers = answers
        self.checks: list[HealthCheck] = []

    def health_checks(self, checks: Sequence[HealthCheck]) -> Sequence[HealthCheckAnswer]:
        """The given answers."""
        self.checks += checks
        return self.answers

    def get(self, node: str, port: int, path: str) -> str | None:
        """Nothing answers."""
        return None


def test_there_is_one_for_each_family() -> None:
    """Each has an endpoint on each node that has an address of its family, and on no other."""
    assert [(bird.family, bird.nodes) for bird in _BOTH] == [
        ("IPv4", ("node-a", "node-b")),
        ("IPv6", ("node-a", "node-b")),
    ]
    mixed = canaries(1, [worlds.node("four", worlds.NODE_A), worlds.node("six", worlds.SIX[worlds.NODE_B])])
    assert [(bird.family, bird.nodes) for bird in mixed] == [("IPv4", ("four",)), ("IPv6", ("six",))]
    assert canaries(1, [Node(ObjectMeta("bare"), status=NodeStatus(()))]) == []


def test_names_and_ports_are_unique() -> None:
    """No two of states that follow one another, nor of two families, have a name or a port in common."""
    birds = [bird for number in range(3990, 5010) for bird in canaries(number, _NODES)]
    assert len({bird.name for bird in birds}) == len(birds)
    assert len({bird.port for bird in birds}) == len(birds)
    assert all(20000 <= bird.port < 30000 for bird in birds)


@pytest.mark.parametrize("bird", _BOTH, ids=["IPv4", "IPv6"])
def test_objects_are_those_of_the_api(bird: Canary) -> None:
    """They are read without a field that is unknown, and belong together."""
    service, slice_ = from_plain(bird.service, Service), from_plain(bird.slice, EndpointSlice)
    assert service.metadata.name == slice_.metadata.labels["kubernetes.io/service-name"]
    assert service.metadata.namespace == slice_.metadata.namespace == NAMESPACE
    assert (service.spec.external_traffic_policy, service.spec.type) == ("Local", "LoadBalancer")
    assert service.spec.health_check_node_port == bird.port
    assert [endpoint.node_name for endpoint in slice_.endpoints] == list(bird.nodes)
    assert len({endpoint.addresses for endpoint in slice_.endpoints}) == len(bird.nodes)
    version = 4 if bird.family == "IPv4" else 6
    addresses = [service.spec.cluster_ip, *(ip for each in slice_.endpoints for ip in each.addresses)]
    addresses += [entry.ip for entry in service.status.load_balancer.ingress]
    assert len(set(addresses)) == len(addresses)
    assert {ip_address(address).version for address in addresses} == {version}


# On a busy machine clusters can be slow to draw, which is no matter here.
@settings(max_examples=60, deadline=None, suppress_health_check=[Health.too_slow])
@given(cluster=clusters(dual_stack=True))
def test_they_are_in_nobody_s_way(cluster: Cluster) -> None:
    """Of no cluster that is generated are their addresses in a range, nor their ports or names in use."""
    ranges = [ip_network(cidr) for cidr in (*cluster.settings.pod_cidrs, *cluster.settings.service_cidrs)]
    used = {entry.address for node in cluster.nodes for entry in node.status.addresses} | {
        ip for each in cluster.endpoint_slices for endpoint in each.endpoints for ip in endpoint.addresses
    }
    ports = {port.node_port for service in cluster.services for port in service.spec.ports}
    ports |= {service.spec.health_check_node_port for service in cluster.services}
    for bird in canaries(1, cluster.nodes):
        (ingress,) = bird.service["status"]["loadBalancer"]["ingress"]
        addresses = [bird.service["spec"]["clusterIP"], ingress["ip"]]
        addresses += [ip for endpoint in bird.slice["endpoints"] for ip in endpoint["addresses"]]
        for text in addresses:
            address = ip_address(text)
            assert not any(address in each for each in ranges if each.version == address.version)
            assert text not in used
        assert bird.port not in ports
    assert NAMESPACE not in {service.metadata.namespace for service in cluster.services}


def test_what_tells_that_it_has_arrived() -> None:
    """Its own name and a local endpoint, on each node; another state's canary, or none, does not."""
    bird = _BOTH[0]
    good, early, old = _answer(bird), _answer(bird, status=503), _answer(bird, number=6)
    nothing = HealthCheckAnswer(0)
    assert bird.pending(bird.nodes, _Answers(good, good)) == ()
    assert bird.pending(bird.nodes, _Answers(good, early)) == ("node-b",)
    assert bird.pending(bird.nodes, _Answers(old, nothing)) == ("node-a", "node-b")
    asked = _Answers(early)
    assert bird.pending(("node-b",), asked) == ("node-b",)
    assert asked.checks == [HealthCheck("node-b", bird.port, "IPv4")]
