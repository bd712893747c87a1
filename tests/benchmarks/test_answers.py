# SPDX-License-Identifier: Apache-2.0
"""How fast Kubernetes' own code answers over a pipe: printed and never asserted.

`tox -e benchmark -- -k over_the_pipe`, or
`pytest tests/benchmarks/test_answers.py --benchmark-only`; without that option it is
skipped, because the program takes long to build.  Needs Go.

The requests are those of a run: the lines that the suite would send for generated
clusters, written down beforehand.  The time is that of the program and the pipe.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.adapters.child import Child
from conformance.adapters.in_process import InProcess
from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.areas import Operation
from conformance.convert import cluster_to_plain, to_plain
from conformance.engine.quota import most_examples
from conformance.engine.survey import Survey
from conformance.profiles import Profile, load_profile
from conformance.selection import select
from conformance.strategies.examples import examples
from reference.objects import Cluster
from tests.kubernetes.building import HERE, built

CLUSTERS = 300
ROUNDS = 3


@frozen
class Program:
    """A program by the package of its `main`, with the options that it is started with, and its profile."""

    package: str
    profile: str
    options: tuple[str, ...] = ()

    def command(self, built: Path) -> list[str]:
        """What starts it."""
        return [str(built), *self.options]


PROGRAMS = {
    "kubernetes": Program(".", "profile.yaml"),
    "kubelet": Program("./kubelet", "kubelet.yaml", (f"--resolv-conf={HERE / 'kubelet' / 'resolv.conf'}",)),
}


@frozen
class Request:
    """A line for the program, and how many questions it asks."""

    operation: str
    questions: int
    line: bytes


class Recorder(InProcess):
    """The reference in a program's place; it writes down what the program would be sent."""

    def __init__(self, operations: frozenset[str]) -> None:
        super().__init__(ReferenceAdapter(), trusted=True)
        self.requests: list[Request] = []
        self._offered = operations

    @property
    def operations(self) -> frozenset[str]:
        """What the program offers."""
        return self._offered

    def apply(self, cluster: Cluster) -> None:
        """Write it down."""
        self._note("apply", 1, cluster=cluster_to_plain(cluster))
        super().apply(cluster)

    def ask(self, operation: Operation, questions: Sequence[Any]) -> list[Any]:
        """Write it down, and answer."""
        self._note(operation.name, len(questions), questions=[to_plain(each) for each in questions])
        return super().ask(operation, questions)

    def _note(self, operation: str, count: int, **body: Any) -> None:
        message = {"id": len(self.requests) + 1, "op": operation, **body}
        line = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
        self.requests.append(Request(operation, count, line))


def recorded(profile: Profile, command: list[str]) -> list[Request]:
    """What a run of the program's profile asks on generated clusters."""
    with Session(JsonLines(command)) as session:
        recorder = Recorder(session.operations)
    with Session(recorder) as session:
        made = Survey(
            session=session,
            invariants=select(profile, session.supports).judged,
            most=most_examples(profile.budget),
        )
        made.generate(examples(), examples=CLUSTERS, seed_value=0)
    assert made.clusters == CLUSTERS
    assert not any(record.failure for record in made.records.values())
    return recorder.requests


@pytest.mark.usefixtures("asked_for")
@pytest.mark.benchmark(group="answers of a program")
@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_over_the_pipe(
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """Every request of a run is answered; how fast is shown for each operation, of the best round."""
    program = PROGRAMS[name]
    command = program.command(built(tmp_path, package=program.package))
    requests = recorded(load_profile(str(HERE / program.profile)), command)
    asked: Counter[str] = Counter()
    for request in requests:
        asked[request.operation] += request.questions
    best: dict[str, float] = {}

    def play() -> None:
        taken: dict[str, float] = defaultdict(float)
        child = Child(command)
        child.start()
        for request in requests:
            started = time.perf_counter()
            answer = child.exchange(request.operation, request.line, 60)
            taken[request.operation] += time.perf_counter() - started
            assert b'"error":' not in answer.line[:40], answer.line[:400]
        child.end()
        for operation, seconds in taken.items():
            best[operation] = min(seconds, best.get(operation, seconds))

    benchmark.pedantic(play, rounds=ROUNDS)  # type: ignore[no-untyped-call] # it has no types
    with capsys.disabled():
        print()
        for operation, seconds in sorted(best.items()):
            rate = asked[operation] / seconds
            print(f"  {operation:16} {rate:8.0f} a second ({asked[operation]} in {seconds:.2f} s)")
