# SPDX-License-Identifier: Apache-2.0
"""The suite finds what the naive implementation gets wrong, over both transports, and small."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.adapters.loading import load_adapter
from conformance.adapters.session import Session
from conformance.engine.reduce import objects
from conformance.engine.result import Result
from conformance.engine.run import Options, run
from conformance.engine.shrink import judge
from conformance.engine.verdicts import Verdict
from conformance.invariants import all_invariants
from conformance.outcomes import Outcome
from conformance.profiles import load_profile
from conformance.reproducer import load

HERE = Path(__file__).parent
PROGRAM = f"exec:{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'program.py'))}"
IN_PROCESS = "tests.naive.adapter:NaiveAdapter"
FOUND = sorted((HERE / "found").glob("*.yaml"))

# Two of each area; each names what the tutorial did not say.
LOOKED_FOR = (
    "selectors.absent-key",
    "selectors.empty-selector",
    "endpoints.never-a-terminal-pod",
    "endpoints.conditions-agree",
    "routing.local-policy-never-crosses-nodes",
    "routing.no-endpoints-is-refused",
    "dns.only-ready-endpoints",
    "dns.cluster-ip-names",
    "environment.order-agrees",
    "environment.values-agree",
    "ports.no-node-port-has-two-owners",
    "ports.defaults",
)


def judged(adapter: str) -> Result:
    """A short run that looks for a dozen invariants."""
    with load_adapter(adapter) as session:
        return run(session, load_profile("quick"), Options(clusters=300, only=LOOKED_FOR))


@pytest.fixture(scope="module")
def in_process() -> Result:
    """The run in process."""
    return judged(IN_PROCESS)


@pytest.mark.thorough
def test_a_dozen_deviations_are_found(in_process: Result) -> None:
    """Each invariant that was looked for is broken, in every area."""
    outcomes = {verdict.invariant.id: verdict.outcome for verdict in in_process.verdicts}
    assert outcomes == dict.fromkeys(LOOKED_FOR, Outcome.DEVIATION)
    assert in_process.exit_code == 1


@pytest.mark.thorough
def test_reproducers_are_small(in_process: Result) -> None:
    """A handful of objects is left of every cluster."""
    sizes = {
        verdict.invariant.id: objects(verdict.failure.example)
        for verdict in in_process.verdicts
        if verdict.failure is not None
    }
    assert max(sizes.values()) <= 6, sizes


@pytest.mark.thorough
def test_the_wire_makes_no_difference(in_process: Result) -> None:
    """The program that speaks JSON lines is found to deviate on the very same examples, and so much
    of them is left that the same can be seen.
    """
    over_the_wire = judged(PROGRAM)
    assert [_seen(verdict) for verdict in over_the_wire.verdicts] == [
        _seen(verdict) for verdict in in_process.verdicts
    ]


def _seen(verdict: Verdict) -> tuple[object, ...]:
    """How Hypothesis shrinks depends on the modules that are imported, so the examples may differ."""
    failure = verdict.failure
    found = None if failure is None else (failure.outcome, failure.requirement)
    return verdict.invariant.id, verdict.outcome, verdict.first_failing, found


@pytest.fixture(scope="module", params=[IN_PROCESS, PROGRAM], ids=["in process", "program"])
def naive(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The naive implementation, over each transport."""
    with load_adapter(request.param) as session:
        yield session


@pytest.fixture(scope="module")
def reference() -> Iterator[Session]:
    """The reference."""
    with load_adapter("reference") as session:
        yield session


@pytest.mark.parametrize("path", FOUND, ids=[path.stem for path in FOUND])
def test_what_was_found_is_found_again(path: Path, naive: Session, reference: Session) -> None:
    """A stored reproducer deviates on the naive implementation and passes on the reference."""
    stored = load(path)
    invariant = all_invariants()[stored.invariant]
    failure = judge(naive, invariant, stored.example, alpha=1e-9)
    assert failure is not None
    assert (failure.outcome, failure.requirement) == (Outcome.DEVIATION, stored.requirement)
    assert judge(reference, invariant, stored.example, alpha=1e-9) is None


def test_reproducers_are_kept_of_every_area() -> None:
    """What was found stays with the project, at least two of each area."""
    areas = [load(path).invariant.split(".")[0] for path in FOUND]
    assert {area: areas.count(area) >= 2 for area in set(areas)} == dict.fromkeys(
        ("selectors", "endpoints", "routing", "dns", "environment", "ports", "cross"), True
    )
