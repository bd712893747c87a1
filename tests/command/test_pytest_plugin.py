# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: one item for each invariant, the same verdicts as the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
NAIVE = f"exec:{sys.executable} {ROOT / 'tests' / 'naive' / 'program.py'}"
SHORT = ("--conformance-profile=quick", "--conformance-clusters=20")


def pytest_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `pytest --pyargs conformance` in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "conformance", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_each_invariant_is_an_item(tmp_path: Path) -> None:
    """The items are named after the invariants, and the header tells the options."""
    done = pytest_run(tmp_path, "--collect-only", "-q")
    assert "test_invariant[dns.cluster-ip-names]" in done.stdout
    assert done.stdout.count("test_invariant[") > 100


def test_a_deviation_fails_its_item_alone(tmp_path: Path) -> None:
    """The failure shows the deviation's text, without a traceback; JUnit has it too."""
    done = pytest_run(
        tmp_path,
        *SHORT,
        f"--conformance-adapter={NAIVE}",
        "--conformance-invariant=dns.cluster-ip-names",
        "--conformance-invariant=dns.cluster-ip-addresses",
        "--junit-xml=junit.xml",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "DNS-PTR-001" in done.stdout
    assert "replay: kube-service-conformance replay" in done.stdout
    assert "Traceback" not in done.stdout
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert sorted(len(list(case)) for case in cases) == [0, 1]
    assert (tmp_path / "conformance-deviations" / "dns.cluster-ip-names.yaml").exists()
    assert (tmp_path / "conformance-report.yaml").exists()


def test_what_is_unsupported_is_skipped(tmp_path: Path) -> None:
    """An operation that the adapter lacks is a skip with its reason, never a pass."""
    done = pytest_run(
        tmp_path,
        *SHORT,
        f"--conformance-adapter={NAIVE}",
        "--conformance-invariant=routing.every-member-is-reached",
        "-rs",
        "--conformance-invariant=dns.cluster-ip-addresses",
    )
    assert "1 passed, 1 skipped" in done.stdout, done.stdout
    assert "no operation 'connect'" in done.stdout


def test_options_come_from_the_ini_file_too(tmp_path: Path) -> None:
    """The ini twin sets an option, the command line goes before it, and the header says which."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nconformance_profile = quick\nconformance_clusters = 20\nconformance_seed = 4\n"
    )
    done = pytest_run(tmp_path, "--conformance-seed=7", "--conformance-invariant=selectors.string-agrees")
    assert done.returncode == 0, done.stdout
    assert "profile: quick (ini conformance_profile)" in done.stdout
    assert "seed: 7 (command line)" in done.stdout


def test_the_adapter_has_options(tmp_path: Path) -> None:
    """From the ini file or several on the command line, they reach the adapter and the header."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nconformance_adapter = tests.command.optioned:Optioned\n"
        "conformance_adapter_option = word=ini times=2\n"
    )
    judged = (*SHORT, "--conformance-invariant=dns.cluster-ip-addresses")
    done = pytest_run(tmp_path, *judged)
    assert "adapter-option: word=ini (ini conformance_adapter_option)" in done.stdout
    assert "iniini: conformant with profile quick" in done.stdout
    line = ("--conformance-adapter-option=word=line", "--conformance-adapter-option=times=3")
    done = pytest_run(tmp_path, *judged, *line)
    assert "adapter-option: times=3 (command line)" in done.stdout
    assert "linelineline: conformant with profile quick" in done.stdout
    done = pytest_run(tmp_path, *judged, "--conformance-adapter-option=times=3")
    assert "error: tests.command.optioned:Optioned: needs arguments: word" in done.stdout + done.stderr


def test_a_bad_option_is_one_error(tmp_path: Path) -> None:
    """A bad value ends pytest at collection with the closest name."""
    done = pytest_run(tmp_path, "--conformance-profile=standrad")
    assert done.returncode != 0
    assert "did you mean 'standard'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).splitlines()) < 30


def test_a_misspelt_ini_option_is_an_error(tmp_path: Path) -> None:
    """A name in the ini file that sets nothing is refused with the closest that does."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nconformance_profil = quick\n")
    done = pytest_run(tmp_path)
    assert done.returncode == 2, done.stdout
    assert "did you mean 'conformance_profile'?" in done.stdout + done.stderr
