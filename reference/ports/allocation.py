# SPDX-License-Identifier: Apache-2.0
"""Allocation of cluster IPs, node ports and health check node ports.

Pure: each function is given the state of the pools and returns the Service with
its numbers together with the next state.  A failure raises `Refused`, and since
no state was changed nothing can leak (ALLOC-001, ALLOC-002).

Source: kubernetes `pkg/registry/core/service/storage/alloc.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from reference.objects import CLUSTER_IP_NONE, Service, ServicePort
from reference.ports.addresses import Address, format_ip, parse_ip, parse_legacy_ip
from reference.ports.changes import with_spec
from reference.ports.defaulting import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    NODE_PORT_TYPES,
    is_headless,
    needs_health_check,
)
from reference.ports.families import keeps_families, with_families
from reference.ports.pools import (
    Allocations,
    Allowed,
    allowed_dynamic_cluster_ips,
    allowed_dynamic_node_ports,
)
from reference.ports.rejections import INTERNAL_ERROR, Refused, Violation

Choose = Callable[[str, Allowed], int]
"""Takes the field that a number is for and what is allowed; returns the number."""

HEALTH_CHECK_FIELD = "spec.healthCheckNodePort"


@lru_cache(maxsize=256)
def node_port_field(index: int) -> str:
    """The field path of a port's node port."""
    return f"spec.ports[{index}].nodePort"


@lru_cache(maxsize=8)
def cluster_ip_field(index: int) -> str:
    """The field path of a cluster IP."""
    return f"spec.clusterIPs[{index}]"


def lowest(field: str, allowed: Allowed) -> int:
    """Choose the lowest allowed number."""
    return allowed.lowest()


def allocate_create(service: Service, state: Allocations, choose: Choose) -> tuple[Service, Allocations]:
    """All that a new Service needs: families, cluster IPs, node ports, health check node port."""
    service = with_families(service, state, old=None)
    service, state = _new_cluster_ips(service, state, choose)
    if service.spec.type in NODE_PORT_TYPES:
        service, state = _new_node_ports(service, state, choose)
    if needs_health_check(service):
        service, state = _health_check_node_port(service, state, choose)
    return service, state


def allocate_update(
    old: Service, new: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations]:
    """What `new`, whose families are decided, needs beyond what `old` holds.

    What `old` gives up is released when the update is committed, so it cannot be
    taken by the same update (ALLOC-003).
    """
    service, taken, free_ips = _updated_cluster_ips(old, new, state, choose)
    free_ports: frozenset[int] = frozenset()
    if old.spec.type in NODE_PORT_TYPES and service.spec.type not in NODE_PORT_TYPES:
        free_ports = node_ports_of(old)  # ALLOC-020
    elif service.spec.type in NODE_PORT_TYPES:
        service, taken = _updated_node_ports(old, service, taken, choose)
        free_ports = node_ports_of(old) - node_ports_of(service)  # ALLOC-016
    if needs_health_check(service) and not needs_health_check(old):
        service, taken = _health_check_node_port(service, taken, choose)
    elif needs_health_check(old) and not needs_health_check(service):
        free_ports |= {old.spec.health_check_node_port}  # ALLOC-023
    return service, taken.without(node_ports=free_ports, cluster_ips=free_ips)


def release(service: Service, state: Allocations) -> Allocations:
    """A deleted Service gives everything back at once (ALLOC-004)."""
    return state.without(node_ports=_all_node_ports(service), cluster_ips=cluster_ips_of(service))


def held(services: Iterable[Service], state: Allocations) -> Allocations:
    """What Services have that are there from the start (ALLOC-044)."""
    for service in services:
        for number in _all_node_ports(service):
            state = state.with_node_port(number)
        for address in cluster_ips_of(service):
            state = state.with_cluster_ip(address)
    return state


def _all_node_ports(service: Service) -> frozenset[int]:
    """The node ports that it holds, that of its health checks included."""
    ports = node_ports_of(service) if service.spec.type in NODE_PORT_TYPES else frozenset()
    return ports | {service.spec.health_check_node_port} if needs_health_check(service) else ports


def node_ports_of(service: Service) -> frozenset[int]:
    """The node ports that are written in its ports."""
    return frozenset(port.node_port for port in service.spec.ports if port.node_port)


def cluster_ips_of(service: Service) -> frozenset[Address]:
    """The cluster IPs that it holds, however they are written; a headless Service holds none (ALLOC-025)."""
    addresses = (parse_legacy_ip(text) for text in service.spec.cluster_ips if text != CLUSTER_IP_NONE)
    return frozenset(address for address in addresses if address is not None)


def allocates_node_ports(service: Service) -> bool:
    """NodePort always, LoadBalancer unless it says otherwise (ALLOC-018)."""
    spec = service.spec
    return spec.type == NODE_PORT or (
        spec.type == LOAD_BALANCER and spec.allocate_load_balancer_node_ports is not False
    )


def _new_cluster_ips(service: Service, state: Allocations, choose: Choose) -> tuple[Service, Allocations]:
    """One IP for each family; explicit ones are taken as they are (ALLOC-025, ALLOC-029)."""
    spec = service.spec
    if spec.type == EXTERNAL_NAME or CLUSTER_IP_NONE in spec.cluster_ips:
        return service, state
    ips: list[str] = []
    for index, family in enumerate(spec.ip_families):
        wanted = spec.cluster_ips[index] if index < len(spec.cluster_ips) else ""
        text, state = _cluster_ip(index, family, wanted, state, choose)
        ips.append(text)
    return _with_cluster_ips(service, tuple(ips)), state


def _with_cluster_ips(service: Service, ips: tuple[str, ...]) -> Service:
    """`clusterIP` is always the first of `clusterIPs` (ALLOC-025)."""
    return with_spec(service, cluster_ip=ips[0], cluster_ips=ips)


def _cluster_ip(
    index: int, family: str, wanted: str, state: Allocations, choose: Choose
) -> tuple[str, Allocations]:
    if wanted:
        address = parse_ip(wanted)
        if address is None or not state.may_take_cluster_ip(address):
            raise Refused.invalid(Violation("spec.clusterIPs", "Invalid", "ALLOC-029"))
        return wanted, state.with_cluster_ip(address)
    allowed = allowed_dynamic_cluster_ips(state, family)
    if not allowed:
        raise Refused(INTERNAL_ERROR, rules=("ALLOC-030",))
    value = choose(cluster_ip_field(index), allowed)
    return format_ip(family, value), state.with_cluster_ip(Address(family, value))


def _updated_cluster_ips(
    old: Service, new: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations, frozenset[Address]]:
    """To and from ExternalName, and the second IP of a Service that changes stacks.

    ALLOC-035, ALLOC-042, ALLOC-043.
    """
    nothing: frozenset[Address] = frozenset()
    if keeps_families(old, new):
        return new, state, nothing
    if old.spec.type == EXTERNAL_NAME and new.spec.type != EXTERNAL_NAME:
        service, state = _new_cluster_ips(new, state, choose)
        return service, state, nothing
    if is_headless(old):
        return new, state, nothing
    if old.spec.type != EXTERNAL_NAME and new.spec.type == EXTERNAL_NAME:
        return new, state, cluster_ips_of(old)
    before, after = len(old.spec.ip_families), len(new.spec.ip_families)
    if before == 1 and after == 2 and not is_headless(new):
        wanted = new.spec.cluster_ips[1] if len(new.spec.cluster_ips) > 1 else ""
        text, state = _cluster_ip(1, new.spec.ip_families[1], wanted, state, choose)
        return _with_cluster_ips(new, (new.spec.cluster_ips[0], text)), state, nothing
    if before == 2 and after == 1:
        second = parse_legacy_ip(old.spec.cluster_ips[1])
        return new, state, frozenset() if second is None else frozenset({second})
    return new, state, nothing


def _take_node_port(index: int, number: int, state: Allocations) -> Allocations:
    if not state.may_take_node_port(number):
        raise Refused.invalid(Violation(node_port_field(index), "Invalid", "ALLOC-009"))
    return state.with_node_port(number)


def _next_node_port(field: str, state: Allocations, choose: Choose, rule: str) -> tuple[int, Allocations]:
    allowed = allowed_dynamic_node_ports(state)
    if not allowed:
        raise Refused(INTERNAL_ERROR, rules=(rule,))
    number = choose(field, allowed)
    return number, state.with_node_port(number)


def _new_node_ports(service: Service, state: Allocations, choose: Choose) -> tuple[Service, Allocations]:
    """On create, entries with one `port` number share a node port (ALLOC-012 to ALLOC-014)."""
    allocates = allocates_node_ports(service)
    given: dict[int, int] = {}
    ports: list[ServicePort] = []
    for index, port in enumerate(service.spec.ports):
        number = port.node_port
        if not number and not allocates:
            ports.append(port)
            continue
        shared = given.get(port.port, 0)
        if not shared:
            number = next((p.node_port for p in service.spec.ports if p.port == port.port and p.node_port), 0)
            if number:
                state = _take_node_port(index, number, state)
            else:
                number, state = _next_node_port(node_port_field(index), state, choose, "ALLOC-010")
            given[port.port] = number
        elif not number:
            number = shared
        elif number != shared:
            state = _take_node_port(index, number, state)
        ports.append(with_node_port(port, number))
    return with_spec(service, ports=tuple(ports)), state


def _updated_node_ports(
    old: Service, service: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations]:
    """On update, what the Service owns needs no allocation, and nothing is shared.

    ALLOC-015 to ALLOC-017.
    """
    allocates = allocates_node_ports(service)
    owned = set(node_ports_of(old))
    seen: set[tuple[str, int]] = set()
    ports: list[ServicePort] = []
    for index, port in enumerate(service.spec.ports):
        number = port.node_port
        if number and number not in owned:
            state = _take_node_port(index, number, state)
            owned.add(number)
        elif not number and allocates:
            number, state = _next_node_port(node_port_field(index), state, choose, "ALLOC-010")
        if number:
            if (port.protocol, number) in seen:
                raise Refused(INTERNAL_ERROR, rules=("ALLOC-017",))
            seen.add((port.protocol, number))
        ports.append(with_node_port(port, number))
    return with_spec(service, ports=tuple(ports)), state


def _health_check_node_port(
    service: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations]:
    """From the pool of node ports; any failure is an internal error (ALLOC-021, ALLOC-022)."""
    wanted = service.spec.health_check_node_port
    if wanted:
        if not state.may_take_node_port(wanted):
            raise Refused(INTERNAL_ERROR, rules=("ALLOC-022",))
        return service, state.with_node_port(wanted)
    number, state = _next_node_port(HEALTH_CHECK_FIELD, state, choose, "ALLOC-022")
    return with_spec(service, health_check_node_port=number), state


def with_node_port(port: ServicePort, number: int) -> ServicePort:
    """The same port with this node port."""
    if port.node_port == number:
        return port
    return ServicePort(port.port, port.name, port.protocol, port.target_port, number, port.app_protocol)
