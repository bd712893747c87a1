# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a kube-proxy: one clear error, exit code 2, and nothing is left."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data_plane import fakes
from tests.data_plane.processes import files_left, living, mounted, within

pytestmark = pytest.mark.usefixtures("possible")

_FORBIDDEN = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 0 >/proc/sys/user/max_net_namespaces; echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"',
    "sh",
)
"""Words that run others where no namespaces are allowed."""


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No process is left, and so no network namespace but one that is mounted: there is none, and no file."""
    before = mounted()
    yield
    assert within(10, lambda: not living(tmp_path)), living(tmp_path)
    assert mounted() <= before
    assert not files_left(tmp_path)


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one error of a run that could not be."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    first, *more = re.split(r"^error: ", done.stderr, flags=re.MULTILINE)
    assert len(more) == 1, done.stderr
    assert "adapter-option: binary=" in first  # the header, and nothing else
    return more[0].rstrip()


def test_a_program_that_ends(tmp_path: Path) -> None:
    """The cause comes first, then the last lines of its log, each once; even lines that look like errors."""
    error = error_of(fakes.judged(tmp_path, fakes.that_ends(tmp_path)))
    cause, title, *log = error.splitlines()
    assert cause == "kube-proxy: kube-proxy (iptables) of kube-service-conformance ended with exit code 1"
    assert title == "the end of its log:"
    assert log == [
        *(f"  line {number} of its log" for number in range(31, 50)),
        "  error: cannot open the door",
    ]


def test_the_same_without_privileges(tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    """Nobody special gets the same error, from a user namespace."""
    error = error_of(fakes.judged(tmp_path, fakes.that_ends(tmp_path), before=unprivileged))
    assert error.startswith("kube-proxy: kube-proxy (iptables) of kube-service-conformance ended with exit")
    assert error.endswith("\n  error: cannot open the door")


@pytest.mark.thorough
def test_a_program_that_never_gets_ready(tmp_path: Path) -> None:
    """It is given up before the suite gives the adapter up, and its log is shown."""
    started = time.monotonic()
    error = error_of(fakes.judged(tmp_path, fakes.that_waits(tmp_path)))
    assert 16 < time.monotonic() - started < 55
    assert error == (
        "kube-proxy: kube-proxy (iptables) of kube-service-conformance"
        " did not bring the cluster into the kernel within 16.7 s (IPv4)\n"
        "the end of its log:\n"
        "  waiting for a day"
    )


@pytest.mark.parametrize(
    ("version", "code", "reason"),
    [
        ("Kubernetes v1.20.0", 0, "v1.20.0 is too old: 1.34 is needed"),
        ("hello world", 0, "is no kube-proxy: it calls itself 'hello world'"),
        ("what is that?", 3, "`--version` ends with exit code 3: what is that?"),
        ("", 0, "`--version` ends with exit code 0"),
    ],
)
def test_a_wrong_version(version: str, code: int, reason: str, tmp_path: Path) -> None:
    """What a program says of itself is looked at before it is run."""
    binary = fakes.that_says(tmp_path, version, code=code)
    assert error_of(fakes.judged(tmp_path, binary)) == f"kube-proxy: {binary}: {reason}"


def test_a_missing_program(tmp_path: Path) -> None:
    """The option that names it stands in the error."""
    error = error_of(fakes.judged(tmp_path, tmp_path / "no-such"))
    assert error == f"kube-proxy: option binary of kube-proxy: there is no file {str(tmp_path / 'no-such')!r}"


def test_no_namespaces(tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    """Where the system allows none, with privileges or without, the error says what to do."""
    error = error_of(fakes.judged(tmp_path, fakes.that_works(tmp_path), before=_FORBIDDEN))
    limits = "the limits in /proc/sys/user are reached"
    assert error == (
        f"kube-proxy: network namespaces: this system allows none: {limits};"
        f" and in a user namespace: {limits}"
        " (run as root (CAP_SYS_ADMIN, CAP_NET_ADMIN), or allow unprivileged user namespaces)"
    )


def test_ports_and_addresses_of_the_machine_are_nobody_s_business(tmp_path: Path) -> None:
    """What is in use on the machine is not in the way: the ports of the API, of metrics, of health checks."""
    binary = fakes.that_works(tmp_path)
    taken = []
    for port in (16443, 10249, *range(20001, 20010)):
        sock = socket.socket(socket.AF_INET6)
        taken.append(sock)
        try:
            sock.bind(("::", port))
            sock.listen()
        except OSError:
            continue  # in use by somebody else: as good
    try:
        done = fakes.judged(tmp_path, binary, "--invariant", "routing.a-healthy-node-forwards")
    finally:
        for sock in taken:
            sock.close()
    assert done.returncode in (0, 1), done.stderr
    assert "1 clusters judged" in done.stdout
