# SPDX-License-Identifier: Apache-2.0
"""API servers that change a Service wrongly."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces
from reference.objects import Service
from reference.ports import allocation, server, transitions
from reference.ports.allocation import Choose
from reference.ports.changes import with_spec
from reference.ports.defaulting import LOAD_BALANCER, NODE_PORT, NODE_PORT_TYPES
from reference.ports.pools import Allocations
from reference.ports.rejections import Violation

with_kept_values = transitions.with_kept_values
without_type_dependent_fields = transitions.without_type_dependent_fields
update_violations = transitions.update_violations
server_read = server._as_read
_updated_node_ports = allocation._updated_node_ports
_updated_cluster_ips = allocation._updated_cluster_ips

Allocated = tuple[Service, Allocations]


# -- what is kept ----------------------------------------------------------------------


@replaces(server, "with_kept_values", "ALLOC-015", "ALLOC-033")
def node_ports_not_kept(old: Service, new: Service) -> Service:
    """An update that leaves out its node ports gets new ones."""
    kept = with_kept_values(old, new)
    return with_spec(kept, ports=new.spec.ports)


@replaces(server, "with_kept_values", "ALLOC-023")
def health_check_node_port_not_kept(old: Service, new: Service) -> Service:
    """An update that leaves out the health check node port loses it."""
    kept = with_kept_values(old, new)
    return with_spec(kept, health_check_node_port=new.spec.health_check_node_port)


@replaces(server, "with_kept_values", "ALLOC-033")
def cluster_ip_not_kept(old: Service, new: Service) -> Service:
    """An update has to send the cluster IP again."""
    kept = with_kept_values(old, new)
    return with_spec(kept, cluster_ip=new.spec.cluster_ip, cluster_ips=new.spec.cluster_ips)


@replaces(transitions, "_kept_node_ports", "ALLOC-015")
def node_ports_kept_by_position(old: Service, new: Service) -> tuple[object, ...]:
    """Entries take over node ports in their order, whatever their names."""
    before = [port.node_port for port in old.spec.ports] + [0] * len(new.spec.ports)
    return tuple(
        evolve(port, node_port=port.node_port or kept)
        for port, kept in zip(new.spec.ports, before, strict=False)
    )


@replaces(server, "update_violations", "ALLOC-034", "TYPE-023")
def cluster_ip_may_change(old: Service, new: Service) -> tuple[Violation, ...]:
    """A Service may change its cluster IP, or become headless."""
    return tuple(each for each in update_violations(old, new) if each.rule != "VAL-046")


@replaces(server, "update_violations", "SEL-012")
def selector_may_not_change(old: Service, new: Service) -> tuple[Violation, ...]:
    """A selector may not change, as that of a workload."""
    violations = update_violations(old, new)
    if old.spec.selector == new.spec.selector:
        return violations
    return (*violations, Violation("spec.selector", "Invalid", "SEL-012"))


@replaces(server, "update_violations", "TYPE-013")
def type_may_not_change(old: Service, new: Service) -> tuple[Violation, ...]:
    """The type of a Service may not change."""
    violations = update_violations(old, new)
    if old.spec.type == new.spec.type:
        return violations
    return (*violations, Violation("spec.type", "Invalid", "TYPE-013"))


# -- what is given ---------------------------------------------------------------------


@replaces(allocation, "_updated_node_ports", "TYPE-016")
def no_node_ports_after_a_change(
    old: Service, service: Service, state: Allocations, choose: Choose
) -> Allocated:
    """A ClusterIP that becomes a NodePort or LoadBalancer gets no node ports."""
    if old.spec.type in NODE_PORT_TYPES:
        return _updated_node_ports(old, service, state, choose)
    return service, state


@replaces(allocation, "_updated_node_ports", "TYPE-017", "TYPE-018")
def node_ports_given_anew(old: Service, service: Service, state: Allocations, choose: Choose) -> Allocated:
    """A change between NodePort and LoadBalancer gives new node ports."""
    if old.spec.type not in NODE_PORT_TYPES or old.spec.type == service.spec.type:
        return _updated_node_ports(old, service, state, choose)
    ports = tuple(evolve(port, node_port=0) for port in service.spec.ports)
    return _updated_node_ports(old, with_spec(service, ports=ports), state, choose)


@replaces(allocation, "_updated_node_ports", "ALLOC-019")
def node_ports_given_up_with_allocation(
    old: Service, service: Service, state: Allocations, choose: Choose
) -> Allocated:
    """A Service that turns off allocateLoadBalancerNodePorts loses the node ports that it sends."""
    turned_off = (
        service.spec.allocate_load_balancer_node_ports is False
        and old.spec.allocate_load_balancer_node_ports is not False
        and old.spec.type == LOAD_BALANCER
    )
    if turned_off:
        service = with_spec(service, ports=tuple(evolve(port, node_port=0) for port in service.spec.ports))
    return _updated_node_ports(old, service, state, choose)


@replaces(allocation, "_updated_cluster_ips", "ALLOC-035")
def no_cluster_ip_after_an_external_name(
    old: Service, new: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations, frozenset[object]]:
    """An ExternalName that becomes another type stays without a cluster IP."""
    if old.spec.type == "ExternalName" and new.spec.type != "ExternalName":
        return new, state, frozenset()
    service, after, free = _updated_cluster_ips(old, new, state, choose)
    return service, after, frozenset(free)


@replaces(server, "_as_read", "TYPE-015")
def families_after_an_external_name(service: Service) -> Service:
    """A Service that had been an ExternalName shows no family policy."""
    if service.spec.external_name and service.spec.type != "ExternalName":
        return with_spec(service, ip_family_policy=None)
    return server_read(service)


# -- what is cleared -------------------------------------------------------------------


@replaces(server, "without_type_dependent_fields", "TYPE-018", "TYPE-020", "TYPE-021")
def nothing_cleared(old: Service, new: Service) -> Service:
    """Nothing is cleared when the type changes."""
    return new


def _keeping(names: tuple[str, ...], old: Service, new: Service) -> Service:
    cleared = without_type_dependent_fields(old, new)
    return with_spec(cleared, **{name: getattr(new.spec, name) for name in names})


@replaces(server, "_as_read", "TYPE-014")
def families_of_an_external_name(service: Service) -> Service:
    """An ExternalName shows a family."""
    if service.spec.type != "ExternalName":
        return service
    return with_spec(service, internal_traffic_policy=None, ip_families=("IPv4",))


@replaces(server, "without_type_dependent_fields", "TYPE-020")
def node_ports_cleared_on_a_node_port(old: Service, new: Service) -> Service:
    """A Service that becomes a ClusterIP has to send no node ports."""
    return _keeping(("ports",), old, new)


@replaces(server, "without_type_dependent_fields", "TYPE-018")
def load_balancer_fields_kept(old: Service, new: Service) -> Service:
    """What only a LoadBalancer has stays when it becomes a NodePort, and is no error."""
    return _keeping(("load_balancer_class", "allocate_load_balancer_node_ports"), old, new)


@replaces(server, "_as_read", "TYPE-017")
def allocation_not_defaulted(service: Service) -> Service:
    """A LoadBalancer shows no allocateLoadBalancerNodePorts."""
    if service.spec.type == LOAD_BALANCER and service.spec.allocate_load_balancer_node_ports:
        return with_spec(service, allocate_load_balancer_node_ports=None)
    return server_read(service)


@replaces(server, "_as_read", "TYPE-021")
def policy_left_behind(service: Service) -> Service:
    """A Service that is not externally accessible shows an external traffic policy."""
    if service.spec.type == "ClusterIP" and not service.spec.external_traffic_policy:
        return with_spec(service, external_traffic_policy="Cluster")
    return server_read(service)


@replaces(server, "_as_read", "TYPE-016")
def policy_of_a_node_port_left_empty(service: Service) -> Service:
    """A NodePort shows no external traffic policy."""
    if service.spec.type == NODE_PORT and service.spec.external_traffic_policy == "Cluster":
        return with_spec(service, external_traffic_policy="")
    return server_read(service)
