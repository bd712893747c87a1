# SPDX-License-Identifier: Apache-2.0
"""The variables of a Service are wrong."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import replaces
from reference.environment import variables as model
from reference.environment.variables import host_port, mangled, service_variables
from reference.objects import Service, ServicePort

Variables = dict[str, str]


def _variables(
    *breaks: str, bugs: tuple[str, ...] = ()
) -> Callable[[Callable[[Service], Variables]], Callable[[Service], Variables]]:
    """A node agent that works out the variables of a Service in its own way."""
    return replaces(model, "service_variables", *breaks, bugs=bugs)


def each_port(service: Service, change: Callable[[ServicePort], ServicePort]) -> Service:
    """The Service with each of its ports changed."""
    return evolve(service, spec=evolve(service.spec, ports=tuple(map(change, service.spec.ports))))


@_variables("ENV-001", "ENV-024")
def no_host(service: Service) -> Variables:
    """The variable of the address is left out."""
    found = service_variables(service)
    return {name: value for name, value in found.items() if not name.endswith("_SERVICE_HOST")}


@_variables("ENV-001")
def docker_links_only(service: Service) -> Variables:
    """Only the variables of Docker links are there."""
    return {name: value for name, value in service_variables(service).items() if "_SERVICE_" not in name}


@_variables("ENV-002")
def one_variable_more(service: Service) -> Variables:
    """The name of the Service is given as well."""
    return {
        **service_variables(service),
        f"{mangled(service.metadata.name)}_SERVICE_NAME": service.metadata.name,
    }


@_variables("ENV-003")
def last_port_first(service: Service) -> Variables:
    """The variables without a port's name are those of the last port."""
    return service_variables(evolve(service, spec=evolve(service.spec, ports=service.spec.ports[::-1])))


@_variables("ENV-ORDER-010")
def highest_port_first(service: Service) -> Variables:
    """The variables without a port's name are those of the port with the highest number."""
    ports = tuple(sorted(service.spec.ports, key=lambda port: -port.port))
    return service_variables(evolve(service, spec=evolve(service.spec, ports=ports)))


@_variables("ENV-004")
def unnamed_ports_are_named(service: Service) -> Variables:
    """A port without a name is called by its number."""
    return service_variables(each_port(service, lambda port: evolve(port, name=port.name or str(port.port))))


@_variables("ENV-005")
def target_ports(service: Service) -> Variables:
    """Ports are those of the containers."""

    def targeted(port: ServicePort) -> ServicePort:
        return evolve(port, port=port.target_port) if isinstance(port.target_port, int) else port

    return service_variables(each_port(service, targeted))


@_variables("ENV-005")
def node_ports(service: Service) -> Variables:
    """Ports are node ports where there are any."""
    return service_variables(each_port(service, lambda port: evolve(port, port=port.node_port or port.port)))


@_variables("ENV-006")
def scheme_in_upper_case(service: Service) -> Variables:
    """The scheme of a URL is written as the protocol is."""
    found = service_variables(service)
    return {
        name: "://".join((value.partition("://")[0].upper(), value.partition("://")[2]))
        if "://" in value
        else value
        for name, value in found.items()
    }


@_variables("ENV-006")
def scheme_of_the_application(service: Service) -> Variables:
    """The scheme of a URL is http."""
    found = service_variables(service)
    return {name: value.replace("tcp://", "http://") for name, value in found.items()}


@replaces(model, "mangled", "ENV-007", bugs=("BUG-151",))
def upper_case_only(name: str) -> str:
    """Names are written in upper case and keep their dashes."""
    return name.upper()


@replaces(model, "mangled", "ENV-008")
def no_leading_digit(name: str) -> str:
    """A name that begins with a digit gets an underscore before it."""
    found = mangled(name)
    return f"_{found}" if found[:1].isdigit() else found


@replaces(model, "host_port", "ENV-009")
def no_brackets(ip: str, port: int) -> str:
    """An IPv6 address stands in a URL as it is."""
    return f"{ip}:{port}"


@_variables("ENV-009")
def brackets_everywhere(service: Service) -> Variables:
    """An IPv6 address stands in brackets, in a URL or not."""
    found = service_variables(service)
    ip = service.spec.cluster_ip
    return {name: f"[{value}]" if value == ip and ":" in ip else value for name, value in found.items()}


@_variables("ENV-010")
def second_family(service: Service) -> Variables:
    """The address of the second family is given as well."""
    ips = service.spec.cluster_ips
    prefix = mangled(service.metadata.name)
    more = {f"{prefix}_SERVICE_HOST_{index}": ip for index, ip in enumerate(ips[1:], start=1)}
    return {**service_variables(service), **more}


@_variables("ENV-025")
def one_protocol_for_each_number(service: Service) -> Variables:
    """Of two ports with one number the variables are named alike, whatever the protocol."""
    tcp = service_variables(service)
    return {name.replace("_UDP", "_TCP"): value for name, value in tcp.items()}


@_variables("ENV-035")
def port_variable_is_a_number(service: Service) -> Variables:
    """The variable of the port is a number."""
    name = f"{mangled(service.metadata.name)}_PORT"
    found = service_variables(service)
    if name in found:
        found[name] = found[name].rpartition(":")[2]
    return found


@_variables("ENV-036")
def names_that_collide_are_left_out(service: Service) -> Variables:
    """Variables whose names another Service could have are left out."""
    found = service_variables(service)
    prefix = mangled(service.metadata.name)
    return {
        name: value
        for name, value in found.items()
        if not name.removeprefix(prefix).startswith("_SERVICE_PORT_")
    }


@_variables("ENV-005")
def address_with_its_port(service: Service) -> Variables:
    """The variable of a port's address has the port as well."""
    found = service_variables(service)
    ip = service.spec.cluster_ip
    return {name: host_port(ip, 80) if name.endswith("_ADDR") else value for name, value in found.items()}
