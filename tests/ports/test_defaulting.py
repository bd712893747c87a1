# SPDX-License-Identifier: Apache-2.0
"""Static defaults of a Service."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from reference.objects import (
    ClientIPConfig,
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)
from reference.ports import with_defaults
from reference.ports.defaulting import with_ip_modes


def _service(**spec: Any) -> Service:
    return Service(ObjectMeta(name="web", namespace="default"), ServiceSpec(**spec))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (ServicePort(80), ServicePort(80, "", "TCP", 80)),
        (ServicePort(80, target_port=0), ServicePort(80, "", "TCP", 80)),
        (ServicePort(80, target_port=""), ServicePort(80, "", "TCP", 80)),
        (ServicePort(80, target_port="http"), ServicePort(80, "", "TCP", "http")),
        (ServicePort(53, "dns", "UDP", 5353, 30053), ServicePort(53, "dns", "UDP", 5353, 30053)),
    ],
)
def test_ports(sent: ServicePort, stored: ServicePort) -> None:
    """Protocol defaults to TCP, a missing, zero or empty targetPort to port (PORT-001, PORT-002)."""
    assert with_defaults(_service(ports=(sent,))).spec.ports == (stored,)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"type": "ClusterIP", "internal_traffic_policy": "Cluster", "external_traffic_policy": ""}),
        ({"type": "NodePort"}, {"external_traffic_policy": "Cluster", "internal_traffic_policy": "Cluster"}),
        (
            {"type": "LoadBalancer"},
            {"external_traffic_policy": "Cluster", "allocate_load_balancer_node_ports": True},
        ),
        (
            {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False},
            {"allocate_load_balancer_node_ports": False},
        ),
        ({"external_ips": ("198.18.0.1",)}, {"external_traffic_policy": "Cluster"}),
        ({"type": "NodePort", "external_traffic_policy": "Local"}, {"external_traffic_policy": "Local"}),
        (
            {"type": "ExternalName", "external_ips": ("198.18.0.1",)},
            {"external_traffic_policy": "", "internal_traffic_policy": None},
        ),
        ({"type": "NodePort"}, {"allocate_load_balancer_node_ports": None}),
    ],
)
def test_type_dependent_defaults(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    """Policies and allocateLoadBalancerNodePorts follow from the type (TYPE-009)."""
    spec = with_defaults(_service(**sent)).spec
    assert {name: getattr(spec, name) for name in expected} == expected


def _config(seconds: int | None) -> SessionAffinityConfig:
    return SessionAffinityConfig(ClientIPConfig(seconds))


@pytest.mark.parametrize(
    ("affinity", "config", "stored_affinity", "stored_config"),
    [
        ("", None, "None", None),
        ("", _config(60), "None", None),
        ("None", _config(60), "None", None),
        ("ClientIP", None, "ClientIP", _config(10800)),
        ("ClientIP", SessionAffinityConfig(None), "ClientIP", _config(10800)),
        ("ClientIP", _config(None), "ClientIP", _config(10800)),
        ("ClientIP", _config(60), "ClientIP", _config(60)),
        ("ClientIP", _config(0), "ClientIP", _config(0)),
        ("Sticky", _config(60), "Sticky", _config(60)),
    ],
)
def test_affinity(
    affinity: str,
    config: SessionAffinityConfig | None,
    stored_affinity: str,
    stored_config: SessionAffinityConfig | None,
) -> None:
    """Affinity None drops its config, ClientIP has three hours (VAL-034, VAL-035)."""
    spec = with_defaults(_service(session_affinity=affinity, session_affinity_config=config)).spec
    assert (spec.session_affinity, spec.session_affinity_config) == (stored_affinity, stored_config)


def test_ip_mode() -> None:
    """An ingress address of a LoadBalancer has mode VIP, a host name has none (TYPE-009, TYPE-011)."""
    ingress = (
        LoadBalancerIngress("198.19.0.1"),
        LoadBalancerIngress("198.19.0.2", ip_mode="Proxy"),
        LoadBalancerIngress(hostname="lb.example.com"),
    )
    service = evolve(_service(type="LoadBalancer"), status=ServiceStatus(LoadBalancerStatus(ingress)))
    modes = [entry.ip_mode for entry in with_ip_modes(service).status.load_balancer.ingress]
    assert modes == ["VIP", "Proxy", None]


def test_defaulting_twice_is_defaulting_once() -> None:
    """A Service with all defaults comes back as the same object."""
    once = with_defaults(_service(type="LoadBalancer", ports=(ServicePort(80),), session_affinity="ClientIP"))
    assert with_defaults(once) is once
