# SPDX-License-Identifier: Apache-2.0
"""Updates: what a user changes in the manifest that was sent before.

Which of them are refused depends on the Service; the reference says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from conformance.strategies.ports.numbers import Numbers
from conformance.strategies.ports.objects import DNS, HTTP, HTTPS, at, client_ip
from reference.frozenmap import FrozenMap
from reference.objects import CLUSTER_IP_NONE, Service, ServicePort, ServiceSpec
from reference.ports.admission import SOURCE_RANGES

Edit = Callable[[Service, Numbers], Service]


def _spec(**changes: Any) -> Edit:
    return lambda old, _: _with(old, **changes)


def _with(old: Service, **changes: Any) -> Service:
    return Service(old.metadata, evolve(old.spec, **changes), old.status)


def _annotated(key: str, value: str) -> Edit:
    return lambda old, _: evolve(old, metadata=evolve(old.metadata, annotations=FrozenMap({key: value})))


def _ports(change: Callable[[tuple[ServicePort, ...], Numbers], tuple[ServicePort, ...]]) -> Edit:
    return lambda old, n: _with(old, ports=change(old.spec.ports, n))


def _each_port(change: Callable[[ServicePort], ServicePort]) -> Edit:
    return _ports(lambda ports, _: tuple(change(port) for port in ports))


def _renamed_ports(ports: tuple[ServicePort, ...], _: Numbers) -> tuple[ServicePort, ...]:
    return tuple(evolve(port, name=f"new-{index}") for index, port in enumerate(ports))


def _swapped_names(ports: tuple[ServicePort, ...], _: Numbers) -> tuple[ServicePort, ...]:
    names = [port.name for port in ports]
    return tuple(evolve(port, name=name) for port, name in zip(ports, reversed(names), strict=True))


def _to(kind: str, **changes: Any) -> Edit:
    """Change the type, and drop what a careful user would not keep."""

    def edit(old: Service, _: Numbers) -> Service:
        fields: dict[str, Any] = {
            "type": kind,
            "allocate_load_balancer_node_ports": None,
            "load_balancer_class": None,
            "load_balancer_source_ranges": (),
            "health_check_node_port": 0,
            "external_traffic_policy": "",
            "ports": tuple(at(port, 0) for port in old.spec.ports),
        }
        if kind == "ExternalName":
            fields |= {"cluster_ip": "", "cluster_ips": (), "ip_families": (), "ip_family_policy": None}
        elif not old.spec.ports:
            fields["ports"] = (HTTP,)
        return _with(old, **{**fields, **changes})

    return edit


def _spec_of(kind: str, **changes: Any) -> Edit:
    """Start over with a plain Service of this type, whatever was there."""
    return lambda old, _: Service(old.metadata, ServiceSpec(type=kind, ports=(HTTP,), **changes))


EDITS: dict[str, Edit] = {
    "nothing": lambda old, _: old,
    "labels": lambda old, _: evolve(old, metadata=evolve(old.metadata, labels=FrozenMap({"team": "a"}))),
    "selector": _spec(selector=FrozenMap({"app": "other"})),
    "to cluster IP": _to("ClusterIP"),
    "to node port": _to("NodePort"),
    "to load balancer": _to("LoadBalancer"),
    "to load balancer, Local": _to("LoadBalancer", external_traffic_policy="Local"),
    "to external name": _to("ExternalName", external_name="db.example.com"),
    "only the type, to cluster IP": _spec(type="ClusterIP"),
    "only the type, to node port": _spec(type="NodePort"),
    "only the type, to load balancer": _spec(type="LoadBalancer"),
    "only the type, to external name": _spec(type="ExternalName", external_name="db.example.com"),
    "plain cluster IP": _spec_of("ClusterIP"),
    "plain node port": _spec_of("NodePort"),
    "plain load balancer": _spec_of("LoadBalancer"),
    "to headless": _spec(cluster_ip=CLUSTER_IP_NONE, cluster_ips=()),
    "clusterIP": lambda old, n: _with(old, cluster_ip=n.cluster_ip, cluster_ips=()),
    "clusterIP left out": _spec(cluster_ip="", cluster_ips=()),
    "one more port": _ports(lambda ports, _: (*ports[:1], ServicePort(8081, "more"), *ports[1:])),
    "one port less": _ports(lambda ports, _: ports[1:] or ports),
    "last port less": _ports(lambda ports, _: ports[:-1] or ports),
    "other ports": _ports(lambda ports, _: (HTTP, HTTPS)),
    "other ports, both protocols": _ports(lambda ports, _: DNS),
    "number of the port": _each_port(lambda port: evolve(port, port=port.port + 1)),
    "target port": _each_port(lambda port: evolve(port, target_port=9090)),
    "target port left out": _each_port(lambda port: evolve(port, target_port=None)),
    "names of the ports": _ports(_renamed_ports),
    "names of the ports swapped": _ports(_swapped_names),
    "node port": _ports(lambda ports, n: (*(at(port, n.node_port) for port in ports[:1]), *ports[1:])),
    "node port of the last": _ports(
        lambda ports, n: (*ports[:-1], *(at(port, n.other_node_port) for port in ports[-1:]))
    ),
    "node port out of range": _ports(
        lambda ports, n: (*(at(port, n.above_node_ports) for port in ports[:1]), *ports[1:])
    ),
    "one node port for all": _ports(lambda ports, n: tuple(at(port, n.node_port) for port in ports)),
    "node ports left out": _each_port(lambda port: at(port, 0)),
    "externalTrafficPolicy Local": _spec(external_traffic_policy="Local"),
    "externalTrafficPolicy Cluster": _spec(external_traffic_policy="Cluster", health_check_node_port=0),
    "allocateLoadBalancerNodePorts false": _spec(allocate_load_balancer_node_ports=False),
    "allocateLoadBalancerNodePorts true": _spec(allocate_load_balancer_node_ports=True),
    "loadBalancerClass": _spec(load_balancer_class="example.com/other"),
    "loadBalancerClass left out": _spec(load_balancer_class=None),
    "healthCheckNodePort": lambda old, n: _with(old, health_check_node_port=n.node_port),
    "healthCheckNodePort left out": _spec(health_check_node_port=0),
    "external IP": _spec(external_ips=("198.18.0.21",)),
    "external IPs left out": _spec(external_ips=()),
    "affinity": _spec(session_affinity="ClientIP", session_affinity_config=client_ip(30)),
    "affinity left out": _spec(session_affinity="", session_affinity_config=None),
    "policies": _spec(internal_traffic_policy="Local", traffic_distribution="PreferClose"),
    "affinity that is unknown": _spec(session_affinity="Sticky"),
    "no ports": _spec(ports=()),
    "source ranges in an annotation": _annotated(SOURCE_RANGES, "10.0.0.0/8"),
    "source ranges in an annotation that are none": _annotated(SOURCE_RANGES, "10.0.0.0/8, web"),
}

OWN: dict[str, tuple[str, ...]] = {
    "ClusterIP": (
        "to headless",
        "clusterIP",
        "clusterIP left out",
        "to node port",
        "to load balancer, Local",
        "only the type, to load balancer",
        "to external name",
        "external IP",
        "external IPs left out",
        "selector",
        "one more port",
        "target port left out",
    ),
    "NodePort": (
        "names of the ports",
        "names of the ports swapped",
        "node ports left out",
        "node port",
        "node port of the last",
        "one node port for all",
        "only the type, to cluster IP",
        "only the type, to load balancer",
        "to load balancer",
        "to cluster IP",
        "one port less",
        "other ports, both protocols",
        "externalTrafficPolicy Local",
    ),
    "LoadBalancer": (
        "loadBalancerClass",
        "loadBalancerClass left out",
        "allocateLoadBalancerNodePorts false",
        "allocateLoadBalancerNodePorts true",
        "healthCheckNodePort",
        "healthCheckNodePort left out",
        "externalTrafficPolicy Local",
        "externalTrafficPolicy Cluster",
        "only the type, to node port",
        "only the type, to cluster IP",
        "to node port",
        "node ports left out",
    ),
    "ExternalName": (
        "to cluster IP",
        "to node port",
        "to load balancer",
        "plain cluster IP",
        "only the type, to cluster IP",
        "to load balancer, Local",
    ),
}
"""The edits that matter most to a Service of each type."""


def own_edit(service: Service, index: int) -> Edit:
    """One of the edits that matter to a Service of this type."""
    names = OWN.get(service.spec.type or "ClusterIP", OWN["ClusterIP"])
    return EDITS[names[index % len(names)]]
