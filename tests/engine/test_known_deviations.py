# SPDX-License-Identifier: Apache-2.0
"""Known deviations: bound to their input, replayed first, and reported once they are fixed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from conformance import reproducer
from conformance.adapters.loading import load_adapter
from conformance.adapters.session import Session
from conformance.engine.records import AN_ANSWER
from conformance.engine.result import Result
from conformance.engine.run import Options, run
from conformance.example import Example
from conformance.outcomes import Outcome
from conformance.profiles import Profile, load_profile
from reference.objects import Cluster, Namespace, ObjectMeta
from reference.questions import Answer, Query
from tests.naive.adapter import NaiveAdapter

INVARIANT = "dns.cluster-ip-names"
NAIVE = "tests.naive.adapter:NaiveAdapter"


def judged(adapter: str, profile: Profile, *, folder: Path | None = None, clusters: int = 30) -> Result:
    """A short run for one invariant."""
    with load_adapter(adapter) as session:
        return run(session, profile, Options(clusters=clusters, only={INVARIANT}, folder=folder))


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile that lists what is found in the naive implementation, as its users would write it."""
    found = judged(NAIVE, load_profile("quick"), folder=tmp_path)
    (verdict,) = found.verdicts
    assert verdict.outcome is Outcome.DEVIATION
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nextends: quick\nknown_deviations:\n"
        f"  - invariant: {INVARIANT}\n    requirement: DNS-PTR-001\n    reason: no reverse zone yet\n"
        f"    link: https://example.com/1\n    expires: {date.today() + timedelta(days=30)}\n"
        f"    input: {INVARIANT}.yaml\n"
    )
    return load_profile(str(tmp_path / "mine.yaml"))


def test_a_known_deviation_does_not_fail_the_run(profile: Profile) -> None:
    """What deviates on the listed input, and is shrunk to it, is known."""
    result = judged(NAIVE, profile)
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.KNOWN_DEVIATION
    assert verdict.detail == "no reverse zone yet"
    assert result.exit_code == 0


def test_a_fixed_deviation_names_the_entry_to_delete(profile: Profile) -> None:
    """An implementation that passes the listed input has to take the entry out."""
    result = judged("reference", profile)
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.FIXED_DEVIATION
    assert "mine.yaml:4" in verdict.detail
    assert result.exit_code == 1


def test_another_deviation_of_the_invariant_is_not_known(profile: Profile, tmp_path: Path) -> None:
    """An entry covers its own input; a smaller or other one that fails as well is a deviation."""
    path = tmp_path / f"{INVARIANT}.yaml"
    stored = reproducer.load(path)
    cluster = stored.example.cluster
    larger = Cluster(
        settings=cluster.settings,
        services=cluster.services,
        nodes=cluster.nodes,
        namespaces=(*cluster.namespaces, *load_namespaces()),
    )
    reproducer.store(
        reproducer.Reproducer(INVARIANT, "DNS-PTR-001", Example(larger), adapter="naive"), tmp_path
    )
    (verdict,) = judged(NAIVE, load_profile(str(tmp_path / "mine.yaml"))).verdicts
    assert verdict.outcome is Outcome.DEVIATION


def load_namespaces() -> tuple[Namespace, ...]:
    """A namespace that the shrunk input does not need."""
    return (Namespace(ObjectMeta(name="one-more")),)


class Troubled(NaiveAdapter):
    """Does as the naive implementation, and fails in a way of its own when it is asked."""

    def __init__(self, trouble: str = "", seconds: float = 0.0) -> None:
        super().__init__()
        self.trouble = trouble
        self.seconds = seconds

    def apply(self, cluster: Cluster) -> None:
        """Take some time."""
        time.sleep(self.seconds)
        super().apply(cluster)

    def resolve(self, queries: Sequence[Query]) -> list[Answer]:
        """Fail."""
        if self.trouble == "raise":
            raise OSError("the zone is gone")
        if self.trouble == "sleep":
            time.sleep(600)
        return super().resolve(queries)


def troubled(profile: Profile, *, trouble: str = "", seconds: float = 0.0) -> Result:
    """A run of the listed input alone, on an adapter that has half a second to answer."""
    timeouts = evolve(profile.timeouts, answer=0.5)
    profile = evolve(profile, timeouts=timeouts, budget=evolve(profile.budget, shrink_seconds=1))
    with Session.of(factory=lambda: Troubled(trouble, seconds), timeouts=timeouts) as session:
        return run(session, profile, Options(clusters=0, only={INVARIANT}))


def test_a_slow_adapter_has_the_time_that_the_profile_gives(profile: Profile) -> None:
    """To converge may take longer than to answer: each has its own wait, also for the listed input."""
    (verdict,) = troubled(profile, seconds=0.6).verdicts
    assert verdict.outcome is Outcome.KNOWN_DEVIATION


def test_a_time_out_is_never_known(profile: Profile) -> None:
    """A listed input on which the adapter hangs proves nothing: the run fails, and the place is told."""
    result = troubled(profile, trouble="sleep")
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.HANG
    assert verdict.source.startswith("known deviation at ")
    assert verdict.source.endswith("mine.yaml:4")
    assert result.exit_code == 1


def test_a_crash_is_known_as_a_crash_alone(profile: Profile, tmp_path: Path) -> None:
    """An entry for a wrong answer does not cover an exception; one for an exception does."""
    (verdict,) = troubled(profile, trouble="raise").verdicts
    assert verdict.outcome is Outcome.CRASH
    assert "the zone is gone" in verdict.detail
    stored = reproducer.load(tmp_path / f"{INVARIANT}.yaml")
    reproducer.store(evolve(stored, expected=AN_ANSWER, got="raised OSError"), tmp_path)
    (verdict,) = troubled(profile, trouble="raise").verdicts
    assert verdict.outcome is Outcome.KNOWN_DEVIATION


def test_a_deviation_from_another_requirement_is_not_known(profile: Profile, tmp_path: Path) -> None:
    """A listed input that breaks in another way than the listed one fails the run."""
    stored = reproducer.load(tmp_path / f"{INVARIANT}.yaml")
    reproducer.store(evolve(stored, requirement="DNS-A-001"), tmp_path)
    (verdict,) = judged(NAIVE, profile, clusters=0).verdicts
    assert verdict.outcome is Outcome.DEVIATION
    assert verdict.source.startswith("known deviation at ")
