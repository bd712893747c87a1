# SPDX-License-Identifier: Apache-2.0
"""Short ways to write API sessions in tests."""

from __future__ import annotations

from typing import Any

from reference.frozenmap import FrozenMap
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports import serve
from reference.questions import ApiRequest, ApiResponse, ApiSession, Verb

DUAL = ("10.96.0.0/24", "fd00::/112")


def settings(
    *, node_ports: tuple[int, int] = (30000, 30003), cidrs: tuple[str, ...] = ("10.96.0.0/28",)
) -> ClusterSettings:
    """Small pools."""
    return ClusterSettings(service_cidrs=cidrs, node_port_range=node_ports)


def service(name: str, *ports: ServicePort, namespace: str = "default", **spec: Any) -> Service:
    """A Service with one port 80 unless told otherwise."""
    return Service(
        ObjectMeta(name=name, namespace=namespace),
        ServiceSpec(**{"selector": FrozenMap({"app": "web"}), **spec}, ports=ports or (ServicePort(80),)),
    )


def create(name: str, *ports: ServicePort, namespace: str = "default", **spec: Any) -> ApiRequest:
    """A creation."""
    return ApiRequest(Verb.CREATE, service(name, *ports, namespace=namespace, **spec))


def update(name: str, *ports: ServicePort, namespace: str = "default", **spec: Any) -> ApiRequest:
    """An update."""
    return ApiRequest(Verb.UPDATE, service(name, *ports, namespace=namespace, **spec))


def delete(name: str, *, namespace: str = "default") -> ApiRequest:
    """A deletion."""
    return ApiRequest(Verb.DELETE, Service(ObjectMeta(name=name, namespace=namespace)))


def at(node_port: int, port: int = 80, name: str = "", protocol: str = "") -> ServicePort:
    """A port with a node port."""
    return ServicePort(port, name, protocol, node_port=node_port)


def answers(*requests: ApiRequest, within: ClusterSettings | None = None) -> tuple[ApiResponse, ...]:
    """The reference server's answers."""
    return serve(ApiSession(within or settings(), requests))


def codes(*requests: ApiRequest, within: ClusterSettings | None = None) -> list[int]:
    """The status codes of the reference server."""
    return [response.code for response in answers(*requests, within=within)]


def node_ports(response: ApiResponse) -> list[int]:
    """The node ports of the Service in an answer."""
    assert response.service is not None, response
    return [port.node_port for port in response.service.spec.ports]


def spec(response: ApiResponse) -> ServiceSpec:
    """The spec of the Service in an answer."""
    assert response.service is not None, response
    return response.service.spec


def causes(response: ApiResponse) -> list[tuple[str, str]]:
    """The causes of a refusal."""
    return [(cause.field, cause.reason) for cause in response.causes]
