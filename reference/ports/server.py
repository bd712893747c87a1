# SPDX-License-Identifier: Apache-2.0
"""The API server's part as one state machine: create, update and delete Services.

`serve` answers a session by itself.  `Server.expected` says what may be answered
to one request, given what an implementation chose where the choice is free, and
`Server.accept` follows that choice.
"""

from __future__ import annotations

from functools import cached_property

from attrs import evolve, field, frozen

from reference.frozenmap import FrozenMap
from reference.objects import ClusterSettings, Service, ServiceSpec, ServiceStatus
from reference.ports.addresses import parse_ip
from reference.ports.admission import create_violations, needs_relaxed_name
from reference.ports.allocation import (
    HEALTH_CHECK_FIELD,
    Choose,
    allocate_create,
    allocate_update,
    cluster_ip_field,
    held,
    lowest,
    node_port_field,
    release,
)
from reference.ports.changes import with_spec
from reference.ports.defaulting import EXTERNAL_NAME, with_defaults
from reference.ports.families import with_families
from reference.ports.pools import Allocations, Allowed
from reference.ports.rejections import CONFLICT, INTERNAL_ERROR, INVALID, NOT_FOUND, Refused, Violation
from reference.ports.status import status_violations, with_status
from reference.ports.transitions import (
    update_violations,
    with_cluster_ip_list,
    with_kept_values,
    without_type_dependent_fields,
)
from reference.questions import ApiRequest, ApiResponse, ApiSession, Cause, Verb

CREATED = 201
OK = 200
ACCEPTED = 202

Key = tuple[str, str]
"""Namespace and name."""

_NO_SERVICES: FrozenMap[Key, Service] = FrozenMap()


@frozen
class Choice:
    """A number that the server chose: the field, what was allowed, and what it took."""

    field: str
    allowed: Allowed
    taken: int


@frozen
class Accepted:
    """The request is granted: the codes that say so, and the object as it is stored.

    `old` is what was stored under the name before.
    """

    codes: frozenset[int]
    service: Service | None
    choices: tuple[Choice, ...] = ()
    old: Service | None = None
    server: Server = field(kw_only=True, eq=False, repr=False)


@frozen(kw_only=True)
class Rejected:
    """The request is refused.

    `code` and `given` are how a Kubernetes API server says it.  What it is refused
    for is kept beside: the state, the request, allocation that `refused`,
    `violations` of rules, and the `other` reason where what is free to choose
    decides.  From these follows what may be answered instead.
    """

    code: int
    given: frozenset[Cause] = frozenset()
    service: Service | None = None
    refused: Refused | None = None
    violations: tuple[Violation, ...] = ()
    request: ApiRequest
    server: Server = field(eq=False, repr=False)
    other: Rejected | None = None

    @property
    def exists(self) -> bool:
        """Whether the name of a new Service is taken."""
        return self.request.verb is Verb.CREATE and _key(self.request.service) in self.server.services

    @property
    def is_missing(self) -> bool:
        """Whether there is no Service that could be updated or deleted."""
        return self.request.verb is not Verb.CREATE and _key(self.request.service) not in self.server.services

    @property
    def is_open(self) -> bool:
        """Whether the pools only lack what this very update gives up.

        The API server releases last and refuses (ALLOC-003); that another order
        would succeed is no fault.
        """
        old = self.server.services.get(_key(self.request.service))
        if self.refused is None or old is None or self.request.verb is not Verb.UPDATE:
            return False
        released = evolve(self.server, allocations=release(old, self.server.allocations))
        return released.decide(self.request, lowest, [], relaxed_names=True).accepted is not None

    @property
    def codes(self) -> frozenset[int]:
        """The codes that are as good."""
        codes = set() if self.refused is None else {self.refused.code}
        if self._is_undecided:  # VAL-018, ALLOC-017
            codes |= {INVALID, INTERNAL_ERROR}
        if self.violations:
            codes.add(INVALID)
        if self.exists:
            codes.add(CONFLICT)
        if self.is_missing:
            codes.add(NOT_FOUND)
        return frozenset(codes if self.other is None else codes | self.other.codes)

    @property
    def causes(self) -> tuple[frozenset[Cause], ...]:
        """The sets of causes of which one has to be given; none where the API leaves open how it says so."""
        if self.service is None or names_a_node_port_twice(self.service):
            return ()
        later = _causes(self.violations)
        if self.refused is None:
            causes = _sets(later)
        else:
            first = _causes(self.refused.violations)
            causes = _sets(first, first | later, later) if first else _sets(later)
        if self.other is None:
            return causes
        return tuple(dict.fromkeys((*causes, *self.other.causes))) if causes and self.other.causes else ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are broken, those of allocation alone where it refused."""
        rules = [violation.rule for violation in self.violations]
        if self.refused is not None:
            rules = [*(["VAL-018"] if self._is_undecided else []), *self.refused.rules]
        return tuple(dict.fromkeys((*rules, *(() if self.other is None else self.other.rules))))

    @property
    def is_masked(self) -> bool:
        """Whether allocation failed and the Service is invalid besides (ALLOC-001)."""
        return len(self.causes) > 1 and self.given == self.causes[0]

    @property
    def _is_undecided(self) -> bool:
        """Whether allocation and validation both object to a number that is asked for twice."""
        return self.refused is not None and self.service is not None and names_a_node_port_twice(self.service)


@frozen
class Expectation:
    """What may be answered: granted, refused, or either where both are set."""

    accepted: Accepted | None = None
    rejected: Rejected | None = None

    @cached_property
    def is_open(self) -> bool:
        """Whether the API leaves open what happens."""
        return self.rejected is not None and self.rejected.is_open

    def allows(self, *, granted: bool) -> bool:
        """Whether the request may be granted, or refused."""
        return self.is_open or (self.accepted if granted else self.rejected) is not None


def is_granted(response: ApiResponse) -> bool:
    """Whether a response says that the request was granted."""
    return 200 <= response.code < 300


def _key(service: Service) -> Key:
    return service.metadata.namespace, service.metadata.name


def chooser(response: ApiResponse | None) -> Choose:
    """Choose as a response did, where that number is free; else the lowest allowed one."""
    service = response.service if response is not None else None
    if service is None:
        return lowest

    def choose(name: str, allowed: Allowed) -> int:
        number = _number_at(name, service.spec)
        return number if allowed.is_free(number) else allowed.lowest()

    return choose


def _number_at(name: str, spec: ServiceSpec) -> int:
    """The number at a field path, 0 where there is none."""
    if name == HEALTH_CHECK_FIELD:
        return spec.health_check_node_port
    for index, port in enumerate(spec.ports):
        if name == node_port_field(index):
            return port.node_port
    for index, text in enumerate(spec.cluster_ips):
        if name == cluster_ip_field(index) and (address := parse_ip(text)) is not None:
            return address.value
    return 0


@frozen
class Server:
    """The stored Services and what is taken of the pools."""

    settings: ClusterSettings
    services: FrozenMap[Key, Service] = _NO_SERVICES
    allocations: Allocations = field()

    @allocations.default
    def _what_is_held(self) -> Allocations:
        return held(self.services.values(), Allocations(self.settings))

    @classmethod
    def of(cls, session: ApiSession) -> Server:
        """The server at the start of a session, with what it finds there (ALLOC-044, VAL-074)."""
        return cls(session.settings, FrozenMap({_key(service): service for service in session.services}))

    def expected(self, request: ApiRequest, response: ApiResponse | None = None) -> Expectation:
        """What may be answered to `request`.

        Where numbers are free to choose those of `response` are followed.  A
        refusal does not show what was chosen: where a free choice may take a number
        that the same request asks for later on, both answers are allowed.  So they
        are for a name that only newer servers take (VAL-002).
        """
        strict = self._expected(request, response, relaxed_names=False)
        if not needs_relaxed_name(request.service):
            return strict
        relaxed = self._expected(request, response, relaxed_names=True)
        return Expectation(relaxed.accepted, _either(strict.rejected, relaxed.rejected))

    def _expected(
        self, request: ApiRequest, response: ApiResponse | None, *, relaxed_names: bool
    ) -> Expectation:
        choices: list[Choice] = []
        expectation = self.decide(request, chooser(response), choices, relaxed_names=relaxed_names)
        if not choices or (expectation.accepted and response and is_granted(response)):
            return expectation
        asked_for = _numbers_asked_for(request.service)
        if not any(choice.allowed.is_free(number) for choice in choices for number in asked_for):
            return expectation
        good = self.decide(request, _avoiding(asked_for), [], relaxed_names=relaxed_names)
        bad = self.decide(request, _preferring(asked_for), [], relaxed_names=relaxed_names)
        return Expectation(expectation.accepted or good.accepted, _either(expectation.rejected, bad.rejected))

    def accept(self, request: ApiRequest, response: ApiResponse) -> Server:
        """The state after `response`: a refused request changes nothing (ALLOC-001)."""
        accepted = self.expected(request, response).accepted if is_granted(response) else None
        return self if accepted is None else accepted.server

    def decide(
        self, request: ApiRequest, choose: Choose, choices: list[Choice], *, relaxed_names: bool
    ) -> Expectation:
        """What may be answered when numbers are chosen by `choose`; `choices` takes them down.

        With `relaxed_names` as by a server that takes DNS-1123 labels (VAL-002).
        """
        if request.dry_run:
            return self._tried(request, choose, relaxed_names=relaxed_names)
        if request.verb is Verb.DELETE:
            return self._delete(request)
        if request.verb is Verb.UPDATE_STATUS:
            return self._update_status(request)
        choose = _recording(choose, choices)
        if request.verb is Verb.CREATE:
            return self._create(request, choose, choices, relaxed_names=relaxed_names)
        if _key(request.service) in self.services:
            return self._update(request, choose, choices)
        # An update of what is not there either fails or, as PUT does, creates it.
        created = self._create(request, choose, choices, relaxed_names=relaxed_names)
        return Expectation(created.accepted, self._not_found(request, created.rejected))

    def _tried(self, request: ApiRequest, choose: Choose, *, relaxed_names: bool) -> Expectation:
        """As the request that is meant, but nothing is stored or taken (ALLOC-005)."""
        meant = self.decide(evolve(request, dry_run=False), choose, [], relaxed_names=relaxed_names)
        if meant.accepted is None:
            return meant
        return Expectation(evolve(meant.accepted, server=self), meant.rejected)

    def _delete(self, request: ApiRequest) -> Expectation:
        key = _key(request.service)
        stored = self.services.get(key)
        if stored is None:
            return Expectation(rejected=self._not_found(request, None))
        after = Server(self.settings, self.services.without(key), release(stored, self.allocations))
        return Expectation(Accepted(frozenset({OK, ACCEPTED}), None, server=after))

    def _update_status(self, request: ApiRequest) -> Expectation:
        old = self.services.get(_key(request.service))
        if old is None:
            return Expectation(rejected=self._not_found(request, None))
        new = with_status(old, request.service)
        if violations := status_violations(new, old):
            return Expectation(rejected=self._rejected(request, new, violations))
        return Expectation(self._stored(new, self.allocations, OK, []))

    def _create(
        self, request: ApiRequest, choose: Choose, choices: list[Choice], *, relaxed_names: bool
    ) -> Expectation:
        service = with_cluster_ip_list(with_defaults(_without_status(request.service)))
        try:
            stored, allocations = allocate_create(service, self.allocations, choose)
        except Refused as refused:
            violations = create_violations(service, relaxed_names=relaxed_names)
            return Expectation(rejected=self._refused(request, service, refused, violations))
        violations = create_violations(stored, relaxed_names=relaxed_names)
        if violations or _key(stored) in self.services:
            return Expectation(rejected=self._rejected(request, stored, violations))
        return Expectation(self._stored(stored, allocations, CREATED, choices))

    def _update(self, request: ApiRequest, choose: Choose, choices: list[Choice]) -> Expectation:
        old = self.services[_key(request.service)]
        new = with_kept_values(old, with_defaults(_without_status(request.service)))
        try:
            new = with_families(new, self.allocations, old=old)
        except Refused as refused:
            return Expectation(rejected=self._refused(request, new, refused, ()))
        try:
            allocated, allocations = allocate_update(old, new, self.allocations, choose)
        except Refused as refused:
            violations = update_violations(old, without_type_dependent_fields(old, new))
            return Expectation(rejected=self._refused(request, new, refused, violations))
        stored = without_type_dependent_fields(old, allocated)
        if violations := update_violations(old, stored):
            return Expectation(rejected=self._rejected(request, stored, violations))
        return Expectation(self._stored(stored, allocations, OK, choices))

    def _rejected(self, request: ApiRequest, service: Service, violations: tuple[Violation, ...]) -> Rejected:
        """Refused by validation, or because the name is taken."""
        return Rejected(
            code=INVALID if violations else CONFLICT,
            given=_causes(violations),
            service=service,
            violations=violations,
            request=request,
            server=self,
        )

    def _refused(
        self, request: ApiRequest, service: Service, refused: Refused, violations: tuple[Violation, ...]
    ) -> Rejected:
        """Refused by allocation, which a Kubernetes API server does before it validates (ALLOC-001)."""
        return Rejected(
            code=refused.code,
            given=_causes(refused.violations),
            service=service,
            refused=refused,
            violations=violations,
            request=request,
            server=self,
        )

    def _not_found(self, request: ApiRequest, rejected: Rejected | None) -> Rejected:
        """Refused because there is no such Service, or as a creation would be."""
        if rejected is None:
            return Rejected(code=NOT_FOUND, request=request, server=self)
        return evolve(rejected, code=NOT_FOUND, given=frozenset())

    def _stored(
        self, service: Service, allocations: Allocations, code: int, choices: list[Choice]
    ) -> Accepted:
        service = _as_read(service)
        services = self.services | {_key(service): service}
        after = Server(self.settings, services, allocations)
        old = self.services.get(_key(service))
        return Accepted(frozenset({code}), service, tuple(choices), old, server=after)


def _either(one: Rejected | None, other: Rejected | None) -> Rejected | None:
    """A refusal for one reason or for another, whichever number was chosen."""
    return other if one is None else evolve(one, other=other)


def _recording(choose: Choose, choices: list[Choice]) -> Choose:
    def record(name: str, allowed: Allowed) -> int:
        taken = choose(name, allowed)
        choices.append(Choice(name, allowed, taken))
        return taken

    return record


def _numbers_asked_for(service: Service) -> tuple[int, ...]:
    numbers = (*(port.node_port for port in service.spec.ports), service.spec.health_check_node_port)
    return tuple(number for number in numbers if number)


def _avoiding(numbers: tuple[int, ...]) -> Choose:
    def choose(name: str, allowed: Allowed) -> int:
        rest = allowed.without(numbers)
        return (rest or allowed).lowest()

    return choose


def _preferring(numbers: tuple[int, ...]) -> Choose:
    def choose(name: str, allowed: Allowed) -> int:
        return next((number for number in numbers if number in allowed), None) or allowed.lowest()

    return choose


def _without_status(service: Service) -> Service:
    """The status of a new object is not taken from the request (VAL-073)."""
    return service if service.status == ServiceStatus() else evolve(service, status=ServiceStatus())


def _as_read(service: Service) -> Service:
    """An ExternalName's internal traffic policy is dropped when it is read (VAL-068)."""
    if service.spec.type != EXTERNAL_NAME:
        return service
    return with_spec(service, internal_traffic_policy=None)


def _sets(*causes: frozenset[Cause]) -> tuple[frozenset[Cause], ...]:
    return tuple(dict.fromkeys(one for one in causes if one))


def _causes(violations: tuple[Violation, ...]) -> frozenset[Cause]:
    return frozenset(violation.cause for violation in violations)


def names_a_node_port_twice(service: Service) -> bool:
    """Whether entries that may not share a node port ask for the same one (VAL-018, ALLOC-014)."""
    ports = [port for port in service.spec.ports if port.node_port]
    return any(
        one.node_port == other.node_port and (one.protocol == other.protocol or one.port != other.port)
        for index, one in enumerate(ports)
        for other in ports[:index]
    )


def serve(
    session: ApiSession, *, choose: Choose = lowest, relaxed_names: bool = True
) -> tuple[ApiResponse, ...]:
    """The reference API server's answers to a session; a current one has `relaxed_names` (VAL-002)."""
    server = Server.of(session)
    responses = []
    for request in session.requests:
        response, server = answer(server, request, choose=choose, relaxed_names=relaxed_names)
        responses.append(response)
    return tuple(responses)


def answer(
    server: Server, request: ApiRequest, *, choose: Choose = lowest, relaxed_names: bool = True
) -> tuple[ApiResponse, Server]:
    """The reference API server's answer to one request, and the state after it.

    Of two allowed answers it gives the stricter one: it refuses.
    """
    expectation = server.decide(request, choose, [], relaxed_names=relaxed_names)
    if expectation.rejected is not None:
        rejected = expectation.rejected
        return ApiResponse(rejected.code, causes=tuple(sorted(rejected.given))), server
    accepted = expectation.accepted
    assert accepted is not None
    return ApiResponse(min(accepted.codes), accepted.service), accepted.server
