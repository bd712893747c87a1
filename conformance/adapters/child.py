# SPDX-License-Identifier: Apache-2.0
"""A child process that is sent lines and answers with lines, all within limits.

POSIX only: pipes are polled, and the child has a process group of its own, which
is ended as a whole, so that nothing which the child started is left behind.
One thread does it all: whatever the child does, writing to it cannot block, its
standard error is always read, and every wait has an end.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence

from attrs import frozen

from conformance.adapters.shapes import printable
from conformance.outcomes import AdapterFailure, Crash, Flood, Garbage, Hang

ANSWER_BYTES = 16 * 1024 * 1024
"""The longest line that a child may write."""

STDERR_BYTES = 64 * 1024
"""How much of the end of standard error is kept."""

STDERR_LINES = 40
"""How many lines of it a failure shows."""

_CHUNK = 64 * 1024
_LOOK = 0.05
"""Seconds after which a silent child is looked after: its pipes may outlive it."""
_GRACE = 1.0
"""Seconds to end after SIGTERM, and to end after closing standard output."""

_live: weakref.WeakSet[Child] = weakref.WeakSet()


@frozen
class Exchanged:
    """What came back for a line: the first line, what else had been written by then,
    and whether all of the request had been taken before.
    """

    line: bytes
    rest: bytes
    asked: bool


class Child:
    """A program that is started, exchanged lines with, and ended."""

    def __init__(self, command: Sequence[str], *, answer_bytes: int = ANSWER_BYTES) -> None:
        self.command = tuple(command)
        self.answer_bytes = answer_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._poll = select.poll()
        self._in = self._out = self._err = -1
        self._out_open = False
        self._buffer = bytearray()
        self._stderr = bytearray()

    @property
    def running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The process id of the running child."""
        return self._process.pid if self._process else None

    @property
    def stderr(self) -> str:
        """The last lines that it wrote on standard error."""
        lines = bytes(self._stderr[-STDERR_BYTES:]).decode("utf-8", "replace").splitlines()
        return "\n".join(printable(line) for line in lines[-STDERR_LINES:])

    # -- starting and ending ---------------------------------------------------

    def start(self) -> None:
        """Start the program, with our environment and in our directory."""
        self.end()
        self._buffer.clear()
        self._stderr.clear()
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Crash("start", f"cannot start {self.command[0]!r}: {reason}") from error
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._owner = os.getpid()
        _live.add(self)
        self._in, self._out, self._err = (
            stream.fileno() for stream in (process.stdin, process.stdout, process.stderr)
        )
        self._poll = select.poll()
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(self._err, select.POLLIN)
        self._out_open = True

    def finish(self, farewell: bytes, seconds: float) -> str:
        """Say goodbye, wait for the end, end it by force if need be; what went wrong, or nothing."""
        process = self._process
        if process is None:
            return ""
        deadline = time.monotonic() + seconds
        problem = ""
        try:
            with contextlib.suppress(OSError):
                os.write(self._in, farewell)
            assert process.stdin
            with contextlib.suppress(OSError):
                process.stdin.close()
            if not self._wait(deadline):
                problem = f"did not end within {seconds:g} s after `bye` and the end of its standard input"
        finally:
            code = self.end()
        if not problem and code:
            problem = f"{_ending(code)} after `bye`"
        return problem

    def end(self) -> int | None:
        """End the whole process group and give back what is held; the exit code."""
        process = self._process
        if process is None:
            return None
        _live.discard(self)
        try:
            if self._owner != os.getpid():  # a fork of this process is not the parent
                return None
            if not self._exited():
                self._signal(signal.SIGTERM)
                self._wait(time.monotonic() + _GRACE)
        finally:
            if self._owner == os.getpid():
                # Before the leader is reaped its id cannot be that of another group.
                self._signal(signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel
                    process.wait(_GRACE)
                self._drain()
            self._process = None
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        return process.returncode

    def _signal(self, number: int) -> None:
        assert self._process
        # macOS refuses to signal a group of which only the unreaped leader is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _exited(self) -> bool:
        """Whether the child has ended; it stays unreaped, so that its group keeps its id."""
        assert self._process
        if not hasattr(os, "waitid"):  # some versions of macOS
            return self._process.poll() is not None
        try:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._process.pid, options) is not None
        except ChildProcessError:
            return True

    def _wait(self, deadline: float) -> bool:
        """Whether the child ends before `deadline`; what it still writes is read, and standard error kept."""
        with contextlib.suppress(KeyError, ValueError):
            self._poll.unregister(self._in)
        pause = 0.001
        while not self._exited():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for descriptor, _ in self._poll.poll(1000 * min(left, pause)):
                if descriptor == self._err:
                    self._read_stderr()
                elif descriptor == self._out:
                    self._read(self._out)
            pause = min(2 * pause, _LOOK)
        return True

    # -- exchanging lines ------------------------------------------------------

    def exchange(self, operation: str, line: bytes, seconds: float) -> Exchanged:
        """Send a line and read the answering one, or one that was written before it was asked for."""
        if self._process is None:
            raise Crash(operation, "the program is not running")
        deadline = time.monotonic() + seconds
        self._read_stdout()
        sent = self._write(line, 0)
        if sent < len(line):
            self._poll.register(self._in, select.POLLOUT)
        searched = 0
        look_at = time.monotonic() + _LOOK
        while True:
            newline = self._buffer.find(b"\n", searched)
            searched = len(self._buffer)
            if newline >= 0 or searched > self.answer_bytes:
                break
            now = time.monotonic()
            if now >= deadline:
                raise self._late(operation, seconds, sent, len(line))
            if not self._out_open or now >= look_at:
                if not self._out_open or self._exited():
                    self._read_stdout()  # what was written before the end counts
                    if self._buffer.find(b"\n", searched) >= 0:
                        continue
                    raise self._ended(operation, deadline)
                look_at = now + _LOOK
            for descriptor, _ in self._poll.poll(1000 * min(deadline - now, _LOOK)):
                if descriptor == self._out:
                    self._read_stdout()
                elif descriptor == self._err:
                    self._read_stderr()
                else:
                    sent = self._write(line, sent)
                    if sent == len(line):
                        self._poll.unregister(self._in)
        if newline < 0 or newline > self.answer_bytes:
            message = f"a line of more than {self.answer_bytes} bytes: {excerpt(self._buffer)}"
            raise self.failure(Flood, operation, message)
        answer, rest = bytes(self._buffer[:newline]), bytes(self._buffer[newline + 1 :])
        self._buffer.clear()
        return Exchanged(answer, rest, asked=sent == len(line))

    def failure(self, kind: type[AdapterFailure], operation: str, message: str) -> AdapterFailure:
        """A failure that shows the end of standard error."""
        self._drain()
        return kind(operation, message, stderr=self.stderr)

    def _late(self, operation: str, seconds: float, sent: int, total: int) -> AdapterFailure:
        if sent < total:
            message = f"did not read its standard input: {sent} of {total} bytes within {seconds:g} s"
            return self.failure(Hang, operation, message)
        if self._buffer:
            message = f"half a line, and no end of it within {seconds:g} s: {excerpt(self._buffer)}"
            return self.failure(Garbage, operation, message)
        return self.failure(Hang, operation, f"no answer within {seconds:g} s")

    def _ended(self, operation: str, deadline: float) -> AdapterFailure:
        half = f", after half a line: {excerpt(self._buffer)}" if self._buffer else ""
        if self._wait(min(deadline, time.monotonic() + _GRACE)):
            code = self.end() or 0
            failure = Crash(operation, f"{_ending(code)} instead of answering{half}", stderr=self.stderr)
            failure.exit_code = code if code >= 0 else None
            return failure
        return self.failure(Crash, operation, f"closed its standard output and runs on{half}")

    def _write(self, line: bytes, sent: int) -> int:
        """Write what goes; all counts as sent when nobody will read it, the answer tells the rest."""
        try:
            while sent < len(line):
                sent += os.write(self._in, memoryview(line)[sent : sent + _CHUNK])
        except BlockingIOError:
            return sent
        except OSError:  # the child has closed its standard input
            return len(line)
        return sent

    def _read(self, descriptor: int) -> bytes | None:
        """What is there to read; None if nothing is.  At the end of the stream it is no longer polled."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            with contextlib.suppress(KeyError):
                self._poll.unregister(descriptor)
            if descriptor == self._out:
                self._out_open = False
            return None
        return data

    def _read_stdout(self) -> None:
        """Take what is there, at most a little more than a line may have."""
        while len(self._buffer) <= self.answer_bytes:
            data = self._read(self._out) if self._out_open else None
            if data is None:
                return
            self._buffer += data

    def _read_stderr(self) -> bool:
        data = self._read(self._err)
        if data is None:
            return False
        self._stderr += data
        if len(self._stderr) > 2 * STDERR_BYTES:
            del self._stderr[:-STDERR_BYTES]
        return True

    def _drain(self) -> None:
        """Take what is there of standard error, but not for ever."""
        if self._process is not None:
            for _ in range(2 * STDERR_BYTES // 1024):
                if not self._read_stderr():
                    return


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def excerpt(data: bytes | bytearray, *, most: int = 120) -> str:
    """The beginning of what was written, on one line."""
    text = bytes(data[: most + 1]).decode("utf-8", "backslashreplace")
    shown = repr(text[:most])
    return f"{shown}..." if len(data) > most else shown


def _end_all() -> None:
    for child in list(_live):
        child.end()


atexit.register(_end_all)
