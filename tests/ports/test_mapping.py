# SPDX-License-Identifier: Apache-2.0
"""Which address and port leads where."""

from __future__ import annotations

from attrs import evolve

from reference.objects import LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceStatus
from reference.ports import FrontendKind, frontends
from tests.ports.sessions import answers, create, settings


def _stored(*ports: ServicePort, **spec: object) -> Service:
    (response,) = answers(create("my-service", *ports, **spec), within=settings(node_ports=(30000, 32767)))  # type: ignore[arg-type]
    assert response.service is not None
    return response.service


def _lines(service: Service) -> list[str]:
    return [
        f"{item.kind.value} {item.ip}:{item.port}/{item.protocol} -> {item.service_port.target_port}"
        for item in frontends(service)
    ]


def test_my_service() -> None:
    """Two ports by cluster IP and by node port (PORT-012)."""
    service = _stored(
        ServicePort(8080, "http", target_port=80, node_port=31080),
        ServicePort(8443, "https", target_port=443, node_port=31443),
        type="NodePort",
        cluster_ip="10.96.0.10",
    )
    assert _lines(service) == [
        "cluster IP 10.96.0.10:8080/TCP -> 80",
        "cluster IP 10.96.0.10:8443/TCP -> 443",
        "node port :31080/TCP -> 80",
        "node port :31443/TCP -> 443",
    ]


def test_every_address() -> None:
    """External IPs and load balancer IPs take `port`; one in mode Proxy is not taken (TYPE-010)."""
    service = _stored(
        ServicePort(53, "dns", "UDP", 5353),
        type="LoadBalancer",
        cluster_ip="10.96.0.10",
        external_ips=("198.18.0.1",),
        allocate_load_balancer_node_ports=False,
    )
    ingress = (
        LoadBalancerIngress("203.0.113.9", ip_mode="VIP"),
        LoadBalancerIngress("203.0.113.10", ip_mode="Proxy"),
        LoadBalancerIngress(hostname="lb.example.com"),
    )
    assert _lines(evolve(service, status=ServiceStatus(LoadBalancerStatus(ingress)))) == [
        "cluster IP 10.96.0.10:53/UDP -> 5353",
        "external IP 198.18.0.1:53/UDP -> 5353",
        "load balancer IP 203.0.113.9:53/UDP -> 5353",
    ]


def test_protocols_are_apart() -> None:
    """TCP and UDP on one number are two frontends of two ports (PORT-015)."""
    service = _stored(
        ServicePort(53, "dns", "UDP", 5353), ServicePort(53, "dns-tcp", "TCP", 53), cluster_ip="10.96.0.10"
    )
    assert [(item.protocol, item.service_port.name) for item in frontends(service)] == [
        ("UDP", "dns"),
        ("TCP", "dns-tcp"),
    ]
    assert all(item.kind is FrontendKind.CLUSTER_IP for item in frontends(service))


def test_nothing_to_connect_to() -> None:
    """Headless Services and ExternalNames have no frontend (TYPE-006, TYPE-007)."""
    assert frontends(_stored(ServicePort(80), cluster_ip="None", external_ips=("198.18.0.1",))) == ()
    assert frontends(_stored(ServicePort(80), type="ExternalName", external_name="example.com")) == ()
