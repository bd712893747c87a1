# SPDX-License-Identifier: Apache-2.0
"""What the API server fills in before anything else looks at a Service.

Source: kubernetes `pkg/apis/core/v1/defaults.go` `SetDefaults_Service`.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from reference.objects import (
    CLUSTER_IP_NONE,
    ClientIPConfig,
    LoadBalancerStatus,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)
from reference.ports.changes import with_spec

CLUSTER_IP = "ClusterIP"
NODE_PORT = "NodePort"
LOAD_BALANCER = "LoadBalancer"
EXTERNAL_NAME = "ExternalName"
ROUTED_TYPES = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)
NODE_PORT_TYPES = (NODE_PORT, LOAD_BALANCER)

DEFAULT_CLIENT_IP_TIMEOUT = 10800


def with_defaults(service: Service) -> Service:
    """The Service with every static default filled in (TYPE-009, PORT-001, PORT-002).

    Already defaulted Services come back unchanged.  What needs a pool or the
    cluster's settings (addresses, node ports, families) is not filled in here, nor is
    the status, which requests about a Service do not set.
    """
    spec = service.spec
    kind = spec.type or CLUSTER_IP
    changes: dict[str, Any] = {}
    if kind != spec.type:
        changes["type"] = kind
    if any(_lacks_defaults(port) for port in spec.ports):
        changes["ports"] = tuple(port_with_defaults(port) for port in spec.ports)
    changes.update(_affinity_defaults(spec))
    if not spec.external_traffic_policy and _is_accessible(kind, spec):
        changes["external_traffic_policy"] = "Cluster"
    if spec.internal_traffic_policy is None and kind in ROUTED_TYPES:
        changes["internal_traffic_policy"] = "Cluster"
    if spec.allocate_load_balancer_node_ports is None and kind == LOAD_BALANCER:
        changes["allocate_load_balancer_node_ports"] = True
    return with_spec(service, **changes)


def port_with_defaults(port: ServicePort) -> ServicePort:
    """`protocol` TCP, and `targetPort` the number of `port` (PORT-001, PORT-002)."""
    return ServicePort(
        port.port,
        port.name,
        port.protocol or "TCP",
        port.target_port or port.port,
        port.node_port,
        port.app_protocol,
    )


def _lacks_defaults(port: ServicePort) -> bool:
    return not port.protocol or not port.target_port


def _affinity_defaults(spec: ServiceSpec) -> dict[str, Any]:
    """Affinity None drops its config; ClientIP gets a time-out (VAL-034, VAL-035)."""
    affinity, config = spec.session_affinity, spec.session_affinity_config
    changes: dict[str, Any] = {}
    if not affinity:
        affinity = changes["session_affinity"] = "None"
    if affinity == "None" and config is not None:
        changes["session_affinity_config"] = None
    elif affinity == "ClientIP" and client_ip_timeout(spec) is None:
        changes["session_affinity_config"] = SessionAffinityConfig(ClientIPConfig(DEFAULT_CLIENT_IP_TIMEOUT))
    return changes


def with_ip_modes(service: Service) -> Service:
    """`ipMode` VIP for each ingress address of a LoadBalancer's status (TYPE-009, TYPE-011)."""
    if service.spec.type != LOAD_BALANCER:
        return service
    filled = tuple(
        evolve(entry, ip_mode="VIP") if entry.ip and entry.ip_mode is None else entry
        for entry in service.status.load_balancer.ingress
    )
    return evolve(service, status=ServiceStatus(LoadBalancerStatus(filled)))


def client_ip_timeout(spec: ServiceSpec) -> int | None:
    """`sessionAffinityConfig.clientIP.timeoutSeconds`, wherever the chain ends."""
    config = spec.session_affinity_config
    return config.client_ip.timeout_seconds if config and config.client_ip else None


def is_headless(service: Service) -> bool:
    """Whether clusterIPs is exactly `None` (TYPE-007)."""
    return service.spec.cluster_ips == (CLUSTER_IP_NONE,)


def is_externally_accessible(service: Service) -> bool:
    """NodePort, LoadBalancer, or ClusterIP with an external IP (VAL-064)."""
    return _is_accessible(service.spec.type, service.spec)


def _is_accessible(kind: str, spec: ServiceSpec) -> bool:
    return kind in NODE_PORT_TYPES or (kind == CLUSTER_IP and bool(spec.external_ips))


def needs_health_check(service: Service) -> bool:
    """Whether a health check node port exists: LoadBalancer and Local (ALLOC-021, TYPE-012)."""
    return service.spec.type == LOAD_BALANCER and service.spec.external_traffic_policy == "Local"


def needs_cluster_ip(service: Service) -> bool:
    """Every type but ExternalName has clusterIPs, be they `None` (TYPE-006)."""
    return service.spec.type != EXTERNAL_NAME
