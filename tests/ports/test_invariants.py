# SPDX-License-Identifier: Apache-2.0
"""The invariants find no fault with the reference, and find planted faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any
from unittest import mock

import pytest
from attrs import evolve, frozen

import conformance.invariants.ports  # noqa: F401
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant, registered
from conformance.strategies.ports import DEFECTS, sessions
from reference.objects import Service
from reference.ports import admission, allocation, defaulting, families, server
from reference.ports.changes import with_spec
from reference.ports.pools import Allocations, Allowed
from reference.ports.rejections import Violation
from reference.questions import ApiResponse, ApiSession

_COUNT = 700


@lru_cache(maxsize=1)
def _examples() -> tuple[tuple[ApiSession, ...], ...]:
    return drawn(sessions(max_requests=5), examples=_COUNT)


def _invariants() -> dict[str, Invariant]:
    return {name: item for name, item in registered().items() if name.startswith("ports.")}


Responses = tuple[ApiResponse, ...]


@frozen
class _Adapter:
    """The reference server with some of its parts replaced while it answers."""

    patches: tuple[tuple[Any, str, Any], ...] = ()
    change: Callable[[ApiSession, Responses], Responses] = lambda _, responses: responses
    choose: Callable[[str, Allowed], int] = allocation.lowest

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Responses]:
        with ExitStack() as stack:
            for target, name, replacement in self.patches:
                stack.enter_context(mock.patch.object(target, name, replacement))
            return [self.change(session, server.serve(session, choose=self.choose)) for session in questions]

    def supports(self, operation: str) -> bool:
        return True


def _found_by(adapter: _Adapter, *, until: frozenset[str] = frozenset()) -> dict[str, Deviation]:
    """Which invariants fail, and how; stops early once all of `until` do."""
    found: dict[str, Deviation] = {}
    for example in _examples():
        case = Case(Example(sessions=example), adapter)
        for name, item in _invariants().items():
            if name in found:
                continue
            try:
                item.check(case)
            except Deviation as error:
                found[name] = error
        if until and until <= found.keys():
            break
    known = {name: item.requirements for name, item in _invariants().items()}
    unlisted = {name: error for name, error in found.items() if error.requirement not in known[name]}
    assert not unlisted, "an invariant names a requirement that it does not list"
    return found


def test_the_reference_is_right() -> None:
    """No invariant fails when numbers are chosen from the bottom."""
    assert _found_by(_Adapter()) == {}


def test_any_choice_is_right() -> None:
    """No invariant fails when numbers are chosen at random among what is allowed."""
    chance = random.Random(1)

    def choose(field: str, allowed: Allowed) -> int:
        numbers = [number for band in allowed.bands for number in band[:40] if number in allowed]
        return chance.choice(numbers or [allowed.lowest()])

    assert _found_by(_Adapter(choose=choose)) == {}


def test_every_class_is_met() -> None:
    """What an invariant says that it needs to see is seen."""
    missing: dict[str, set[str]] = {name: set(item.classes) for name, item in _invariants().items()}
    for example in _examples():
        case = Case(Example(sessions=example), _Adapter())
        for name, item in _invariants().items():
            item.check(case)
            missing[name] -= set(case.tally.classes)
    assert not {name: classes for name, classes in missing.items() if classes}


# -- rules that are not checked --------------------------------------------------------

_create_violations = admission.create_violations
_family_violations = families.family_violations


def _without(*rules: str) -> _Adapter:
    """A server that does not know these rules."""

    def create(service: Service) -> tuple[Violation, ...]:
        return tuple(item for item in _create_violations(service) if item.rule not in rules)

    def family(service: Service) -> tuple[Violation, ...]:
        return tuple(item for item in _family_violations(service) if item.rule not in rules)

    return _Adapter(
        ((server, "create_violations", create), (families, "family_violations", family)),
    )


_RULES = sorted(
    {
        defect.rule
        for defect in DEFECTS.values()
        # Those of the allocator are no rules that could be left out of validation.
        if defect.rule.startswith("VAL") and defect.rule not in ("VAL-018", "VAL-019")
    }
    # Without the first the allocator refuses as well, and without the others it cannot go on.
    - {"VAL-042", "VAL-038", "VAL-039", "VAL-043", "VAL-044", "VAL-036", "VAL-037", "VAL-041"}
)


@pytest.mark.parametrize("rule", _RULES)
def test_a_rule_that_is_not_checked_is_found(rule: str) -> None:
    """A server that takes what breaks one row is found by an invariant of that row, which names it."""
    admission_of = [item for name, item in _invariants().items() if name.endswith("-admission")]
    wanted = [item for item in admission_of if rule in item.requirements]
    named = (_named_by(item, drawn, _without(rule)) for drawn in _examples() for item in wanted)
    assert rule in named


def _named_by(item: Invariant, drawn: tuple[ApiSession, ...], adapter: _Adapter) -> str | None:
    """The requirement that an invariant finds broken."""
    try:
        item.check(Case(Example(sessions=drawn), adapter))
    except Deviation as error:
        return error.requirement
    return None


# -- faults of allocation, defaulting and updates --------------------------------------

_with_defaults = defaulting.with_defaults


def _last_code(code: int, other: int) -> Callable[[ApiSession, Responses], Responses]:
    return lambda _, responses: tuple(
        evolve(response, code=other) if response.code == code else response for response in responses
    )


def _in_range_only(state: Allocations, number: int) -> bool:
    first, last = state.settings.node_port_range
    return first <= number <= last


def _free_only(state: Allocations, number: int) -> bool:
    return number not in state.node_ports


def _target_port_left_out(service: Service) -> Service:
    stored = _with_defaults(service)
    ports = tuple(
        evolve(port, target_port=sent.target_port or 80)
        for port, sent in zip(stored.spec.ports, service.spec.ports, strict=True)
    )
    return with_spec(stored, ports=ports)


def _no_kept_values(old: Service, new: Service) -> Service:
    return with_spec(
        new, cluster_ip=new.spec.cluster_ip or old.spec.cluster_ip, cluster_ips=old.spec.cluster_ips
    )


def _dynamic_from_the_bottom(field: str, allowed: Allowed) -> int:
    bands = [band for pool in allowed.pools for band in (pool.lower, pool.upper)]
    return min(number for band in bands for number in band[:40] if allowed.is_free(number))


def _causes_lost(_: ApiSession, responses: Responses) -> Responses:
    return tuple(evolve(response, causes=()) for response in responses)


def _one_answer_less(_: ApiSession, responses: Responses) -> Responses:
    return responses[:-1] if len(responses) > 1 else responses


def _other_cluster_ip(_: ApiSession, responses: Responses) -> Responses:
    return tuple(
        evolve(response, service=with_spec(response.service, cluster_ip=""))
        if response.service is not None
        else response
        for response in responses
    )


def _cleared_never(old: Service, new: Service) -> Service:
    return new


FAULTS: dict[str, tuple[_Adapter, set[str]]] = {
    "node ports may be shared": (
        _Adapter(((Allocations, "may_take_node_port", _in_range_only),)),
        {"ports.node-ports-admission", "ports.no-node-port-has-two-owners"},
    ),
    "the range is not looked at": (
        _Adapter(((Allocations, "may_take_node_port", _free_only),)),
        {"ports.node-ports-admission", "ports.numbers-lie-in-their-ranges"},
    ),
    "deleting releases nothing": (
        _Adapter(((server, "release", lambda _, state: state),)),
        {
            "ports.node-ports-admission",
            "ports.numbers-are-refused-for-a-visible-reason",
            "ports.a-deleted-service-leaves-nothing",
        },
    ),
    "cluster IPs may be shared": (
        _Adapter(((Allocations, "may_take_cluster_ip", lambda state, address: True),)),
        {"ports.cluster-ips-admission", "ports.no-cluster-ip-has-two-owners"},
    ),
    "targetPort defaults to 80": (
        _Adapter(((server, "with_defaults", _target_port_left_out),)),
        {"ports.defaults", "ports.targetport-defaults-to-port"},
    ),
    "dynamic numbers from the bottom": (
        _Adapter(choose=_dynamic_from_the_bottom),
        {
            "ports.dynamic-node-ports-come-from-the-upper-band",
            "ports.dynamic-cluster-ips-come-from-the-upper-band",
        },
    ),
    "exhaustion is invalid": (
        _Adapter(change=_last_code(500, 422)),
        {"ports.exhaustion-is-a-server-error"},
    ),
    "creation answers 200": (_Adapter(change=_last_code(201, 200)), {"ports.status-codes"}),
    "a name in use is no conflict": (_Adapter(change=_last_code(409, 400)), {"ports.status-codes"}),
    "causes are lost": (
        _Adapter(change=_causes_lost),
        {
            "ports.metadata-causes",
            "ports.service-ports-causes",
            "ports.type-causes",
            "ports.cluster-ips-causes",
            "ports.traffic-fields-causes",
            "ports.node-ports-causes",
            "ports.update-causes",
        },
    ),
    "an answer is lost": (_Adapter(change=_one_answer_less), {"ports.status-codes"}),
    "clusterIP is not filled in": (
        _Adapter(change=_other_cluster_ip),
        {"ports.clusterip-is-the-first-of-clusterips", "ports.cluster-ips-of-a-new-service"},
    ),
    "updates keep no node port": (
        _Adapter(((server, "with_kept_values", _no_kept_values),)),
        {"ports.node-ports-after-an-update", "ports.sending-the-same-again-changes-nothing"},
    ),
    "updates clear nothing": (
        _Adapter(((server, "without_type_dependent_fields", _cleared_never),)),
        {"ports.update-admission"},
    ),
    "immutable fields may change": (
        _Adapter(((server, "update_violations", lambda old, new: _create_violations(new)),)),
        {"ports.update-admission", "ports.immutable-fields-stay"},
    ),
    "twins get two numbers": (
        _Adapter(
            (
                (
                    allocation,
                    "_new_node_ports",
                    lambda service, state, choose: allocation._updated_node_ports(
                        evolve(service, spec=evolve(service.spec, ports=())), service, state, choose
                    ),
                ),
            )
        ),
        {"ports.twins-share-a-node-port", "ports.node-ports-of-a-new-service"},
    ),
    "no health check node port": (
        _Adapter(((allocation, "needs_health_check", lambda service: False),)),
        {"ports.types-have-what-they-imply"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(name: str) -> None:
    """Each fault is found by the invariants that are about it."""
    adapter, wanted = FAULTS[name]
    found = _found_by(adapter, until=frozenset(wanted))
    assert wanted <= found.keys()


def test_a_refused_request_that_keeps_its_numbers_is_found() -> None:
    """A server that leaks what a refused creation had taken is found without the reference too."""
    create = server.Server._create

    def leaking(self: Any, sent: Service, choose: Any, choices: Any) -> Any:
        expectation = create(self, sent, choose, choices)
        if expectation.accepted is None:
            state = self.allocations
            for port in sent.spec.ports:
                if port.node_port and state.may_take_node_port(port.node_port):
                    state = state.with_node_port(port.node_port)
            object.__setattr__(self, "allocations", state)
        return expectation

    found = _found_by(_Adapter(((server.Server, "_create", leaking),)))
    assert {
        "ports.a-refused-request-takes-nothing",
        "ports.numbers-are-refused-for-a-visible-reason",
        "ports.node-ports-admission",
    } <= found.keys()
