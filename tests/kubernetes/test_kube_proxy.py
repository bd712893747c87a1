# SPDX-License-Identifier: Apache-2.0
"""What the suite says of real kube-proxies, and that it notices when their rules are spoilt."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.session import Session
from conformance.engine.run import Options, run
from conformance.outcomes import Outcome
from conformance.profiles import Profile, load_profile
from conformance.smoke import smoke
from tests.kubernetes.building import HERE, MODES, kube_proxy, started
from tests.kubernetes.sabotage import FAULTS


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built kube-proxy."""
    return kube_proxy(tmp_path_factory.mktemp("kube-proxy"))


def _profile(mode: str, *, clusters: int, metamorphic: int, shrink_seconds: int) -> Profile:
    """The profile of a mode, with the deviations that are known of the pinned version, and fewer inputs."""
    profile = load_profile(str(HERE / f"kube-proxy-{mode}.yaml"))
    budget = evolve(
        profile.budget,
        clusters=clusters,
        metamorphic_examples=metamorphic,
        statistical_examples=3,
        shrink_seconds=shrink_seconds,
        clock_seconds=8,
        observed_percent=100,
    )
    return evolve(profile, budget=budget)


@pytest.mark.parametrize("mode", MODES)
def test_the_plumbing_is_right(mode: str, binary: Path) -> None:
    """The adapter speaks the protocol, and says which kube-proxy it runs."""
    with Session(started(mode, binary)) as session:
        checks = smoke(session)
        assert all(check.ok for check in checks), checks
        assert session.name == f"kube-proxy ({mode})"
        assert session.version.startswith("v1.")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_known_is_so_still(mode: str, binary: Path) -> None:
    """Each known deviation shows at its stored input; the bundled profile of the mode leaves it out."""
    profile = _profile(mode, clusters=0, metamorphic=0, shrink_seconds=0)
    known = {entry.invariant for entry in profile.known_deviations}
    assert known == {entry.id for entry in load_profile(f"kube-proxy-{mode}").invariants.exclude}
    with Session(started(mode, binary)) as session:
        result = run(session, profile, Options(clusters=0, only=known))
    outcomes = {verdict.invariant.id: verdict.outcome for verdict in result.verdicts}
    assert outcomes == dict.fromkeys(known, Outcome.KNOWN_DEVIATION)


@pytest.mark.parametrize("mode", MODES)
def test_kube_proxy_conforms_but_for_what_is_known(mode: str, binary: Path) -> None:
    """Real packets through an unmodified kube-proxy meet what the model says, in both modes."""
    # What is known may show at any input, and to shrink each down to the stored one takes long.
    bundled = load_profile(f"kube-proxy-{mode}")
    profile = evolve(
        _profile(mode, clusters=30, metamorphic=2, shrink_seconds=30),
        invariants=bundled.invariants,
        known_deviations=(),
    )
    with Session(started(mode, binary)) as session:
        result = run(session, profile, Options(clusters=profile.budget.clusters))
    fine = (Outcome.PASS, Outcome.UNSUPPORTED, Outcome.NOT_EXERCISED)
    wrong = [
        f"{verdict.invariant.id}: {verdict.outcome.value} {verdict.detail}"
        for verdict in result.verdicts
        if verdict.outcome not in fine
    ]
    assert not wrong, "\n".join(wrong)
    assert result.clusters == profile.budget.clusters
    # Few of the rarer ones are met by so few inputs.
    assert sum(verdict.outcome is Outcome.PASS for verdict in result.verdicts) >= 85


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", list(FAULTS))
def test_spoilt_rules_are_noticed(mode: str, fault: str, binary: Path) -> None:
    """Rules that are deleted or rewritten behind the proxy's back are reported as a deviation."""
    profile = _profile(mode, clusters=25, metamorphic=1, shrink_seconds=3)
    # To spoil every rule of a large cluster takes long.
    profile = evolve(profile, limits=evolve(profile.limits, services=4, pods=5))
    command = [sys.executable, "-m", "tests.kubernetes.sabotage", mode, str(binary), fault]
    with Session(JsonLines(command)) as session:
        result = run(
            session,
            profile,
            Options(clusters=profile.budget.clusters, only=[FAULTS[fault].invariant]),
        )
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.DEVIATION, verdict
    assert verdict.failure is not None
    assert verdict.failure.requirement in FAULTS[fault].requirements, verdict.failure
