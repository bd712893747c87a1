# SPDX-License-Identifier: Apache-2.0
"""Services that an API server has to take, as users write them: not yet defaulted.

`SHAPES` are everyday ones, `NEAR_MISSES` lie on the right side of a boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.strategies.ports.numbers import Numbers
from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
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
from reference.ports.admission import SOURCE_RANGES, TOPOLOGY_HINTS, TOPOLOGY_MODE

Make = Callable[[Numbers], Service]

WEB = FrozenMap({"app": "web"})
HTTP = ServicePort(80, "http", target_port=8080)
HTTPS = ServicePort(443, "https", target_port="https")
DNS = (ServicePort(53, "dns", "UDP"), ServicePort(53, "dns-tcp", "TCP"))


def service(
    *ports: ServicePort,
    name: str = "",
    labels: FrozenMap[str, str] | None = None,
    annotations: FrozenMap[str, str] | None = None,
    prefix: str = "",
    status: ServiceStatus | None = None,
    **spec: Any,
) -> Service:
    """A Service in `default`; it selects `app=web` unless told otherwise."""
    return Service(
        ObjectMeta(
            name=name,
            namespace="default",
            labels=labels or FrozenMap(),
            annotations=annotations or FrozenMap(),
            generate_name=prefix,
        ),
        ServiceSpec(**{"selector": WEB, **spec}, ports=ports),
        status or ServiceStatus(),
    )


def _fixed(made: Service) -> Make:
    """A Service that asks for no number."""
    return lambda _: made


def at(port: ServicePort, node_port: int) -> ServicePort:
    """`port` with an explicit node port."""
    return ServicePort(port.port, port.name, port.protocol, port.target_port, node_port, port.app_protocol)


def client_ip(seconds: int | None) -> SessionAffinityConfig:
    """The configuration of ClientIP affinity."""
    return SessionAffinityConfig(ClientIPConfig(seconds))


SHAPES: dict[str, Make] = {
    "cluster IP": _fixed(service(ServicePort(80))),
    "node port": _fixed(service(HTTP, type="NodePort")),
    "node port, explicit": lambda n: service(at(HTTP, n.node_port), type="NodePort"),
    "cluster IP, explicit": lambda n: service(ServicePort(80), cluster_ip=n.cluster_ip),
    "node port, Local": _fixed(service(HTTP, type="NodePort", external_traffic_policy="Local")),
    "two ports": _fixed(service(HTTP, HTTPS, type="NodePort")),
    "two ports, one explicit": lambda n: service(at(HTTP, n.node_port), HTTPS, type="NodePort"),
    "two ports, both explicit": lambda n: service(
        at(HTTP, n.node_port), at(HTTPS, n.other_node_port), type="NodePort"
    ),
    "TCP and UDP": _fixed(service(*DNS, type="NodePort")),
    "TCP and UDP, later explicit": lambda n: service(DNS[0], at(DNS[1], n.node_port), type="NodePort"),
    "TCP and UDP, one number": lambda n: service(
        at(DNS[0], n.node_port), at(DNS[1], n.node_port), type="NodePort"
    ),
    "TCP and UDP, two numbers": lambda n: service(
        at(DNS[0], n.node_port), at(DNS[1], n.other_node_port), type="NodePort"
    ),
    "load balancer": _fixed(service(HTTP, type="LoadBalancer")),
    "load balancer, Local": _fixed(service(HTTP, type="LoadBalancer", external_traffic_policy="Local")),
    "load balancer, explicit": lambda n: service(at(HTTP, n.node_port), type="LoadBalancer"),
    "load balancer, ranges": _fixed(
        service(HTTP, type="LoadBalancer", load_balancer_source_ranges=("203.0.113.0/24", "10.0.0.0/8"))
    ),
    "load balancer, health check": lambda n: service(
        HTTP,
        type="LoadBalancer",
        external_traffic_policy="Local",
        health_check_node_port=min(n.node_port, n.other_node_port),
    ),
    "load balancer without node ports": _fixed(
        service(HTTP, type="LoadBalancer", allocate_load_balancer_node_ports=False)
    ),
    "load balancer without node ports, explicit": lambda n: service(
        at(HTTP, n.node_port), HTTPS, type="LoadBalancer", allocate_load_balancer_node_ports=False
    ),
    "load balancer without node ports, Local": _fixed(
        service(
            HTTP,
            type="LoadBalancer",
            allocate_load_balancer_node_ports=False,
            external_traffic_policy="Local",
        )
    ),
    "load balancer, class and ranges": _fixed(
        service(
            HTTP,
            type="LoadBalancer",
            load_balancer_class="example.com/internal",
            load_balancer_source_ranges=("203.0.113.0/24", " 10.0.0.0/8 "),
            load_balancer_ip="any text",
        )
    ),
    "load balancer with a status": _fixed(
        service(
            HTTP,
            type="LoadBalancer",
            status=ServiceStatus(LoadBalancerStatus((LoadBalancerIngress("203.0.113.9"),))),
        )
    ),
    "headless": _fixed(service(HTTP, cluster_ip=CLUSTER_IP_NONE)),
    "headless without ports": _fixed(service(cluster_ip=CLUSTER_IP_NONE, ip_family_policy="SingleStack")),
    "external name": _fixed(service(type="ExternalName", external_name="db.example.com", selector=None)),
    "external name with ports": _fixed(
        service(HTTP, type="ExternalName", external_name="db.example.com.", internal_traffic_policy="Local")
    ),
    "external IP": _fixed(service(HTTP, external_ips=("198.18.0.20",), session_affinity="None")),
    "external IP, Local": _fixed(
        service(HTTP, external_ips=("198.18.0.20",), external_traffic_policy="Local")
    ),
    "affinity": _fixed(service(HTTP, session_affinity="ClientIP")),
    "affinity with a time-out": _fixed(
        service(HTTP, session_affinity="ClientIP", session_affinity_config=client_ip(60))
    ),
    "no affinity, but a time-out": _fixed(
        service(HTTP, session_affinity="None", session_affinity_config=client_ip(60))
    ),
    "policies": _fixed(
        service(
            HTTP, internal_traffic_policy="Local", traffic_distribution="PreferSameZone", type="ClusterIP"
        )
    ),
    "families": _fixed(service(HTTP, ip_families=("IPv4",), ip_family_policy="SingleStack")),
    "prefers two families": _fixed(service(HTTP, ip_family_policy="PreferDualStack")),
    "no selector": _fixed(service(HTTP, selector=None, publish_not_ready_addresses=True)),
}

_LONG_LABEL = "a" * 63

NEAR_MISSES: dict[str, Make] = {
    "load balancer of which the second port alone has a node port": lambda n: service(
        HTTP, at(HTTPS, n.node_port), type="LoadBalancer", allocate_load_balancer_node_ports=False
    ),
    "prefix of a name that is there": _fixed(service(ServicePort(80), name="prefixed", prefix="web-")),
    "prefix without a dash": _fixed(service(ServicePort(80), name="prefixed", prefix="w")),
    "addresses that are nearly special": _fixed(
        service(HTTP, external_ips=("2002:db8::1", "ff0e::2", "ff03::1", "128.0.0.1"))
    ),
    "longest name": _fixed(service(ServicePort(80), name=_LONG_LABEL)),
    "name with a dash and a digit": _fixed(service(ServicePort(80), name="a-1")),
    "name that starts with a digit": _fixed(service(ServicePort(80), name="1-web")),
    "port 1": _fixed(service(ServicePort(1))),
    "port 65535": _fixed(service(ServicePort(65535, target_port=65535))),
    "target port 1": _fixed(service(ServicePort(80, target_port=1))),
    "target port 0": _fixed(service(ServicePort(80, target_port=0))),
    "empty target port": _fixed(service(ServicePort(80, target_port=""))),
    "longest target port name": _fixed(service(ServicePort(80, target_port="a" * 15))),
    "target port name with a digit first": _fixed(service(ServicePort(80, target_port="8080a"))),
    "longest port name": _fixed(service(ServicePort(80, _LONG_LABEL))),
    "port name of digits": _fixed(service(ServicePort(80, "80"))),
    "port name with two dashes": _fixed(service(ServicePort(80, "a--b"))),
    "SCTP": _fixed(service(ServicePort(80, protocol="SCTP"))),
    "one number, three protocols": _fixed(
        service(*(ServicePort(80, protocol.lower(), protocol) for protocol in ("TCP", "UDP", "SCTP")))
    ),
    "two ports, one target": _fixed(service(HTTP, ServicePort(81, "more", target_port=8080))),
    "application protocol": _fixed(service(ServicePort(80, app_protocol="kubernetes.io/h2c"))),
    "application protocol in capitals": _fixed(service(ServicePort(80, app_protocol="HTTP"))),
    "shortest affinity": _fixed(
        service(ServicePort(80), session_affinity="ClientIP", session_affinity_config=client_ip(1))
    ),
    "longest affinity": _fixed(
        service(ServicePort(80), session_affinity="ClientIP", session_affinity_config=client_ip(86400))
    ),
    "affinity without a time-out": _fixed(
        service(ServicePort(80), session_affinity="ClientIP", session_affinity_config=client_ip(None))
    ),
    "external name like an address": _fixed(service(type="ExternalName", external_name="192.0.2.80")),
    "external name on another type": _fixed(service(ServicePort(80), external_name="Not_Checked")),
    "longest label": _fixed(
        service(ServicePort(80), labels=FrozenMap({f"example.com/{_LONG_LABEL}": _LONG_LABEL}))
    ),
    "empty label": _fixed(service(ServicePort(80), labels=FrozenMap({"A.b_c": ""}))),
    "selector with a prefix": _fixed(
        service(ServicePort(80), selector=FrozenMap({"app.kubernetes.io/name": "Web.1"}))
    ),
    "empty selector": _fixed(service(ServicePort(80), selector=FrozenMap())),
    "annotation in capitals": _fixed(
        service(ServicePort(80), annotations=FrozenMap({"EXAMPLE.com/Note": "any\ntext"}))
    ),
    "equal topology annotations": _fixed(
        service(ServicePort(80), annotations=FrozenMap({TOPOLOGY_HINTS: "Auto", TOPOLOGY_MODE: "Auto"}))
    ),
    "source range annotation": _fixed(
        service(HTTP, type="LoadBalancer", annotations=FrozenMap({SOURCE_RANGES: "10.0.0.0/8, 192.0.2.0/24"}))
    ),
    "empty source range annotation": _fixed(
        service(HTTP, type="LoadBalancer", annotations=FrozenMap({SOURCE_RANGES: " "}))
    ),
    "widest source range": _fixed(
        service(HTTP, type="LoadBalancer", load_balancer_source_ranges=("0.0.0.0/0", "::/0"))
    ),
    "external IPs": _fixed(
        service(
            HTTP,
            external_ips=("10.0.0.1", "10.0.0.1", "255.255.255.255", "224.0.1.1", "126.0.0.1", "2001:db8::1"),
        )
    ),
    "external IP and external name": _fixed(
        service(type="ExternalName", external_name="db.example.com", external_ips=("198.18.0.20",))
    ),
    "many ports": _fixed(
        service(*(ServicePort(number, f"p-{number}", target_port=number) for number in range(1, 251)))
    ),
    "external IP and headless": _fixed(
        service(HTTP, cluster_ip=CLUSTER_IP_NONE, external_ips=("198.18.0.20",))
    ),
    "cluster IP in both fields": lambda n: service(
        ServicePort(80), cluster_ip=n.cluster_ip, cluster_ips=(n.cluster_ip,)
    ),
    "prefers the closest": _fixed(service(HTTP, traffic_distribution="PreferClose")),
    "prefers the same node": _fixed(service(HTTP, traffic_distribution="PreferSameNode")),
}
