# SPDX-License-Identifier: Apache-2.0
"""Proxies that keep something of a former state, or lose something of the present one."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import unobservable
from conformance.faults.routing.making import (
    keeps,
    owner,
    service_key,
    services_of,
    slices_of,
    with_services,
)
from reference.objects import (
    Cluster,
    LoadBalancerStatus,
    Service,
    ServiceStatus,
)

NOWHERE = "192.0.2.254"
"""An address at which nobody asks for anything."""


def _each_service(old: Cluster, new: Cluster, change: Callable[[Service, Service], Service]) -> Cluster:
    """The new cluster with each Service changed that was there before: `(before, now) -> Service`."""
    before = services_of(old)

    def changed(item: Service) -> Service:
        was = before.get(service_key(item))
        return item if was is None else change(was, item)

    return with_services(new, changed)


def _without_cluster_ip(item: Service) -> Service:
    return evolve(item, spec=evolve(item.spec, cluster_ip=NOWHERE, cluster_ips=(NOWHERE,)))


def _is_plain(item: Service) -> bool:
    return item.spec.type != "ExternalName" and item.spec.cluster_ip != "None"


# -- Services that go ----------------------------------------------------------------


@keeps("SYNC-08", "SYNC-09", "NP-015")
def deleted_services_stay(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """What was programmed for a Service is not removed when it is deleted, and wins over what comes."""
    now = services_of(cluster)
    gone = tuple(item for key, item in services_of(held).items() if key not in now)
    stayed = _each_service(
        held,
        cluster,
        lambda was, item: evolve(item, spec=was.spec) if _moved(was, item) else item,
    )
    slices = {**slices_of(held), **slices_of(cluster)} if gone else slices_of(cluster)
    return evolve(stayed, services=(*gone, *stayed.services), endpoint_slices=tuple(slices.values()))


def _moved(was: Service, item: Service) -> bool:
    return was.spec.cluster_ip != item.spec.cluster_ip and _is_plain(was) and _is_plain(item)


@keeps("SYNC-08", bugs=("BUG-103",))
def external_ips_of_deleted_services_stay(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """On deletion only the cluster IP and the node ports of a Service are closed."""
    now = services_of(cluster)
    ghosts = []
    for key, item in services_of(held).items():
        if key not in now and item.spec.external_ips:
            ports = tuple(evolve(port, node_port=0) for port in item.spec.ports)
            spec = evolve(item.spec, ports=ports)
            ghost = evolve(item, spec=spec, status=ServiceStatus(LoadBalancerStatus()))
            ghosts.append(_without_cluster_ip(ghost))
    return evolve(cluster, services=(*cluster.services, *ghosts))


@keeps("SYNC-02", bugs=("BUG-086",))
def external_ip_dropped_with_any_owner(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """When a Service is deleted its external IPs are dropped, whoever else has them."""
    now = services_of(cluster)
    dropped = {
        ip for key, item in services_of(told).items() if key not in now for ip in item.spec.external_ips
    }

    def without(item: Service) -> Service:
        left = tuple(ip for ip in item.spec.external_ips if ip not in dropped)
        return evolve(item, spec=evolve(item.spec, external_ips=left))

    return with_services(cluster, without)


@keeps("SYNC-09", "NP-015", bugs=("BUG-102",))
def ports_are_never_free_again(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """A port that was opened for one Service is refused to another, even after the first was deleted."""
    before = {
        (port.port, port.protocol): (service_key(item), item.spec.cluster_ip)
        for item in told.services
        for port in item.spec.ports
        if _is_plain(item)
    }
    now = {(service_key(item), item.spec.cluster_ip) for item in cluster.services}

    def refused(item: Service) -> Service:
        own = (service_key(item), item.spec.cluster_ip)
        owners = {port: before.get((port.port, port.protocol), own) for port in item.spec.ports}
        ports = tuple(port for port, owner in owners.items() if owner == own or owner in now)
        return evolve(item, spec=evolve(item.spec, ports=ports))

    return with_services(cluster, refused)


@keeps("HEADLESS-005", "SYNC-11", "NP-015")
def only_first_type_counts(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """Type, labels and addresses of a Service are read when it is created and never again."""

    def first(was: Service, item: Service) -> Service:
        return was if was.spec.ports[:1] and _is_plain(was) else item

    return _each_service(held, cluster, first)


@keeps("ETP-019")
def policies_of_the_first_time(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """A change of the external policy is not noticed as long as the ports are the same."""

    def kept(was: Service, item: Service) -> Service:
        if was.spec.ports != item.spec.ports or not item.spec.external_traffic_policy:
            return item
        spec = evolve(item.spec, external_traffic_policy=was.spec.external_traffic_policy)
        return evolve(item, spec=spec)

    return _each_service(held, cluster, kept)


# -- ports and addresses -----------------------------------------------------------


@keeps("SYNC-10", bugs=("BUG-085",))
def cluster_ip_released_with_a_port(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """When one port of a Service is removed its cluster IP is released, although other ports use it."""

    def released(was: Service, item: Service) -> Service:
        fewer = _is_plain(item) and len(item.spec.ports) < len(was.spec.ports)
        return _without_cluster_ip(item) if fewer else item

    return _each_service(told, cluster, released)


@keeps("SYNC-10")
def removed_ports_stay(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """A port that is taken from a Service is still served."""

    def more(was: Service, item: Service) -> Service:
        names = {port.name for port in item.spec.ports}
        stayed = tuple(port for port in was.spec.ports if port.name not in names)
        return evolve(item, spec=evolve(item.spec, ports=(*item.spec.ports, *stayed)))

    return _each_service(held, cluster, more)


@keeps("SYNC-10", bugs=("BUG-118",))
def listeners_of_the_first_time(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """On an update the endpoints of a load-balanced Service are refreshed, its listeners are kept."""

    def kept(was: Service, item: Service) -> Service:
        old = {port.name: port.port for port in was.spec.ports}
        if item.spec.type != "LoadBalancer":
            return item
        ports = tuple(evolve(port, port=old.get(port.name, port.port)) for port in item.spec.ports)
        return evolve(item, spec=evolve(item.spec, ports=ports))

    return _each_service(held, cluster, kept)


@keeps("SYNC-02", bugs=("BUG-091",))
def unreachable_until_endpoints_change(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """On an update of a Service it is removed, and added again when its endpoints change."""
    slices = slices_of(told)
    same = {
        owner(item)
        for item in cluster.endpoint_slices
        if slices.get((item.metadata.namespace, item.metadata.name)) == item
    }

    def removed(was: Service, item: Service) -> Service:
        touched = was != item and service_key(item) in same
        return _without_cluster_ip(item) if touched and _is_plain(item) else item

    return _each_service(told, cluster, removed)


@keeps("AFF-012", bugs=("BUG-114",))
def affinity_is_no_change(held: Cluster, told: Cluster, cluster: Cluster) -> Cluster:
    """A Service whose affinity alone changed is taken for unchanged."""

    def kept(was: Service, item: Service) -> Service:
        spec = evolve(
            item.spec,
            session_affinity=was.spec.session_affinity,
            session_affinity_config=was.spec.session_affinity_config,
        )
        return was if spec == was.spec else item

    return _each_service(held, cluster, kept)


# -- what no adapter can show yet ----------------------------------------------------


@unobservable("SYNC-02", bugs=("BUG-099",), missing="a sync that fails in the middle of an update")
def pending_changes_lost_in_a_failed_sync() -> None:
    """The changes that wait to be applied are cleared first, so that a failed sync loses them."""


@unobservable(
    "SYNC-02", bugs=("BUG-100",), missing="a sync that fails in the middle of an update, and one after it"
)
def chains_known_before_they_exist() -> None:
    """A chain is noted as existing before the sync that creates it has succeeded."""
