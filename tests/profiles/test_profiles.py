# SPDX-License-Identifier: Apache-2.0
"""Profiles are found, extended and read, and their digest is that of what they say."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

import conformance.invariants
from conformance import profiles
from conformance.areas import Area, Level
from conformance.errors import UsageError
from conformance.features import FEATURES, of_release
from conformance.invariants import all_invariants
from conformance.profiles import Profile, bundled, load_profile
from conformance.strategies import pools
from reference.objects import DNSServer
from tests.profiles.samples import KNOWN, TODAY

BUNDLED = (
    "coredns",
    "deep",
    "kube-proxy-iptables",
    "kube-proxy-nftables",
    "kube-proxy",
    "kubernetes",
    "quick",
    "standard",
)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def _every_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bundled profiles say of single invariants is about the suite's own."""
    monkeypatch.setattr(conformance.invariants, "all_invariants", all_invariants)


@pytest.mark.usefixtures("_every_invariant")
def test_bundled_profiles() -> None:
    """The profiles of the source checkout are found by name, and each is named like its file."""
    assert tuple(bundled()) == BUNDLED
    for name in BUNDLED:
        profile = load_profile(name)
        assert profile.name == name
        assert profile.description


def test_bundled_profiles_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package has profiles of its own they are taken, and nothing beside the package."""
    package = tmp_path / "conformance"
    _write(package / "bundled_profiles" / "only.yaml", "")
    _write(tmp_path / "profiles" / "other.yaml", "")
    monkeypatch.setattr("conformance.profile_files.__file__", str(package / "profile_files.py"))
    assert list(bundled()) == ["only"]


def test_three_depths() -> None:
    """`quick`, `standard` and `deep` claim the same and look ever harder."""
    quick, standard, deep = (load_profile(name) for name in ("quick", "standard", "deep"))
    assert quick.claims == standard.claims == deep.claims
    assert standard.claims.areas is None
    assert standard.claims.levels == {Level.MUST, Level.CLASS, Level.SHOULD}
    assert [profile.budget.clusters for profile in (quick, standard, deep)] == [400, 1000, 5000]
    assert quick.budget.minimum_inputs <= standard.budget.minimum_inputs < deep.budget.minimum_inputs
    assert quick.timeouts == standard.timeouts


def test_an_implementation_that_is_observed_has_its_share_of_a_budget() -> None:
    """Rounded up, and never less than makes a verdict possible."""
    quick = load_profile("quick").budget
    budget = evolve(quick, clusters=10, metamorphic_examples=5, statistical_examples=3, observed_percent=25)
    observed = budget.of_observed()
    assert (observed.clusters, observed.metamorphic_examples, observed.statistical_examples) == (3, 2, 1)
    assert evolve(observed, clusters=10, metamorphic_examples=5, statistical_examples=3) == budget
    assert evolve(budget, minimum_inputs=3).of_observed().statistical_examples == 3
    assert evolve(budget, observed_percent=100).of_observed().clusters == 10


@pytest.mark.usefixtures("_every_invariant")
def test_parity_profiles() -> None:
    """The profiles that claim parity add to the levels that hold for everybody."""
    everybody = load_profile("standard").claims.levels
    for name, level in (("kube-proxy", Level.KUBE_PROXY), ("coredns", Level.COREDNS)):
        claims = load_profile(name).claims
        assert claims.levels == everybody | {level}
        assert load_profile("kubernetes").claims.levels > claims.levels
    for mode in (Level.KUBE_PROXY_IPTABLES, Level.KUBE_PROXY_NFTABLES):
        claims = load_profile(mode.value).claims
        assert claims.levels == everybody | {Level.KUBE_PROXY, mode}
        assert claims.features == {"dual-stack"}
    assert load_profile("kubernetes").claims.areas == tuple(Area)


def test_largest_number_of_nodes() -> None:
    """A profile can ask for as many nodes as there are names for."""
    assert load_profile("standard").limits.nodes == len(pools.NODE_NAMES)


@pytest.mark.usefixtures("_every_invariant")
def test_a_file_extends_a_bundled_profile(tmp_path: Path) -> None:
    """A user's file takes from a bundled profile what it does not say: mappings merge, lists are replaced."""
    path = _write(
        tmp_path / "mine.yaml",
        "name: mine\nextends: kubernetes\nclaims: {areas: [dns], features: [existing-objects]}\n"
        "budget:\n  clusters: 12\n",
    )
    profile = load_profile(path)
    kubernetes = load_profile("kubernetes")
    assert profile.name == "mine"
    assert profile.description == ""
    features = {"existing-objects"} | of_release((1, 37))
    assert profile.claims == evolve(kubernetes.claims, areas=(Area.DNS,), features=frozenset(features))
    assert profile.budget == evolve(kubernetes.budget, clusters=12)
    assert profile.limits == kubernetes.limits


def test_how_the_dns_server_is_set_up(tmp_path: Path) -> None:
    """What is claimed of a DNS server is read, and what is not said of it is as in CoreDNS."""
    text = "name: mine\nextends: quick\nclaims:\n  dns_server: {pods: verified, ttl: 30, cached: true}\n"
    claims = load_profile(_write(tmp_path / "mine.yaml", text)).claims
    assert claims.dns_server == DNSServer(pods="verified", ttl=30, cached=True)
    assert load_profile("quick").claims.dns_server is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{pods: secure}", r"unknown mode of pods 'secure'"),
        ("{ttl: 3601}", r"3601 is not from 0 to 3600"),
        ("{zonal: 1}", r"true or false is needed"),
        ("{namespaces: [1]}", r"a text is needed"),
        ("{time: 5}", r"unknown field 'time'"),
    ],
)
def test_how_the_dns_server_cannot_be_set_up(tmp_path: Path, text: str, wrong: str) -> None:
    """An option that there is not, or that cannot have this value, is refused with its place."""
    path = _write(tmp_path / "mine.yaml", f"name: mine\nextends: quick\nclaims:\n  dns_server: {text}\n")
    with pytest.raises(UsageError, match=wrong) as caught:
        load_profile(path)
    assert "mine.yaml:4" in str(caught.value)


def test_files_extend_files(tmp_path: Path) -> None:
    """A relative path starts at the file that says it, and the nearest file wins."""
    _write(
        tmp_path / "base" / "a.yaml", "name: a\nextends: quick\nbudget: {clusters: 7, minimum_inputs: 1}\n"
    )
    _write(tmp_path / "b.yaml", "name: b\nextends: base/a.yaml\nbudget: {clusters: 8}\n")
    budget = load_profile(tmp_path / "b.yaml").budget
    assert (budget.clusters, budget.minimum_inputs) == (8, 1)
    assert budget.statistical_examples == load_profile("quick").budget.statistical_examples


def test_a_file_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that ends in .yaml is a file."""
    _write(tmp_path / "mine.yaml", "name: mine\nextends: quick\n")
    monkeypatch.chdir(tmp_path)
    assert load_profile("mine.yaml").name == "mine"


def test_known_deviation(tmp_path: Path) -> None:
    """A known deviation knows its input, beside the file that names it, and the line to delete."""
    _write(tmp_path / "found" / "dns.a.yaml", "input")
    path = _write(tmp_path / "mine.yaml", f"name: mine\nextends: quick\n{KNOWN}")
    _write(tmp_path / "other" / "more.yaml", "name: more\nextends: ../mine.yaml\n")
    for file in (path, tmp_path / "other" / "more.yaml"):
        (entry,) = load_profile(file, today=TODAY).known_deviations
        assert (entry.invariant, entry.requirement) == ("dns.a", "DNS-A-002")
        assert entry.reason == "the record of a Service without endpoints is missing"
        assert entry.link == "https://example.org/issues/1"
        assert entry.expires == date(2026, 2, 1)
        assert entry.input.read_text(encoding="utf-8") == "input"
        assert entry.where.endswith("mine.yaml:4")
    assert load_profile(path, today=date(2026, 2, 1)).known_deviations


def test_exclusion(tmp_path: Path) -> None:
    """An excluded invariant comes with its reason and its place."""
    path = _write(
        tmp_path / "mine.yaml",
        "name: mine\nextends: quick\ninvariants:\n  exclude:\n    - id: dns.b\n      reason: not ours\n",
    )
    (entry,) = load_profile(path).invariants.exclude
    assert (entry.id, entry.reason) == ("dns.b", "not ours")
    assert entry.where.endswith("mine.yaml:5")


def test_adapter_options(tmp_path: Path) -> None:
    """Options are merged adapter by adapter and key by key; each knows the file that says it."""
    _write(
        tmp_path / "base.yaml",
        "name: base\nextends: quick\nadapter_options:\n"
        "  kube-proxy: {mode: iptables, sync-period: 1.50}\n  my.module:Proxy: {debug: yes}\n",
    )
    path = _write(
        tmp_path / "mine.yaml",
        "name: mine\nextends: base.yaml\nadapter_options:\n"
        "  kube-proxy:\n    mode: nftables\n    workers: 2\n",
    )
    found = load_profile(path).adapter_options
    assert list(found) == ["kube-proxy", "my.module:Proxy"]
    assert [(option.name, option.value, option.text, option.origin) for option in found["kube-proxy"]] == [
        ("mode", "nftables", "nftables", "profile mine.yaml:5"),
        ("sync-period", 1.5, "1.50", "profile base.yaml:4"),
        ("workers", 2, "2", "profile mine.yaml:6"),
    ]
    (debug,) = found["my.module:Proxy"]
    assert (debug.value, debug.text) == (True, "yes")
    assert debug.where == f"{tmp_path / 'base.yaml'}:5: adapter_options.my.module:Proxy.debug"
    assert load_profile("quick").adapter_options == {}


def test_known_features() -> None:
    """A feature is known with the invariants that need it, and the one that decides what is generated."""
    assert profiles.known_features() == {"zonal-names": ("dns.b",), "dual-stack": ()}


# -- digest ------------------------------------------------------------------


def _with_known(folder: Path, *, reason: str = "a reason", content: str = "input") -> Profile:
    _write(folder / "found" / "dns.a.yaml", content)
    text = KNOWN.replace("the record of a Service without endpoints is missing", reason)
    return load_profile(_write(folder / "p.yaml", f"name: p\nextends: quick\n{text}"), today=TODAY)


def _with_options(folder: Path, text: str) -> Profile:
    path = _write(folder / "o.yaml", f"name: p\nextends: quick\nadapter_options:\n  {text}\n")
    return load_profile(path)


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    """Order of keys, description, comments, inheritance and places of files do not change the digest."""
    first = _write(tmp_path / "a.yaml", "name: p\nextends: quick\nclaims: {areas: [dns, ports]}\n")
    second = _write(
        tmp_path / "b.yaml",
        "# a comment\nclaims:\n  areas: [dns, ports]\nextends: quick\ndescription: words\n"
        "budget: {clusters: 400}\nname: p\n",
    )
    assert load_profile(first).digest() == load_profile(second).digest()
    options = ("kube-proxy: {a-b: 1, c: x}", "# moved\n  kube-proxy:\n    c: x\n    a_b: 1")
    assert len({_with_options(tmp_path, each).digest() for each in options}) == 1
    assert _with_known(tmp_path / "x").digest() == _with_known(tmp_path / "y").digest()


def test_digest_changes_with_what_decides(tmp_path: Path) -> None:
    """Whatever decides a run changes the digest, the content of a known deviation's input included."""
    quick = load_profile("quick")
    digests = {
        quick.digest(),
        evolve(quick, name="other").digest(),
        evolve(quick, claims=evolve(quick.claims, areas=(Area.DNS,))).digest(),
        evolve(quick, claims=evolve(quick.claims, levels=frozenset({Level.MUST}))).digest(),
        evolve(quick, budget=evolve(quick.budget, clusters=41)).digest(),
        evolve(quick, limits=evolve(quick.limits, pods=1)).digest(),
        evolve(quick, timeouts=evolve(quick.timeouts, stop=1.0)).digest(),
        _with_options(tmp_path, "kube-proxy: {a: 1}").digest(),
        _with_options(tmp_path, "kube-proxy: {a: '1'}").digest(),
        _with_options(tmp_path, "reference: {a: 1}").digest(),
        _with_known(tmp_path).digest(),
        _with_known(tmp_path, reason="another").digest(),
        _with_known(tmp_path, content="another").digest(),
    }
    assert len(digests) == 13


@pytest.mark.usefixtures("_every_invariant")
def test_digest_is_the_same_in_every_process() -> None:
    """The digest does not depend on the order of sets, which differs between processes."""
    program = "from conformance.profiles import load_profile; print(load_profile('kubernetes').digest())"
    root = Path(profiles.__file__).parent.parent
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {load_profile("kubernetes").digest()}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("claims: {kubernetes: 1.30}", "a release is a text"),
        ('claims: {kubernetes: "1.x"}', "no Kubernetes release"),
        ('claims: {kubernetes: "2.0"}', "no Kubernetes release"),
        ('claims: {kubernetes: "1.9"}', "too old"),
        ('claims: {kubernetes: "1.33"}', r"1.33 is too old: 1.34 is the first"),
        ("claims: {kubernetes: yes}", "no Kubernetes release"),
    ],
)
def test_releases_that_are_none(tmp_path: Path, text: str, wrong: str) -> None:
    """What is no known release is refused, with its place."""
    path = _write(tmp_path / "mine.yaml", f"name: mine\nextends: standard\n{text}\n")
    with pytest.raises(UsageError, match=wrong) as caught:
        load_profile(path)
    assert "mine.yaml:3" in str(caught.value)


def test_a_release_stands_for_its_features(tmp_path: Path) -> None:
    """A profile claims what a release does by default, and single features besides."""
    path = _write(tmp_path / "mine.yaml", 'name: mine\nextends: standard\nclaims: {kubernetes: "v1.35.4"}\n')
    features = load_profile(path).claims.features
    assert features == {
        "canonical-endpoint-addresses",
        "controller-packing",
        "dry-run",
        "dual-stack",
        "multiple-service-cidrs",
        "node-hints",
        "topology-mode",
    }
    # What is no matter of a release is claimed by its name alone.
    assert of_release((1, 99)) == set(FEATURES) - {
        "dns-messages",
        "dns-options",
        "existing-objects",
        "unset-cluster-dns",
    }


def test_every_feature_is_known() -> None:
    """A feature that an invariant needs has a sentence, and none is without an invariant."""
    assert {name for invariant in all_invariants().values() for name in invariant.features} == set(FEATURES)
