# SPDX-License-Identifier: Apache-2.0
"""Ports, packing and hints: sections 3 and 4 of the catalogue."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.endpoints import endpoint_slices
from reference.endpoints.hints import DEPRECATED_TOPOLOGY_ANNOTATION, TOPOLOGY_MODE_ANNOTATION
from reference.frozenmap import FrozenMap
from reference.objects import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Container,
    ContainerPort,
    EndpointHints,
    EndpointSlice,
    ForNode,
    ForZone,
    Pod,
    ServicePort,
)
from tests.endpoints.objects import FRONTEND, cluster, pod, service

HTTP = ServicePort(80, "http", "TCP", "http")


def ports_of(piece: EndpointSlice) -> list[tuple[str | None, int | None, str | None]]:
    """The ports of a slice."""
    return [(port.name, port.port, port.protocol) for port in piece.ports]


def slices(of: Cluster) -> tuple[EndpointSlice, ...]:
    """The slices of the frontend."""
    return endpoint_slices(of, FRONTEND)


def with_containers(name: str, ip: str, *containers: Container, init: tuple[Container, ...] = ()) -> Pod:
    """A pod of these containers."""
    return pod(name, ip, containers=containers, init_containers=init)


def test_numeric_target_port() -> None:
    """A number is used verbatim, whatever the pod declares (PORT-003, PORT-024)."""
    port = ServicePort(80, "http", "TCP", 9999)
    (piece,) = slices(cluster(service(port), pod("a", "10.244.0.2"), with_containers("b", "10.244.0.3")))
    assert ports_of(piece) == [("http", 9999, "TCP")]
    assert len(piece.endpoints) == 2


@pytest.mark.parametrize("target", [None, 0, ""])
def test_target_port_that_is_not_written_down(target: int | str | None) -> None:
    """It is the Service port itself (PORT-002)."""
    (piece,) = slices(cluster(service(ServicePort(80, "", "", target)), pod("a", "10.244.0.2")))
    assert ports_of(piece) == [("", 80, "TCP")]


def test_names_resolve_in_each_pod() -> None:
    """Pods that resolve a name otherwise are in slices of their own (PORT-004, PORT-007, SLICE-003)."""
    state = cluster(
        service(HTTP),
        pod("a", "10.244.0.2"),
        with_containers("b", "10.244.0.3", Container("main", ports=(ContainerPort(8081, "http"),))),
        pod("c", "10.244.0.4"),
    )
    first, second = slices(state)
    assert (ports_of(first), len(first.endpoints)) == ([("http", 8080, "TCP")], 2)
    assert (ports_of(second), len(second.endpoints)) == ([("http", 8081, "TCP")], 1)


def test_name_of_another_protocol() -> None:
    """The same name with another protocol is no match (PORT-004, PORT-006)."""
    both = Container("main", ports=(ContainerPort(5353, "dns", "UDP"), ContainerPort(53, "dns", "TCP")))
    udp, tcp = ServicePort(53, "udp", "UDP", "dns"), ServicePort(53, "tcp", "TCP", "dns")
    (piece,) = slices(cluster(service(udp, tcp), with_containers("a", "10.244.0.2", both)))
    assert ports_of(piece) == [("udp", 5353, "UDP"), ("tcp", 53, "TCP")]


def test_order_of_look_up() -> None:
    """Containers in order, then sidecars; ordinary init containers never (PORT-005, PORT-006)."""
    first = Container("first", ports=(ContainerPort(1, "http", "UDP"), ContainerPort(2, "other")))
    second = Container("second", ports=(ContainerPort(3, "http"),))
    third = Container("third", ports=(ContainerPort(4, "http"),))
    ordinary = Container("setup", ports=(ContainerPort(5, "http"),))
    sidecar = Container("sidecar", ports=(ContainerPort(6, "http"),), restart_policy="Always")
    made = with_containers("a", "10.244.0.2", first, second, third, init=(ordinary, sidecar))
    (piece,) = slices(cluster(service(HTTP), made))
    assert ports_of(piece) == [("http", 3, "TCP")]
    (piece,) = slices(
        cluster(service(HTTP), with_containers("a", "10.244.0.2", first, init=(ordinary, sidecar)))
    )
    assert ports_of(piece) == [("http", 6, "TCP")]


def test_name_that_does_not_resolve() -> None:
    """The port is dropped, the pod stays, if need be without any port (PORT-008, PORT-009)."""
    state = cluster(
        service(HTTP, ServicePort(443, "https", "TCP", "https")),
        pod("a", "10.244.0.2"),
        with_containers("b", "10.244.0.3"),
    )
    first, second = slices(state)
    assert ports_of(first) == [("http", 8080, "TCP")]
    assert ports_of(second) == []
    assert [item.addresses for item in second.endpoints] == [("10.244.0.3",)]


def test_names_and_application_protocol() -> None:
    """Name and appProtocol are the Service port's; two may share a number (PORT-010, PORT-016, PORT-019)."""
    (piece,) = slices(
        cluster(
            service(
                ServicePort(80, "web", "TCP", 8080, app_protocol="kubernetes.io/h2c"),
                ServicePort(81, "", "TCP", "http"),
            ),
            pod("a", "10.244.0.2"),
        )
    )
    assert [(port.name, port.port, port.app_protocol) for port in piece.ports] == [
        ("web", 8080, "kubernetes.io/h2c"),
        ("", 8080, None),
    ]


def test_placeholder() -> None:
    """A managed Service without endpoints has one slice, without endpoints and ports (SEL-006, SLICE-010)."""
    (piece,) = slices(cluster(service()))
    assert (piece.endpoints, piece.ports, piece.address_type) == ((), (), "IPv4")
    (piece,) = slices(cluster(service(), pod("a", "10.244.0.2", labels={"app": "db"})))
    assert (piece.endpoints, piece.ports) == ((), ())


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_hundred_in_a_slice(count: int, sizes: list[int]) -> None:
    """From an empty state all slices but one are full, and names differ (SLICE-001, SLICE-005, EP-039)."""
    pods = [pod(f"pod-{number}", f"10.244.{number // 250}.{number % 250 + 1}") for number in range(count)]
    pieces = slices(cluster(service(), *pods))
    assert [len(piece.endpoints) for piece in pieces] == sizes
    assert len({piece.metadata.name for piece in pieces}) == len(sizes)
    assert len({item.addresses for piece in pieces for item in piece.endpoints}) == count


def test_reserved_labels() -> None:
    """A Service's own values of the reserved labels do not count (SLICE-017)."""
    reserved = {SERVICE_NAME_LABEL: "other", MANAGED_BY_LABEL: "me", HEADLESS_LABEL: "", "team": "a"}
    (piece,) = slices(cluster(service(labels=reserved)))
    assert dict(piece.metadata.labels) == {
        SERVICE_NAME_LABEL: "frontend",
        MANAGED_BY_LABEL: "endpointslice-controller.k8s.io",
        "team": "a",
    }


ZONE, NODE = (ForZone("zone-a"),), (ForNode("node-a"),)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (None, None),
        ("PreferClose", EndpointHints(ZONE)),
        ("PreferSameZone", EndpointHints(ZONE)),
        ("PreferSameNode", EndpointHints(ZONE, NODE)),
        ("Unheard", None),
    ],
)
def test_hints(distribution: str | None, expected: EndpointHints | None) -> None:
    """A ready endpoint gets its own zone, and its own node if asked for (SLICE-021 to SLICE-026)."""
    state = cluster(
        service(traffic_distribution=distribution),
        pod("a", "10.244.0.2"),
        pod("b", "10.244.0.3", ready="False"),
        pod("c", "10.244.1.4", node_name="node-b"),
    )
    (piece,) = slices(state)
    without_zone = EndpointHints((), (ForNode("node-b"),)) if distribution == "PreferSameNode" else None
    assert [item.hints for item in piece.endpoints] == [expected, None, without_zone]


@pytest.mark.parametrize(
    ("annotations", "disabled"),
    [
        ({TOPOLOGY_MODE_ANNOTATION: "Auto"}, True),
        ({TOPOLOGY_MODE_ANNOTATION: "auto"}, True),
        ({TOPOLOGY_MODE_ANNOTATION: "AUTO"}, False),
        ({DEPRECATED_TOPOLOGY_ANNOTATION: "Auto"}, True),
        ({DEPRECATED_TOPOLOGY_ANNOTATION: "Disabled", TOPOLOGY_MODE_ANNOTATION: "Auto"}, False),
        ({}, False),
    ],
)
def test_topology_mode(annotations: dict[str, str], *, disabled: bool) -> None:
    """The annotation disables trafficDistribution; the deprecated one decides (SLICE-027, SLICE-028)."""
    made = service(traffic_distribution="PreferClose")
    made = evolve(made, metadata=evolve(made.metadata, annotations=FrozenMap(annotations)))
    (piece,) = slices(cluster(made, pod("a", "10.244.0.2")))
    assert (piece.endpoints[0].hints is None) is disabled
