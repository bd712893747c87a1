# SPDX-License-Identifier: Apache-2.0
"""API sessions next to what the reference expects of them, request by request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from conformance.invariants.base import Case
from reference.objects import Service
from reference.ports.server import Accepted, Expectation, Rejected, Server, is_granted
from reference.questions import ApiRequest, ApiResponse, ApiSession, Verb

Key = tuple[str, str]


@frozen(eq=False)
class Step:
    """One request, its answer, and what could have been answered.

    `is_as_expected` says that the Service in the answer is the expected one in every field.
    """

    index: int
    session: ApiSession
    request: ApiRequest
    response: ApiResponse
    expectation: Expectation
    granted: bool
    is_as_expected: bool
    old: Service | None
    """What is stored under the name before."""

    @property
    def accepted(self) -> Accepted | None:
        """What is expected of an answer that grants, where it does."""
        return self.expectation.accepted if self.granted else None

    @property
    def rejected(self) -> Rejected | None:
        """What is expected of an answer that refuses, where it does."""
        return None if self.granted else self.expectation.rejected

    def __str__(self) -> str:
        return show_request(self.session, self.index)


def key_of(service: Service) -> Key:
    """Namespace and name."""
    return service.metadata.namespace, service.metadata.name


def show_request(session: ApiSession, index: int) -> str:
    """A request as a person would say it."""
    request = session.requests[index]
    service = request.service
    what = f"try to {request.verb.value}" if request.dry_run else request.verb.value
    text = (
        f"request {index + 1} of {len(session.requests)}: "
        f"{what} {service.metadata.namespace}/{service.metadata.name}"
    )
    if request.verb is Verb.DELETE:
        return text
    spec = service.spec
    ports = ", ".join(
        f"{port.port}/{port.protocol or 'TCP'}" + (f" node port {port.node_port}" if port.node_port else "")
        for port in spec.ports
    )
    address = f", cluster IP {spec.cluster_ip}" if spec.cluster_ip else ""
    return f"{text} ({spec.type or 'no type'}; ports {ports or 'none'}{address})"


def show_response(response: ApiResponse) -> str:
    """An answer as a person would say it."""
    if not response.causes:
        return str(response.code)
    return f"{response.code} ({', '.join(f'{cause.field}: {cause.reason}' for cause in response.causes)})"


def responses(case: Case) -> list[tuple[ApiSession, tuple[ApiResponse, ...]]]:
    """Each session with its answers, asked once: hashing whole sessions to look them up is dear."""
    sessions = case.example.sessions
    return case.memo(
        "ports.responses",
        lambda: [
            (session, tuple(answers))
            for session, answers in zip(sessions, case.ask_again("admit", sessions), strict=True)
        ],
    )


def steps(case: Case) -> tuple[Step, ...]:
    """Every request up to the first after which the implementation holds another state."""
    return case.memo(
        "ports.steps",
        lambda: tuple(step for session, answers in responses(case) for step in _walk(session, answers)),
    )


def stored(case: Case, *verbs: Verb) -> Iterator[tuple[Step, Service, Service]]:
    """Every step that stores a Service as it may: with the expected object and the reported one."""
    for step in steps(case):
        if step.request.verb in verbs and step.accepted is not None:
            expected, got = step.accepted.service, step.response.service
            if expected is not None and got is not None:
                yield step, expected, got


def _walk(session: ApiSession, answers: tuple[ApiResponse, ...]) -> Iterator[Step]:
    server = Server.of(session)
    for index, (request, response) in enumerate(zip(session.requests, answers, strict=False)):
        granted = is_granted(response)
        expectation = server.expected(request, response)
        accepted = expectation.accepted if granted else None
        same = accepted is not None and accepted.service == response.service
        old = server.services.get(key_of(request.service))
        yield Step(index, session, request, response, expectation, granted, same, old)
        if expectation.is_open or not expectation.allows(granted=granted):
            return
        if accepted is not None:
            # What is tried only may be answered with numbers that are no real ones (ALLOC-005).
            meant = accepted.service if not request.dry_run else None
            if not same and meant and _state(response.service) != _state(meant):
                return
            server = accepted.server


def _state(service: Service | None) -> Any:
    """What later answers depend on."""
    if service is None:
        return None
    spec = service.spec
    return (
        spec.type,
        spec.cluster_ip,
        spec.cluster_ips,
        spec.ip_families,
        spec.external_traffic_policy,
        spec.health_check_node_port,
        spec.load_balancer_class,
        spec.allocate_load_balancer_node_ports,
        [(port.name, port.port, port.protocol, port.node_port) for port in spec.ports],
    )


@frozen(eq=False)
class Moment:
    """One request and its answer, with what the implementation said that it held before.

    Nothing here comes from the reference.
    """

    index: int
    session: ApiSession
    request: ApiRequest
    response: ApiResponse
    before: dict[Key, Service]

    @property
    def service(self) -> Service | None:
        """The Service that a granted creation or update reports."""
        if self.request.verb is Verb.DELETE or not is_granted(self.response):
            return None
        return self.response.service

    @property
    def old(self) -> Service | None:
        """What was held under this name."""
        return self.before.get(key_of(self.request.service))

    def __str__(self) -> str:
        return show_request(self.session, self.index)


def moments(case: Case) -> list[Moment]:
    """Every request of every session, whatever the reference thinks of it."""
    return case.memo(
        "ports.moments",
        lambda: [moment for session, answers in responses(case) for moment in _moments(session, answers)],
    )


def _moments(session: ApiSession, answers: tuple[ApiResponse, ...]) -> Iterator[Moment]:
    held: dict[Key, Service] = {key_of(service): service for service in session.services}
    for index, (request, response) in enumerate(zip(session.requests, answers, strict=False)):
        moment = Moment(index, session, request, response, held)
        yield moment
        if is_granted(response):
            held = dict(held)
            held.pop(key_of(request.service), None)
            if moment.service is not None:
                held[key_of(request.service)] = moment.service


def compare(
    case: Case,
    step: Step,
    expected: Service,
    got: Service,
    fields: dict[str, tuple[str, Callable[[Service], Any]]],
) -> None:
    """Fail at the first of `fields` (path to requirement and getter) that differs."""
    if step.is_as_expected:
        return
    for path, (requirement, value) in fields.items():
        wanted, actual = value(expected), value(got)
        if wanted != actual:
            case.fail(
                requirement,
                question=f"{path} after {step}",
                expected=_show(wanted),
                got=_show(actual),
                because=(requirement,),
            )


def _show(value: Any) -> str:
    if value is None or value in ("", ()):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
