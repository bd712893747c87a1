# SPDX-License-Identifier: Apache-2.0
"""The invariants of DNS: the model keeps them, and each kind of mistake breaks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings

from conformance.areas import Area, Level
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants.base import Case, Deviation, Invariant, Kind
from conformance.strategies.clusters import clusters
from reference.dns import compile, demand, facts_of, message, resolver_config
from reference.objects import Cluster, PodDNSConfigOption
from reference.questions import Answer, Query, Rcode, ResolverConfig
from tests.dns.samples import CLUSTER, Z
from tests.planted import Found, faults_of, idle, invariants_of, not_listed, reported

INVARIANTS = invariants_of(Area.DNS)
_STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=60)

Change = Callable[[Query, Answer], Answer]

TURNS = 16
"""In so many clusters every query of the samples gets its turn."""


class Server:
    """The model's answers, changed."""

    def __init__(self, change: Change = lambda _, answer: answer) -> None:
        self.change = change

    def supports(self, operation: str) -> bool:
        """Both operations of the area."""
        return operation in ("resolve", "resolver_configs")

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """Changed answers to queries, as whole messages, and true ones about resolv.conf."""
        if operation == "resolver_configs":
            return [resolver_config(example.cluster, name) for name in questions]
        zone = compile(example.cluster)
        return [message(zone, query, self.change(query, zone.resolve(query))) for query in questions]


def broken(change: Change, cluster: Cluster = CLUSTER) -> set[str]:
    """The invariants that a server with this change breaks, without the area's name."""
    case = Case(Example(cluster=cluster), Server(change))
    found = {each: deviation for each in INVARIANTS if (deviation := deviation_of(each, case)) is not None}
    for each, deviation in found.items():
        assert deviation.requirement in each.requirements, each.id
    return {each.id.removeprefix("dns.") for each in found}


def broken_in_turns(change: Change, cluster: Cluster) -> set[str]:
    """What is broken in clusters that differ in nothing but the turn that each question gets."""
    (pod,) = cluster.pods
    return set().union(
        *(
            broken(
                change, evolve(cluster, pods=(evolve(pod, spec=evolve(pod.spec, node_name=f"node-{turn}")),))
            )
            for turn in range(TURNS)
        )
    )


def deviation_of(each: Invariant, case: Case) -> Deviation | None:
    """What the invariant reports."""
    try:
        each.check(case)
    except Deviation as deviation:
        return deviation
    return None


@_STEADY
@given(clusters())
def test_the_model_keeps_every_invariant(cluster: Cluster) -> None:
    """No invariant accuses the model, on any generated cluster."""
    assert broken(lambda _, answer: answer, cluster) == set()


def test_the_sample_keeps_every_invariant() -> None:
    """Nor on a cluster of both families with every kind of Service."""
    assert broken_in_turns(lambda _, answer: answer, CLUSTER) == set()


@_STEADY
@given(clusters())
def test_the_model_satisfies_the_demands(cluster: Cluster) -> None:
    """Every canonical answer satisfies what the specification demands of it, `should` included."""
    zone = compile(cluster)
    for service in zone.index.services.values():
        for prefix in ("", "x.", "_http._tcp.", "_http._udp."):
            for kind in ("A", "AAAA", "SRV", "TXT", "CNAME"):
                query = Query(f"{prefix}{service.name}.{zone.name}", kind)
                answer, wanted = zone.resolve(query), demand(zone, query)
                assert answer.rcode in wanted.rcodes, query
                assert wanted.should in (None, answer.rcode), query
                assert wanted.missing(facts_of(answer)) is None, query
                assert wanted.excess(facts_of(answer), name=query.name) is None, query


def _srv(change: Callable[[list[str]], list[str]]) -> Change:
    return lambda _, answer: evolve(
        answer,
        records=frozenset(
            evolve(record, data=" ".join(change(record.data.split()))) if record.type == "SRV" else record
            for record in answer.records
        ),
    )


@cache
def examples() -> tuple[Example, ...]:
    """What a short run would judge."""
    return tuple(Example(cluster=cluster) for cluster in drawn(clusters(), examples=150, seed_value=7))


@cache
def reported_of(name: str) -> Found:
    """What the invariants report of a fault."""
    return reported(all_faults()[name], INVARIANTS, examples())


@pytest.mark.thorough
@pytest.mark.parametrize("name", faults_of(Area.DNS))
def test_fault_is_reported(name: str) -> None:
    """Each fault is reported under every row that it breaks, by invariants that list the row."""
    found = reported_of(name)
    assert set(all_faults()[name].breaks) <= set().union(*found.values()), found
    assert not_listed(found) == {}


@pytest.mark.thorough
def test_every_invariant_reports_a_fault() -> None:
    """No invariant is idle: of each there is a fault that it reports."""
    assert idle(Area.DNS, map(reported_of, faults_of(Area.DNS)), examples()) == set()


def test_weights_are_free_but_for_coredns() -> None:
    """Priority and weight of SRV records are not prescribed (DNS-SRV-005)."""
    found = broken_in_turns(_srv(lambda data: [data[0], "7", *data[2:]]), CLUSTER)
    assert "coredns-ports" in found
    assert {_by_id(name).level for name in found} == {Level.COREDNS}


def test_the_port_of_a_headless_service_may_be_either() -> None:
    """Both the Service's number and the slice's are accepted (DNS-HEADLESS-010)."""

    def specified(query: Query, answer: Answer) -> Answer:
        if "cassandra" not in query.name.lower():
            return answer
        return _srv(lambda data: [*data[:2], "9042", data[3]])(query, answer)

    assert broken_in_turns(specified, CLUSTER) <= {"coredns-ports"}


def test_names_of_endpoints_are_free() -> None:
    """A server may make up other names for endpoints that have no hostname (DNS-HEADLESS-005)."""
    zone = compile(CLUSTER)

    def renamed(query: Query, _: Answer) -> Answer:
        lower = query.name.lower()
        if lower.startswith("10-244-1-4."):
            return Answer(Rcode.NXDOMAIN)
        answer = zone.resolve(evolve(query, name=lower.replace("id7.cassandra", "10-244-1-4.cassandra")))
        return evolve(
            answer,
            records=frozenset(
                evolve(
                    record,
                    name=record.name.replace("10-244-1-4.", "id7."),
                    data=record.data.replace("10-244-1-4.", "id7."),
                )
                for record in answer.records
            ),
        )

    # This server always speaks of one cluster, so related clusters are not its business.
    related = {each.id.removeprefix("dns.") for each in INVARIANTS if each.kind is Kind.METAMORPHIC}
    found = broken_in_turns(renamed, CLUSTER)
    assert {name for name in found if not name.startswith("coredns-")} <= related - {"letter-case"}


def _by_id(name: str) -> Invariant:
    return next(each for each in INVARIANTS if each.id == f"dns.{name}")


CONFIGS: list[tuple[str, Callable[[ResolverConfig], ResolverConfig]]] = [
    ("resolver-searches", lambda config: evolve(config, searches=config.searches[::-1])),
    ("resolver-searches", lambda config: evolve(config, searches=(*config.searches, f"other.svc.{Z}"))),
    ("resolver-options", lambda config: evolve(config, options=())),
    ("resolver-nameservers", lambda config: evolve(config, nameservers=("192.0.2.1", *config.nameservers))),
]


@pytest.mark.parametrize(("name", "change"), CONFIGS)
def test_wrong_resolver_configurations(name: str, change: Callable[[ResolverConfig], ResolverConfig]) -> None:
    """A wrong resolv.conf breaks the invariant of its part."""

    class Agent(Server):
        def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
            return [change(config) for config in super().ask(example, operation, questions)]

    with pytest.raises(Deviation):
        _by_id(name).check(Case(Example(cluster=CLUSTER), Agent()))


NODES = [
    ResolverConfig(),
    ResolverConfig(("192.0.2.1",), ("example.com",)),
    ResolverConfig(
        ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
        ("example.com", "n0.example.com", "own.example.com"),
        (PodDNSConfigOption("ndots", "5"), PodDNSConfigOption("attempts", "2"), PodDNSConfigOption("rotate")),
    ),
    ResolverConfig(("192.0.2.1",), tuple(f"d{number}.example.net" for number in range(32))),
]


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("name", [each.id for each in INVARIANTS if each.asks == ("resolver_configs",)])
def test_the_nodes_own_entries_are_accepted(name: str, node: ResolverConfig) -> None:
    """What the node's own resolv.conf has, which is not known, may stand where it belongs."""

    class Agent(Server):
        def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
            return [resolver_config(example.cluster, pod, node=node) for pod in questions]

    case = Case(Example(cluster=CLUSTER), Agent())
    next(each for each in INVARIANTS if each.id == name).check(case)
    assert case.tally.comparisons
