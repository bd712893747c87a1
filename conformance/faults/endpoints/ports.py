# SPDX-License-Identifier: Apache-2.0
"""Faults with the ports of slices."""

from __future__ import annotations

from itertools import chain

from attrs import evolve

from conformance.faults.base import replaces, says, sees
from conformance.faults.endpoints.changes import (
    Slices,
    each_endpoint,
    each_pod,
    each_port,
    each_service,
    each_slice,
    pods_of,
    service_of,
    with_containers,
    with_spec,
    without_empty,
)
from reference.endpoints import endpoint_slices, target_ports
from reference.objects import Cluster, Container, Endpoint, EndpointPort, EndpointSlice, Pod, ServicePort
from reference.questions import NamespacedName


@sees("PORT-006", bugs=("BUG-022",))
def named_ports_by_name_alone(cluster: Cluster) -> Cluster:
    """Named target ports are resolved whatever the protocol."""

    def blind(each: Container) -> Container:
        return evolve(each, ports=tuple(evolve(port, protocol="TCP") for port in each.ports))

    return each_pod(cluster, lambda pod: with_containers(pod, blind))


@sees("PORT-003", "PORT-025")
def service_port_for_target_port(cluster: Cluster) -> Cluster:
    """A numeric target port is not looked at: a slice has the number of the Service port."""
    return each_service(
        cluster,
        lambda each: with_spec(
            each,
            ports=tuple(
                evolve(port, target_port=port.port) if isinstance(port.target_port, int) else port
                for port in each.spec.ports
            ),
        ),
    )


@says("PORT-004", of=("endpoint_slices",))
def named_port_is_the_first_port(cluster: Cluster, name: NamespacedName, _: Slices) -> Slices:
    """A named target port is the first port that the pod declares, if it declares one of that name."""

    def first(pod: Pod) -> Pod:
        declared = [port.container_port for each in pod.spec.containers for port in each.ports]
        return with_containers(
            pod,
            lambda each: evolve(
                each, ports=tuple(evolve(port, container_port=declared[0]) for port in each.ports)
            ),
        )

    return endpoint_slices(each_pod(cluster, first), name)


@sees("PORT-005")
def sidecars_have_no_ports(cluster: Cluster) -> Cluster:
    """Named ports of sidecars, which are init containers that are always restarted, are not found."""
    return each_pod(cluster, lambda pod: evolve(pod, spec=evolve(pod.spec, init_containers=())))


@sees("PORT-005")
def init_containers_have_ports(cluster: Cluster) -> Cluster:
    """Named ports are looked up in all init containers."""

    def restarted(pod: Pod) -> Pod:
        init = tuple(evolve(each, restart_policy="Always") for each in pod.spec.init_containers)
        return evolve(pod, spec=evolve(pod.spec, init_containers=init))

    return each_pod(cluster, restarted)


@replaces(target_ports, "named_port", "PORT-006")
def protocol_only_breaks_ties(pod: Pod, name: str, protocol: str) -> int | None:
    """The protocol of a port counts only if the container has several ports of the name."""
    sidecars = (each for each in pod.spec.init_containers if each.restart_policy == "Always")
    for container in chain(pod.spec.containers, sidecars):
        named = [port for port in container.ports if port.name == name]
        right = [port for port in named if (port.protocol or "TCP") == protocol]
        if named:
            return (right or named)[0].container_port
    return None


@says("PORT-007", of=("endpoint_slices",))
def one_number_for_a_name(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """A name is resolved once for a Service: pods that have it at another number are left out."""
    numbers: dict[str | None, int | None] = {}

    def first(piece: EndpointSlice) -> bool:
        return all(numbers.setdefault(port.name, port.port) == port.port for port in piece.ports)

    return tuple(piece for piece in slices if first(piece))


@says("PORT-008", of=("endpoint_slices",))
def pods_need_all_ports(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A pod in which one of the target ports does not resolve is no endpoint."""
    needed = len(service_of(cluster, name).spec.ports)
    return without_empty(
        tuple(piece if len(piece.ports) == needed else evolve(piece, endpoints=()) for piece in slices)
    )


@says("PORT-009", of=("endpoint_slices",))
def pods_need_a_port(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A pod in which no target port resolves is no endpoint, as in legacy Endpoints."""
    if not service_of(cluster, name).spec.ports:
        return slices
    return without_empty(tuple(piece if piece.ports else evolve(piece, endpoints=()) for piece in slices))


@says("PORT-008", "PORT-009", of=("endpoint_slices",))
def unresolved_name_is_the_service_port(cluster: Cluster, name: NamespacedName, _: Slices) -> Slices:
    """A target port that does not resolve in a pod is the Service port itself."""
    service = service_of(cluster, name)

    def number(port: ServicePort, one: Endpoint) -> int:
        (pod,) = pods_of(cluster, one)
        return target_ports.target_number(port, pod) or port.port

    return tuple(
        evolve(
            piece,
            endpoints=(one,),
            ports=tuple(
                EndpointPort(port.name, number(port, one), port.protocol or "TCP", port.app_protocol)
                for port in service.spec.ports
            ),
        )
        for piece in endpoint_slices(cluster, name)
        for one in piece.endpoints
    ) or endpoint_slices(cluster, name)


@says("PORT-026", of=("endpoint_slices",))
def unresolved_name_has_no_number(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A named target port that a pod does not resolve is written without a number."""
    service = service_of(cluster, name)

    def completed(piece: EndpointSlice) -> EndpointSlice:
        found = {port.name for port in piece.ports}
        missing = [port for port in service.spec.ports if port.name not in found] if piece.endpoints else []
        ports = (EndpointPort(port.name, None, port.protocol) for port in missing)
        return evolve(piece, ports=(*piece.ports, *ports))

    return each_slice(slices, completed)


@says("PORT-010", of=("endpoint_slices",))
def ports_without_names(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The ports of a slice have no names."""
    return each_port(slices, lambda port: evolve(port, name=""))


@says("PORT-010", of=("endpoint_slices",))
def protocol_is_always_tcp(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The protocol of a Service port is not copied."""
    return each_port(slices, lambda port: evolve(port, protocol="TCP"))


@says("PORT-016", of=("endpoint_slices",))
def equal_numbers_are_one_port(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """Two Service ports that lead to the same port of a pod are one port of the slice."""
    return tuple(
        evolve(piece, ports=tuple({port.port: port for port in piece.ports[::-1]}.values())[::-1])
        for piece in slices
    )


@says("PORT-019", of=("endpoint_slices",))
def app_protocol_is_not_copied(_: Cluster, __: NamespacedName, slices: Slices) -> Slices:
    """The appProtocol of a Service port is not copied."""
    return each_port(slices, lambda port: evolve(port, app_protocol=None))


@says("PORT-020", of=("endpoint_slices",), bugs=("BUG-024",))
def no_ports_no_endpoints(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """Endpoints are made port by port, so that a headless Service without ports has none."""
    return slices if service_of(cluster, name).spec.ports else each_endpoint(slices, lambda _: None)


@sees("PORT-021")
def headless_ignores_target_ports(cluster: Cluster) -> Cluster:
    """The slices of a headless Service have the numbers of the Service ports."""
    return each_service(
        cluster,
        lambda each: (
            with_spec(each, ports=tuple(evolve(port, target_port=port.port) for port in each.spec.ports))
            if each.spec.cluster_ip == "None"
            else each
        ),
    )


@says("PORT-024", of=("endpoint_slices",))
def numbers_have_to_be_declared(cluster: Cluster, name: NamespacedName, slices: Slices) -> Slices:
    """A numeric target port that the pod does not declare is left out."""

    def kept(piece: EndpointSlice, one: Endpoint) -> tuple[EndpointPort, ...]:
        numbers = {
            port.container_port
            for pod in pods_of(cluster, one)
            for each in (*pod.spec.containers, *pod.spec.init_containers)
            for port in each.ports
        }
        return tuple(port for port in piece.ports if port.port in numbers)

    if not any(piece.endpoints for piece in slices):
        return slices
    return tuple(
        evolve(piece, endpoints=(one,), ports=kept(piece, one)) for piece in slices for one in piece.endpoints
    )
