# SPDX-License-Identifier: Apache-2.0
"""Services that an API server has to refuse, each wrong in exactly one stated way.

`DEFECTS` names the rule that each one breaks and the causes that follow from it.
Every one is meant for a creation where its explicit numbers are free.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from conformance.strategies.ports.objects import DNS, HTTP, HTTPS, Make, at, client_ip, service
from reference.frozenmap import FrozenMap
from reference.objects import CLUSTER_IP_NONE, Service, ServicePort
from reference.ports.admission import SOURCE_RANGES, TOPOLOGY_HINTS, TOPOLOGY_MODE
from reference.questions import Cause


@frozen
class Defect:
    """What is wrong (a requirement id), the Service, and the causes to be reported.

    `causes` are empty where the API leaves open how it says so.
    """

    rule: str
    make: Make
    causes: frozenset[Cause]


def _defect(rule: str, made: Service | Make, *causes: tuple[str, str]) -> Defect:
    make: Make = (lambda _: made) if isinstance(made, Service) else made
    return Defect(rule, make, frozenset(Cause(field, reason) for field, reason in causes))


def _named(name: str) -> Defect:
    return _defect("VAL-001", service(HTTP, name=name), ("metadata.name", "Invalid"))


def _prefixed(prefix: str) -> Defect:
    made = service(HTTP, name="prefixed", prefix=prefix)
    return _defect("VAL-004", made, ("metadata.generateName", "Invalid"))


def _labelled(**labels: str) -> Defect:
    made = service(HTTP, labels=FrozenMap({key.replace("__", "/"): value for key, value in labels.items()}))
    return _defect("VAL-005", made, ("metadata.labels", "Invalid"))


def _annotated(key: str) -> Defect:
    made = service(HTTP, annotations=FrozenMap({key: ""}))
    return _defect("VAL-005", made, ("metadata.annotations", "Invalid"))


def _port(rule: str, field: str, reason: str, **fields: Any) -> Defect:
    """A single port with one wrong field."""
    made = service(ServicePort(**{"port": 80, "target_port": 8080, **fields}))
    return _defect(rule, made, (f"spec.ports[0].{field}", reason))


def _spec(rule: str, field: str, reason: str, **spec: Any) -> Defect:
    """A good port, and one wrong field of the spec."""
    return _defect(rule, service(HTTP, **spec), (f"spec.{field}", reason))


def _external_name(rule: str, reason: str, name: str) -> Defect:
    made = service(type="ExternalName", external_name=name)
    return _defect(rule, made, ("spec.externalName", reason))


def _name_and(rule: str, field: str, **spec: Any) -> Defect:
    """An ExternalName with a field that it may not have."""
    made = service(type="ExternalName", external_name="db.example.com", **spec)
    return _defect(rule, made, (f"spec.{field}", "Forbidden"))


def _affinity(seconds: int) -> Defect:
    return _spec(
        "VAL-033",
        "sessionAffinityConfig.clientIP.timeoutSeconds",
        "Invalid",
        session_affinity="ClientIP",
        session_affinity_config=client_ip(seconds),
    )


def _external_ip(rule: str, ip: str) -> Defect:
    return _spec(rule, "externalIPs[1]", "Invalid", external_ips=("198.18.0.20", ip))


def _ranges(text: str) -> Defect:
    return _spec(
        "VAL-057",
        "LoadBalancerSourceRanges[1]",
        "Invalid",
        type="LoadBalancer",
        load_balancer_source_ranges=("10.0.0.0/8", text),
    )


def _range_annotation(reason: str, value: str, **spec: Any) -> Defect:
    made = service(HTTP, annotations=FrozenMap({SOURCE_RANGES: value}), **spec)
    return _defect("VAL-058", made, (f"metadata.annotations[{SOURCE_RANGES}]", reason))


_INVALID_NODE_PORT = ("spec.ports[0].nodePort", "Invalid")
_INVALID_IPS = ("spec.clusterIPs", "Invalid")

DEFECTS: dict[str, Defect] = {
    # metadata
    "name in capitals": _named("Web"),
    "name with a dot": _named("web.v1"),
    "prefix in capitals": _prefixed("Web-"),
    "prefix that begins with a dash": _prefixed("-"),
    "prefix that begins with a dash and a letter": _prefixed("-a"),
    "name with an underscore": _named("web_1"),
    "name with a dash at the end": _named("web-"),
    "name with a dash at the start": _named("-web"),
    "name of 64 characters": _named("a" * 64),
    "label value of 64 characters": _labelled(app="a" * 64),
    "label value with a slash": _labelled(app="a/b"),
    "label value with a dash at the end": _labelled(app="a-"),
    "label key without a prefix": _labelled(__app="a"),
    "label key without a name": _labelled(app__="a"),
    "label prefix in capitals": _labelled(Example__app="a"),
    "annotation with a space": _annotated("a b"),
    "annotation with two slashes": _annotated("a/b/c"),
    "topology annotations that differ": _defect(
        "VAL-006",
        service(HTTP, annotations=FrozenMap({TOPOLOGY_HINTS: "Auto", TOPOLOGY_MODE: "Disabled"})),
        (f"metadata.annotations[{TOPOLOGY_MODE}]", "Invalid"),
    ),
    # ports
    "no ports": _defect("VAL-007", service(), ("spec.ports", "Required")),
    "no ports, node port": _defect("VAL-007", service(type="NodePort"), ("spec.ports", "Required")),
    "two ports without names": _defect(
        "VAL-008",
        service(ServicePort(80), ServicePort(81)),
        ("spec.ports[0].name", "Required"),
        ("spec.ports[1].name", "Required"),
    ),
    "second port without a name": _defect(
        "VAL-008", service(HTTP, ServicePort(81)), ("spec.ports[1].name", "Required")
    ),
    "port name in capitals": _port("VAL-009", "name", "Invalid", name="Http"),
    "port name with an underscore": _port("VAL-009", "name", "Invalid", name="a_b"),
    "port name of 64 characters": _port("VAL-009", "name", "Invalid", name="a" * 64),
    "port name with a dash at the end": _port("VAL-009", "name", "Invalid", name="a-"),
    "port names that repeat": _defect(
        "VAL-010", service(HTTP, ServicePort(81, "http")), ("spec.ports[1].name", "Duplicate")
    ),
    "port 0": _port("VAL-011", "port", "Invalid", port=0),
    "port 65536": _port("VAL-011", "port", "Invalid", port=65536),
    "negative port": _port("VAL-011", "port", "Invalid", port=-1),
    "protocol in small letters": _port("VAL-012", "protocol", "NotSupported", protocol="tcp"),
    "protocol ICMP": _port("VAL-012", "protocol", "NotSupported", protocol="ICMP"),
    "target port 65536": _port("VAL-013", "targetPort", "Invalid", target_port=65536),
    "negative target port": _port("VAL-013", "targetPort", "Invalid", target_port=-1),
    "target port of digits": _port("VAL-014", "targetPort", "Invalid", target_port="8080"),
    "target port name of 16 characters": _port("VAL-014", "targetPort", "Invalid", target_port="a" * 16),
    "target port name with two dashes": _port("VAL-014", "targetPort", "Invalid", target_port="a--b"),
    "target port name in capitals": _port("VAL-014", "targetPort", "Invalid", target_port="Http"),
    "target port name with a dash at the end": _port("VAL-014", "targetPort", "Invalid", target_port="a-"),
    "application protocol with a space": _port("VAL-015", "appProtocol", "Invalid", app_protocol="a b"),
    "empty application protocol": _port("VAL-015", "appProtocol", "Invalid", app_protocol=""),
    "port and protocol that repeat": _defect(
        "VAL-016", service(HTTP, ServicePort(80, "again")), ("spec.ports[1]", "Duplicate")
    ),
    "node port on a cluster IP": _defect(
        "VAL-017",
        lambda n: service(at(HTTP, n.node_port)),
        ("spec.ports[0].nodePort", "Forbidden"),
    ),
    "node port on a headless Service": _defect(
        "VAL-017",
        lambda n: service(at(HTTP, n.node_port), cluster_ip=CLUSTER_IP_NONE),
        ("spec.ports[0].nodePort", "Forbidden"),
    ),
    "one node port for two ports": _defect(
        "VAL-018", lambda n: service(at(HTTP, n.node_port), at(HTTPS, n.node_port), type="NodePort")
    ),
    "node port below the range": _defect(
        "VAL-019", lambda n: service(at(HTTP, n.below_node_ports), type="NodePort"), _INVALID_NODE_PORT
    ),
    "node port above the range": _defect(
        "VAL-019", lambda n: service(at(HTTP, n.above_node_ports), type="LoadBalancer"), _INVALID_NODE_PORT
    ),
    "node port above the range, second port": _defect(
        "VAL-019",
        lambda n: service(at(HTTP, n.node_port), at(HTTPS, n.above_node_ports), type="NodePort"),
        ("spec.ports[1].nodePort", "Invalid"),
    ),
    # type, selector, affinity
    "unknown type": _spec("VAL-022", "type", "NotSupported", type="Headless"),
    "type in small letters": _spec("VAL-022", "type", "NotSupported", type="clusterIP"),
    "headless load balancer": _spec(
        "VAL-023", "clusterIPs[0]", "Invalid", type="LoadBalancer", cluster_ip=CLUSTER_IP_NONE
    ),
    "headless node port": _spec(
        "VAL-024", "clusterIPs[0]", "Invalid", type="NodePort", cluster_ip=CLUSTER_IP_NONE
    ),
    "external name with a cluster IP": _defect(
        "VAL-025",
        lambda n: service(type="ExternalName", external_name="db.example.com", cluster_ip=n.cluster_ip),
        ("spec.clusterIPs", "Forbidden"),
    ),
    "headless external name": _name_and("VAL-025", "clusterIPs", cluster_ip=CLUSTER_IP_NONE),
    "external name with families": _name_and("VAL-026", "ipFamilies", ip_families=("IPv4",)),
    "external name with a policy": _name_and("VAL-027", "ipFamilyPolicy", ip_family_policy="SingleStack"),
    "no external name": _external_name("VAL-028", "Required", ""),
    "external name of a dot": _external_name("VAL-028", "Required", "."),
    "external name in capitals": _external_name("VAL-029", "Invalid", "DB.example.com"),
    "external name with an underscore": _external_name("VAL-029", "Invalid", "_db.example.com"),
    "external name with two dots at the end": _external_name("VAL-029", "Invalid", "db.example.com.."),
    "external name of IPv6": _external_name("VAL-029", "Invalid", "2001:db8::1"),
    "selector value with a space": _spec(
        "VAL-031", "selector", "Invalid", selector=FrozenMap({"app": "a b"})
    ),
    "selector key with a space": _spec("VAL-031", "selector", "Invalid", selector=FrozenMap({"a b": "a"})),
    "unknown affinity": _spec("VAL-032", "sessionAffinity", "NotSupported", session_affinity="clientIP"),
    "affinity of 0 seconds": _affinity(0),
    "affinity of 86401 seconds": _affinity(86401),
    # cluster IPs and families
    "clusterIP not among clusterIPs": _defect(
        "VAL-036",
        lambda n: service(HTTP, cluster_ip=n.cluster_ip, cluster_ips=(n.outside,)),
        _INVALID_IPS,
    ),
    "clusterIPs without clusterIP": _defect(
        "VAL-037", lambda n: service(HTTP, cluster_ips=(n.cluster_ip,)), _INVALID_IPS
    ),
    "None and an address": _defect(
        "VAL-038",
        lambda n: service(HTTP, cluster_ip="None", cluster_ips=("None", n.cluster_ip)),
        _INVALID_IPS,
    ),
    "none in small letters": _spec("VAL-039", "clusterIPs[0]", "Invalid", cluster_ip="none"),
    "cluster IP that is no address": _spec("VAL-039", "clusterIPs[0]", "Invalid", cluster_ip="10.96.0"),
    "two cluster IPs of one family": _defect(
        "VAL-041",
        lambda n: service(
            HTTP,
            cluster_ip=n.cluster_ip,
            cluster_ips=(n.cluster_ip, n.outside),
            ip_family_policy="PreferDualStack",
        ),
        _INVALID_IPS,
    ),
    "cluster IP of another family": _defect(
        "VAL-042",
        lambda n: service(HTTP, cluster_ip=n.cluster_ip, ip_families=("IPv6",)),
        ("spec.clusterIPs[0]", "Invalid"),
    ),
    "unknown family": _spec("VAL-043", "ipFamilies[0]", "NotSupported", ip_families=("IPv5",)),
    "family that repeats": _spec("VAL-043", "ipFamilies[1]", "Duplicate", ip_families=("IPv4", "IPv4")),
    "unknown family policy": _spec("VAL-044", "ipFamilyPolicy", "NotSupported", ip_family_policy="DualStack"),
    "two families on one stack": _spec(
        "ALLOC-039", "ipFamilyPolicy", "Invalid", ip_family_policy="RequireDualStack"
    ),
    "family that is not configured": _spec("ALLOC-040", "ipFamilies[0]", "Invalid", ip_families=("IPv6",)),
    "cluster IP of a family that is not configured": _spec(
        "ALLOC-040", "clusterIPs[0]", "Invalid", cluster_ip="2001:db8::1"
    ),
    "two families without a policy": _spec(
        "ALLOC-041", "ipFamilyPolicy", "Invalid", ip_families=("IPv4", "IPv6")
    ),
    "cluster IP outside the range": _defect(
        "ALLOC-029", lambda n: service(HTTP, cluster_ip=n.outside), _INVALID_IPS
    ),
    "network address as cluster IP": _defect(
        "ALLOC-026", lambda n: service(HTTP, cluster_ip=n.network), _INVALID_IPS
    ),
    "broadcast address as cluster IP": _defect(
        "ALLOC-026", lambda n: service(HTTP, cluster_ip=n.broadcast), _INVALID_IPS
    ),
    # exposure and traffic
    "external IP that is no address": _external_ip("VAL-049", "web.example.com"),
    "external IP with a prefix length": _external_ip("VAL-049", "198.18.0.0/24"),
    "external IP 0.0.0.0": _external_ip("VAL-050", "0.0.0.0"),
    "external IP ::": _external_ip("VAL-050", "::"),
    "external IP 127.0.0.1": _external_ip("VAL-051", "127.0.0.1"),
    "external IP ::1": _external_ip("VAL-051", "::1"),
    "external IP 169.254.0.1": _external_ip("VAL-052", "169.254.0.1"),
    "external IP fe80::1": _external_ip("VAL-052", "fe80::1"),
    "external IP 224.0.0.1": _external_ip("VAL-053", "224.0.0.1"),
    "external IP ff02::1": _external_ip("VAL-053", "ff02::1"),
    "source ranges on a node port": _spec(
        "VAL-056",
        "LoadBalancerSourceRanges",
        "Forbidden",
        type="NodePort",
        load_balancer_source_ranges=("10.0.0.0/8",),
    ),
    "source range without a length": _ranges("192.0.2.0"),
    "source range that is too long": _ranges("192.0.2.0/33"),
    "source range that is a name": _ranges("example.com/24"),
    "source range annotation on a cluster IP": _range_annotation("Forbidden", "10.0.0.0/8"),
    "source range annotation that is no range": _range_annotation(
        "Invalid", "10.0.0.0/8, 192.0.2.0", type="LoadBalancer"
    ),
    "allocateLoadBalancerNodePorts on a node port": _spec(
        "VAL-059",
        "allocateLoadBalancerNodePorts",
        "Forbidden",
        type="NodePort",
        allocate_load_balancer_node_ports=True,
    ),
    "allocateLoadBalancerNodePorts false on a cluster IP": _spec(
        "VAL-059", "allocateLoadBalancerNodePorts", "Forbidden", allocate_load_balancer_node_ports=False
    ),
    "loadBalancerClass on a cluster IP": _spec(
        "VAL-060", "loadBalancerClass", "Forbidden", load_balancer_class="example.com/internal"
    ),
    "loadBalancerClass with a space": _spec(
        "VAL-061", "loadBalancerClass", "Invalid", type="LoadBalancer", load_balancer_class="a b"
    ),
    "externalTrafficPolicy on a cluster IP": _spec(
        "VAL-064", "externalTrafficPolicy", "Invalid", external_traffic_policy="Cluster"
    ),
    "externalTrafficPolicy on an external name": _defect(
        "VAL-064",
        service(type="ExternalName", external_name="db.example.com", external_traffic_policy="Local"),
        ("spec.externalTrafficPolicy", "Invalid"),
    ),
    "unknown externalTrafficPolicy": _spec(
        "VAL-065",
        "externalTrafficPolicy",
        "NotSupported",
        type="NodePort",
        external_traffic_policy="local",
    ),
    "healthCheckNodePort on a node port": _defect(
        "VAL-066",
        lambda n: service(
            HTTP, type="NodePort", external_traffic_policy="Local", health_check_node_port=n.node_port
        ),
        ("spec.healthCheckNodePort", "Invalid"),
    ),
    "healthCheckNodePort without Local": _defect(
        "VAL-066",
        lambda n: service(HTTP, type="LoadBalancer", health_check_node_port=n.other_node_port),
        ("spec.healthCheckNodePort", "Invalid"),
    ),
    "unknown internalTrafficPolicy": _spec(
        "VAL-068", "internalTrafficPolicy", "NotSupported", internal_traffic_policy="local"
    ),
    "unknown trafficDistribution": _spec(
        "VAL-069", "trafficDistribution", "NotSupported", traffic_distribution="PreferZone"
    ),
    "empty trafficDistribution": _spec(
        "VAL-069", "trafficDistribution", "NotSupported", traffic_distribution=""
    ),
}

UNSPOKEN: dict[str, Defect] = {
    # Refused with a server error, which names no field.
    "healthCheckNodePort out of range": _defect(
        "ALLOC-022",
        lambda n: service(
            HTTP,
            type="LoadBalancer",
            external_traffic_policy="Local",
            health_check_node_port=n.above_node_ports,
        ),
    ),
    "healthCheckNodePort that is its own node port": _defect(
        "ALLOC-022",
        lambda n: service(
            at(HTTP, n.node_port),
            type="LoadBalancer",
            external_traffic_policy="Local",
            health_check_node_port=n.node_port,
        ),
    ),
}

ODDITIES: dict[str, Make] = {
    # Taken, but what becomes of the number afterwards is nowhere promised, so
    # nothing may follow in a session.
    "external name with a node port": lambda n: service(
        *(at(port, n.node_port) for port in DNS), type="ExternalName", external_name="db.example.com"
    ),
}
