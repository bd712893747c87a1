# SPDX-License-Identifier: Apache-2.0
"""What each wrong variable is about, and which requirement it breaks.

Every difference belongs to one topic, so that each is reported by one invariant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from attrs import frozen

from conformance.invariants.base import Case
from conformance.invariants.environment.answers import Answered, answered
from reference.environment import API_SERVER, Linked, collide, mangled, visible
from reference.objects import EnvVar, Service

_REFERENCE = re.compile(r"\$\(([^)]*)\)")


class Topic(Enum):
    """What the variables of a container are about."""

    VALUES = "values"
    SERVICES = "services"
    ORDER = "order"
    API_SERVER = "API server"
    LINKS = "links"
    PRECEDENCE = "precedence"
    EXPANSION = "expansion"


@frozen
class Difference:
    """A variable that is not as it should be; None means that it is not set."""

    topic: Topic
    requirement: str
    name: str
    expected: str | None
    got: str | None


def differences(case: Case, item: Answered) -> list[Difference]:
    """Every difference of one container, by name; computed once for a case."""
    return case.memo(("environment.differences", item.name), lambda: list(_differences(case, item)))


def of_topic(case: Case, topic: Topic) -> Iterator[tuple[Answered, Difference]]:
    """The differences of one topic."""
    for item in case.memo("environment.different", lambda: _different(case)):
        for difference in differences(case, item):
            if difference.topic is topic:
                yield item, difference


def _different(case: Case) -> list[Answered]:
    return [item for item in answered(case) if item.differs]


def _differences(case: Case, item: Answered) -> Iterator[Difference]:
    got, right = item.got, item.outcome.environment
    if item.failed:
        return
    for name in sorted({*got.variables, *right.variables}):
        expected, value = right.variables.get(name), got.variables.get(name)
        if expected != value:
            found = _explained(case, item, name, expected, value)
            if found is not None:
                yield Difference(*found, name, expected, value)


def _explained(
    case: Case, item: Answered, name: str, expected: str | None, got: str | None
) -> tuple[Topic, str] | None:
    """The topic and the requirement; None for a variable that nothing in the cluster explains."""
    if name in item.own:
        return _own(item, name, expected, got)
    if any(variable.name == name for variable in item.container.env):
        return Topic.PRECEDENCE, "ENV-030"
    if expected is None:
        return _unexpected(item, name, got)
    givers = [service for service in item.outcome.services if name in service.variables]
    if len(givers) > 1:
        return Topic.VALUES, "ENV-037"
    return _wrong(case, item, givers[0], name, got)


# -- the container's own ---------------------------------------------------------


def _own(item: Answered, name: str, expected: str | None, got: str | None) -> tuple[Topic, str]:
    entries = [variable for variable in item.container.env if variable.name == name]
    won_by_service = got is not None and got == item.given.get(name)
    if not entries:
        if expected is not None and "$" in expected:
            return Topic.EXPANSION, "ENV-EXP-013"
        return Topic.PRECEDENCE, "ENV-028" if won_by_service else "ENV-029"
    last = entries[-1]
    if won_by_service:
        if last.value_from is not None:
            return Topic.PRECEDENCE, "ENV-033"
        return Topic.PRECEDENCE, "ENV-026" if last.value else "ENV-027"
    if "$" in last.value:
        return Topic.EXPANSION, _expansion_rule(item, last, got)
    if len(entries) > 1 or got is not None:
        return Topic.PRECEDENCE, "ENV-029"
    return Topic.PRECEDENCE, "ENV-026" if last.value else "ENV-027"


def _expansion_rule(item: Answered, variable: EnvVar, got: str | None) -> str:
    if got == variable.value:
        return "ENV-EXP-006" if "$$" in variable.value else "ENV-EXP-001"
    defined = item.own | item.given.keys()
    for name in _REFERENCE.findall(variable.value.replace("$$", "")):
        if name not in defined and f"$({name})" not in (got or ""):
            return _unresolved_rule(item, name)
    return "ENV-EXP-006" if "$$" in variable.value else "ENV-EXP-001"


def _unresolved_rule(item: Answered, name: str) -> str:
    """Why a reference has to stay as it is written."""
    givers = [
        service
        for service in item.known
        if service.namespace == item.name.namespace and name in service.variables
    ]
    if any(service.created > item.started for service in givers):
        return "ENV-EXP-018"
    return "ENV-EXP-017" if givers and not item.allowed.snapshot.links else "ENV-EXP-005"


# -- variables that should not be there --------------------------------------------


def _unexpected(item: Answered, name: str, got: str | None) -> tuple[Topic, str] | None:
    givers = [service for service in item.known if name in service.variables]
    # Where several Services would give the name, the value tells which of them did.
    givers.sort(key=lambda service: service.variables[name] != got)
    if givers:
        return _excluded(item, givers[0])
    for service in item.outcome.services:
        prefix = mangled(service.name)
        if name.startswith((f"{prefix}_SERVICE_PORT_", f"{prefix}_SERVICE_HOST", f"{prefix}_PORT_")):
            return Topic.VALUES, "ENV-004" if name.startswith(f"{prefix}_SERVICE_PORT_") else "ENV-001"
    return None


def _excluded(item: Answered, service: Linked) -> tuple[Topic, str]:
    """Why a Service may not give the container anything."""
    is_api_server = (service.namespace, service.name) == API_SERVER
    if not service.has_cluster_ip and service.namespace == item.name.namespace:
        return Topic.SERVICES, "ENV-011"
    if service.namespace != item.name.namespace and not is_api_server:
        return Topic.SERVICES, "ENV-014" if service.name == API_SERVER[1] else "ENV-013"
    if not item.allowed.snapshot.links and not is_api_server:
        return (Topic.API_SERVER, "ENV-017") if service.name == API_SERVER[1] else (Topic.LINKS, "ENV-019")
    shown = visible(service.created, item.started)
    if shown is False:
        return Topic.ORDER, "ENV-ORDER-002"
    if is_api_server:
        return Topic.API_SERVER, "ENV-016"
    return Topic.VALUES, "ENV-001"


# -- variables that are wrong or missing ---------------------------------------------


def _wrong(case: Case, item: Answered, service: Linked, name: str, got: str | None) -> tuple[Topic, str]:
    """Of the variable `name`, which `service` gives."""
    shared = {
        other
        for rival in item.outcome.services
        if rival is not service and collide(rival, service)
        for other in rival.variables
    }
    visible_names = service.variables.keys() - item.own - shared
    if not any(shown in item.got.variables for shown in visible_names):
        return _missing(case, item, service)
    if got is not None:
        for other in item.known:
            if other is not service and other.name == service.name and other.variables.get(name) == got:
                return _mistaken(item, service)
    return Topic.VALUES, value_rule(_object(case, service), name, service.variables[name], got)


def _missing(case: Case, item: Answered, service: Linked) -> tuple[Topic, str]:
    """Why a Service of which nothing is there has to be there."""
    if "-" in service.name and any(shown.startswith(service.name.upper()) for shown in item.got.variables):
        return Topic.VALUES, "ENV-007"
    if (service.namespace, service.name) == API_SERVER:
        return (Topic.API_SERVER, "ENV-014") if item.allowed.snapshot.links else (Topic.LINKS, "ENV-019")
    spec = _object(case, service).spec
    if spec.type not in ("", "ClusterIP"):
        return Topic.SERVICES, "ENV-011"
    return Topic.SERVICES, "ENV-013" if spec.selector else "ENV-012"


def _mistaken(item: Answered, service: Linked) -> tuple[Topic, str]:
    """Another Service of the name was taken for `service`."""
    if service.name != API_SERVER[1]:
        return Topic.SERVICES, "ENV-013"
    local = service.namespace == item.name.namespace
    return Topic.API_SERVER, "ENV-015" if local and service.namespace != API_SERVER[0] else "ENV-017"


def value_rule(service: Service, name: str, expected: str, got: str | None) -> str:
    """Which row on the values of a Service's variables is broken by `got`."""
    spec, prefix = service.spec, mangled(service.metadata.name)
    if got is None:
        numbers = [port.port for port in spec.ports]
        return "ENV-025" if len(set(numbers)) < len(numbers) and f"{prefix}_PORT_" in name else "ENV-001"
    if name == f"{prefix}_PORT" and "://" not in got:
        return "ENV-035"
    is_transport = name.endswith("_PROTO") or "://" in got
    if got != got.lower() or (is_transport and _scheme(got) != _scheme(expected)):
        return "ENV-006"
    address, other = got.strip("[]"), spec.cluster_ips[1:]
    if address in other or any(f"//{ip}" in got or f"[{ip}]" in got for ip in other):
        return "ENV-010"
    if ":" in spec.cluster_ip and got.replace("[", "").replace("]", "") == expected.replace("[", "").replace(
        "]", ""
    ):
        return "ENV-009"
    number = got.rpartition(":")[2]
    if name in (f"{prefix}_SERVICE_PORT", f"{prefix}_PORT") and number in {
        str(port.port) for port in spec.ports[1:]
    }:
        return "ENV-003"
    if number in {str(each) for port in spec.ports for each in (port.target_port, port.node_port)}:
        return "ENV-005"
    return "ENV-001"


def _scheme(value: str) -> str:
    return value.partition("://")[0]


def _object(case: Case, service: Linked) -> Service:
    """The Service as it is in the cluster."""
    return next(
        found
        for found in case.cluster.services
        if (found.metadata.namespace, found.metadata.name) == (service.namespace, service.name)
    )
