# SPDX-License-Identifier: Apache-2.0
"""API servers that fill in the wrong thing, or store what was not sent."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import replaces, says
from reference.frozenmap import FrozenMap
from reference.objects import ClientIPConfig, Cluster, Service, ServicePort, SessionAffinityConfig
from reference.ports import server
from reference.ports.changes import with_spec
from reference.ports.defaulting import EXTERNAL_NAME, client_ip_timeout, with_defaults
from reference.questions import ApiResponse, ApiSession

Responses = tuple[ApiResponse, ...]

as_read = server._as_read


def _each_port(service: Service, change: Callable[[ServicePort], ServicePort]) -> Service:
    return with_spec(service, ports=tuple(map(change, service.spec.ports)))


def each_service(responses: Responses, change: Callable[[Service], Service]) -> Responses:
    """The responses with each reported Service changed."""
    return tuple(
        response if response.service is None else evolve(response, service=change(response.service))
        for response in responses
    )


def _defaults(*breaks: str) -> Callable[[Callable[[Service], Service]], Callable[[Service], Service]]:
    """A server that fills in defaults in its own way."""
    return replaces(server, "with_defaults", *breaks)


def _stores(*breaks: str) -> Callable[[Callable[[Service], Service]], Callable[[Service], Service]]:
    """A server that stores a Service otherwise: `(service) -> service`."""
    return replaces(server, "_as_read", *breaks)


@_defaults("PORT-002")
def target_port_80(service: Service) -> Service:
    """A target port that is left out becomes 80."""
    stored = with_defaults(service)
    ports = tuple(
        evolve(port, target_port=sent.target_port or 80)
        for port, sent in zip(stored.spec.ports, service.spec.ports, strict=True)
    )
    return with_spec(stored, ports=ports)


@_defaults("PORT-001")
def protocol_of_the_name(service: Service) -> Service:
    """The protocol of a port without a name defaults to UDP."""
    ports = tuple(
        evolve(port, protocol=port.protocol or ("UDP" if not port.name else "TCP"))
        for port in service.spec.ports
    )
    return with_defaults(with_spec(service, ports=ports))


@_defaults("VAL-034")
def affinity_of_an_hour(service: Service) -> Service:
    """The time-out of affinity ClientIP defaults to an hour."""
    stored = with_defaults(service)
    if client_ip_timeout(service.spec) or stored.spec.session_affinity != "ClientIP":
        return stored
    return with_spec(stored, session_affinity_config=SessionAffinityConfig(ClientIPConfig(3600)))


@_defaults("VAL-035")
def affinity_config_kept(service: Service) -> Service:
    """The configuration of an affinity that is None is kept."""
    stored = with_defaults(service)
    return with_spec(
        stored,
        session_affinity_config=stored.spec.session_affinity_config or service.spec.session_affinity_config,
    )


@_defaults("TYPE-009", "TYPE-016")
def local_by_default(service: Service) -> Service:
    """An external traffic policy that is left out becomes Local on a NodePort."""
    stored = with_defaults(service)
    if stored.spec.type != "NodePort" or service.spec.external_traffic_policy:
        return stored
    return with_spec(stored, external_traffic_policy="Local")


@_stores("VAL-068")
def internal_policy_of_an_external_name(service: Service) -> Service:
    """An ExternalName shows an internal traffic policy."""
    if service.spec.type != EXTERNAL_NAME:
        return as_read(service)
    return with_spec(service, internal_traffic_policy="Cluster")


@_stores("PORT-014")
def port_named_by_number(service: Service) -> Service:
    """A single port without a name is given one."""
    return _each_port(as_read(service), lambda port: evolve(port, name=port.name or f"port-{port.port}"))


@_stores("PORT-015")
def one_entry_for_two_protocols(service: Service) -> Service:
    """Ports are merged by number alone, so that TCP and UDP on one number become one."""
    ports = {port.port: port for port in reversed(service.spec.ports)}
    return with_spec(as_read(service), ports=tuple(reversed(ports.values())))


@_stores("PORT-019")
def application_protocol_in_small_letters(service: Service) -> Service:
    """Application protocols are stored in small letters."""
    return _each_port(
        as_read(service),
        lambda port: evolve(port, app_protocol=port.app_protocol and port.app_protocol.lower()),
    )


@_stores("TYPE-024")
def labels_of_the_service_selected(service: Service) -> Service:
    """A selector that is left out is taken from the labels."""
    spec = service.spec
    labels = service.metadata.labels
    return with_spec(as_read(service), selector=spec.selector or labels or FrozenMap({"app": "web"}))


@_stores("VAL-030")
def external_name_of_another_type_dropped(service: Service) -> Service:
    """The external name of a Service of another type is dropped."""
    if service.spec.type == EXTERNAL_NAME:
        return as_read(service)
    return with_spec(service, external_name="")


@_stores("VAL-057")
def source_ranges_sorted(service: Service) -> Service:
    """Source ranges are stored in order."""
    return with_spec(
        as_read(service),
        load_balancer_source_ranges=tuple(sorted(service.spec.load_balancer_source_ranges, reverse=True)),
    )


@_stores("VAL-063")
def load_balancer_ip_dropped(service: Service) -> Service:
    """A deprecated loadBalancerIP is not stored."""
    return with_spec(as_read(service), load_balancer_ip="")


@replaces(server, "_without_status", "VAL-073")
def status_taken_from_the_request(service: Service) -> Service:
    """The status of a new Service is taken from the request."""
    return service


@says("TYPE-001", of=("admit",))
def type_not_reported(_: Cluster, session: ApiSession, responses: Responses) -> Responses:
    """The type ClusterIP is left out of what is reported."""

    def bare(service: Service) -> Service:
        return with_spec(service, type="") if service.spec.type == "ClusterIP" else service

    return each_service(responses, bare)
