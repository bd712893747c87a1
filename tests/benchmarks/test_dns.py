# SPDX-License-Identifier: Apache-2.0
"""How fast a real CoreDNS is asked and judged, and takes up a change: printed and never asserted.

`tox -e benchmark -- -k coredns`, or
`pytest tests/benchmarks/test_dns.py --benchmark-only`; without that option it is skipped,
because CoreDNS takes long to build.  Needs Go, and the extra `dns-server`.

Judged are the clusters of a run of the profile `coredns`, as a run does with each of
them: what is generated, started and judged only on some is not counted.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from attrs import evolve
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.adapters.session import Session
from conformance.engine.generation import drawn
from conformance.engine.quota import most_examples
from conformance.engine.survey import Survey
from conformance.example import Example
from conformance.features import DUAL_STACK
from conformance.invariants.base import Kind
from conformance.profiles import load_profile
from conformance.questions.dns import service_name
from conformance.selection import select
from conformance.strategies.examples import examples
from reference.objects import Cluster, Namespace, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.questions import Query
from tests.coredns.building import coredns, started

CLUSTERS = 300
CHANGES = 200
ROUNDS = 3


@pytest.mark.usefixtures("asked_for")
@pytest.mark.benchmark(group="judging a real CoreDNS")
def test_queries_of_a_coredns(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cluster is applied, asked about and judged; the queries a second are shown, of the best round."""
    profile = load_profile("coredns")
    areas = frozenset(profile.claims.areas or ())
    strategy = examples(areas=areas, dual_stack=DUAL_STACK in profile.claims.features)
    inputs = drawn(strategy, examples=CLUSTERS)
    rates: list[tuple[float, float]] = []
    with Session(started(coredns(tmp_path))) as session:
        invariants = [
            each for each in select(profile, session.supports).judged if each.kind is not Kind.METAMORPHIC
        ]

        def play() -> None:
            survey = Survey(session=session, invariants=invariants, most=most_examples(profile.budget))
            before = session.questions
            begun = time.perf_counter()
            for example in inputs:
                survey.judge_all(example, source="")
            seconds = time.perf_counter() - begun
            assert not any(record.failure for record in survey.records.values())
            rates.append(((session.questions - before) / seconds, len(inputs) / seconds))

        # Its annotations are missing in pytest-benchmark.
        benchmark.pedantic(play, rounds=ROUNDS, warmup_rounds=1)  # type: ignore[no-untyped-call] # it has no types
    queries, states = max(rates)
    with capsys.disabled():
        print(f"\n  {queries:.0f} queries and {states:.0f} clusters a second, applied and judged")


@pytest.mark.usefixtures("asked_for")
@pytest.mark.benchmark(group="a change of a real CoreDNS")
def test_changes_of_a_coredns(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next query after a change shows it; the milliseconds from the one to the other are shown."""
    cluster = _with_address("10.96.0.1")
    query = Query(service_name(cluster, cluster.services[0]), "A")
    taken: list[float] = []
    with Session(started(coredns(tmp_path))) as session:
        session.apply(Example(cluster=cluster))

        def play() -> None:
            for number in range(CHANGES):
                ip = f"10.96.{number // 250 + 1}.{number % 250 + 1}"
                example = Example(cluster=_with_address(ip))
                begun = time.perf_counter()
                (answer,) = session.ask(example, "resolve", [query])
                taken.append(time.perf_counter() - begun)
                assert {record.data for record in answer.records} == {ip}

        benchmark.pedantic(play, rounds=ROUNDS, warmup_rounds=1)  # type: ignore[no-untyped-call] # it has no types
    taken.sort()
    with capsys.disabled():
        print(
            f"\n  {statistics.median(taken) * 1000:.1f} ms from a change to an answer that shows it, "
            f"95 % within {taken[len(taken) * 95 // 100] * 1000:.1f} ms"
        )


def _with_address(ip: str) -> Cluster:
    """A cluster of a hundred Services, of which the first has this address."""
    services = [
        Service(
            ObjectMeta(name=f"web-{number}", namespace="default", uid=f"service-{number}"),
            ServiceSpec(
                ports=(ServicePort(80, "http", "TCP", 8080),),
                cluster_ip=f"10.97.0.{number + 1}",
                cluster_ips=(f"10.97.0.{number + 1}",),
                ip_families=("IPv4",),
                ip_family_policy="SingleStack",
                internal_traffic_policy="Cluster",
                session_affinity="None",
            ),
        )
        for number in range(100)
    ]
    first = services[0]
    services[0] = evolve(first, spec=evolve(first.spec, cluster_ip=ip, cluster_ips=(ip,)))
    namespace = Namespace(ObjectMeta(name="default", uid="namespace-default"))
    return Cluster(namespaces=(namespace,), services=tuple(services))
