# SPDX-License-Identifier: Apache-2.0
"""Services as the API server stores them: fully defaulted and allocated, four choices each."""

from __future__ import annotations

from enum import Enum
from typing import Any

from hypothesis import strategies as st

from conformance.strategies import pools
from conformance.strategies.addresses import (
    IPV4,
    IPV6,
    ONE_STACK,
    POD_CIDRS,
    cluster_ips,
    external_ip,
    load_balancer_ip,
)
from reference.endpoints.hints import TOPOLOGY_MODE_ANNOTATION
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    SERVICE_PROXY_NAME_LABEL,
    ClientIPConfig,
    Labels,
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)


class Shape(Enum):
    """What kind of Service, as a user would say it."""

    CLUSTER_IP = "cluster IP"
    NODE_PORT = "node port"
    LOAD_BALANCER = "load balancer"
    HEADLESS = "headless"
    EXTERNAL_IP = "external IP"
    EXTERNAL_NAME = "external name"
    LOAD_BALANCER_PENDING = "pending load balancer"
    LOAD_BALANCER_TWO_IPS = "load balancer with two addresses"
    LOAD_BALANCER_PROXY = "load balancer in proxy mode"
    LOAD_BALANCER_HOSTNAME = "load balancer with a host name"
    LOAD_BALANCER_WITHOUT_NODE_PORTS = "load balancer without node ports"
    HEADLESS_WITHOUT_PORTS = "headless without ports"
    EXTERNAL_NAME_IN_ZONE = "external name of another Service"
    EXTERNAL_NAME_ADDRESS = "external name that is an address"
    NODE_PORT_AND_EXTERNAL_IP = "node port and external IP"


_LOAD_BALANCERS = frozenset(
    {
        Shape.LOAD_BALANCER,
        Shape.LOAD_BALANCER_PENDING,
        Shape.LOAD_BALANCER_TWO_IPS,
        Shape.LOAD_BALANCER_PROXY,
        Shape.LOAD_BALANCER_HOSTNAME,
        Shape.LOAD_BALANCER_WITHOUT_NODE_PORTS,
    }
)
_HEADLESS = frozenset({Shape.HEADLESS, Shape.HEADLESS_WITHOUT_PORTS})
_EXTERNAL_NAMES = {
    Shape.EXTERNAL_NAME: "my.database.example.com",
    Shape.EXTERNAL_NAME_IN_ZONE: "web.shop.svc.cluster.local",
    Shape.EXTERNAL_NAME_ADDRESS: "192.0.2.80",
}
_NODE_PORTS = (_LOAD_BALANCERS | {Shape.NODE_PORT, Shape.NODE_PORT_AND_EXTERNAL_IP}) - {
    Shape.LOAD_BALANCER_WITHOUT_NODE_PORTS
}
_INGRESS_ADDRESSES = {
    Shape.LOAD_BALANCER: 1,
    Shape.LOAD_BALANCER_TWO_IPS: 2,
    Shape.LOAD_BALANCER_PROXY: 1,
    Shape.LOAD_BALANCER_WITHOUT_NODE_PORTS: 1,
}
_EXTERNAL_IPS = frozenset({Shape.EXTERNAL_IP, Shape.NODE_PORT_AND_EXTERNAL_IP})

PORTS: tuple[tuple[ServicePort, ...], ...] = (
    (ServicePort(80, "", "TCP", 8080),),
    (ServicePort(80, "http", "TCP", "http"),),
    (ServicePort(80, "http", "TCP", 8080), ServicePort(443, "https", "TCP", "https")),
    (ServicePort(53, "dns", "UDP", 5353), ServicePort(53, "dns-tcp", "TCP", 53)),
    (ServicePort(80, "", "TCP", 80),),
    (ServicePort(9090, "metrics", "TCP", "metrics"), ServicePort(80, "http", "TCP", "http")),
    (ServicePort(5000, "", "SCTP", 5000),),
    (ServicePort(53, "dns", "UDP", "dns"),),
    (ServicePort(80, "http", "TCP", 8080, app_protocol="http"), ServicePort(81, "tcp-81", "TCP", 8080)),
)

SOURCE_RANGES: tuple[tuple[str, ...], ...] = (
    (),
    (),
    (),
    (),
    ("203.0.113.0/24", "10.244.0.0/16"),
    ("198.51.100.0/24",),
    ("192.168.0.0/24", "203.0.113.7/32"),
    ("0.0.0.0/0",),
)
# Of both families, or of one, which then leaves the other one open (LB-007).
_SOURCE_RANGES_OF_TWO_FAMILIES: tuple[tuple[str, ...], ...] = (
    *SOURCE_RANGES[:4],
    ("203.0.113.0/24", "10.244.0.0/16", "2001:db8:203::/48", POD_CIDRS[1]),
    ("198.51.100.0/24",),
    ("192.168.0.0/24", "203.0.113.7/32", "2001:db8:198::9/128"),
    ("0.0.0.0/0", "2001:db8:198::/48"),
    ("2001:db8:203::/48",),
    ("198.51.100.0/24", "::/0"),
)

_FAMILIES: tuple[tuple[str, ...], ...] = (
    (IPV4,),
    (IPV4, IPV6),
    (IPV6,),
    (IPV6, IPV4),
)

_TOPOLOGY_MODE = FrozenMap({TOPOLOGY_MODE_ANNOTATION: "Auto"})

_IDENTITIES = pools.choices(pools.USUAL_NAMESPACES, tuple(range(len(pools.SERVICE_NAMES))), (10, 20, 30))
# The usual shapes come up twice as often as the special ones.
_USUAL = (
    Shape.CLUSTER_IP,
    Shape.NODE_PORT,
    Shape.LOAD_BALANCER,
    Shape.LOAD_BALANCER_PENDING,
    Shape.HEADLESS,
)
_SHAPES = pools.choices(tuple(Shape) + _USUAL, pools.SELECTORS)
_POLICIES = pools.choices(
    ("Cluster", "Local"),  # internalTrafficPolicy
    ("Cluster", "Local"),  # externalTrafficPolicy
    # ClientIP affinity and its time-out: a short one can be waited for.
    (None, None, None, 10800, 60, 2),
    (False, True),  # publishNotReadyAddresses
)
_AUTO = "Auto"
"""Stands for the annotation that is set in place of a traffic distribution."""
_LABELS = (EMPTY, FrozenMap({"team": "a"}), FrozenMap({SERVICE_PROXY_NAME_LABEL: "other"}))
# Proportional hints are seldom possible in a small cluster.
_DISTRIBUTIONS = (*2 * (None, "PreferSameZone", "PreferSameNode"), _AUTO)
_DETAILS = pools.choices(PORTS, SOURCE_RANGES, _LABELS, _DISTRIBUTIONS, _FAMILIES[:1])
_DETAILS_OF_TWO_FAMILIES = pools.choices(
    PORTS, _SOURCE_RANGES_OF_TWO_FAMILIES, _LABELS, _DISTRIBUTIONS, _FAMILIES
)

Choice = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def service_choices(*, dual_stack: bool = False) -> st.SearchStrategy[Choice]:
    """The four choices that make a Service; `dual_stack` for clusters that may have two families."""
    return st.tuples(
        st.sampled_from(_IDENTITIES),
        st.sampled_from(_SHAPES),
        st.sampled_from(_POLICIES),
        pools.evenly(_DETAILS_OF_TWO_FAMILIES if dual_stack else _DETAILS),
    )


def service_name(namespace: str, wanted: int, taken: set[tuple[str, str]]) -> str:
    """The wanted name of the pool, or the next one that is free in `namespace`."""
    names = pools.SERVICE_NAMES
    for step in range(len(names)):
        name = names[(wanted + step) % len(names)]
        if (namespace, name) not in taken and (namespace, name) != ("default", "kubernetes"):
            return name
    return f"extra-{len(taken)}"


def build(
    index: int,
    choice: Choice,
    *,
    taken: set[tuple[str, str]],
    cluster_families: tuple[str, ...] = ONE_STACK,
) -> Service:
    """The Service at `index`; its name is added to `taken`."""
    (namespace, wanted, created), (shape, selector), policies, details = choice
    ports, ranges, labels, distribution, families = details
    if cluster_families == ONE_STACK:
        families = ONE_STACK
        ranges = tuple(cidr for cidr in ranges if ":" not in cidr)
    name = service_name(namespace, wanted, taken)
    taken.add((namespace, name))
    auto = distribution == _AUTO
    metadata = ObjectMeta(
        name=name,
        namespace=namespace,
        uid=f"service-{index}",
        labels=labels,
        annotations=_TOPOLOGY_MODE if auto else EMPTY,
        creation_timestamp=created,
    )
    if shape in _EXTERNAL_NAMES:
        spec = ServiceSpec(
            type="ExternalName",
            selector=selector,
            ports=tuple(_with_node_port(port, 0) for port in ports),
            external_name=_EXTERNAL_NAMES[shape],
            session_affinity="None",
        )
        return Service(metadata, spec)
    return Service(
        metadata,
        _spec(
            index,
            shape,
            selector,
            policies,
            ports,
            ranges,
            None if auto else distribution,
            families,
            cluster_families,
        ),
        ServiceStatus(LoadBalancerStatus(_ingress(index, shape, cluster_families))),
    )


def _spec(
    index: int,
    shape: Shape,
    selector: Labels | None,
    policies: tuple[Any, ...],
    ports: tuple[ServicePort, ...],
    ranges: tuple[str, ...],
    distribution: str | None,
    families: tuple[str, ...],
    cluster_families: tuple[str, ...],
) -> ServiceSpec:
    internal, external, affinity, publish = policies
    headless = shape in _HEADLESS
    load_balancer = shape in _LOAD_BALANCERS
    accessible = shape in _NODE_PORTS or shape in _EXTERNAL_IPS or load_balancer
    ips = cluster_ips(index, families, headless=headless)
    if shape is Shape.HEADLESS_WITHOUT_PORTS:
        ports = ()
    return ServiceSpec(
        type="LoadBalancer" if load_balancer else "NodePort" if shape in _NODE_PORTS else "ClusterIP",
        selector=selector,
        ports=tuple(
            _with_node_port(port, 30100 + 10 * index + place if shape in _NODE_PORTS else 0)
            for place, port in enumerate(ports)
        ),
        cluster_ip=ips[0],
        cluster_ips=ips,
        ip_families=families,
        ip_family_policy="PreferDualStack" if len(families) > 1 else "SingleStack",
        external_ips=_external_ips(index, len(ports), cluster_families) if shape in _EXTERNAL_IPS else (),
        external_traffic_policy=external if accessible else "",
        internal_traffic_policy=internal,
        session_affinity="ClientIP" if affinity else "None",
        session_affinity_config=SessionAffinityConfig(ClientIPConfig(affinity)) if affinity else None,
        publish_not_ready_addresses=publish,
        load_balancer_source_ranges=ranges if load_balancer else (),
        allocate_load_balancer_node_ports=(
            shape is not Shape.LOAD_BALANCER_WITHOUT_NODE_PORTS if load_balancer else None
        ),
        health_check_node_port=30900 + index if load_balancer and external == "Local" else 0,
        traffic_distribution=distribution,
    )


def _external_ips(index: int, ports: int, families: tuple[str, ...]) -> tuple[str, ...]:
    """Two of them where there are several ports; of each family of the cluster, the Service's or not."""
    first = tuple(external_ip(index, 0, family) for family in families)
    return first if ports < 2 else (*first, external_ip(index, 1, IPV4))


def _with_node_port(port: ServicePort, node_port: int) -> ServicePort:
    if not node_port:
        return port
    return ServicePort(port.port, port.name, port.protocol, port.target_port, node_port, port.app_protocol)


def _ingress(index: int, shape: Shape, families: tuple[str, ...]) -> tuple[LoadBalancerIngress, ...]:
    """Of each family of the cluster, whether or not it is one of the Service's (DUAL-005)."""
    if shape is Shape.LOAD_BALANCER_HOSTNAME:
        return (LoadBalancerIngress(hostname="lb.example.com"),)
    count = _INGRESS_ADDRESSES.get(shape, 0)
    mode = "Proxy" if shape is Shape.LOAD_BALANCER_PROXY else "VIP"
    return tuple(
        LoadBalancerIngress(load_balancer_ip(index, place, family), ip_mode=mode)
        for place in range(count)
        for family in families
    )


def kubernetes_service() -> Service:
    """The Service of the API server itself, `default/kubernetes`."""
    return Service(
        ObjectMeta(name="kubernetes", namespace="default", uid="kubernetes", creation_timestamp=0),
        ServiceSpec(
            type="ClusterIP",
            ports=(ServicePort(443, "https", "TCP", 6443),),
            cluster_ip="10.96.0.1",
            cluster_ips=("10.96.0.1",),
            ip_families=("IPv4",),
            ip_family_policy="SingleStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )
