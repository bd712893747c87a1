# SPDX-License-Identifier: Apache-2.0
"""Invariants with sessions of their own: what fails is shown as the one session that does."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from conformance import reproducer
from conformance.adapters.in_process import InProcess
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.engine.run import Options, run
from conformance.engine.shrink import judge_case
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.outcomes import Outcome
from conformance.profiles import Profile, load_profile

FAULTS = {
    "ports.stacks-stay": "ports.second-family-added-by-any-update",
    "ports.stored-addresses-stay": "ports.external-ips-looked-at-again",
    "ports.strict-addresses": "ports.lenient-external-ips",
    "ports.relaxed-names": "ports.names-begin-with-a-letter",
    "ports.several-ranges": "ports.only-the-first-range",
    "ports.dry-runs-change-nothing": "ports.dry-runs-are-carried-out",
}


def _profile() -> Profile:
    """All that Kubernetes does, and Services can be put into it."""
    profile = load_profile("kubernetes")
    features = profile.claims.features | {"existing-objects"}
    return evolve(profile, claims=evolve(profile.claims, features=features))


@pytest.mark.parametrize(("invariant", "fault"), FAULTS.items())
def test_the_reproducer_is_the_session_that_fails(invariant: str, fault: str, tmp_path: Path) -> None:
    """It holds one short session, fails on the faulty server again, and passes on the reference."""
    make = all_faults()[fault].make
    assert make is not None
    options = Options(clusters=100, only={invariant}, folder=tmp_path)
    with Session(InProcess(factory=make, trusted=True)) as session:
        (verdict,) = run(session, _profile(), options).verdicts
    assert verdict.outcome is Outcome.DEVIATION
    example = reproducer.load(tmp_path / f"{invariant}.yaml").example
    (shown,) = example.sessions
    assert 1 <= len(shown.requests) <= 8
    assert example.list
    for factory, wrong in ((make, True), (ReferenceAdapter, False)):
        with Session(InProcess(factory=factory, trusted=True)) as session:
            case = Case(example, session)
            failure = judge_case(session, all_invariants()[invariant], case)
            assert (failure is not None) is wrong
            assert failure or case.tally.comparisons


ENDPOINT_FAULTS = {
    "ports.stored-endpoints-stay": "ports.slices-looked-at-again",
    "ports.slice-address-types": "ports.fqdn-refused",
    "ports.slice-limits": "ports.most-endpoints-1001",
    "ports.endpoint-addresses": "ports.loopback-endpoints",
    "ports.endpoints-subsets": "ports.port-zero-of-endpoints",
    "ports.endpoints-causes": "ports.endpoints-without-their-index",
}


@pytest.mark.parametrize(("invariant", "fault"), ENDPOINT_FAULTS.items())
def test_the_reproducer_is_the_object_that_is_judged_wrongly(
    invariant: str, fault: str, tmp_path: Path
) -> None:
    """It holds one request, shows the object, fails on the faulty server again, passes on the reference."""
    make = all_faults()[fault].make
    assert make is not None
    options = Options(clusters=100, only={invariant}, folder=tmp_path)
    with Session(InProcess(factory=make, trusted=True)) as session:
        (verdict,) = run(session, _profile(), options).verdicts
    assert verdict.outcome is Outcome.DEVIATION
    path = tmp_path / f"{invariant}.yaml"
    example = reproducer.load(path).example
    (shown,) = example.endpoint_requests
    assert example == Example(endpoint_requests=(shown,), list=example.list)
    assert example.list
    assert f"\nkind: {type(shown.object).__name__}\n" in path.read_text(encoding="utf-8")
    assert "endpointRequests" in reproducer.readable(example)
    for factory, wrong in ((make, True), (ReferenceAdapter, False)):
        with Session(InProcess(factory=factory, trusted=True)) as session:
            case = Case(example, session)
            failure = judge_case(session, all_invariants()[invariant], case)
            assert (failure is not None) is wrong
            assert failure or case.tally.comparisons


def test_the_session_of_one_list_is_not_judged_as_another(tmp_path: Path) -> None:
    """An invariant that has another list finds nothing to judge in the reproducer."""
    invariant = "ports.relaxed-names"
    make = all_faults()[FAULTS[invariant]].make
    assert make is not None
    with Session(InProcess(factory=make, trusted=True)) as session:
        run(
            session,
            _profile(),
            Options(clusters=100, only={invariant}, folder=tmp_path),
        )
        case = Case(reproducer.load(tmp_path / f"{invariant}.yaml").example, session)
        assert judge_case(session, all_invariants()["ports.several-ranges"], case) is None
        assert not case.tally.comparisons
