# SPDX-License-Identifier: Apache-2.0
"""The command, as its users run it: results, exit codes, files, errors, interrupts."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NAIVE = f"exec:{sys.executable} {ROOT / 'tests' / 'naive' / 'program.py'}"
OPTIONED = "tests.command.optioned:Optioned"
FOUND = sorted((ROOT / "tests" / "naive" / "found").glob("*.yaml"))
SHORT = ("--profile", "quick", "--clusters", "20")


def command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "kube_service_conformance", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, **variables},
    )


def without_times(path: Path) -> str:
    """A stored report less its times."""
    report = yaml.safe_load(path.read_text())
    del report["time"]
    return yaml.safe_dump(report)


def test_two_runs_with_one_seed_give_equal_reports(tmp_path: Path) -> None:
    """Reports differ in nothing but the times, also with deviations and over the wire."""
    words = ("run", *SHORT, "--adapter", NAIVE, "--invariant", "dns.cluster-ip-names", "--seed", "5")
    for name in ("first", "second"):
        done = command(tmp_path, *words, "--report", f"{name}.yaml", "--deviations", "found")
        assert done.returncode == 1, done.stderr
    assert without_times(tmp_path / "first.yaml") == without_times(tmp_path / "second.yaml")


def test_a_deviation_tells_the_whole_story(tmp_path: Path) -> None:
    """Requirement, expected, got, the smallest cluster, and a line that replays it and works."""
    done = command(
        tmp_path, "run", *SHORT, "--adapter", NAIVE, "--invariant", "dns.cluster-ip-names", "--report", ""
    )
    assert done.returncode == 1
    assert re.search(r"^DNS-PTR-001: .*PTR", done.stdout, re.MULTILINE)
    assert "asked: PTR" in done.stdout
    assert "expected: " in done.stdout
    assert "got: NXDOMAIN" in done.stdout
    assert "kind: Service" in done.stdout
    replay = re.search(r"^replay: kube-service-conformance (.*)$", done.stdout, re.MULTILINE)
    assert replay is not None
    again = subprocess.run(
        f"{sys.executable} -m kube_service_conformance {replay[1]}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert again.returncode == 1
    assert "deviation" in again.stdout
    on_reference = command(tmp_path, "replay", "conformance-deviations/dns.cluster-ip-names.yaml")
    assert on_reference.returncode == 0
    assert "pass" in on_reference.stdout
    assert not (tmp_path / "conformance-report.yaml").exists()


def test_the_header_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    """Command line, environment and default are told apart."""
    done = command(
        tmp_path,
        "run",
        "--clusters",
        "1",
        "--invariant",
        "selectors.string-agrees",
        KUBE_SERVICE_CONFORMANCE_PROFILE="quick",
    )
    assert "clusters: 1 (command line)" in done.stderr
    assert "profile: quick (environment KUBE_SERVICE_CONFORMANCE_PROFILE)" in done.stderr
    assert "adapter: reference (default)" in done.stderr


def test_options_of_the_adapter_come_from_everywhere(tmp_path: Path) -> None:
    """They are in the header and the report with their origins, and in the line that replays a deviation."""
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nextends: quick\nadapter_options:\n"
        f"  {OPTIONED}:\n    word: of the profile\n    times: 1\n"
    )
    common = ("--adapter", OPTIONED, "--profile", "mine.yaml")
    line = ("--adapter-option", "times=2")
    judged = ("--clusters", "20", "--invariant", "dns.cluster-ip-names")
    done = command(tmp_path, "run", *common, *line, *judged)
    assert done.returncode == 1, done.stderr
    assert "adapter-option: word=of the profile (profile mine.yaml:5)\n" in done.stderr
    assert "adapter-option: times=2 (command line)\n" in done.stderr
    report = yaml.safe_load((tmp_path / "conformance-report.yaml").read_text())
    assert report["adapter"]["name"] == "of the profile" * 2
    assert report["adapter"]["options"] == [
        {"name": "word", "value": "of the profile", "from": "profile mine.yaml:5"},
        {"name": "times", "value": "2", "from": "command line"},
    ]
    replay = re.search(r"^replay: kube-service-conformance (.*)$", done.stdout, re.MULTILINE)
    assert replay is not None
    words = shlex.split(replay[1])
    assert words[-4:] == ["--adapter-option", "word=of the profile", "--adapter-option", "times=2"]
    again = command(tmp_path, *words)
    assert again.returncode == 1, again.stderr
    assert "deviation       dns.cluster-ip-names" in again.stdout
    smoked = command(tmp_path, "smoke", *common, KUBE_SERVICE_CONFORMANCE_ADAPTER_OPTION="word=env")
    assert "ok      start: env 1 started" in smoked.stdout


def test_an_adapter_that_does_not_start_again_ends_a_replay(tmp_path: Path) -> None:
    """What happened first is told, and why nothing follows; exit code 2."""
    found = str(next(path for path in FOUND if path.name == "dns.cluster-ip-names.yaml"))
    words = ("--adapter", OPTIONED, "--adapter-option", "word=x", "--adapter-option", "once=yes")
    done = command(tmp_path, "replay", found, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    (error,) = done.stderr.splitlines()
    assert error.startswith(f"error: {found}: crash in resolve: raised OSError: no zone")
    assert "; the adapter did not start again: raised OSError: only once" in error


def test_manifests_are_judged_beside_generated_clusters(tmp_path: Path) -> None:
    """The user's own objects are named in the report; `--manifests` takes several files."""
    from conformance.manifests import shapes

    files = [str(path) for path in list(shapes().values())[:2]]
    done = command(
        tmp_path, "run", "--profile", "quick", "--clusters", "0", "--report", "r.json", "--manifests", *files
    )
    assert "Traceback" not in done.stderr
    assert ", ".join(files) in (tmp_path / "r.json").read_text()
    assert "deviation" not in done.stdout.splitlines()[-2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--adapter", "referense"), "did you mean 'reference'"),
        (("run", "--adapter", "no_such_module:thing"), "no_such_module"),
        (("run", "--adapter", "exec:./no-such-program"), "no-such-program"),
        (("run", "--adapter", "exec:false"), "did not start"),
        (("run", "--adapter", "kube-prox"), "did you mean 'kube-proxy'"),
        (("run", "--adapter-option", "mode"), "option adapter-option: 'mode' is no option of an adapter"),
        (("smoke", "--adapter-option", "mode=a"), "unknown option 'mode' of reference (it has none)"),
        (
            ("run", "--adapter", OPTIONED, "--adapter-option", "wrod=a"),
            f"unknown option 'wrod' of {OPTIONED} (did you mean 'word'?)",
        ),
        (("smoke", "--adapter", OPTIONED), "needs arguments: word (--adapter-option word=VALUE)"),
        (("run", "--profile", "standrad"), "did you mean 'standard'"),
        (("run", "--profile", "none.yaml"), "none.yaml"),
        (("run", "--profile", "bad.yaml"), "bad.yaml"),
        (("run", "--seed", "x"), "option seed"),
        (("run", "--clusters", "-3"), "option clusters"),
        (("run", "--report", "report.xml"), "option report"),
        (("run", "--invariant", "dns.cluster-ip-name"), "did you mean 'dns.cluster-ip-names'"),
        (("run", "--manifests", "none.yaml"), "none.yaml"),
        (("run", "--manifests", "bad.yaml"), "bad.yaml"),
        (("run", "stray.yaml"), "--manifests"),
        (("replay", "none.yaml"), "none.yaml"),
        (("replay", "bad.yaml"), "not a reproducer"),
        (("requirements", "DNS-PTR-0001"), "did you mean 'DNS-PTR-001'"),
        (("requirements", "--coverage", "--report", "bad.yaml"), "not a report"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """One line on standard error, exit code 2, no traceback, nothing written."""
    (tmp_path / "bad.yaml").write_text("name: [unclosed\n")
    done = command(tmp_path, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert message in errors[0]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_report_and_what_was_found(tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted in the middle, the run still writes a valid report and keeps each deviation."""
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "kube_service_conformance", "run", "--adapter", NAIVE),
            *("--profile", "deep", "--report", "r.yaml"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("found deviation"):
            break
    child.send_signal(number)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 1
    report = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert report["interrupted"] is True
    assert report["outcomes"]["deviation"] >= 1
    assert len(list((tmp_path / "conformance-deviations").glob("*.yaml"))) == report["outcomes"]["deviation"]
    assert "interrupted" in output


def test_smoke_says_what_an_adapter_supports(tmp_path: Path) -> None:
    """The plumbing of the reference and of a program is in order; nothing is judged."""
    for adapter in ("reference", NAIVE):
        done = command(tmp_path, "smoke", "--adapter", adapter)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "route" in done.stdout
        assert "FAILED" not in done.stdout


def test_requirements_show_rows_and_coverage(tmp_path: Path) -> None:
    """A row with its sentence, source and invariants; a group by its prefix; the whole matrix."""
    row = command(tmp_path, "requirements", "DNS-PTR-001")
    assert "DNS-PTR-001 (must)" in row.stdout
    assert "checked by: dns.cluster-ip-names" in row.stdout
    group = command(tmp_path, "requirements", "HC")
    assert group.stdout.count("\nHC-") + group.stdout.startswith("HC-") == 16
    matrix = command(tmp_path, "requirements", "--coverage")
    assert matrix.returncode == 0
    assert "DNS-PTR-001" in matrix.stdout
    assert max(map(len, matrix.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("ending", "words"),
    [("os._exit(0)", "with exit code 0"), ("os.kill(os.getpid(), 9)", "by signal SIGKILL")],
)
def test_an_adapter_that_ends_the_process_is_no_success(tmp_path: Path, ending: str, words: str) -> None:
    """The command says what happened, ends with exit code 2, and what was found until then is there."""
    (tmp_path / "ending.py").write_text(
        "import os\n"
        "from conformance.adapters.reference import ReferenceAdapter\n"
        "class Ending(ReferenceAdapter):\n"
        "    asked = 0\n"
        "    def select(self, questions):\n"
        "        Ending.asked += 1\n"
        f"        if Ending.asked > 40: {ending}\n"
        "        return [type(each)(matches=True) for each in super().select(questions)]\n"
    )
    (tmp_path / "short.yaml").write_text(
        "name: short\ndescription: Selectors.\nextends: quick\nclaims: {areas: [selectors]}\n"
        "budget: {clusters: 60, shrink_seconds: 5}\n"
    )
    done = command(tmp_path, "run", "--adapter", "ending:Ending", "--profile", "short.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"the adapter ended the whole run, {words}" in done.stderr
    assert list((tmp_path / "conformance-deviations").glob("selectors.*.yaml"))


def test_an_adapter_that_does_not_start_shows_what_it_wrote(tmp_path: Path) -> None:
    """A missing module, a wrong flag: the program's own words tell most."""
    (tmp_path / "dying.py").write_text("raise SystemExit('I have no licence')\n")
    done = command(tmp_path, "run", "--adapter", f"exec:{sys.executable} dying.py")
    assert done.returncode == 2
    assert "ended with exit code 1" in done.stderr
    assert "I have no licence" in done.stderr


def test_a_misspelt_variable_is_an_error(tmp_path: Path) -> None:
    """A variable with our prefix that sets nothing is refused with the closest that does."""
    done = command(tmp_path, "run", KUBE_SERVICE_CONFORMANCE_PROFIL="quick")
    assert done.returncode == 2
    assert "did you mean 'KUBE_SERVICE_CONFORMANCE_PROFILE'?" in done.stderr


def test_too_few_clusters_are_no_success(tmp_path: Path) -> None:
    """What was not exercised fails the run, whatever the profile."""
    done = command(tmp_path, "run", "--profile", "quick", "--clusters", "1")
    assert done.returncode == 1
    assert "not exercised enough to say" in done.stdout


def test_an_emptied_reproducer_is_no_pass(tmp_path: Path) -> None:
    """A stored input that asks nothing proves nothing, and one that no API server holds is refused."""
    found = next(path for path in FOUND if path.name.startswith("routing.backends"))
    text = found.read_text()
    header = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    (tmp_path / "empty.yaml").write_text(header)
    done = command(tmp_path, "replay", "empty.yaml")
    assert done.returncode == 1, done.stdout
    assert "not-exercised" in done.stdout
    (tmp_path / "wrong.yaml").write_text(text.replace("type: ClusterIP", "type: ClusterIPs"))
    done = command(tmp_path, "replay", "wrong.yaml")
    assert done.returncode == 2, done.stdout
    assert "no API server stores this Service: NotSupported" in done.stderr
