# SPDX-License-Identifier: Apache-2.0
"""Which pods are endpoints, and with which attributes: sections 2.1 and 2.2 of the catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from reference.endpoints import endpoint_slices, linked_slices, with_managed_slices
from reference.objects import (
    CLUSTER_IP_NONE,
    ENDPOINT_SLICE_CONTROLLER,
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    NamespacedName,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodStatus,
    ServicePort,
)
from tests.endpoints.objects import FRONTEND, cluster, node, pod, service


def endpoints(of: Cluster, name: NamespacedName = FRONTEND) -> list[Endpoint]:
    """All endpoints of a Service."""
    return [endpoint for piece in endpoint_slices(of, name) for endpoint in piece.endpoints]


def addresses(of: Cluster, name: NamespacedName = FRONTEND) -> list[str]:
    """All addresses of a Service."""
    return [address for endpoint in endpoints(of, name) for address in endpoint.addresses]


def test_frontend() -> None:
    """A Service over `app=frontend` with three such pods has one slice with the three of them."""
    state = cluster(
        service(labels={"team": "a"}),
        pod("frontend-1", "10.244.0.2"),
        pod("frontend-2", "10.244.1.3", node_name="node-b"),
        pod("frontend-3", "10.244.0.4", ready="False"),
        pod("db-1", "10.244.0.5", labels={"app": "db"}),
    )
    (piece,) = endpoint_slices(state, FRONTEND)
    assert piece.address_type == "IPv4"
    assert piece.metadata.namespace == "default"
    assert piece.metadata.generate_name == "frontend-"
    assert dict(piece.metadata.labels) == {
        "team": "a",
        SERVICE_NAME_LABEL: "frontend",
        MANAGED_BY_LABEL: ENDPOINT_SLICE_CONTROLLER,
    }
    (owner,) = piece.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid, owner.controller) == (
        "Service",
        "frontend",
        "uid-frontend",
        True,
    )
    assert [(port.name, port.port, port.protocol) for port in piece.ports] == [("", 8080, "TCP")]
    first, second, third = piece.endpoints
    assert first == Endpoint(
        ("10.244.0.2",),
        EndpointConditions(ready=True, serving=True, terminating=False),
        node_name="node-a",
        zone="zone-a",
        target_ref=ObjectReference("Pod", "default", "frontend-1", "uid-frontend-1"),
    )
    assert (second.node_name, second.zone) == ("node-b", None)
    assert third.conditions == EndpointConditions(ready=False, serving=False, terminating=False)


@pytest.mark.parametrize(
    ("ready", "deleted", "publish", "expected"),
    [
        (False, False, False, (False, False, False)),
        (True, False, False, (True, True, False)),
        (False, True, False, (False, False, True)),
        (True, True, False, (False, True, True)),
        (False, False, True, (True, False, False)),
        (True, False, True, (True, True, False)),
        (False, True, True, (True, False, True)),
        (True, True, True, (True, True, True)),
    ],
)
def test_conditions(*, ready: bool, deleted: bool, publish: bool, expected: tuple[bool, bool, bool]) -> None:
    """The truth table of ready, serving and terminating in full (EP-006, EP-007, EP-008)."""
    state = cluster(
        service(publish_not_ready_addresses=publish),
        pod("a", "10.244.0.2", ready=str(ready), deleted=deleted),
    )
    (endpoint,) = endpoints(state)
    assert endpoint.conditions == EndpointConditions(*expected)


@pytest.mark.parametrize("ready", [None, "False", "Unknown", "true"])
def test_only_true_is_ready(ready: str | None) -> None:
    """A Ready condition that is missing, or anything but `True`, is not serving (EP-006, EP-009, EP-011)."""
    (endpoint,) = endpoints(cluster(service(), pod("a", "10.244.0.2", ready=ready)))
    assert endpoint.conditions == EndpointConditions(ready=False, serving=False, terminating=False)


@pytest.mark.parametrize("publish", [False, True])
@pytest.mark.parametrize(
    ("phase", "member"),
    [
        ("", True),
        ("Pending", True),
        ("Running", True),
        ("Unknown", True),
        ("Succeeded", False),
        ("Failed", False),
    ],
)
def test_phases(phase: str, *, member: bool, publish: bool) -> None:
    """Only terminal pods are left out, published or not, ready or not (EP-002, EP-004)."""
    state = cluster(
        service(publish_not_ready_addresses=publish),
        pod("a", "10.244.0.2", phase=phase),
    )
    assert addresses(state) == (["10.244.0.2"] if member else [])


@pytest.mark.parametrize("publish", [False, True])
def test_pods_without_an_address(*, publish: bool) -> None:
    """A pod without an address is left out, and one with podIP alone yields none (EP-003, EP-019)."""
    bare = pod("b")
    half = Pod(evolve(bare.metadata, name="c"), bare.spec, PodStatus(phase="Running", pod_ip="10.244.0.3"))
    state = cluster(service(publish_not_ready_addresses=publish), pod("a", "10.244.0.2"), bare, half)
    assert addresses(state) == ["10.244.0.2"]


def test_namespace_and_sharing() -> None:
    """Pods of other namespaces never match, and a pod may back many Services (SEL-007, SEL-008)."""
    state = cluster(
        service(),
        service(name="twin"),
        service(name="frontend", namespace="shop"),
        pod("a", "10.244.0.2"),
        pod("b", "10.244.0.3", namespace="shop"),
    )
    assert addresses(state) == ["10.244.0.2"]
    assert addresses(state, NamespacedName("default", "twin")) == ["10.244.0.2"]
    assert addresses(state, NamespacedName("shop", "frontend")) == ["10.244.0.3"]
    assert endpoint_slices(state, NamespacedName("shop", "absent")) == ()


def test_missing_node() -> None:
    """A pod whose node is unknown is left out, or published without a zone (EP-014)."""
    pods = (
        pod("a", "10.244.0.2"),
        pod("b", "10.244.0.3", node_name="gone"),
        pod("c", "10.244.0.4", node_name=""),
    )
    assert addresses(cluster(service(), *pods)) == ["10.244.0.2"]
    published = endpoints(cluster(service(publish_not_ready_addresses=True), *pods))
    assert [(item.node_name, item.zone) for item in published] == [
        ("node-a", "zone-a"),
        ("gone", None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("hostname", "subdomain", "expected"),
    [
        ("host-1", "frontend", "host-1"),
        ("host-1", "other", None),
        ("host-1", "", None),
        ("", "frontend", None),
    ],
)
def test_hostname(hostname: str, subdomain: str, expected: str | None) -> None:
    """The pod's host name, if its subdomain is the Service's name; never the pod's name (EP-015)."""
    (endpoint,) = endpoints(
        cluster(service(), pod("a", "10.244.0.2", hostname=hostname, subdomain=subdomain))
    )
    assert endpoint.hostname == expected


def test_host_network_pods_share_an_address() -> None:
    """Two pods in one node's network are two endpoints with one address (EP-012, EP-016)."""
    state = cluster(
        service(),
        pod("a", "192.168.0.11", host_network=True),
        pod("b", "192.168.0.11", host_network=True),
    )
    found = endpoints(state)
    assert [item.addresses for item in found] == [("192.168.0.11",)] * 2
    assert [item.target_ref.name for item in found if item.target_ref] == ["a", "b"]


@pytest.mark.parametrize(
    ("written", "family", "canonical"),
    [
        ("10.244.0.2", "IPv4", "10.244.0.2"),
        ("010.244.000.002", "IPv4", "10.244.0.2"),
        ("::ffff:10.244.0.2", "IPv4", "10.244.0.2"),
        ("2001:DB8::0:1", "IPv6", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "IPv6", "2001:db8::1"),
    ],
)
def test_canonical_addresses(written: str, family: str, canonical: str) -> None:
    """Addresses are written in canonical form, in the slices of their family (EP-017)."""
    state = cluster(service(ip_families=("IPv4", "IPv6")), pod("a", written))
    pieces = {piece.address_type: piece for piece in endpoint_slices(state, FRONTEND)}
    assert [item.addresses for item in pieces[family].endpoints] == [(canonical,)]
    (other,) = set(pieces) - {family}
    assert pieces[other].endpoints == ()


def test_families() -> None:
    """Each family has its own slices, in whatever order they are listed (EP-020, EP-021, SLICE-010)."""
    pods = (pod("a", "10.244.0.2", "fd00::2"), pod("b", "10.244.0.3"))
    for families in (("IPv4", "IPv6"), ("IPv6", "IPv4")):
        pieces = endpoint_slices(cluster(service(ip_families=families), *pods), FRONTEND)
        assert {piece.address_type: len(piece.endpoints) for piece in pieces} == {"IPv4": 2, "IPv6": 1}
    (only,) = endpoint_slices(cluster(service(ip_families=("IPv6",)), *pods), FRONTEND)
    assert [item.addresses for item in only.endpoints] == [("fd00::2",)]


@pytest.mark.parametrize(
    "spec",
    [
        {"selector": None},
        {"selector": {}},
        {"type": "ExternalName", "external_name": "example.com", "cluster_ip": "", "ip_families": ()},
    ],
)
def test_not_managed(spec: dict[str, Any]) -> None:
    """No slices without a selector, nor for an ExternalName (SEL-004, SEL-005, EP-025)."""
    assert endpoint_slices(cluster(service(**spec), pod("a", "10.244.0.2")), FRONTEND) == ()


def test_service_that_is_being_deleted() -> None:
    """No slice is written for a Service with a deletion time stamp (EP-028)."""
    made = service()
    gone = evolve(made, metadata=evolve(made.metadata, deletion_timestamp=5))
    assert endpoint_slices(cluster(gone, pod("a", "10.244.0.2")), FRONTEND) == ()


def test_headless() -> None:
    """A headless Service has the same endpoints, and the headless label (EP-023, PORT-020, PORT-021)."""
    for ports in ((), (ServicePort(80, "http", "TCP", "http"),)):
        state = cluster(service(cluster_ip=CLUSTER_IP_NONE, ports=ports), pod("a", "10.244.0.2"))
        (piece,) = endpoint_slices(state, FRONTEND)
        assert piece.metadata.labels[HEADLESS_LABEL] == ""
        assert [item.addresses for item in piece.endpoints] == [("10.244.0.2",)]
        assert [port.port for port in piece.ports] == ([8080] if ports else [])


def test_linked_and_managed_slices() -> None:
    """Slices belong to a Service by namespace and label; the controller replaces only its own (SLICE-020)."""

    def by_hand(name: str, namespace: str, **labels: str) -> EndpointSlice:
        written = {SERVICE_NAME_LABEL: "frontend", **({MANAGED_BY_LABEL: labels["by"]} if labels else {})}
        return EndpointSlice(
            ObjectMeta(name=name, namespace=namespace, labels=service(labels=written).metadata.labels)
        )

    state = evolve(
        cluster(service(), pod("a", "10.244.0.2")),
        endpoint_slices=(
            by_hand("mine", "default"),
            by_hand("old", "default", by=ENDPOINT_SLICE_CONTROLLER),
            by_hand("theirs", "default", by="somebody.example.com"),
            by_hand("elsewhere", "shop"),
        ),
    )
    managed = with_managed_slices(state)
    assert [item.metadata.name for item in linked_slices(managed, FRONTEND)] == [
        "mine",
        "theirs",
        "frontend-0",
    ]
    assert [item.metadata.name for item in managed.endpoint_slices][:3] == ["mine", "theirs", "elsewhere"]
    assert with_managed_slices(managed) == managed


def test_nodes_without_a_zone() -> None:
    """A zone label that is empty counts as none (EP-013)."""
    made = node("node-a", "zone-a")
    blank = evolve(
        made,
        metadata=evolve(made.metadata, labels=made.metadata.labels | {"topology.kubernetes.io/zone": ""}),
    )
    (endpoint,) = endpoints(cluster(service(), blank, pod("a", "10.244.0.2")))
    assert endpoint.zone is None
