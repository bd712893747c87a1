# SPDX-License-Identifier: Apache-2.0
"""What the suite says of Kubernetes' own code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.session import Session
from conformance.engine.run import Options, run
from conformance.outcomes import Outcome
from conformance.profiles import Exclusion, Invariants, load_profile
from conformance.smoke import smoke
from tests.kubernetes.building import HERE, built

BY_CHANCE = "ports.dry-runs-in-several-ranges"
"""A dry run looks at a range that is picked at random: a smaller input may fail just once."""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built program."""
    return built(tmp_path_factory.mktemp("kubernetes"))


def test_the_plumbing_is_right(program: Path) -> None:
    """The program speaks the protocol."""
    checks = smoke(Session(JsonLines([str(program)])))
    assert all(check.ok for check in checks), checks


def test_the_go_code_is_formatted(program: Path) -> None:
    """The program is as gofmt writes it, and vet finds nothing."""
    unformatted = subprocess.run(
        ["gofmt", "-l", str(HERE)], capture_output=True, check=True, text=True, timeout=60
    )
    assert not unformatted.stdout
    subprocess.run(["go", "vet", ".", "./jsonlines"], cwd=HERE, check=True, timeout=1500)


def test_what_happens_by_chance_is_known_still(program: Path) -> None:
    """The stored input asks so often that the deviation shows, whatever is picked at random."""
    profile = load_profile(str(HERE / "profile.yaml"))
    with Session(JsonLines([str(program)])) as session:
        (verdict,) = run(session, profile, Options(clusters=0, only=[BY_CHANCE])).verdicts
    assert verdict.outcome is Outcome.KNOWN_DEVIATION, verdict


def test_kubernetes_conforms_but_for_what_is_known(program: Path) -> None:
    """Kubernetes' own packages pass everything that they are asked, but for the listed deviations."""
    profile = load_profile(str(HERE / "profile.yaml"))
    profile = evolve(
        profile,
        known_deviations=tuple(each for each in profile.known_deviations if each.invariant != BY_CHANCE),
        invariants=Invariants(exclude=(Exclusion(id=BY_CHANCE, reason="see the test above"),)),
    )
    with Session(JsonLines([str(program)])) as session:
        result = run(session, profile, Options(clusters=profile.budget.clusters))
    wrong = [
        f"{verdict.invariant.id}: {verdict.outcome.value} {verdict.detail}"
        for verdict in result.verdicts
        if verdict.outcome not in (Outcome.PASS, Outcome.KNOWN_DEVIATION, Outcome.UNSUPPORTED)
    ]
    assert not wrong, "\n".join(wrong)
    assert result.exit_code == 0
    known = {entry.invariant for entry in profile.known_deviations}
    found = {v.invariant.id for v in result.verdicts if v.outcome is Outcome.KNOWN_DEVIATION}
    assert found == known
