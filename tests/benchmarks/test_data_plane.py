# SPDX-License-Identifier: Apache-2.0
"""What a Service costs when a real kube-proxy is judged by what packets meet: printed and never asserted.

`tox -e benchmark -- -k kube_proxy`, or
`pytest tests/benchmarks/test_data_plane.py --benchmark-only`; without that option it is
skipped, because kube-proxy takes long to build.  Needs Go, and what tests/kubernetes needs.

The clusters are those of a run of the mode's profile.  Each is applied, and every
flow that agreement is judged by is asked for, which is what a run does with each of its
clusters; what is generated, started and judged only once is not counted.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.adapters.session import Session
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.routing.asked import asked
from conformance.invariants.routing.health import answered
from conformance.profiles import load_profile
from conformance.strategies.clusters import Limits, clusters
from reference.objects import Cluster
from tests.kubernetes.building import MODES, kube_proxy, started

CLUSTERS = 40
ROUNDS = 3


def generated(mode: str) -> tuple[Cluster, ...]:
    """Clusters as those of a run of the mode's profile."""
    most = load_profile(f"kube-proxy-{mode}").limits
    limits = Limits(services=most.services, pods=most.pods, nodes=most.nodes, slices=most.slices)
    return drawn(clusters(limits, dual_stack=True), examples=CLUSTERS)


@pytest.mark.usefixtures("asked_for")
@pytest.mark.benchmark(group="a Service of a real kube-proxy")
@pytest.mark.parametrize("mode", MODES)
def test_services_of_a_kube_proxy(
    mode: str,
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every cluster is applied and asked about; the costs for each Service are shown, of the best round."""
    binary = kube_proxy(tmp_path)
    inputs = generated(mode)
    services = sum(len(cluster.services) for cluster in inputs)
    rounds: list[dict[str, float]] = []
    with Session(started(mode, binary)) as session:

        def play() -> None:
            taken = dict.fromkeys(("apply", "connect"), 0.0)
            for cluster in inputs:
                case = Case(Example(cluster=cluster), session)
                begun = time.perf_counter()
                # Nothing is asked before the cluster is applied.
                answered(case)
                applied = time.perf_counter()
                asked(case)
                taken["apply"] += applied - begun
                taken["connect"] += time.perf_counter() - applied
            rounds.append(taken)

        # Its annotations are missing in pytest-benchmark.
        benchmark.pedantic(play, rounds=ROUNDS, warmup_rounds=1)  # type: ignore[no-untyped-call] # it has no types
    best = min(rounds, key=lambda taken: sum(taken.values()))
    with capsys.disabled():
        print()
        for part, seconds in {**best, "together": sum(best.values())}.items():
            print(
                f"  {mode:10} {part:10} {seconds / services * 1000:6.1f} ms for each of {services} Services"
            )
