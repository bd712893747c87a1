# SPDX-License-Identifier: Apache-2.0
"""Properties of environments that need no oracle: computed from the cluster itself."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment.started import (
    Started,
    group_of,
    has_cluster_ip,
    is_ambiguous,
    prefix_of,
    started,
)
from reference.objects import Cluster, Container, Service

_ASKS = ("environment",)


def _owner(item: Started, prefix: str) -> Service | None:
    """The Service whose variables begin with `prefix`: that of the namespace, or the API server's."""
    service = item.nearby.get(prefix)
    if service is not None and has_cluster_ip(service):
        return service
    return item.api_server if prefix == "KUBERNETES" else None


# -- what is there is right ------------------------------------------------------------


@invariant(
    "environment.host-and-port",
    kind=Kind.STATED,
    requirements=("ENV-001", "ENV-003", "ENV-013"),
    asks=_ASKS,
    classes=("host and port",),
)
def host_and_port(case: Case) -> None:
    """The host variable of a Service is the address of a Service of that name, and the port
    variable is its first port.
    """
    for item in started(case):
        for prefix, services in _candidates(item):
            host_name, port_name = f"{prefix}_SERVICE_HOST", f"{prefix}_SERVICE_PORT"
            host, port = item.variables.get(host_name), item.variables.get(port_name)
            if host is None or host_name in item.own or prefix in item.imitated:
                continue
            case.judged("host and port")
            owners = [service for service in services if service.spec.cluster_ip == host]
            if not owners:
                addresses = " or ".join(service.spec.cluster_ip for service in services)
                _fail(
                    case, "ENV-001" if services else "ENV-013", item, host_name, addresses or "not set", host
                )
            if port_name in item.own or f"{prefix}_SERVICE" in item.nearby:
                continue
            first = str(owners[0].spec.ports[0].port) if owners[0].spec.ports else None
            if port != first:
                _fail(case, "ENV-003", item, port_name, first, port)


def _candidates(item: Started) -> Iterator[tuple[str, list[Service]]]:
    """The prefixes of the Services around, each with those that may be meant by it."""
    for prefix, service in item.nearby.items():
        if prefix != "KUBERNETES":
            yield prefix, [service]
    local = item.nearby.get("KUBERNETES")
    both = [service for service in (local, item.api_server) if service is not None]
    if both:
        yield "KUBERNETES", both


def _fail(
    case: Case, requirement: str, item: Started, name: str, expected: str | None, got: str | None
) -> None:
    case.fail(
        requirement,
        question=f"{name} in {item.question}",
        expected="not set" if expected is None else expected,
        got="not set" if got is None else got,
        because=(requirement,),
    )


@invariant(
    "environment.groups-are-complete",
    kind=Kind.STATED,
    requirements=("ENV-001", "ENV-005", "ENV-006"),
    asks=_ASKS,
    classes=("TCP",),
)
def groups_are_complete(case: Case) -> None:
    """Where a port has its URL variable, protocol, number and address are there too, and all four agree
    with each other and with the port.
    """
    for item in started(case):
        for name, url in item.variables.items():
            group = group_of(name)
            if group is None or name in item.own:
                continue
            prefix, number, protocol = group
            service = _owner(item, prefix)
            if service is None or is_ambiguous(item, prefix):
                continue  # another Service has a name like the beginning of this one's variables
            case.judged(protocol)
            ip = service.spec.cluster_ip
            if not any(str(port.port) == number for port in service.spec.ports):
                _fail(case, "ENV-005", item, name, "only ports of the Service", url)
            expected = {
                name: f"{protocol.lower()}://" + (f"[{ip}]" if ":" in ip else ip) + f":{number}",
                f"{name}_PROTO": protocol.lower(),
                f"{name}_PORT": number,
                f"{name}_ADDR": ip,
            }
            for each, wanted in expected.items():
                got = item.variables.get(each)
                if got != wanted and each not in item.own:
                    rule = "ENV-006" if got is not None and got.lower() == wanted else "ENV-001"
                    _fail(case, rule, item, each, wanted, got)


@invariant(
    "environment.count",
    kind=Kind.STATED,
    requirements=("ENV-002", "ENV-004", "ENV-025"),
    asks=_ASKS,
    classes=("named ports",),
)
def count(case: Case) -> None:
    """A Service gives three variables, one more for each named port and four more for each port."""
    for item in started(case):
        for prefix, service in item.nearby.items():
            host = f"{prefix}_SERVICE_HOST"
            if host not in item.variables or not has_cluster_ip(service) or is_ambiguous(item, prefix):
                continue
            ports = service.spec.ports
            if not ports or any(name.startswith(prefix) for name in item.own):
                continue
            named = sum(bool(port.name) for port in ports)
            expected = 3 + named + 4 * len(ports)
            case.judged("named ports" if named else "ports without a name")
            starts = (f"{prefix}_SERVICE_", f"{prefix}_PORT_")
            got = [name for name in item.variables if name.startswith(starts) or name == f"{prefix}_PORT"]
            if len(got) != expected:
                case.fail(
                    "ENV-002",
                    question=f"the variables of Service {service.metadata.name} in {item.question}",
                    expected=f"{expected} variables",
                    got=f"{len(got)}: {', '.join(sorted(got))}",
                    because=("ENV-002",),
                )


# -- what must not be there --------------------------------------------------------------


def _is_foreign(item: Started, prefix: str) -> bool:
    """Whether something else than a Service of that prefix may give its host variable."""
    return prefix in item.imitated or f"{prefix}_SERVICE_HOST" in item.own


@invariant(
    "environment.nothing-without-an-address",
    kind=Kind.STATED,
    requirements=("ENV-011",),
    asks=_ASKS,
    classes=("headless", "external name"),
)
def nothing_without_an_address(case: Case) -> None:
    """A headless or ExternalName Service gives no host variable."""
    for item in started(case):
        for prefix, service in item.nearby.items():
            name = f"{prefix}_SERVICE_HOST"
            if has_cluster_ip(service) or prefix == "KUBERNETES" or _is_foreign(item, prefix):
                continue
            case.judged("external name" if service.spec.type == "ExternalName" else "headless")
            if name in item.variables:
                _fail(case, "ENV-011", item, name, None, item.variables[name])


@invariant(
    "environment.nothing-of-the-future",
    kind=Kind.STATED,
    requirements=("ENV-ORDER-002",),
    asks=_ASKS,
    classes=("created after the start",),
)
def nothing_of_the_future(case: Case) -> None:
    """A Service that was created after the container was started gives it no host variable."""
    for item in started(case):
        for prefix, service in item.nearby.items():
            name = f"{prefix}_SERVICE_HOST"
            if service.metadata.creation_timestamp <= item.at or prefix == "KUBERNETES":
                continue
            if _is_foreign(item, prefix):
                continue
            case.judged("created after the start")
            if name in item.variables:
                _fail(case, "ENV-ORDER-002", item, name, None, item.variables[name])


@invariant(
    "environment.no-links",
    kind=Kind.STATED,
    requirements=("ENV-019",),
    asks=_ASKS,
    classes=("no links",),
)
def no_links(case: Case) -> None:
    """A pod without service links has no host variable but that of the API server's Service."""
    for item in started(case):
        if item.pod.spec.enable_service_links is not False:
            continue
        case.judged("no links")
        for prefix in item.nearby:
            name = f"{prefix}_SERVICE_HOST"
            if prefix != "KUBERNETES" and name in item.variables and not _is_foreign(item, prefix):
                _fail(case, "ENV-019", item, name, None, item.variables[name])


@invariant(
    "environment.nothing-of-other-namespaces",
    kind=Kind.STATED,
    requirements=("ENV-013",),
    asks=_ASKS,
    classes=("a Service of another namespace",),
)
def nothing_of_other_namespaces(case: Case) -> None:
    """A Service gives no host variable in other namespaces than its own."""
    elsewhere = _names_by_namespace(case.cluster)
    for item in started(case):
        own = item.pod.metadata.namespace
        for namespace, prefixes in elsewhere.items():
            if namespace == own:
                continue
            for prefix in prefixes:
                name = f"{prefix}_SERVICE_HOST"
                if prefix == "KUBERNETES" or prefix in item.nearby or _is_foreign(item, prefix):
                    continue
                case.judged("a Service of another namespace")
                if name in item.variables:
                    _fail(case, "ENV-013", item, name, None, item.variables[name])


def _names_by_namespace(cluster: Cluster) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for service in cluster.services:
        found.setdefault(service.metadata.namespace, []).append(prefix_of(service.metadata.name))
    return found


# -- what must be there --------------------------------------------------------------------


@invariant(
    "environment.api-server-everywhere",
    kind=Kind.STATED,
    requirements=("ENV-014", "ENV-019", "ENV-023"),
    asks=_ASKS,
    classes=("links", "no links"),
)
def api_server_everywhere(case: Case) -> None:
    """Every container finds the API server by KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT."""
    for item in started(case):
        service = item.api_server
        if service is None or not has_cluster_ip(service) or service.metadata.creation_timestamp >= item.at:
            continue
        links = item.pod.spec.enable_service_links is not False
        case.judged("links" if links else "no links")
        for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
            if name not in item.variables:
                _fail(case, "ENV-023" if links else "ENV-019", item, name, "set", None)


@invariant(
    "environment.own-values-stand",
    kind=Kind.STATED,
    requirements=("ENV-026", "ENV-027", "ENV-029"),
    asks=_ASKS,
    classes=("a value", "an empty value"),
)
def own_values_stand(case: Case) -> None:
    """A literal value that a container gives a variable is the variable's value, even if it is empty."""
    for item in started(case):
        last = {variable.name: variable for variable in item.container.env}
        for name, variable in last.items():
            if variable.value_from is not None or "$" in variable.value:
                continue
            case.judged("a value" if variable.value else "an empty value")
            got = item.variables.get(name)
            if got != variable.value:
                rule = "ENV-029" if got in _earlier(item.container, name) else "ENV-026"
                _fail(
                    case, rule if variable.value else "ENV-027", item, name, repr(variable.value), repr(got)
                )


def _earlier(container: Container, name: str) -> set[str]:
    return {variable.value for variable in container.env[:-1] if variable.name == name}
