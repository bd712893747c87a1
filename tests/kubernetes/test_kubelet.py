# SPDX-License-Identifier: Apache-2.0
"""What the suite says of the kubelet's own code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.session import Session
from conformance.engine.run import Options, run
from conformance.example import Example
from conformance.outcomes import Crash, Outcome
from conformance.profiles import load_profile
from conformance.selection import claimed
from conformance.smoke import smoke
from reference.objects import Cluster, NamespacedName, ObjectMeta, Pod, PodSpec, PodStatus
from reference.questions import ResolverConfig
from tests.kubernetes.building import HERE, built

RESOLV_CONF = HERE / "kubelet" / "resolv.conf"
PROFILE = str(HERE / "kubelet.yaml")
POD = NamespacedName("shop", "pod")


def _searches(*domains: str) -> str:
    return f"search {' '.join(domains)}\n"


NODES = {
    "none": None,
    "empty": "",
    "the usual": RESOLV_CONF.read_text("utf-8"),
    "as many as fit": "".join(f"nameserver 192.0.2.{number}\n" for number in range(250, 254))
    + _searches(*(f"d{number}.example.net" for number in range(40)))
    + "options ndots:5 attempts:3\n",
    "as long as fit": _searches(*(f"{60 * letter}.example.net" for letter in "abcdefghijklmnopqrstuvwxyz01")),
}
"""What a node may have of its own; none of what is judged is to depend on it."""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built program."""
    return built(tmp_path_factory.mktemp("kubelet"), package="./kubelet")


def started(program: Path, resolv_conf: Path | None = RESOLV_CONF) -> Session:
    """The kubelet of a node that has this resolv.conf, or none."""
    options = [f"--resolv-conf={resolv_conf}"] if resolv_conf else []
    return Session(JsonLines([str(program), *options]))


def resolver_config(session: Session, spec: PodSpec) -> ResolverConfig:
    """What the kubelet writes for a pod."""
    cluster = Cluster(pods=(Pod(ObjectMeta(POD.name, POD.namespace), spec, PodStatus()),))
    (answer,) = session.ask(Example(cluster=cluster), "resolver_configs", [POD])
    assert isinstance(answer, ResolverConfig)
    return answer


def test_the_plumbing_is_right(program: Path) -> None:
    """The program speaks the protocol."""
    checks = smoke(started(program))
    assert all(check.ok for check in checks), checks


def test_vet_finds_nothing(program: Path) -> None:
    """The program is as Go's own linter wants it."""
    assert program.exists()
    subprocess.run(["go", "vet", "./kubelet"], cwd=HERE, check=True, timeout=1500)


def test_the_nodes_own_entries_are_read(program: Path) -> None:
    """A pod of policy Default has what the file says, trailing dots apart."""
    with started(program) as session:
        found = resolver_config(session, PodSpec(dns_policy="Default"))
    assert found.nameservers == ("192.0.2.251", "192.0.2.252")
    assert found.searches == ("node.example.net", "example.net")
    assert {(each.name, each.value) for each in found.options} == {("timeout", "1"), ("rotate", None)}


@pytest.mark.parametrize("text", [None, "nameserver\n"], ids=["missing", "malformed"])
def test_a_resolv_conf_that_cannot_be_read_is_told(program: Path, tmp_path: Path, text: str | None) -> None:
    """A question is an error where the node's own file is missing or malformed."""
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text, "utf-8")
    with (
        started(program, path) as session,
        pytest.raises(Crash, match=r"no such file|list is empty"),
    ):
        resolver_config(session, PodSpec(dns_policy="ClusterFirst"))


@pytest.mark.parametrize("node", NODES)
def test_the_nodes_own_resolv_conf_does_not_matter(program: Path, tmp_path: Path, node: str) -> None:
    """The kubelet passes what is asked about resolv.conf, whatever its node has of its own."""
    profile = load_profile(PROFILE)
    asked = [each.id for each in claimed(profile) if each.asks == ("resolver_configs",)]
    assert asked
    text, path = NODES[node], tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text, "utf-8")
    with started(program, None if text is None else path) as session:
        result = run(session, profile, Options(clusters=100, only=asked))
    assert {verdict.outcome for verdict in result.verdicts} == {Outcome.PASS}, result.verdicts


def test_the_kubelet_conforms(program: Path) -> None:
    """The kubelet passes everything that it is asked."""
    profile = load_profile(PROFILE)
    with started(program) as session:
        result = run(session, profile, Options(clusters=profile.budget.clusters))
        assert session.questions > 10_000
    wrong = [
        f"{verdict.invariant.id}: {verdict.outcome.value} {verdict.detail}"
        for verdict in result.verdicts
        if verdict.outcome not in (Outcome.PASS, Outcome.UNSUPPORTED)
    ]
    assert not wrong, "\n".join(wrong)
    assert result.exit_code == 0
    unsupported = {v.invariant for v in result.verdicts if v.outcome is Outcome.UNSUPPORTED}
    assert all("resolve" in invariant.asks for invariant in unsupported)
