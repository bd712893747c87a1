# SPDX-License-Identifier: Apache-2.0
"""What an update keeps, what it clears, and what it may not change.

An update replaces the whole object; the rules here are what the API server does
so that a client which left out what it did not write itself loses nothing.

Source: kubernetes `storage.go` `patchAllocatedValues`, `normalizeClusterIPs`;
`strategy.go` `dropTypeDependentFields`; `validation.go` `ValidateServiceUpdate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reference.objects import Service, ServicePort, ServiceSpec, ServiceStatus
from reference.ports.admission import metadata_violations, spec_violations
from reference.ports.allocation import allocates_node_ports, node_ports_of, with_node_port
from reference.ports.changes import with_spec
from reference.ports.defaulting import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT_TYPES,
    is_externally_accessible,
    is_headless,
    needs_cluster_ip,
    needs_health_check,
)
from reference.ports.rejections import Violation, causes
from reference.questions import Cause


def with_cluster_ip_list(service: Service) -> Service:
    """On create `clusterIP` alone is copied into `clusterIPs` (VAL-036); never the other way (VAL-037)."""
    spec = service.spec
    if not spec.cluster_ip or spec.cluster_ips:
        return service
    return with_spec(service, cluster_ips=(spec.cluster_ip,))


def with_kept_values(old: Service, new: Service) -> Service:
    """`new` with the allocated values that it left out (ALLOC-015, ALLOC-023, ALLOC-033)."""
    before, spec = old.spec, new.spec
    changes: dict[str, Any] = {}
    ip, ips = _kept_cluster_ips(old, new)
    if (ip, ips) != (spec.cluster_ip, spec.cluster_ips):
        changes |= {"cluster_ip": ip, "cluster_ips": ips}
    if allocates_node_ports(old) and allocates_node_ports(new):
        ports = _kept_node_ports(old, new)
        if ports != spec.ports:
            changes["ports"] = ports
    if needs_health_check(old) and needs_health_check(new) and not spec.health_check_node_port:
        changes["health_check_node_port"] = before.health_check_node_port
    return with_spec(new, **changes)


def _kept_cluster_ips(old: Service, new: Service) -> tuple[str, tuple[str, ...]]:
    """`clusterIP` and `clusterIPs`, where a client may have written only one (ALLOC-033)."""
    before, ip, ips = old.spec, new.spec.cluster_ip, new.spec.cluster_ips
    if needs_cluster_ip(old) and needs_cluster_ip(new):
        ip, ips = ip or before.cluster_ip, ips or before.cluster_ips
    if not ips and ip == before.cluster_ip:
        ips = before.cluster_ips
    if ip != before.cluster_ip and ips == before.cluster_ips:
        ips = (ip,) if ip else ()
    return ip, ips


def _kept_node_ports(old: Service, new: Service) -> tuple[ServicePort, ...]:
    """An entry without a node port takes that of the old entry of its name (ALLOC-015).

    Unless another entry of the update asks for that number.
    """
    asked_for = node_ports_of(new)
    by_name = {port.name: port.node_port for port in old.spec.ports}
    ports = []
    for port in new.spec.ports:
        kept = by_name.get(port.name, 0)
        ports.append(port if port.node_port or kept in asked_for else with_node_port(port, kept))
    return tuple(ports)


def without_type_dependent_fields(old: Service, new: Service) -> Service:
    """`new` without what its type has no use for and the client did not change.

    What the client did change is left for validation to refuse (TYPE-013 to TYPE-021).
    """
    before, after = old.spec, new.spec
    cleared: dict[str, Any] = {}
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        cleared |= _without_cluster_ips(before, after)
    loses_node_ports = before.type in NODE_PORT_TYPES and after.type not in NODE_PORT_TYPES
    if loses_node_ports and node_ports_of(new) and node_ports_of(new) <= node_ports_of(old):
        cleared["ports"] = tuple(with_node_port(port, 0) for port in after.ports)
    if needs_health_check(old) and not needs_health_check(new):
        _clear(cleared, before, after, "health_check_node_port", 0)
    if before.type == LOAD_BALANCER and after.type != LOAD_BALANCER:
        _clear(cleared, before, after, "allocate_load_balancer_node_ports", None)
        _clear(cleared, before, after, "load_balancer_class", None)
    if is_externally_accessible(old) and not is_externally_accessible(new):
        _clear(cleared, before, after, "external_traffic_policy", "")
    # The status is never taken from the request, and only a LoadBalancer keeps one (TYPE-019, VAL-073).
    status = old.status if after.type == LOAD_BALANCER else ServiceStatus()
    kept = new if new.status == status else Service(new.metadata, after, status)
    return with_spec(kept, **cleared)


def _without_cluster_ips(before: ServiceSpec, after: ServiceSpec) -> dict[str, Any]:
    """Nothing of the cluster IP survives a change to ExternalName (TYPE-014)."""
    cleared: dict[str, Any] = {}
    if (before.cluster_ip, before.cluster_ips) == (after.cluster_ip, after.cluster_ips):
        cleared |= {"cluster_ip": "", "cluster_ips": ()}
    _clear(cleared, before, after, "ip_families", ())
    _clear(cleared, before, after, "ip_family_policy", None)
    return cleared


def _clear(
    cleared: dict[str, Any], before: ServiceSpec, after: ServiceSpec, name: str, empty: object
) -> None:
    value = getattr(after, name)
    if value != empty and value == getattr(before, name):
        cleared[name] = empty


def validate_update(old: Service, new: Service) -> tuple[Cause, ...]:
    """Why `old` may not become `new`; empty when it may."""
    return causes(update_violations(old, new))


def update_violations(old: Service, new: Service) -> tuple[Violation, ...]:
    """The rules that an update breaks; the name's syntax is not looked at again (VAL-003)."""
    return (
        *metadata_violations(new),
        *_cluster_ip_changes(old, new),
        *_family_changes(old, new),
        *_load_balancer_changes(old, new),
        *spec_violations(new, old=old),
    )


def _cluster_ip_changes(old: Service, new: Service) -> Iterator[Violation]:
    """Cluster IPs may not change once set (ALLOC-034, VAL-046, TYPE-023).

    Whether the second may go is decided with the families (VAL-048).
    """
    if EXTERNAL_NAME in (old.spec.type, new.spec.type) or (is_headless(old) and is_headless(new)):
        return
    before, after = old.spec.cluster_ips, new.spec.cluster_ips
    if len(before) == len(after):
        for index, (was, is_now) in enumerate(zip(before, after, strict=True)):
            if was != is_now:
                yield Violation(f"spec.clusterIPs[{index}]", "Invalid", "VAL-046")
        return
    if before[:1] != after[:1]:
        yield Violation("spec.clusterIPs[0]", "Invalid", "VAL-046")


def _family_changes(old: Service, new: Service) -> Iterator[Violation]:
    """The primary family may not change, nor may the two be swapped (VAL-047)."""
    if EXTERNAL_NAME in (old.spec.type, new.spec.type) or is_headless(old) or is_headless(new):
        return
    before, after = old.spec.ip_families, new.spec.ip_families
    if len(before) == len(after):
        if before != after:
            yield Violation("spec.ipFamilies[0]", "Invalid", "VAL-047")
        return
    if before[:1] != after[:1]:
        yield Violation("spec.ipFamilies[0]", "Invalid", "VAL-047")


def _load_balancer_changes(old: Service, new: Service) -> Iterator[Violation]:
    """The class of a LoadBalancer and its health check node port stay (VAL-062, VAL-067)."""
    before, after = old.spec, new.spec
    if before.type == after.type == LOAD_BALANCER and before.load_balancer_class != after.load_balancer_class:
        yield Violation("spec.loadBalancerClass", "Invalid", "VAL-062")
    both_checked = needs_health_check(old) and needs_health_check(new)
    if both_checked and before.health_check_node_port != after.health_check_node_port:
        yield Violation("spec.healthCheckNodePort", "Forbidden", "VAL-067")
