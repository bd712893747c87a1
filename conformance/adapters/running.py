# SPDX-License-Identifier: Apache-2.0
"""Programs under test that are no adapters themselves: found, asked for their version, run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from conformance.errors import UsageError

LOG_LINES = 20
"""How many lines of its log an error shows."""


class ProgramError(UsageError):
    """The program under test ended or did not converge; says so with the last lines of its log."""


class Running:
    """A process of the program, and the end of what it has written."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], what: str, bound: bool = False
    ) -> None:
        """Start it; where it is `bound` (on Linux) it is killed when the thread that starts it ends."""
        self.what = what
        self._lines: deque[str] = deque(maxlen=200)
        try:
            self._process = subprocess.Popen(
                _bound(command) if bound else list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                text=True,
                errors="backslashreplace",
            )
        except OSError as error:
            raise UsageError(f"cannot be started: {error.strerror}", where=command[0]) from error
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                self._lines.append(line.rstrip("\n")[:500])

    @property
    def log(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(list(self._lines)[-LOG_LINES:])

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def end_of_it(self) -> ProgramError:
        """Take back what a process that has ended held; the error that says how it ended."""
        self.stop()
        code = self._process.returncode
        return self.failed(f"ended with exit code {code}" if code >= 0 else f"ended by signal {-code}")

    def failed(self, reason: str) -> ProgramError:
        """The error that says what happened to it, with the end of its log."""
        log = textwrap.indent(self.log or "(nothing)", "  ")
        return ProgramError(f"{self.what} {reason}\nthe end of its log:\n{log}")

    def stop(self, *, seconds: float = 2.0) -> None:
        """End it: asked at first, then by force."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(seconds)
        self._reader.join(timeout=1)
        if self._process.stdout is not None:
            self._process.stdout.close()


_BIND = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot be started: {error.strerror}")
"""
"""Asks for SIGKILL at the end of the parent, sees that it is still there, and becomes the program."""


def _bound(command: Sequence[str]) -> list[str]:
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _BIND, str(os.getpid()), *command]


def found_program(program: str, path: str, where: str) -> str:
    """The absolute path of a program that is given by a path, or by a name on `path`."""
    if os.sep in program:
        if Path(program).is_dir():
            raise UsageError(f"{program!r} is a folder", where=where)
        if not Path(program).is_file():
            raise UsageError(f"there is no file {program!r}", where=where)
        if not os.access(program, os.X_OK):
            raise UsageError(f"{program!r} is not executable", where=where, hint=f"chmod +x {program}")
        return str(Path(program).absolute())
    found = shutil.which(program, path=path)
    if found is None:
        raise UsageError(
            f"there is no program {program!r} on PATH", where=where, hint="install it, or say where it is"
        )
    return found


def output_of(command: Sequence[str], path: str, where: str) -> str:
    """What a program says when it is asked for its version."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path},
            timeout=20,
            text=True,
            errors="backslashreplace",
            check=False,
        )
    except OSError as error:
        raise UsageError(f"cannot be run: {error.strerror}", where=where) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError("does not tell its version within 20 s", where=where) from error
    if done.returncode != 0 or not done.stdout.strip():
        said = done.stdout.strip().splitlines()
        reason = f": {said[-1]}" if said else ""
        raise UsageError(f"`--version` ends with exit code {done.returncode}{reason}", where=where)
    return done.stdout.strip()
