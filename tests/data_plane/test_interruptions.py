# SPDX-License-Identifier: Apache-2.0
"""A run that is killed, interrupted, or whose program dies in the middle of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from tests.data_plane import fakes
from tests.data_plane.processes import everywhere, files_left, living, marked, networks, within

pytestmark = pytest.mark.usefixtures("possible")

_ROUTED = "routing.cluster-ip-reaches-its-endpoints"
_HEALTH = "routing.health-check-says-whether-an-endpoint-is-local"
_LONG = ("--clusters", "5000", "--invariant", _HEALTH)


@contextmanager
def running(folder: Path, *before: str) -> Iterator[tuple[subprocess.Popen[str], set[str]]]:
    """A long run in the middle, and the network namespaces that it has made."""
    (folder / "conformance-report.yaml").unlink(missing_ok=True)
    command = [*before, *fakes.command(folder, fakes.that_works(folder), *_LONG)]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=marked(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            # Outside, nowhere, the container's own; each node and its pods: some node's proxy runs.
            assert within(60, lambda: len(_proxies(folder)) >= 1 and len(networks(folder)) >= 5)
            yield process, networks(folder)
        finally:
            process.kill()


def _proxies(folder: Path) -> list[int]:
    """The processes of the program under test that serve a node of a cluster that is judged."""
    found = []
    for number in living(folder):
        with suppress(OSError):  # gone meanwhile
            if re.search(rb"--config=\S*/node-", Path(f"/proc/{number}/cmdline").read_bytes()):
                found.append(number)
    return found


def _all_gone(folder: Path, made: set[str]) -> bool:
    return within(20, lambda: not living(folder) and not made & everywhere())


@pytest.mark.thorough
@pytest.mark.parametrize("privileged", [True, False])
def test_a_killed_run_leaves_nothing(privileged: bool, tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    """SIGKILL cannot be handled: all that the run had started ends all the same, and another run starts."""
    before = () if privileged else unprivileged
    with running(tmp_path, *before) as (process, made):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert _all_gone(tmp_path, made), living(tmp_path)
        assert not files_left(tmp_path)
    done = fakes.judged(tmp_path, fakes.that_works(tmp_path), "--invariant", _HEALTH, before=before)
    assert done.returncode in (0, 1), done.stderr
    assert "1 clusters judged" in done.stdout
    assert not living(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_reports(number: signal.Signals, tmp_path: Path) -> None:
    """What was judged until then is reported, and nothing is left."""
    with running(tmp_path) as (process, made):
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert _all_gone(tmp_path, made), living(tmp_path)
        assert not files_left(tmp_path)
    assert "Traceback" not in output
    assert "report: conformance-report.yaml" in output
    report = yaml.safe_load((tmp_path / "conformance-report.yaml").read_text())
    assert report["adapter"]["name"] == "kube-proxy (iptables)"
    assert (report["interrupted"], report["exit_code"], process.returncode) == (True, 2, 2)


def test_what_holds_the_namespaces_can_be_killed(tmp_path: Path) -> None:
    """The adapter's process is killed, not asked: all that it had started ends, and the run begins anew."""
    with running(tmp_path) as (process, made):
        (holder,) = _children(process.pid)
        os.kill(holder, signal.SIGKILL)
        assert within(20, lambda: not made & everywhere())
        assert within(60, lambda: len(_proxies(tmp_path)) >= 1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert "was killed by SIGKILL instead of answering" in output
    assert _all_gone(tmp_path, made), living(tmp_path)
    assert not files_left(tmp_path)


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.thorough
def test_a_program_that_dies_in_the_middle(tmp_path: Path) -> None:
    """Its end is a crash with the last lines of its log; the run goes on to its end."""
    death = 'any(port.get("protocol") == "SCTP" for item in services for port in item["spec"]["ports"])'
    binary = fakes.that_works(tmp_path, death=death)
    options = ("--clusters", "6", "--invariant", _ROUTED, "--invariant", _HEALTH)
    done = fakes.judged(tmp_path, binary, *options)
    assert done.returncode == 1, done.stderr
    # Judged on until each of both has failed.
    assert re.search(r"[1-6] clusters judged", done.stdout), done.stdout
    lines = done.stdout.splitlines()
    crashes = [line for line in lines if line.startswith("crash ")]
    assert crashes
    assert all(
        "answered with an error: kube-proxy (iptables) of node-" in line and "ended with exit code 3" in line
        for line in crashes
    )
    said = lines.index("the adapter's last words on standard error:")
    assert [line.strip() for line in lines[said + 2 : said + 5]] == [
        "the end of its log:",
        f"working on {lines[said + 1].split()[3]}",
        "error: stepped on by an elephant",
    ]
    assert "Traceback" not in done.stdout + done.stderr
    assert not living(tmp_path)
    assert not files_left(tmp_path)
