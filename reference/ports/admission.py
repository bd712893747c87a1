# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses to store.

Every function takes a Service after defaulting and yields the rules that it
breaks.  Rules that defaulting or allocation make unreachable are left out.

Source: kubernetes `pkg/apis/core/validation/validation.go` `validateService`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from reference.objects import Service, ServicePort
from reference.ports.addresses import format_ip, is_special, parse_cidr, parse_ip, parse_legacy_ip
from reference.ports.defaulting import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT_TYPES,
    ROUTED_TYPES,
    client_ip_timeout,
    is_externally_accessible,
    is_headless,
    needs_health_check,
)
from reference.ports.families import family_violations
from reference.ports.metadata import are_labels, is_key, label_violations, without_dash
from reference.ports.rejections import Violation, causes
from reference.questions import Cause
from reference.syntax import (
    is_dns1035_label,
    is_dns1123_label,
    is_dns1123_subdomain,
    is_port_name,
)

TYPES = (*ROUTED_TYPES, EXTERNAL_NAME)
PROTOCOLS = ("TCP", "UDP", "SCTP")
AFFINITIES = ("None", "ClientIP")
TRAFFIC_POLICIES = ("Cluster", "Local")
TRAFFIC_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
MOST_CLIENT_IP_SECONDS = 86400

TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"

_is_label = lru_cache(maxsize=4096)(is_dns1123_label)
_is_port_name = lru_cache(maxsize=4096)(is_port_name)
_is_service_name = lru_cache(maxsize=4096)(is_dns1035_label)


def validate_create(service: Service) -> tuple[Cause, ...]:
    """Why a defaulted Service may not be created; empty when it may.

    The name rule is the strict one, a DNS-1035 label (VAL-001); see
    `needs_relaxed_name` for names that only newer servers take (VAL-002).
    """
    return causes(create_violations(service, relaxed_names=False))


def create_violations(service: Service, *, relaxed_names: bool) -> tuple[Violation, ...]:
    """The rules that a new Service breaks, in the order of the API server.

    Newer servers take every DNS-1123 label for a name: `relaxed_names` (VAL-002).
    """
    return (
        *name_violations(service, relaxed=relaxed_names),
        *metadata_violations(service),
        *spec_violations(service, old=None),
    )


def needs_relaxed_name(service: Service) -> bool:
    """Whether servers differ by its name or its prefix: a DNS-1123 label, but not of DNS-1035 (VAL-002)."""
    metadata = service.metadata
    if _is_service_name(metadata.name) and not metadata.generate_name:
        return False
    return set(name_violations(service, relaxed=False)) != set(name_violations(service, relaxed=True))


def name_violations(service: Service, *, relaxed: bool) -> Iterator[Violation]:
    """The name, and the prefix of a generated one (VAL-001, VAL-002, VAL-004)."""
    is_name = _is_label if relaxed else _is_service_name
    name, prefix = service.metadata.name, service.metadata.generate_name
    if prefix and not is_name(without_dash(prefix)):
        yield Violation("metadata.generateName", "Invalid", "VAL-004")
    if not name and not prefix:
        yield Violation("metadata.name", "Required", "VAL-004")
    elif name and not is_name(name):
        yield Violation("metadata.name", "Invalid", "VAL-001")


def metadata_violations(service: Service) -> Iterator[Violation]:
    """Labels and annotations (VAL-005, VAL-006)."""
    yield from label_violations(service.metadata)
    annotations = service.metadata.annotations
    hints = annotations.get(TOPOLOGY_HINTS)
    mode = annotations.get(TOPOLOGY_MODE)
    if hints is not None and mode is not None and hints != mode:
        yield Violation(f"metadata.annotations[{TOPOLOGY_MODE}]", "Invalid", "VAL-006")


def spec_violations(service: Service, *, old: Service | None) -> Iterator[Violation]:
    """Everything under `spec`; what `old` held already is not checked again (VAL-074)."""
    spec = service.spec
    yield from _type_violations(service)
    yield from _ports_violations(spec.ports, spec.type)
    if spec.selector and not are_labels(spec.selector):
        yield Violation("spec.selector", "Invalid", "VAL-031")
    yield from _affinity_violations(service)
    yield from family_violations(service, old=old)
    if spec.external_ips:
        yield from _external_ip_violations(spec.external_ips, old.spec.external_ips if old else ())
    if spec.load_balancer_source_ranges:
        yield from _source_range_violations(service, old)
    elif SOURCE_RANGES in service.metadata.annotations:
        yield from _source_range_annotation_violations(service, old)
    yield from _load_balancer_violations(service)
    yield from _traffic_violations(service)


def _type_violations(service: Service) -> Iterator[Violation]:
    """The type, and what goes with it (VAL-007, VAL-022 to VAL-029)."""
    spec = service.spec
    headless = is_headless(service)
    if not spec.ports and not headless and spec.type != EXTERNAL_NAME:
        yield Violation("spec.ports", "Required", "VAL-007")
    if headless and spec.type in NODE_PORT_TYPES:
        yield Violation(
            "spec.clusterIPs[0]", "Invalid", "VAL-023" if spec.type == LOAD_BALANCER else "VAL-024"
        )
    if spec.type not in TYPES:
        yield Violation("spec.type", "NotSupported", "VAL-022")
    if spec.type != EXTERNAL_NAME:
        return
    if spec.cluster_ips:
        yield Violation("spec.clusterIPs", "Forbidden", "VAL-025")
    if spec.ip_families:
        yield Violation("spec.ipFamilies", "Forbidden", "VAL-026")
    if spec.ip_family_policy is not None:
        yield Violation("spec.ipFamilyPolicy", "Forbidden", "VAL-027")
    name = spec.external_name.removesuffix(".")
    if not name:
        yield Violation("spec.externalName", "Required", "VAL-028")
    elif not is_dns1123_subdomain(name):
        yield Violation("spec.externalName", "Invalid", "VAL-029")


@lru_cache(maxsize=4096)
def _ports_violations(ports: tuple[ServicePort, ...], kind: str) -> tuple[Violation, ...]:
    """Every port on its own, then those that repeat (VAL-008 to VAL-018)."""
    return (*_each_port(ports, kind), *_repeated_ports(ports))


def _each_port(ports: tuple[ServicePort, ...], kind: str) -> Iterator[Violation]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if port.name:
            if not _is_label(port.name):
                yield Violation(f"{path}.name", "Invalid", "VAL-009")
            if port.name in names:
                yield Violation(f"{path}.name", "Duplicate", "VAL-010")
            names.add(port.name)
        elif len(ports) > 1:
            yield Violation(f"{path}.name", "Required", "VAL-008")
        yield from _port_violations(path, port)
        if port.node_port and kind == CLUSTER_IP:
            yield Violation(f"{path}.nodePort", "Forbidden", "VAL-017")


def _port_violations(path: str, port: ServicePort) -> Iterator[Violation]:
    if not is_port_number(port.port):
        yield Violation(f"{path}.port", "Invalid", "VAL-011")
    if port.protocol not in PROTOCOLS:
        yield Violation(f"{path}.protocol", "NotSupported", "VAL-012")
    target = port.target_port
    if isinstance(target, str):
        if not _is_port_name(target):
            yield Violation(f"{path}.targetPort", "Invalid", "VAL-014")
    elif target is not None and not is_port_number(target):
        yield Violation(f"{path}.targetPort", "Invalid", "VAL-013")
    if port.app_protocol is not None and not is_key(port.app_protocol):
        yield Violation(f"{path}.appProtocol", "Invalid", "VAL-015")


def is_port_number(number: int) -> bool:
    """1 to 65535 (PORT-013)."""
    return 1 <= number <= 65535


def _repeated_ports(ports: tuple[ServicePort, ...]) -> Iterator[Violation]:
    """(port, protocol) and (nodePort, protocol) are unique (PORT-015, VAL-016, VAL-018)."""
    numbers: set[tuple[int, str]] = set()
    node_ports: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        if (port.port, port.protocol) in numbers:
            yield Violation(f"spec.ports[{index}]", "Duplicate", "VAL-016")
        numbers.add((port.port, port.protocol))
        if port.node_port:
            if (port.node_port, port.protocol) in node_ports:
                yield Violation(f"spec.ports[{index}].nodePort", "Duplicate", "VAL-018")
            node_ports.add((port.node_port, port.protocol))


def _affinity_violations(service: Service) -> Iterator[Violation]:
    """Session affinity and its time-out (VAL-032, VAL-033)."""
    spec = service.spec
    if spec.session_affinity not in AFFINITIES:
        yield Violation("spec.sessionAffinity", "NotSupported", "VAL-032")
    if spec.session_affinity == "ClientIP":
        seconds = client_ip_timeout(spec)
        if seconds is None or not 0 < seconds <= MOST_CLIENT_IP_SECONDS:
            yield Violation("spec.sessionAffinityConfig.clientIP.timeoutSeconds", "Invalid", "VAL-033")


def _external_ip_violations(ips: tuple[str, ...], known: Collection[str]) -> Iterator[Violation]:
    """External IPs are addresses, and none of the special ones (VAL-049 to VAL-054).

    How those are written that were `known` before does not matter (VAL-074).
    """
    for index, text in enumerate(ips):
        address = parse_legacy_ip(text) if text in known else parse_ip(text)
        if address is None:
            yield Violation(f"spec.externalIPs[{index}]", "Invalid", "VAL-049")
        elif is_special(address):
            rule = _special_rule(format_ip(address.family, address.value))
            yield Violation(f"spec.externalIPs[{index}]", "Invalid", rule)


def _special_rule(text: str) -> str:
    if text in ("0.0.0.0", "::"):
        return "VAL-050"
    if text.startswith("127.") or text == "::1":
        return "VAL-051"
    return "VAL-052" if text.startswith(("169.254.", "fe")) else "VAL-053"


def _source_range_violations(service: Service, old: Service | None) -> Iterator[Violation]:
    """The field's path really is written with a capital L (VAL-056, VAL-057)."""
    if service.spec.type != LOAD_BALANCER:
        yield Violation("spec.LoadBalancerSourceRanges", "Forbidden", "VAL-056")
    known = {text.strip() for text in old.spec.load_balancer_source_ranges} if old else set()
    for index, text in enumerate(service.spec.load_balancer_source_ranges):
        if parse_cidr(text.strip()) is None and text.strip() not in known:
            yield Violation(f"spec.LoadBalancerSourceRanges[{index}]", "Invalid", "VAL-057")


def _source_range_annotation_violations(service: Service, old: Service | None) -> Iterator[Violation]:
    """The annotation only counts while the field is empty (VAL-058)."""
    path = f"metadata.annotations[{SOURCE_RANGES}]"
    value = service.metadata.annotations[SOURCE_RANGES]
    if service.spec.type != LOAD_BALANCER:
        yield Violation(path, "Forbidden", "VAL-058")
    unchanged = old is not None and old.metadata.annotations.get(SOURCE_RANGES) == value
    items = [] if unchanged or not value.strip() else value.split(",")
    if any(parse_cidr(item.strip()) is None for item in items):
        yield Violation(path, "Invalid", "VAL-058")


def _load_balancer_violations(service: Service) -> Iterator[Violation]:
    """What only a LoadBalancer may have (VAL-059 to VAL-061)."""
    spec = service.spec
    if spec.type != LOAD_BALANCER:
        if spec.allocate_load_balancer_node_ports is not None:
            yield Violation("spec.allocateLoadBalancerNodePorts", "Forbidden", "VAL-059")
        if spec.load_balancer_class is not None:
            yield Violation("spec.loadBalancerClass", "Forbidden", "VAL-060")
    elif spec.load_balancer_class is not None and not is_key(spec.load_balancer_class):
        yield Violation("spec.loadBalancerClass", "Invalid", "VAL-061")


def _traffic_violations(service: Service) -> Iterator[Violation]:
    """Traffic policies, health check node port, distribution (VAL-064 to VAL-069)."""
    spec = service.spec
    policy = spec.external_traffic_policy
    if policy and not is_externally_accessible(service):
        yield Violation("spec.externalTrafficPolicy", "Invalid", "VAL-064")
    elif policy and policy not in TRAFFIC_POLICIES:
        yield Violation("spec.externalTrafficPolicy", "NotSupported", "VAL-065")
    if spec.health_check_node_port and not needs_health_check(service):
        yield Violation("spec.healthCheckNodePort", "Invalid", "VAL-066")
    if spec.internal_traffic_policy is not None and spec.internal_traffic_policy not in TRAFFIC_POLICIES:
        yield Violation("spec.internalTrafficPolicy", "NotSupported", "VAL-068")
    if spec.traffic_distribution is not None and spec.traffic_distribution not in TRAFFIC_DISTRIBUTIONS:
        yield Violation("spec.trafficDistribution", "NotSupported", "VAL-069")
