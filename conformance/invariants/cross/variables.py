# SPDX-License-Identifier: Apache-2.0
"""From a variable to an address, and from there to a backend or back to a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from attrs import frozen

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.cross.names import addresses, followed
from conformance.invariants.cross.reach import (
    ENDPOINTS,
    ROUTING,
    canonical,
    client_of,
    flow_to,
    follow,
    judge,
    offered,
    slices_of,
)
from conformance.invariants.environment.started import (
    Started,
    group_of,
    has_cluster_ip,
    is_ambiguous,
    prefix_of,
    started,
)
from conformance.questions import cross as questions
from reference.objects import Service
from reference.questions import ContainerName

_URL = re.compile(r"([a-z]+)://\[?([0-9A-Fa-f.:]+?)\]?:([0-9]+)")


@frozen
class Group:
    """A variable that is the URL of one port of a Service, taken apart."""

    container: ContainerName
    name: str
    service: Service
    ip: str
    port: int
    protocol: str


@lru_cache(maxsize=4096)
def _parsed(url: str) -> tuple[str, int, str] | None:
    """The address, the port and the protocol of a URL; None if it is none."""
    found = _URL.fullmatch(url)
    return (found[2], int(found[3]), found[1].upper()) if found else None


def _meant(item: Started) -> dict[str, Service]:
    """By prefix the Services that the container's variables mean, where there is no doubt.

    Left out are those of which another Service, or the container itself, may give
    variables as well.
    """
    services = dict(item.nearby)
    if item.api_server is not None:
        services.setdefault("KUBERNETES", item.api_server)
    return {
        prefix: service
        for prefix, service in services.items()
        if has_cluster_ip(service)
        and not is_ambiguous(item, prefix)
        and not any(name.startswith(f"{prefix}_") for name in item.own)
    }


def _told(case: Case) -> list[tuple[Started, dict[str, Service]]]:
    """Each container that has variables, and the Services that they mean; once for a case."""
    return case.memo("cross.told", lambda: [(item, _meant(item)) for item in started(case)])


def _groups(case: Case) -> Iterator[Group]:
    """The URLs of single ports in the variables of all containers, each flow once."""
    seen: set[tuple[str, str]] = set()
    for item, services in _told(case):
        for name, value in item.variables.items():
            group = group_of(name)
            service = services.get(group[0]) if group is not None else None
            if service is None or (name, value) in seen:
                continue
            seen.add((name, value))
            parsed = _parsed(value)
            if parsed is not None:
                yield Group(item.name, name, service, *parsed)


@invariant(
    "cross.variable-to-endpoints",
    kind=Kind.STATED,
    requirements=("ENV-001", "ENV-005", "RT-001"),
    asks=("environment", ROUTING),
    level=Level.CLASS,
    classes=(ENDPOINTS,),
)
def variable_to_endpoints(case: Case) -> None:
    """A connection to what the variable of a port of a Service says ends at an endpoint of that port."""
    client = client_of(case)
    followed_ids = {id(service) for service in followed(case)}
    if client is None or not followed_ids:
        return
    groups = [group for group in _groups(case) if id(group.service) in followed_ids]
    flows = [flow_to(client, group.ip, group.port, group.protocol) for group in groups]
    for group, reached in zip(groups, follow(case, flows), strict=True):
        way = (
            f"a {group.protocol} connection from {client.ip} to {group.ip}:{group.port}, "
            f"as {group.name} of container {group.container} says"
        )
        port = next(
            (
                port
                for port in group.service.spec.ports
                if f"{prefix_of(group.service.metadata.name)}_PORT_{port.port}_{port.protocol}" == group.name
            ),
            None,
        )
        if port is None:
            case.judged()
            case.fail(
                "ENV-005",
                question=way,
                expected="a variable for each port of the Service and no other",
                got=f"{group.name}={group.protocol.lower()}://{group.ip}:{group.port}",
                because=("ENV-005",),
            )
            continue
        rule = "RT-001" if group.ip == group.service.spec.cluster_ip else "ENV-001"
        judge(case, rule, way, reached, offered(slices_of(case, group.service), port, group.ip))


@invariant(
    "cross.variable-and-name",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "ENV-001"),
    asks=("environment", "resolve"),
    classes=("host variable",),
)
def variable_and_name(case: Case) -> None:
    """The host variable of a Service is the address to which the Service's name resolves."""
    domain = case.cluster.settings.cluster_domain
    known = {namespace.metadata.name for namespace in case.cluster.namespaces}
    asked = []
    for item, services in _told(case):
        for prefix, service in services.items():
            host = item.variables.get(f"{prefix}_SERVICE_HOST")
            if host is not None and service.metadata.namespace in known:
                query = questions.address_query(questions.name_of(service, domain), host)
                asked.append((item.name, f"{prefix}_SERVICE_HOST", host, service.spec.cluster_ips, query))
    answers = case.ask("resolve", [query for *_, query in asked]) if asked else []
    for (container, name, host, ips, query), answer in zip(asked, answers, strict=True):
        found = addresses(answer, query.type)
        if not found:
            continue  # a server may leave out Services without endpoints; the area of DNS judges that
        case.judged("host variable")
        if found != [canonical(host)]:
            rule = "DNS-A-001" if canonical(host) in map(canonical, ips) else "ENV-001"
            case.fail(
                rule,
                question=f"{name} of container {container}, and {query.name} {query.type}",
                expected="the same address",
                got=f"{host}, and {', '.join(found)}",
                because=(rule,),
            )
