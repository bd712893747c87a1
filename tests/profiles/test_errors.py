# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a profile is one error with file, line, field, reason and the closest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.errors import UsageError
from conformance.profiles import load_profile
from tests.profiles.samples import KNOWN, TODAY

HEAD = "name: mine\nextends: quick\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        # unknown names at every depth
        ("budjet: {}", 3, r"budjet: unknown field 'budjet' \(did you mean 'budget'\?\)"),
        (
            "budget:\n  cluster: 4",
            4,
            r"budget.cluster: unknown field 'cluster' \(did you mean 'clusters'\?\)",
        ),
        ("limits: {node: 1}", 3, r"limits.node: unknown field 'node' \(did you mean 'nodes'\?\)"),
        ("timeouts: {answers: 1}", 3, r"unknown field 'answers' \(did you mean 'answer'\?\)"),
        ("claims: {level: [must]}", 3, r"claims.level: unknown field 'level' \(did you mean 'levels'\?\)"),
        (
            "invariants: {exclude: [{id: dns.b, why: x}]}",
            3,
            r"invariants.exclude\[0\].why: unknown field 'why'",
        ),
        ("known_deviations:\n  - {invariants: dns.a}", 4, r"unknown field 'invariants' \(did you mean 'inv"),
        ("claims: {areas: [dsn]}", 3, r"claims.areas\[0\]: unknown area 'dsn' \(did you mean 'dns'\?\)"),
        ("claims: {areas: suported}", 3, r"unknown area 'suported' \(did you mean 'supported'\?\)"),
        (
            "claims: {levels: [must, kubeproxy]}",
            3,
            r"claims.levels\[1\]: unknown level 'kubeproxy' .*'kube-proxy",
        ),
        ("claims: {features: [zonal]}", 3, r"unknown feature 'zonal' \(did you mean 'zonal-names'\?\)"),
        (
            "invariants:\n  exclude:\n    - {id: dns.c, reason: x}",
            5,
            r"exclude\[0\].id: unknown invariant 'dns.c' \(did you mean 'dns.",
        ),
        # wrong types
        ("budget: 5", 3, r"budget: a mapping is needed, not 5"),
        ("budget:", 3, r"budget: a mapping is needed, not nothing"),
        ("budget: {clusters: many}", 3, r"budget.clusters: a whole number is needed, not a text"),
        ("budget: {clusters: 4.5}", 3, r"a whole number is needed, not 4.5"),
        ("budget: {clusters: yes}", 3, r"a whole number is needed, not true or false"),
        ("budget: {clusters: [4]}", 3, r"a whole number is needed, not a list"),
        ("timeouts: {start: 1:30}", 3, r"timeouts.start: a number of seconds is needed, not a text"),
        ("budget: {clusters: '4'}", 3, r"budget.clusters: a whole number is needed, not a text"),
        ("timeouts: {start: soon}", 3, r"timeouts.start: a number of seconds is needed, not a text"),
        ("claims: {levels: must}", 3, r"claims.levels: a list is needed, not a text"),
        ("claims: {areas: [1]}", 3, r"claims.areas\[0\]: a text is needed, not 1"),
        ("claims: {areas: {dns: yes}}", 3, r"claims.areas: a list is needed, not a mapping"),
        ("description: [x]", 3, r"description: a text is needed, not a list"),
        ("invariants: {exclude: [dns.b]}", 3, r"exclude\[0\]: a mapping is needed, not a text"),
        # values out of range
        ("budget: {clusters: -1}", 3, r"-1 is not from 0 to"),
        ("limits: {nodes: 0}", 3, r"limits.nodes: 0 is not from 1 to 3"),
        ("limits: {nodes: 4}", 3, r"limits.nodes: 4 is not from 1 to 3"),
        ("timeouts: {answer: 0}", 3, r"timeouts.answer: 0 is not a number of seconds above 0"),
        ("timeouts: {answer: -0.5}", 3, r"-0.5 is not a number of seconds"),
        ("timeouts: {answer: .inf}", 3, r"inf is not a number of seconds"),
        ("timeouts: {answer: .nan}", 3, r"nan is not a number of seconds"),
        ("claims: {levels: []}", 3, r"claims.levels: is empty, at least 1 level is needed"),
        ("claims: {areas: []}", 3, r"claims.areas: is empty"),
        ("claims: {areas: [dns, dns]}", 3, r"claims.areas\[1\]: 'dns' is listed twice"),
        (
            "budget:\n  minimum_inputs: 401\n  statistical_examples: 500",
            4,
            r"401 is more than budget.clusters, which is 400",
        ),
        ("budget: {minimum_inputs: 6}", 3, r"6 is more than budget.statistical_examples, which is 5"),
        # options of adapters
        ("adapter_options: [mode]", 3, r"adapter_options: a mapping is needed, not a list"),
        (
            "adapter_options:\n  kube-proxy:",
            4,
            r"adapter_options.kube-proxy: a mapping is needed, not n",
        ),
        (
            "adapter_options: {kube-poxy: {}}",
            3,
            r"unknown adapter 'kube-poxy' \(did you mean 'kube-proxy'",
        ),
        (
            "adapter_options: {kube-proxy: {mode: [a]}}",
            3,
            r"kube-proxy.mode: a text, a number, or true or f",
        ),
        ("adapter_options: {kube-proxy: {mode: }}", 3, r"true or false is needed, not nothing"),
        ("adapter_options: {kube-proxy: {--mode: a}}", 3, r"'--mode' is no name of an option"),
        (
            "adapter_options:\n  kube-proxy:\n    a-b: 1\n    a_b: 2",
            6,
            r"adapter_options.kube-proxy.a_b: 'a_b' is given twice, first as 'a-b'",
        ),
        # missing and repeated
        ("invariants: {exclude: [{id: dns.b}]}", 3, r"exclude\[0\].reason: is missing"),
        ("invariants: {exclude: [{id: dns.b, reason: ' '}]}", 3, r"exclude\[0\].reason: is empty"),
        (
            "invariants:\n  exclude:\n  - {id: dns.b, reason: x}\n  - {id: dns.b, reason: y}",
            6,
            r"'dns.b' is listed twice, first at .*mine.yaml:5",
        ),
        ("budget: {clusters: 1}\nbudget: {clusters: 2}", 4, r"budget: is given twice, first at line 3"),
        # what YAML can do and a profile cannot
        ("budget: &b {clusters: 1}", 3, r"anchors and aliases are not used here"),
        ("budget: *b", 3, r"anchors and aliases are not used here|is not YAML"),
        ("description: !!python/object:os.system x", 3, r"the tag '.*os.system' is not used here"),
        ("budget: !!set {clusters}", 3, r"the tag '.*set' is not used here"),
        ("1: x", 3, r"the key '1' is not a text"),
        ("? [a]\n: x", 3, r"the key \[?.* is not a text"),
        ("budget: [", 4, r"is not YAML"),
        ("budget: " + "[" * 40 + "]" * 40, 3, r"nested deeper than"),
        ("---\nname: second", 3, r"is not YAML"),
    ],
)
def test_errors(tmp_path: Path, text: str, line: int, message: str) -> None:
    """The error names the file and the line, and says what is wrong."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"{HEAD}{text}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_profile(path)
    assert caught.value.where.startswith(f"{path}:{line}")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("dns.a\n", "dns.aa\n", 4, r"known_deviations\[0\].invariant: unknown invariant 'dns.aa' .*'dns.a'"),
        (
            "DNS-A-002",
            "DNS-A-02",
            5,
            r"\[0\].requirement: unknown requirement 'DNS-A-02' \(did you mean 'DNS-A-0",
        ),
        (
            "DNS-A-002",
            "DNS-A-003",
            5,
            r"DNS-A-003 is not checked by dns.a \(it checks DNS-A-001, DNS-A-002\)",
        ),
        ("2026-02-01", "2026-01-30", 8, r"the known deviation of dns.a expired on 2026-01-30"),
        ("2026-02-01", "2026-02-30", 8, r"expires: '2026-02-30' is no day"),
        ("2026-02-01", "soon", 8, r"expires: 'soon' is no day"),
        ("2026-02-01", "20260201", 8, r"expires: a text is needed, not 20260201"),
        ("https://example.org/issues/1", "issue 1", 7, r"link: 'issue 1' is no link"),
        ("found/dns.a.yaml", "found/missing.yaml", 9, r"input: there is no file '.*missing.yaml'"),
        ("found/dns.a.yaml", "found", 9, r"input: there is no file '.*found'"),
        ("    expires: 2026-02-01\n", "", 4, r"known_deviations\[0\].expires: is missing"),
        ("the record of a Service without endpoints is missing", "''", 6, r"reason: is empty"),
    ],
)
def test_malformed_known_deviations(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    """An entry that is malformed, expired or names what does not exist is refused at its line."""
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "dns.a.yaml").write_text("", encoding="utf-8")
    path = tmp_path / "mine.yaml"
    assert old in KNOWN
    path.write_text(f"{HEAD}{KNOWN.replace(old, new)}", encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_profile(path, today=TODAY)
    assert caught.value.where.startswith(f"{path}:{line}")


def test_known_deviation_given_twice(tmp_path: Path) -> None:
    """One invariant has one entry, so that it is clear which input has to fail."""
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "dns.a.yaml").write_text("", encoding="utf-8")
    entry = KNOWN.partition("\n")[2]
    path = tmp_path / "mine.yaml"
    path.write_text(f"{HEAD}{KNOWN}{entry}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"'dns.a' is listed twice, first at .*mine.yaml:4"):
        load_profile(path, today=TODAY)


def test_unknown_profile() -> None:
    """A name that is not bundled is an error with the closest one."""
    with pytest.raises(UsageError, match=r"unknown profile 'standart' \(did you mean 'standard'\?\)"):
        load_profile("standart")


def test_name_of_a_file_without_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is never taken for a file; the error says how to name one."""
    (tmp_path / "mine").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError, match=r"no bundled profile is called 'mine' \(write ./mine for the file\)"
    ):
        load_profile("mine")


@pytest.mark.parametrize("name", ["missing.yaml", "missing/mine.yml", "./missing"])
def test_missing_file(name: str) -> None:
    """A path at which nothing is found is an error."""
    with pytest.raises(UsageError, match=r"missing.*there is no such file"):
        load_profile(name)


def test_folder(tmp_path: Path) -> None:
    """A folder is not a profile."""
    with pytest.raises(UsageError, match="is a folder"):
        load_profile(f"{tmp_path}/")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"- a\n", b"text\n", b"name: \xff\n", b"a: \x00\n"])
def test_not_a_profile(tmp_path: Path, content: bytes) -> None:
    """A file that holds no mapping is refused, whatever it holds."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    assert str(path) in caught.value.where


def test_too_large(tmp_path: Path) -> None:
    """A file larger than any profile is not read."""
    path = tmp_path / "mine.yaml"
    path.write_text("# comment\n" * 200_000, encoding="utf-8")
    with pytest.raises(UsageError, match="larger than"):
        load_profile(path)


def test_without_extends_everything_is_needed(tmp_path: Path) -> None:
    """A profile that extends nothing has to say everything."""
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"budget: is missing \(write it, or extend a profile that has it\)"):
        load_profile(path)


def test_name_is_not_inherited(tmp_path: Path) -> None:
    """Two profiles do not go by one name in reports."""
    path = tmp_path / "mine.yaml"
    path.write_text("extends: quick\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"name: is missing"):
        load_profile(path)


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ("quik", r"extends: unknown profile 'quik' \(did you mean 'quick'\?\)"),
        ("gone.yaml", r"extends: profile '.*gone.yaml': there is no such file"),
        ("mine.yaml", r"profiles extend each other: .*mine.yaml -> .*mine.yaml"),
        ("other.yaml", r"profiles extend each other: .*mine.yaml -> .*other.yaml -> .*mine.yaml"),
        ("[quick]", r"extends: a text is needed, not a list"),
    ],
)
def test_extends(tmp_path: Path, extends: str, message: str) -> None:
    """What is extended has to exist, and not to extend the extending profile."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nextends: {extends}\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_text("name: other\nextends: ./mine.yaml\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_profile(path)


def test_long_chains_end(tmp_path: Path) -> None:
    """A chain of profiles has a limit."""
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_text(
            f"name: p{number}\nextends: {number + 1}.yaml\n", encoding="utf-8"
        )
    with pytest.raises(UsageError, match="more than 16 profiles"):
        load_profile(tmp_path / "0.yaml")


def test_error_in_an_extended_profile(tmp_path: Path) -> None:
    """An error is reported in the file in which it stands."""
    (tmp_path / "base.yaml").write_text("name: base\nextends: quick\nlimits: {pods: -1}\n", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("name: mine\nextends: base.yaml\n", encoding="utf-8")
    with pytest.raises(UsageError, match="-1 is not from 0") as caught:
        load_profile(tmp_path / "mine.yaml")
    assert caught.value.where == f"{tmp_path / 'base.yaml'}:3: limits.pods"
