# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a DNS server: one clear error, exit code 2, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data_plane.processes import files_left, living, marked, within
from tests.dns_server.commands import hurried, judged, started_as, words

_FAKE = """#!{python}
import sys, time
if sys.argv[1:] == ["--version"]:
    print("CoreDNS-1.15.0\\nlinux/amd64, go1.26, ")
    raise SystemExit
{rest}
"""


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No process is left, and no file that was made for a time."""
    yield
    assert within(10, lambda: not living(tmp_path)), living(tmp_path)
    assert not files_left(tmp_path)


def fake(folder: Path, rest: str) -> Path:
    """A program that passes for CoreDNS."""
    path = folder / "coredns"
    path.write_text(_FAKE.format(python=sys.executable, rest=rest))
    path.chmod(0o755)
    return path


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one error of a run that could not be."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    _, *more = re.split(r"^error: ", done.stderr, flags=re.MULTILINE)
    assert len(more) == 1, done.stderr
    return more[0].rstrip()


def test_a_missing_program(tmp_path: Path) -> None:
    """The option that names it stands in the error."""
    path = tmp_path / "no-such"
    error = error_of(judged(tmp_path, "coredns", f"binary={path}"))
    assert error == f"coredns: option binary of coredns: there is no file {str(path)!r}"


@pytest.mark.parametrize(
    ("says", "code", "reason"),
    [
        ("hello", 0, "is no CoreDNS: it calls itself 'hello'"),
        ("what?", 3, "`--version` ends with exit code 3: what?"),
    ],
)
def test_a_wrong_program(says: str, code: int, reason: str, tmp_path: Path) -> None:
    """What a program says of itself is looked at before it is run."""
    path = tmp_path / "coredns"
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    assert error_of(judged(tmp_path, "coredns", f"binary={path}")) == f"coredns: {path}: {reason}"


def test_a_program_that_ends(tmp_path: Path) -> None:
    """The cause comes first, then the end of its log."""
    binary = fake(
        tmp_path, 'print("Corefile:3 - Error during parsing: unknown property"); raise SystemExit(1)'
    )
    error = error_of(judged(tmp_path, "coredns", f"binary={binary}"))
    assert error == (
        "coredns: CoreDNS ended with exit code 1\n"
        "the end of its log:\n"
        "  Corefile:3 - Error during parsing: unknown property"
    )


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (
            "pods=verfied",
            "option adapter-option: unknown pods of coredns 'verfied' (did you mean 'verified'?)",
        ),
        ("ttl=3601", "coredns: option ttl of coredns: from 0 to 3600 seconds, not 3601"),
        ("corefile=/no/such", "coredns: option corefile of coredns: there is no file '/no/such'"),
    ],
)
def test_wrong_options(option: str, reason: str, tmp_path: Path) -> None:
    """What is wrong with an option is told by its name."""
    binary = fake(tmp_path, "")
    assert error_of(judged(tmp_path, "coredns", f"binary={binary}", option)) == reason


def test_a_corefile_and_its_options(tmp_path: Path) -> None:
    """Who brings a Corefile says there what others say by options."""
    (tmp_path / "Corefile").write_text("")
    options = (f"binary={fake(tmp_path, '')}", f"corefile={tmp_path / 'Corefile'}", "ttl=3")
    error = error_of(judged(tmp_path, "coredns", *options))
    assert error == "coredns: option ttl of coredns: the Corefile says it already"


def test_a_busy_port(tmp_path: Path) -> None:
    """Neither a port at which somebody listens is taken, nor one that is shared with somebody."""
    binary = fake(tmp_path, "time.sleep(60)")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            port = taken.getsockname()[1]
            error = error_of(judged(tmp_path, "coredns", f"binary={binary}", f"port={port}"))
        assert error == f"coredns: DNS server: port {port} cannot be had: Address already in use"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "options of dns: either `server` or `command` is needed"),
        (("server=127.0.0.1",), "option server of dns: '127.0.0.1' is no ADDRESS:PORT"),
        (("server=::1:53",), "option server of dns: '::1:53' is no ADDRESS:PORT"),
        (("server=127.0.0.1:53", "api=here"), "option api of dns: 'here' is no ADDRESS:PORT"),
        (("command=",), "options of dns: either `server` or `command` is needed"),
        (('command="half',), "option command of dns: cannot be split into words: No closing quotation"),
        (("command=true",), "option command of dns: {address} is nowhere in it"),
        (
            ("command=no-such {address} {port} {kubeconfig}",),
            "option command of dns: there is no program 'no-such' on PATH",
        ),
    ],
)
def test_wrong_options_of_any_server(options: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    """The same for servers of one's own."""
    assert error_of(judged(tmp_path, "dns", *options)).startswith(f"dns: {reason}")


def test_a_busy_api(tmp_path: Path) -> None:
    """The address at which the API is to be served has to be free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        api = f"127.0.0.1:{taken.getsockname()[1]}"
        error = error_of(judged(tmp_path, "dns", "server=127.0.0.1:53", f"api={api}"))
    assert error == f"dns: option api of dns: cannot listen at {api}: Address already in use"


def test_a_kubeconfig_that_cannot_be_written(tmp_path: Path) -> None:
    """The file that it should be is named."""
    path = tmp_path / "no" / "such"
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    options = ("server=127.0.0.1:53", f"api=127.0.0.1:{port}", f"kubeconfig={path}")
    assert (
        error_of(judged(tmp_path, "dns", *options))
        == f"dns: {path}: cannot be written: No such file or directory"
    )


@pytest.mark.parametrize("who", ["suite", "adapter"])
def test_nothing_outlives_who_is_killed(who: str, tmp_path: Path) -> None:
    """A server ends with the process that started it, and that one with the suite, however these end."""
    more = ("--clusters", "100000", "--invariant", "dns.schema-version")
    with subprocess.Popen(
        words("dns", started_as(), profile=hurried(tmp_path), more=more),
        cwd=tmp_path,
        env=marked(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as suite:
        assert within(20, lambda: len(_of(tmp_path, "tests.dns_server.tiny_dns")) > 1)
        (adapter,) = [each for each in _of(tmp_path, "conformance.dns_server") if each != suite.pid]
        os.kill(suite.pid if who == "suite" else adapter, signal.SIGKILL)
        before = set(_of(tmp_path, "tests.dns_server.tiny_dns"))
        if who == "adapter":
            assert within(10, lambda: not before & set(living(tmp_path)))
            suite.kill()
        suite.wait(10)
    # What was made for a time is taken away by whoever is left to do it.
    assert within(20, lambda: not living(tmp_path)), living(tmp_path)
    for path in (tmp_path / "temporary").iterdir():
        assert who == "adapter", path
        for file in sorted(path.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        path.rmdir()


def _of(folder: Path, module: str) -> list[int]:
    """The processes with the mark that run a module."""
    found = []
    for number in living(folder):
        try:
            text = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if module.encode() in text and b"conformance\0run" not in text.replace(b"-m\0", b""):
            found.append(number)
    return found
