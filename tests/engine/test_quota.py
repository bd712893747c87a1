# SPDX-License-Identifier: Apache-2.0
"""On how many examples an invariant is judged."""

from __future__ import annotations

from typing import cast

import pytest

from conformance.adapters.in_process import InProcess
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.engine.quota import Quota, budget_for, most_examples
from conformance.engine.run import Options, run
from conformance.example import Example
from conformance.invariants.base import Case, Kind
from conformance.outcomes import Outcome as Verdict
from conformance.profiles import load_profile
from reference.routing import Mode
from tests.engine.fakes import FakeSession, expects_true


@pytest.mark.parametrize(
    ("kind", "judged"), [(Kind.METAMORPHIC, 3), (Kind.STATISTICAL, 2), (Kind.STATED, 9), (Kind.AGREEMENT, 9)]
)
def test_dear_invariants_are_judged_on_a_bounded_number_of_examples(kind: Kind, judged: int) -> None:
    """What is found after that would not be found by a run either, and does not count."""
    session = FakeSession()
    quota = Quota({Kind.METAMORPHIC: 3, Kind.STATISTICAL: 2})
    for _ in range(9):
        case = Case(Example(), session)
        assert quota.judge(cast(Session, session), expects_true("a", kind=kind), case) is None
    assert session.asked == judged


def test_the_budget_is_that_of_the_profile_standard() -> None:
    """The proof that bugs are caught spends what a run of the default profile spends."""
    budget = load_profile("standard").budget
    assert Quota().most == most_examples(budget)
    assert most_examples(budget)[Kind.METAMORPHIC] == budget.metamorphic_examples


class Observed(InProcess):
    """Shows what becomes of connections and health checks, and no decision."""

    operations = frozenset({"connect", "health_checks", "update", "restart"})


@pytest.mark.parametrize(
    ("profile", "mode"),
    [
        ("quick", None),
        ("standard", None),
        ("kube-proxy-iptables", Mode.IPTABLES),
        ("kube-proxy-nftables", Mode.NFTABLES),
    ],
)
def test_what_is_observed_meets_every_case(profile: str, mode: Mode | None) -> None:
    """Its share of the budget is enough for a verdict on every invariant."""

    class Proxy(ReferenceAdapter):
        pass

    Proxy.mode = mode
    judged = load_profile(profile)
    with Session(Observed(Proxy(), trusted=True)) as session:
        assert budget_for(session, judged.budget).clusters < judged.budget.clusters
        result = run(session, judged, Options())
    outcomes = {verdict.outcome for verdict in result.verdicts}
    # A profile of service proxies asks for nothing that cannot be seen of one.
    others = set() if mode else {Verdict.UNSUPPORTED}
    assert outcomes == {Verdict.PASS} | others, result.summary
