# SPDX-License-Identifier: Apache-2.0
"""What the suite says of an unmodified CoreDNS, and that it notices when it is set up otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters.session import Session
from conformance.engine.result import Result
from conformance.engine.run import Options, run
from conformance.outcomes import Outcome
from conformance.profiles import Profile, load_profile
from conformance.smoke import smoke
from reference.objects import DNSServer
from tests.coredns.building import HERE, coredns, pinned, started

CLAIMED = DNSServer(pods="verified", ttl=30)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built CoreDNS."""
    return coredns(tmp_path_factory.mktemp("coredns"))


def _profile(name: str, *, clusters: int, metamorphic: int) -> Profile:
    """A profile with fewer inputs."""
    profile = load_profile(name)
    budget = evolve(profile.budget, clusters=clusters, metamorphic_examples=metamorphic, shrink_seconds=20)
    return evolve(profile, budget=budget)


def _of(result: Result) -> dict[str, Outcome]:
    return {verdict.invariant.id: verdict.outcome for verdict in result.verdicts}


def _conforms(result: Result, clusters: int) -> None:
    """Nothing deviates, everything is met, and only what a node agent answers is not asked."""
    wrong = [
        f"{verdict.invariant.id}: {verdict.outcome.value} {verdict.detail}"
        for verdict in result.verdicts
        if verdict.outcome not in (Outcome.PASS, Outcome.UNSUPPORTED)
    ]
    assert not wrong, "\n".join(wrong)
    assert result.clusters == clusters
    outcomes = _of(result)
    assert {name.split(".")[0] for name in outcomes} == {"dns"}
    unsupported = {name for name, outcome in outcomes.items() if outcome is Outcome.UNSUPPORTED}
    assert all(name.startswith("dns.resolver-") for name in unsupported)
    assert len(outcomes) - len(unsupported) >= 50


def test_the_plumbing_is_right(binary: Path) -> None:
    """The adapter speaks the protocol, can be restarted, and says which CoreDNS it runs."""
    with Session(started(binary)) as session:
        checks = smoke(session)
        assert all(check.ok for check in checks), checks
        assert (session.name, session.version) == ("CoreDNS", pinned())


def test_coredns_conforms(binary: Path) -> None:
    """CoreDNS as it is by default gives the model's answers, with the bundled profile."""
    profile = _profile("coredns", clusters=200, metamorphic=10)
    with Session(started(binary)) as session:
        _conforms(run(session, profile, Options(clusters=200)), 200)


def test_all_options_conform(binary: Path) -> None:
    """So it does with each of its options, as the settings of clusters say."""
    profile = _profile(str(HERE / "profile.yaml"), clusters=200, metamorphic=12)
    with Session(started(binary)) as session:
        _conforms(run(session, profile, Options(clusters=200)), 200)


def test_over_tcp_alone(binary: Path) -> None:
    """Every answer is the same over TCP."""
    profile = _profile("coredns", clusters=60, metamorphic=4)
    with Session(started(binary, "transport=tcp")) as session:
        result = run(session, profile, Options(clusters=60))
    assert {outcome for outcome in _of(result).values() if outcome.fails} <= {Outcome.NOT_EXERCISED}


@pytest.mark.parametrize(
    ("option", "requirement", "invariant"),
    [
        ("pods=disabled", "DNS-POD-004", "dns.coredns-names-of-pods-by-address"),
        ("pods=insecure", "DNS-POD-004", "dns.coredns-names-of-pods-by-address"),
        ("ttl=60", "DNS-META-006", "dns.coredns-times-to-live"),
        ("kubernetes=endpoint_pod_names", "DNS-A-009", "dns.coredns-addresses"),
        ("kubernetes=ignore empty_service", "DNS-A-001", "dns.cluster-ip-addresses"),
        ("kubernetes=noendpoints", "DNS-HEADLESS-001", "dns.headless-addresses"),
    ],
)
def test_another_setup_is_noticed(option: str, requirement: str, invariant: str, binary: Path) -> None:
    """A CoreDNS that is not set up as the profile claims deviates from the requirement that tells of it."""
    profile = _profile("coredns", clusters=60, metamorphic=3)
    profile = evolve(profile, claims=evolve(profile.claims, dns_server=CLAIMED))
    with Session(started(binary, option)) as session:
        result = run(session, profile, Options(clusters=60, only=[invariant]))
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.DEVIATION, verdict
    assert verdict.failure is not None
    assert verdict.failure.requirement == requirement


def test_the_claimed_setup_is_right(binary: Path) -> None:
    """What is claimed there is what CoreDNS is started with where no option says otherwise."""
    profile = _profile("coredns", clusters=60, metamorphic=3)
    profile = evolve(profile, claims=evolve(profile.claims, dns_server=CLAIMED))
    with Session(started(binary)) as session:
        result = run(session, profile, Options(clusters=60))
    assert {outcome for outcome in _of(result).values() if outcome.fails} <= {Outcome.NOT_EXERCISED}


def test_a_corefile_of_ones_own(binary: Path, tmp_path: Path) -> None:
    """A Corefile is used as it is, but for what the suite puts in; what is wrong with it is an error."""
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        """.:{$PORT} {
    bind {$ADDRESS}
    errors
    kubernetes {$DOMAIN} in-addr.arpa ip6.arpa {
        kubeconfig {$KUBECONFIG}
        pods insecure
    }
    loadbalance
}
"""
    )
    profile = _profile("coredns", clusters=40, metamorphic=2)
    with Session(started(binary, f"corefile={corefile}")) as session:
        result = run(session, profile, Options(clusters=40))
    assert {outcome for outcome in _of(result).values() if outcome.fails} <= {Outcome.NOT_EXERCISED}
