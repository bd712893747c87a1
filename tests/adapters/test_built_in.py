# SPDX-License-Identifier: Apache-2.0
"""Adapters that come with the suite as programs, and what is told when a program does not start."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters import programs
from conformance.adapters.finding import find_object, known_names
from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.loading import is_in_process, load_adapter, make_adapter, start_adapter
from conformance.adapters.options import AdapterOption, given
from conformance.adapters.programs import BuiltIn, command_line
from conformance.adapters.timeouts import Timeouts
from conformance.errors import UsageError
from conformance.outcomes import Crash
from conformance.smoke_inputs import QUESTIONS, SMALL
from tests.adapters.processes import command, gone

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")

FAKE = BuiltIn(
    module="tests.adapters.fake_proxy",
    arguments=("proxy",),
    extra="fakes",
    packages=("attrs",),
    takes_more=True,
)


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that comes with the suite, for these tests alone."""
    monkeypatch.setitem(programs.BUILT_IN, "fake-proxy", FAKE)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def words(*texts: str) -> tuple[AdapterOption, ...]:
    """As on a command line."""
    return given(texts, origin="command line", where="option adapter-option")


def failed_start(spec: str, *options: str) -> str:
    """What is told of an adapter that does not start; no process is left."""
    with pytest.raises(UsageError) as caught:
        start_adapter(spec, options=words(*options))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    return str(caught.value)


def test_it_is_asked_like_any_program() -> None:
    """Its name starts it in a process of its own, with its options, and it is ended with `bye`."""
    with start_adapter("fake-proxy", options=words("workers=3", "mode=nftables")) as session:
        assert isinstance(session.transport, JsonLines)
        assert session.name == "nftables with 3"
        assert len(session.ask(SMALL, "route", QUESTIONS["route"])) == 2
        pid = session.transport.child.pid
    assert pid is not None
    assert gone(pid)
    assert session.closing_problem == ""
    assert not is_in_process("fake-proxy")


def test_options_are_the_last_words() -> None:
    """Each is one word, in the order in which they were given, after the user's own words."""
    spec = f"exec:{shlex.quote(sys.executable)} -c 'pass' --flag"
    assert command_line(spec, words("b=x y", "a-b=")) == [
        *(sys.executable, "-c", "pass", "--flag"),
        *("--b=x y", "--a-b="),
    ]


def test_a_program_of_the_user_has_options() -> None:
    """What `--NAME=VALUE` means is the program's business."""
    spec = shlex.join([sys.executable, "-m", FAKE.module, "proxy"])
    with load_adapter(f"exec:{spec}", options=words("mode=nftables")) as session:
        assert session.name == "nftables with 1"


def test_kube_proxy_is_known() -> None:
    """The name is among those that errors offer, and runs the data plane's module."""
    found = programs.BUILT_IN["kube-proxy"]
    assert (found.module, found.arguments) == ("conformance.data_plane", ("kube-proxy",))
    assert {"kube-proxy", "fake-proxy", "reference"} <= known_names()
    with pytest.raises(UsageError, match="unknown adapter 'kube-poxy' \\(did you mean 'kube-proxy'"):
        find_object("kube-poxy")


def test_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run by the interpreter that runs the suite, its own words first, then its options."""
    monkeypatch.setitem(programs.BUILT_IN, "kube-proxy", evolve(programs.BUILT_IN["kube-proxy"], packages=()))
    program, flag, code, *rest = command_line("kube-proxy", words("mode=iptables"))
    assert (program, flag) == (sys.executable, "-c")
    # It has to give up before those who wait for it.
    assert rest == ["--start=30", "--apply=30", "--answer=30", "kube-proxy", "--mode=iptables"]
    *_, apply, answer, _ = command_line("kube-proxy", timeouts=Timeouts(apply=7.5, answer=3))
    assert (apply, answer) == ("--apply=7.5", "--answer=3")
    assert "run_module('conformance.data_plane'" in code


@pytest.mark.parametrize(
    ("adapter", "options", "message"),
    [
        ("kube-proxy", ["mode=ipvs"], "unknown mode of kube-proxy 'ipvs' .did you mean 'iptables'"),
        ("kube-proxy", ["mod=nftables"], "unknown option of kube-proxy 'mod'.*did you mean 'mode'"),
        ("data-plane", ["release=1"], "data-plane: needs the option program"),
    ],
)
def test_options_are_looked_at_before_the_start(
    adapter: str, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be an option, or its value, is told in the words of options; others are a program's own."""
    monkeypatch.setitem(programs.BUILT_IN, adapter, evolve(programs.BUILT_IN[adapter], packages=()))
    with pytest.raises(UsageError, match=message):
        command_line(adapter, words(*options))
    assert command_line("data-plane", words("program=a:B", "x=1"))[-2:] == ["--program=a:B", "--x=1"]


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line to install what is missing stands in the error; nothing is started."""
    packages = ("attrs", "no_such_library", "nor_this")
    monkeypatch.setitem(programs.BUILT_IN, "fake-proxy", evolve(FAKE, packages=packages))
    assert failed_start("fake-proxy") == (
        "fake-proxy: needs the extra fakes: pip install 'kube-service-conformance[fakes]' "
        "(not installed: no_such_library, nor_this)"
    )


def test_nothing_here_stands_in_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules in the current directory that go by the names of ours or of libraries are not imported."""
    for name in ("conformance", "reference", "attrs", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    with start_adapter("fake-proxy") as session:
        assert session.supports("route")


@pytest.mark.parametrize(
    ("option", "first"),
    [
        ("mod=x", "fake-proxy: No such option"),
        ("mode=ipvs", "fake-proxy: Invalid value for '--mode': 'ipvs' is not one of "),
        ("workers=many", "fake-proxy: Invalid value for '--workers': 'many' is not a valid integer."),
        ("trouble=no namespaces", "fake-proxy: no namespaces"),
    ],
)
def test_the_cause_comes_first(option: str, first: str) -> None:
    """A program that ends with exit code 2 and an error line says best itself what was wrong."""
    text = failed_start("fake-proxy", option)
    lines = text.splitlines()
    assert lines[0].startswith(first)
    assert lines[1] == "its standard error:"
    assert "rror: " in text
    assert "did not start" not in text
    if option.startswith("trouble"):
        assert lines[2:] == [
            "checking the kernel",
            "error: no namespaces",
            "it has been so since the last boot",
        ]


def test_one_line_is_told_once() -> None:
    """Where the error is all that was written, there is nothing to add."""
    serve = shlex.join([sys.executable, "-m", "conformance.adapters.serve", "tests.adapters.toy:Tory"])
    text = failed_start(f"exec:{serve}")
    assert text == f"exec:{serve}: tests.adapters.toy:Tory: unknown object 'Tory' (did you mean 'Toy'?)"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.exit('error: 1')", "did not start: ended with exit code 1 instead of answering"),
        ("import sys; sys.exit(2)", "the adapter did not start: ended with exit code 2 instead of answering"),
        ("import os; os.write(2, b'error: x'); os.kill(os.getpid(), 9)", "was killed by SIGKILL instead of"),
    ],
)
def test_other_ends_are_told_as_they_are(program: str, message: str) -> None:
    """Another exit code, no error line, or a signal: the end itself is what was seen."""
    assert message in failed_start("exec:" + shlex.join([sys.executable, "-S", "-c", program]))


def test_the_exit_code_is_kept() -> None:
    """A program that ends in the middle is a crash that knows its exit code and what was asked."""
    with load_adapter("exec:" + shlex.join(command("exit"))) as session:
        with pytest.raises(Crash) as caught:
            session.ask(SMALL, "route", QUESTIONS["route"])
        assert caught.value.exit_code == 3
        assert caught.value.operation == "route"


def test_an_error_at_the_start_leaves_nothing(tmp_path: Path) -> None:
    """What the program had started itself is ended with it."""
    file = tmp_path / "pid"
    text = failed_start("fake-proxy", f"leave={file}", "trouble=no namespaces")
    assert text.startswith("fake-proxy: no namespaces\n")
    assert gone(int(file.read_text()))


def test_a_start_that_takes_too_long_leaves_nothing(tmp_path: Path) -> None:
    """When the time to start is up, the program and what it had started are ended."""
    file = tmp_path / "pid"
    with pytest.raises(UsageError, match=r"the adapter did not start: no answer within 3 s"):
        start_adapter("exec:" + shlex.join(hanging(file)), timeouts=Timeouts(start=3))
    assert gone(int(file.read_text()))


def hanging(file: Path) -> list[str]:
    """A program that starts another one and never says hello."""
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(file)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    return [sys.executable, "-S", "-c", program]


def test_a_program_is_not_served() -> None:
    """What speaks the protocol already cannot be made a Python object."""
    for spec in ("fake-proxy", "exec:env"):
        with pytest.raises(UsageError, match="is a program already"):
            make_adapter(spec)
