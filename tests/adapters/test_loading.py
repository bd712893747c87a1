# SPDX-License-Identifier: Apache-2.0
"""Finding an adapter by what `--adapter` says, and saying what is wrong with it."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from conformance.adapters import finding
from conformance.adapters.finding import find_object
from conformance.adapters.loading import load_adapter, make_adapter, near_misses
from conformance.adapters.programs import command_line
from conformance.errors import UsageError
from conformance.outcomes import Crash, WrongShape
from conformance.smoke_inputs import QUESTIONS, SMALL
from tests.adapters.processes import command
from tests.adapters.toy import Toy

MODULE = """
from tests.adapters.toy import Toy

class Adapter(Toy):
    name = "mine"

class NeedsAddress(Toy):
    def __init__(self, address, *, port=80):
        super().__init__()

class Callable(Toy):
    def __call__(self, needed):
        pass

class Raises(Toy):
    def __init__(self):
        raise OSError("no cluster")

class Misspelt:
    def apply(self, cluster): pass
    def routes(self, flows): pass

class Stateless:
    def select(self, questions): return []

class NoApply:
    def route(self, flows): return []

async def make_async():
    return Adapter()

def make():
    return Adapter()

instance = Adapter()
called = Callable()
number = 3

class Outer:
    Inner = Adapter
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the user's, which is the current one, and nothing of it imported yet."""
    (tmp_path / "my_adapter.py").write_text(MODULE)
    (tmp_path / "broken_import.py").write_text("import no_such_library\n")
    (tmp_path / "broken_syntax.py").write_text("def route(:\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit('not configured')\n")
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "glue.py").write_text("from tests.adapters.toy import Toy as Adapter\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "spec",
    [
        "my_adapter:Adapter",
        "my_adapter:make",
        "my_adapter:instance",
        "my_adapter:called",
        "my_adapter:Outer.Inner",
        "my_package.glue:Adapter",
    ],
)
def test_an_object_is_found(spec: str) -> None:
    """A class, a function, an instance, an attribute of a class: from the current directory, too."""
    with load_adapter(spec) as session:
        assert session.name in ("mine", "toy")
        assert len(session.ask(SMALL, "route", QUESTIONS["route"])) == 2
    assert isinstance(make_adapter(spec), Toy)


def test_a_stateless_adapter_needs_no_apply(here: Path) -> None:
    """An adapter that only evaluates selectors has no use for `apply`."""
    with load_adapter("my_adapter:Stateless") as session:
        assert session.operations == {"select"}
    assert str(here) in sys.path
    assert sys.path[0] != str(here)  # last, so that it cannot stand in for anybody's library


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("my_adaptor:Adapter", "there is no module 'my_adaptor' (did you mean 'my_adapter'?)"),
        ("my_package.glu:Adapter", "there is no module 'my_package.glu' (did you mean 'glue'?)"),
        ("my_adapter:Adaptor", "unknown object 'Adaptor' (did you mean 'Adapter'?)"),
        ("my_adapter:Outer.Iner", "unknown object 'Iner' (did you mean 'Inner'?)"),
        (
            "my_adapter:NeedsAddress",
            "needs arguments: address (--adapter-option address=VALUE)",
        ),
        ("my_adapter:make_async", "is an async function"),
        ("my_adapter:Misspelt", "supports no operation of select, "),
        ("my_adapter:Misspelt", "(`routes`: did you mean `route`?)"),
        ("my_adapter:NoApply", "has 'route', but no 'apply' to tell it the cluster"),
        ("my_adapter:number", "supports no operation of "),
        (
            "broken_import:Adapter",
            "cannot import 'broken_import': ModuleNotFoundError: No module named 'no_such",
        ),
        ("broken_import:Adapter", "broken_import.py:1)"),
        ("broken_syntax:Adapter", "cannot import 'broken_syntax': SyntaxError: "),
        ("leaving:Adapter", "cannot import 'leaving': SystemExit: not configured"),
        (":Adapter", "`package.module:object` is needed"),
        ("my_adapter:", "`package.module:object` is needed"),
        ("referense", "unknown adapter 'referense' (did you mean 'reference'?)"),
        ("my_adapter.Adapter", "a Python object is written `package.module:object`"),
        ("./my-program", "a program `exec:./program`"),
        ("exec:", "a program has to follow `exec:`"),
        ("exec:'half", "cannot be split into words: No closing quotation"),
        ("exec:./my_adaptor.py", "there is no file './my_adaptor.py' (did you mean 'my_adapter.py'?)"),
        ("exec:./nowhere/at-all", "there is no file './nowhere/at-all'"),
        ("exec:./my_adapter.py", "'./my_adapter.py' is not executable (chmod +x ./my_adapter.py)"),
        ("exec:./my_package", "'./my_package' is a folder"),
        ("exec:my_adapter.py", "a file in this directory is written ./my_adapter.py"),
        ("exec:no-such-program-anywhere --flag", "no program 'no-such-program-anywhere' on PATH"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(spec: str, message: str) -> None:
    """Each mistake has a line that names it, the option's value, and where it can the closest right one."""
    with pytest.raises(UsageError) as caught:
        load_adapter(spec)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert spec in text


@pytest.mark.usefixtures("here")
def test_an_adapter_that_does_not_start_is_a_failure_of_its_own() -> None:
    """What is found but does not start is no mistake in the option."""
    with pytest.raises(Crash, match="raised OSError: no cluster"):
        load_adapter("my_adapter:Raises")


@pytest.mark.usefixtures("here")
def test_an_installed_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are found by their names, and the closest one is told."""
    entries = [
        EntryPoint("my-proxy", "my_package.glue:Adapter", finding.ENTRY_POINTS),
        EntryPoint("lost", "my_package.gone:Adapter", finding.ENTRY_POINTS),
    ]
    monkeypatch.setattr(finding, "entry_points", lambda group: entries)
    with load_adapter("my-proxy") as session:
        assert session.supports("route")
    with pytest.raises(UsageError, match="did you mean 'my-proxy'"):
        find_object("my-prox")
    with pytest.raises(UsageError, match="installed adapter lost"):
        find_object("lost")


def test_words_are_split_as_a_shell_does() -> None:
    """Quotes are understood; no shell is run."""
    spec = f"exec:{sys.executable} -c 'print(1); $HOME'"
    assert command_line(spec) == [sys.executable, "-c", "print(1); $HOME"]
    assert command_line("exec:env A=1 x")[0] == "env"


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_a_program(here: Path) -> None:
    """A program in the current directory, with its flags."""
    script = here / "my-program"
    words = shlex.join([*command("none")[:-1]])
    script.write_text(f'#!/bin/sh\nexec {words} "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    with load_adapter("exec:./my-program none") as session:
        assert session.name == "faulty"
        assert len(session.ask(SMALL, "route", QUESTIONS["route"])) == 2


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no-questions", "supports no operation of select, "),
        ("no-apply", "has 'route', but no 'apply'"),
    ],
)
def test_a_program_that_can_be_asked_nothing(fault: str, message: str) -> None:
    """A program is held to the same as an object, and is ended."""
    with pytest.raises(UsageError, match=message):
        load_adapter("exec:" + shlex.join(command(fault)))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_a_program_with_a_misspelt_operation() -> None:
    """An operation that the suite does not know is not passed over."""
    with pytest.raises(WrongShape, match="did you mean 'resolve'"):
        load_adapter("exec:" + shlex.join(command("unknown-operation")))


@pytest.mark.skipif(os.name != "posix", reason="programs as adapters need POSIX")
def test_a_script_without_interpreter(here: Path) -> None:
    """What the system cannot execute is told as the system tells it."""
    script = here / "my-program"
    script.write_bytes(b"\x00\x01 no program")
    script.chmod(0o755)
    with pytest.raises(Crash, match=r"cannot start '\./my-program': Exec format error"):
        load_adapter("exec:./my-program")


def test_near_misses() -> None:
    """Names that are almost an operation's are found, others and private ones are not."""

    class Near:
        def resolves(self) -> None: ...
        def Route(self) -> None: ...
        def unrelated(self) -> None: ...
        def _connect(self) -> None: ...

    assert near_misses(Near()) == [("Route", "route"), ("resolves", "resolve")]
    assert near_misses(Toy()) == []
