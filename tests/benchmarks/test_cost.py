# SPDX-License-Identifier: Apache-2.0
"""What judging costs beside generating: ratios of one run, printed and never asserted.

`tox -e benchmark`, or `pytest tests/benchmarks --benchmark-only`; without that option it is
skipped, because it takes minutes.
"""

from __future__ import annotations

import statistics
import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.adapters.loading import load_adapter
from conformance.engine.generation import drawn
from conformance.engine.quota import most_examples
from conformance.engine.survey import Survey
from conformance.profiles import load_profile
from conformance.selection import select
from conformance.strategies.examples import examples

CLUSTERS = 150
ROUNDS = 5


def generating(seed_value: int) -> float:
    """Seconds that bare generation takes."""
    started = time.perf_counter()
    drawn(examples(), examples=CLUSTERS, seed_value=seed_value)
    return time.perf_counter() - started


def survey(seed_value: int) -> Survey:
    """A survey of the same clusters by every invariant of the standard profile."""
    profile = load_profile("standard")
    session = load_adapter("reference", timeouts=profile.timeouts)
    selected = select(profile, session.supports)
    made = Survey(
        session=session,
        invariants=selected.judged,
        most=most_examples(profile.budget),
    )
    made.generate(examples(), examples=CLUSTERS, seed_value=seed_value)
    session.close()
    return made


@pytest.mark.usefixtures("asked_for")
@pytest.mark.benchmark(group="cost of a cluster")
def test_judging_beside_generating(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Judging by all invariants of `standard` costs at most as much again as generating (a target)."""
    generating(0)
    survey(0)
    ratios = []
    last: Survey | None = None
    for number in range(1, ROUNDS + 1):
        bare = generating(number)
        started = time.perf_counter()
        last = survey(number)
        ratios.append((time.perf_counter() - started) / bare - 1)
    assert last is not None
    assert last.clusters == CLUSTERS
    benchmark.extra_info["judging / generating"] = statistics.median(ratios)
    benchmark(survey, 1)
    dearest = sorted(last.records.values(), key=lambda record: -record.seconds)[:12]
    with capsys.disabled():
        print(
            f"\njudging costs {statistics.median(ratios):.2f} times what generating does "
            f"(from {min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds of {CLUSTERS} clusters)"
        )
        for record in dearest:
            print(f"  {record.seconds / CLUSTERS * 1e6:8.1f} us a cluster  {record.invariant.id}")
