# SPDX-License-Identifier: Apache-2.0
"""API servers that refuse what they have to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.faults.base import Fault, Faulty, register, replaced
from reference.objects import CLUSTER_IP_NONE, Service
from reference.ports import admission, server
from reference.ports.defaulting import CLUSTER_IP, EXTERNAL_NAME, with_defaults
from reference.ports.rejections import Violation

_create_violations = admission.create_violations

Objection = Callable[[Service], Iterator[str]]


def refuses(*breaks: str) -> Callable[[Objection], Objection]:
    """A server that objects to fields of Services as they are sent: `(service) -> field paths`."""

    def declare(objection: Objection) -> Objection:
        class Refusing(Faulty):
            def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
                sent: dict[tuple[str, str], Service] = {}

                def noting(service: Service) -> Service:
                    sent[service.metadata.namespace, service.metadata.name] = service
                    return with_defaults(service)

                def checking(service: Service, *, relaxed_names: bool) -> tuple[Violation, ...]:
                    own = sent[service.metadata.namespace, service.metadata.name]
                    more = tuple(Violation(field, "Invalid", "") for field in objection(own))
                    return (*_create_violations(service, relaxed_names=relaxed_names), *more)

                with (
                    replaced(server, "with_defaults", noting),
                    replaced(server, "create_violations", checking),
                ):
                    return super().answer(operation, questions)

        name = objection.__name__.replace("_", "-")
        sentence = " ".join((objection.__doc__ or "").split())
        register(Fault(f"ports.{name}", sentence, breaks, Refusing))
        return objection

    return declare


def _ports(service: Service, word: str, wrong: Callable[[Any], bool]) -> Iterator[str]:
    for index, port in enumerate(service.spec.ports):
        if wrong(port):
            yield f"spec.ports[{index}].{word}"


@refuses("VAL-020")
def node_port_of_an_external_name_refused(service: Service) -> Iterator[str]:
    """An ExternalName may have no node port."""
    if service.spec.type == EXTERNAL_NAME:
        yield from _ports(service, "nodePort", lambda port: port.node_port)


@refuses("ALLOC-013")
def different_node_ports_of_twins_refused(service: Service) -> Iterator[str]:
    """Entries with one port number may not ask for different node ports."""
    given: dict[int, int] = {}
    for index, port in enumerate(service.spec.ports):
        if port.node_port and given.setdefault(port.port, port.node_port) != port.node_port:
            yield f"spec.ports[{index}].nodePort"


@refuses("PORT-022")
def ports_of_an_external_name_refused(service: Service) -> Iterator[str]:
    """An ExternalName may have no ports."""
    if service.spec.type == EXTERNAL_NAME and service.spec.ports:
        yield "spec.ports"


@refuses("PORT-020")
def headless_without_ports_refused(service: Service) -> Iterator[str]:
    """A headless Service needs ports, as any other does."""
    headless = service.spec.type in ("", CLUSTER_IP) and service.spec.cluster_ip == CLUSTER_IP_NONE
    if headless and not service.spec.ports:
        yield "spec.ports"


@refuses("PORT-013")
def highest_port_refused(service: Service) -> Iterator[str]:
    """Ports end at 65534."""
    yield from _ports(service, "port", lambda port: port.port == 65535)


@refuses("PORT-001")
def sctp_refused(service: Service) -> Iterator[str]:
    """SCTP is not supported."""
    yield from _ports(service, "protocol", lambda port: port.protocol == "SCTP")


@refuses("PORT-014")
def name_of_a_single_port_required(service: Service) -> Iterator[str]:
    """Every port needs a name, a single one too."""
    if len(service.spec.ports) == 1 and service.spec.type != EXTERNAL_NAME:
        yield from _ports(service, "name", lambda port: not port.name)


@refuses("PORT-017")
def port_names_of_fifteen_characters(service: Service) -> Iterator[str]:
    """A Service port's name is checked as a container port's: at most fifteen characters."""
    yield from _ports(service, "name", lambda port: len(port.name) > 15)


@refuses("PORT-019")
def unknown_application_protocol_refused(service: Service) -> Iterator[str]:
    """Only registered application protocols are known."""
    yield from _ports(service, "appProtocol", lambda port: "/" in (port.app_protocol or ""))


@refuses("PORT-015")
def one_number_for_two_protocols_refused(service: Service) -> Iterator[str]:
    """A port number may stand once, whatever the protocol."""
    numbers = [port.port for port in service.spec.ports]
    for index, number in enumerate(numbers):
        if number in numbers[:index] and service.spec.type != EXTERNAL_NAME:
            yield f"spec.ports[{index}]"


@refuses("VAL-030")
def external_name_of_another_type_refused(service: Service) -> Iterator[str]:
    """Only an ExternalName may have an external name."""
    if service.spec.external_name and service.spec.type != EXTERNAL_NAME:
        yield "spec.externalName"


@refuses("VAL-034")
def affinity_without_time_out_refused(service: Service) -> Iterator[str]:
    """ClientIP needs its time-out."""
    if service.spec.session_affinity == "ClientIP" and service.spec.session_affinity_config is None:
        yield "spec.sessionAffinityConfig.clientIP.timeoutSeconds"


@refuses("VAL-035")
def time_out_without_affinity_refused(service: Service) -> Iterator[str]:
    """Affinity None may have no configuration."""
    if service.spec.session_affinity == "None" and service.spec.session_affinity_config is not None:
        yield "spec.sessionAffinityConfig"


@refuses("VAL-054")
def private_external_ips_refused(service: Service) -> Iterator[str]:
    """External IPs of private ranges are refused."""
    for index, ip in enumerate(service.spec.external_ips):
        if ip.startswith("10."):
            yield f"spec.externalIPs[{index}]"


@refuses("VAL-063")
def load_balancer_ip_checked(service: Service) -> Iterator[str]:
    """A loadBalancerIP has to be an address."""
    if service.spec.load_balancer_ip.strip("0123456789."):
        yield "spec.loadBalancerIP"


@refuses("VAL-021")
def many_ports_refused(service: Service) -> Iterator[str]:
    """A Service has at most a hundred ports."""
    if len(service.spec.ports) > 100:
        yield "spec.ports"


@refuses("TYPE-008")
def external_ips_of_headless_services_refused(service: Service) -> Iterator[str]:
    """Only a Service with a cluster IP may have external IPs."""
    if service.spec.external_ips and service.spec.cluster_ip == "None":
        yield "spec.externalIPs"


@refuses("TYPE-008")
def external_ips_of_external_names_refused(service: Service) -> Iterator[str]:
    """An ExternalName may not have external IPs."""
    if service.spec.external_ips and service.spec.type == EXTERNAL_NAME:
        yield "spec.externalIPs"
