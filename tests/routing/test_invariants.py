# SPDX-License-Identifier: Apache-2.0
"""The invariants of routing: no right implementation is accused, and every fault is seen."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import pytest

import conformance.invariants.routing  # noqa: F401  registers them
from conformance.areas import Level
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant, Kind, registered
from conformance.selection import missing_operation
from conformance.strategies.clusters import clusters
from reference.objects import Cluster
from tests.routing.faults import FAULTS
from tests.routing.proxies import Proxy
from tests.routing.variants import VARIANTS

INVARIANTS = {each.id: each for each in registered().values() if each.id.startswith("routing.")}
GENERAL = [each for each in INVARIANTS.values() if each.level in (Level.MUST, Level.CLASS)]
ALPHA = 1e-9


@functools.cache
def generated(count: int) -> tuple[Cluster, ...]:
    """The first generated clusters, always the same ones."""
    return drawn(clusters(), examples=count)


def deviation(each: Invariant, case: Case) -> Deviation | None:
    """What the invariant reports; it names one of its own requirements."""
    found = None
    try:
        each.check(case)
    except Deviation as error:
        found = error
    assert found is None or found.requirement in each.requirements, each.id
    return found


def accused(proxy: Proxy, invariants: Iterable[Invariant], count: int) -> dict[str, Deviation]:
    """The invariants that a proxy breaks on some generated cluster."""
    found: dict[str, Deviation] = {}
    usable = [each for each in invariants if missing_operation(each, proxy.supports) is None]
    for index, cluster in enumerate(generated(count)):
        case = Case(Example(cluster=cluster), proxy, ALPHA)
        for place, each in enumerate(usable):
            # Those that apply a second cluster take turns.
            if each.id in found or (each.kind is Kind.METAMORPHIC and (index + place) % 6):
                continue
            broken = deviation(each, case)
            if broken is not None:
                found[each.id] = broken
    return found


@pytest.mark.parametrize(
    "operations",
    [{"route", "connect", "health_checks"}, {"connect", "health_checks"}, {"route"}, {"connect"}],
    ids=["all", "observed", "route", "connect"],
)
def test_the_model_is_never_accused(operations: set[str]) -> None:
    """Neither by its decisions nor by what its connections show."""
    assert accused(Proxy(frozenset(operations)), INVARIANTS.values(), 60) == {}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("observed", [False, True], ids=["decisions", "connections"])
def test_allowed_differences_are_not_accused(variant: type[Proxy], observed: bool) -> None:
    """What the catalogue leaves open fails nobody who claims no parity with kube-proxy."""
    proxy = variant(frozenset({"connect", "health_checks"})) if observed else variant()
    assert accused(proxy, GENERAL, 60 if observed else 120) == {}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
def test_faults_are_seen(fault: type[Proxy], expected: tuple[str, ...]) -> None:
    """Each fault breaks the invariants of its own topic."""
    wanted = {f"routing.{name}" for name in expected}
    assert wanted <= INVARIANTS.keys()
    found: set[str] = set()
    proxy = fault()
    for cluster in generated(700):
        case = Case(Example(cluster=cluster), proxy, ALPHA)
        found |= {name for name in wanted - found if deviation(INVARIANTS[name], case) is not None}
        if found == wanted:
            break
    assert found == wanted


def test_every_invariant_has_a_fault() -> None:
    """No invariant is one that nothing was shown to break."""
    named = {f"routing.{name}" for _, expected in FAULTS.values() for name in expected}
    assert sorted(INVARIANTS.keys() - named) == []


def test_every_class_is_met() -> None:
    """Over some hundred generated clusters each class of each plain invariant comes up."""
    plain = [each for each in INVARIANTS.values() if each.kind in (Kind.AGREEMENT, Kind.STATED)]
    met: dict[str, set[str]] = {each.id: set() for each in plain}
    proxy = Proxy()
    for cluster in generated(700):
        case = Case(Example(cluster=cluster), proxy, ALPHA)
        for each in plain:
            if met[each.id] >= set(each.classes):
                continue
            case.tally.classes.clear()
            each.check(case)
            met[each.id] |= set(case.tally.classes)
    assert {name: set(INVARIANTS[name].classes) - seen for name, seen in met.items()} == {
        name: set() for name in met
    }


def test_deviations_can_be_read() -> None:
    """A report names the client, the address with its Service, the endpoints and the deciding rows."""
    fault, _ = FAULTS["remote endpoints under external policy Local"]
    name = "routing.external-policy-local-uses-the-nodes-endpoints"
    found = accused(fault(), [INVARIANTS[name]], 200)[name]
    assert found.requirement in ("ETP-005", "ETP-007")
    assert "external (" in found.question
    assert "-> TCP " in found.question or "-> UDP " in found.question or "-> SCTP " in found.question
    assert " of default/" in found.question or " of shop/" in found.question
    assert str(found.got).startswith("forward to one of {")
    assert found.because
