# SPDX-License-Identifier: Apache-2.0
"""A whole run against a DNS server that does its work, or does something else instead."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data_plane.processes import files_left, living, marked, within
from tests.dns_server.commands import TINY, judged, started_as

# Each starts programs and waits for them.
pytestmark = pytest.mark.thorough

CLUSTERS = ("--clusters", "60")
INVARIANT = ("--invariant", "dns.schema-version", "--clusters", "2")


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No process is left, and no file that was made for a time."""
    yield
    assert within(10, lambda: not living(tmp_path)), living(tmp_path)
    assert not files_left(tmp_path)


def all_pass(done: subprocess.CompletedProcess[str]) -> None:
    """Of what a DNS server is asked nothing deviates; few inputs do not meet everything."""
    assert done.returncode in (0, 1), done.stdout + done.stderr
    outcomes = {line.split()[0] for line in done.stdout.splitlines() if " dns." in line or " cross." in line}
    assert outcomes <= {"not-exercised"}, done.stdout
    found = re.search(r"(\d+) of \d+ invariants pass .* 60 clusters judged", done.stdout)
    assert found is not None, done.stdout
    assert int(found.group(1)) >= 20


def test_a_server_that_works(tmp_path: Path) -> None:
    """A server that is started by its author's command, for each cluster domain, conforms."""
    all_pass(judged(tmp_path, "dns", started_as(), more=CLUSTERS))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def test_a_server_that_runs(tmp_path: Path) -> None:
    """One that runs already has one domain; clusters of other domains are judged under it."""
    path = tmp_path / "kubeconfig"
    port = _free_port()
    server, api = f"127.0.0.1:{port}", f"127.0.0.1:{_free_port()}"
    process = subprocess.Popen(
        [*TINY.split(), str(path), "127.0.0.1", str(port), "my.own.zone"],
        cwd=tmp_path,
        env=marked(tmp_path),
        stdout=subprocess.DEVNULL,
    )
    try:
        options = (f"server={server}", f"api={api}", f"kubeconfig={path}", "domain=my.own.zone")
        done = judged(tmp_path, "dns", *options, more=CLUSTERS)
    finally:
        process.kill()
        process.wait(10)
    all_pass(done)


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        ("silent", "hang", "no answer within 0.3 s, asked 2 times"),
        ("late", "hang", "0.3 s is the limit"),
        ("wrong-id", "wrong-shape", "an answer with the wrong id"),
        ("another-question", "wrong-shape", "the answer is to another question"),
        ("circle", "wrong-shape", "the CNAMEs of the answer go in a circle"),
        ("malformed", "garbage", "a malformed message"),
        ("dies", "crash", "ended with exit code 7"),
    ],
)
def test_what_is_no_answer(fault: str, outcome: str, reason: str, tmp_path: Path) -> None:
    """Each has its own outcome: never a pass, and never without end."""
    done = judged(tmp_path, "dns", started_as(fault), "timeout=0.3", more=INVARIANT)
    assert done.returncode == 1, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith(outcome))
    assert "dns.schema-version" in line
    assert reason in line


def test_what_is_cut_off(tmp_path: Path) -> None:
    """A server whose every answer over UDP is cut off is judged by what it gives over TCP."""
    done = judged(tmp_path, "dns", started_as("truncated"), more=INVARIANT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("all-malformed", "a malformed message"),
        ("all-dies", "ended with exit code 7"),
    ],
)
def test_a_server_that_never_gets_ready(fault: str, reason: str, tmp_path: Path) -> None:
    """It could not be judged, and says why."""
    done = judged(tmp_path, "dns", started_as(fault), more=INVARIANT)
    assert done.returncode == 2, done.stdout + done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(("fault", "reason"), [("silent", "no answer at all"), ("wrong-id", "wrong id")])
def test_a_server_that_is_waited_for(fault: str, reason: str, tmp_path: Path) -> None:
    """One that never answers for its canary is given up before the suite gives the adapter up."""
    done = judged(tmp_path, "dns", started_as(f"all-{fault}"), more=INVARIANT)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "did not take up the cluster within 8 s: asked for A canary-" in done.stderr
    assert reason in done.stderr
    assert "serving cluster.local" in done.stderr  # the end of its log
