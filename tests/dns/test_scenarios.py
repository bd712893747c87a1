# SPDX-License-Identifier: Apache-2.0
"""Scenarios take turns, and a reproducer of one holds it alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from attrs import evolve

from conformance.adapters.in_process import InProcess
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.areas import Area
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.invariants.dns import edits, options, pod_names, pods_behind, ports, reverse, set_up_messages
from conformance.invariants.dns.scenarios import Scenario, looks
from conformance.strategies.clusters import SETTINGS
from reference.dns import compile
from reference.objects import Cluster, ClusterSettings, Namespace, ObjectMeta, Service
from tests.dns.samples import Z
from tests.planted import deviation

LISTS: list[Callable[[], Sequence[Scenario]]] = [
    edits._edits,
    edits._dropped_families,
    set_up_messages._times,
    options._set_up,
    options._without_reverse_zones,
    pod_names._any_mode,
    pod_names._every_mode,
    pods_behind._crews,
    pods_behind._names_of_pods,
    ports._services,
    reverse.addressed,
    reverse.nameless,
]


def _named(number: int) -> Cluster:
    """A cluster that has another turn than one of another number."""
    name = ObjectMeta(name=f"s{number}", namespace="n")
    return Cluster(namespaces=(Namespace(ObjectMeta(name="n")),), services=(Service(name),))


@pytest.mark.parametrize("scenarios", LISTS, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_every_scenario_gets_its_turn(scenarios: Callable[[], Sequence[Scenario]]) -> None:
    """One scenario for each of 60 clusters are all of them, whatever the settings."""
    with Session(InProcess(factory=ReferenceAdapter, trusted=True)) as session:
        met = {
            look.scenario.name
            for number in range(60)
            for look in looks(Case(Example(cluster=_named(number)), session), "list", scenarios, most=1)
        }
    assert met == {each.name for each in scenarios()}


@pytest.mark.parametrize("scenarios", LISTS, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_scenarios_ask_for_different_things(scenarios: Callable[[], Sequence[Scenario]]) -> None:
    """Names of scenarios are unique, no query is asked twice, and each is about a known requirement."""
    every = scenarios()
    assert len({each.name for each in every}) == len(every)
    for scenario in every:
        queries = [ask.query(Z) for ask in scenario.asks]
        assert len(set(queries)) == len(queries) > 0, scenario.name
        compile(scenario.cluster(ClusterSettings()))


@pytest.mark.parametrize(
    ("invariant", "fault"),
    [
        ("dns.edited-services", "dns.external-names-stay"),
        ("dns.coredns-options", "dns.pods-never-give-names"),
        ("dns.coredns-pods-behind-services", "dns.addresses-are-names-too"),
        ("dns.coredns-modes-of-pods", "dns.pods-are-never-verified"),
    ],
)
def test_a_reproducer_shows_its_scenario_alone(invariant: str, fault: str) -> None:
    """What is shown of a failure fails again, is of one namespace, and nothing else is judged of it."""
    item, made = all_invariants()[invariant], all_faults()[fault].make
    assert made is not None
    assert item.area is Area.DNS
    with Session(InProcess(factory=made, trusted=True)) as session:
        found = None
        for number in range(60):
            settings = SETTINGS[number % len(SETTINGS)]
            example = Example(cluster=evolve(_named(number), settings=settings))
            found = deviation(item, Case(example, session))
            if found is not None:
                break
        assert found is not None
        assert found.shows is not None
        again = deviation(item, Case(found.shows, session))
        assert again is not None
        assert (again.requirement, again.question) == (found.requirement, found.question)
        assert {each.metadata.name for each in found.shows.cluster.namespaces} == {"probes"}
        other = Case(evolve(found.shows, list="another: list"), session)
        assert deviation(item, other) is None
        assert other.tally.comparisons == 0
