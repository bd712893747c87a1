# SPDX-License-Identifier: Apache-2.0
"""Namespaces of its own: what is done in them is seen nowhere else, and ends with them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.data_plane import sandbox
from conformance.errors import UsageError
from tests.data_plane.processes import everywhere, files_left, living, marked, networks, within

_HEAD = """
import os, subprocess, sys, time
from conformance.data_plane.sandbox import contained
from conformance.errors import UsageError
def act(folder):
{body}
try:
    code = contained(act)
except UsageError as error:
    sys.exit(f"refused: {{error}}")
print("after", os.getpid() != 1, flush=True)
sys.exit(code)
"""


MOUNTED = "True ['kube-service-conformance'] /run/kube-service-conformance []"


@pytest.fixture(params=["as we are", "unprivileged"])
def before(request: pytest.FixtureRequest, unprivileged: tuple[str, ...]) -> tuple[str, ...]:
    """The words that run the rest, with the privileges that we have and without any."""
    return unprivileged if request.param == "unprivileged" else ()


def _words(before: tuple[str, ...], *body: str) -> list[str]:
    text = _HEAD.format(body="\n".join(f"    {line}" for line in body))
    return [*before, sys.executable, "-c", text]


def _done(folder: Path, before: tuple[str, ...], *body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _words(before, *body),
        env=marked(folder),
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def _lasting(folder: Path, before: tuple[str, ...], *body: str) -> Iterator[subprocess.Popen[str]]:
    """One that has said `ready`, with another process and a network namespace of its own in it."""
    start = (
        "wait = [sys.executable, '-S', '-c', 'import time; time.sleep(600)']",
        "subprocess.Popen(wait, start_new_session=True)",
        "print('ready', flush=True)",
    )
    with subprocess.Popen(
        _words(before, *start, *body),
        env=marked(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert len(networks(folder)) == 1
        yield process


def test_what_it_is_in(before: tuple[str, ...], tmp_path: Path) -> None:
    """It is root and process 1 there, sees only its own processes, and has only a loopback device."""
    done = _done(
        tmp_path,
        before,
        "print(os.getpid(), os.geteuid(), sorted(p for p in os.listdir('/proc') if p.isdigit()))",
        "print([line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]])",
        "print(os.access('/run', os.W_OK), os.listdir('/run'), folder, os.listdir(folder))",
        "return 7",
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == ["1 0 ['1']", "['lo']", MOUNTED, "after True"]
    assert not living(tmp_path)


def test_mounts_are_its_own(before: tuple[str, ...], tmp_path: Path) -> None:
    """What it writes into /run is nowhere else."""
    name = f"conformance-{os.getpid()}"
    done = _done(tmp_path, before, f"open('/run/{name}', 'w').close()", "return 0")
    assert done.returncode == 0, done.stderr
    assert not Path("/run", name).exists()


def test_without_mounts_of_its_own(tmp_path: Path, possible: None) -> None:
    """The folder is among the temporary files then, and taken away however it ends."""
    words = _words((), "print(folder.parent, folder.is_dir(), flush=True)", "os.abort()")
    words[-1] = words[-1].replace(
        "try:", "import conformance.data_plane.sandbox as s\ns._mounted = lambda *_: False\ntry:", 1
    )
    done = subprocess.run(
        words,
        env=marked(tmp_path),
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.splitlines() == [f"{tmp_path / 'temporary'} True", "after True"]
    assert not files_left(tmp_path)


def test_a_user_namespace_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its owner may not be mapped, as under AppArmor, that is an error of use with a hint."""

    def refused(path: str, mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    answers = iter((-1, 0))
    monkeypatch.setattr(sandbox, "_libc", lambda *_: next(answers))
    monkeypatch.setattr(sandbox, "open", refused, raising=False)
    with pytest.raises(UsageError, match=r"setgroups: Permission denied.*apparmor_restrict"):
        sandbox._unshare()


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("raise UsageError('it is raining', where='the garden')", 2, "error: the garden: it is raining"),
        ("raise ValueError('what?')", 2, "ValueError: what?"),
        ("raise SystemExit(5)", 5, ""),
        ("os.kill(os.getppid(), 0) if os.getppid() else None; os.abort()", 2, ""),
    ],
)
def test_ends(line: str, code: int, message: str, tmp_path: Path, possible: None) -> None:
    """An error of use is one line and exit code 2; other errors are told as they are."""
    done = _done(tmp_path, (), line)
    assert done.returncode == code, done.stderr
    if message.startswith("error"):
        assert done.stderr == f"{message}\n"
    assert message in done.stderr


def test_all_ends_with_it(before: tuple[str, ...], tmp_path: Path) -> None:
    """What it started and did not end is ended, even in a session of its own."""
    with _lasting(tmp_path, before, "return 0") as process:
        assert process.wait(30) == 0
    assert within(10, lambda: not living(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all(number: signal.Signals, before: tuple[str, ...], tmp_path: Path) -> None:
    """Whatever ends the process that was started ends all that is in the namespaces, which are gone then."""
    with _lasting(tmp_path, before, "time.sleep(600)", "return 0") as process:
        made = networks(tmp_path)
        process.send_signal(number)
        process.wait(30)
        assert within(10, lambda: not living(tmp_path)), living(tmp_path)
        assert within(10, lambda: not made & everywhere())


def test_the_end_of_input_ends_it(tmp_path: Path, possible: None) -> None:
    """When nobody asks any more it has some time to end of its own accord; then it is ended."""
    with _lasting(tmp_path, (), "time.sleep(600)", "return 0") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert within(5, lambda: process.poll() is not None) is False  # it may still be at work
        assert process.wait(30) == 2
    assert within(10, lambda: not living(tmp_path))
