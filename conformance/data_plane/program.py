# SPDX-License-Identifier: Apache-2.0
"""A program under test that programs the kernel of each node; one process for each."""

from __future__ import annotations

import contextlib
import subprocess
import textwrap
import threading
import time
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from attrs import frozen

from conformance.errors import UsageError
from reference.objects import Cluster, Node
from reference.questions import HealthCheck, HealthCheckAnswer

Plain = dict[str, Any]

LOG_LINES = 20
"""How many lines of its log an error shows."""


class DataPlaneError(UsageError):
    """The program under test ended or did not converge; says so with the last lines of its log."""


@frozen
class Place:
    """Where a process of the program works."""

    node: Node
    cluster: Cluster
    folder: Path
    """Its own; after a restart with what it wrote there before."""
    kubeconfig: Path


class Program(Protocol):
    """What is particular to a program: how it is configured and started."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def version(self) -> str:
        """Its version, and that of what it depends on."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables with which it is started."""

    def settings(self, cluster: Cluster, node: Node) -> Hashable:
        """What it is told on its start: where this changes it is started anew."""

    def command(self, place: Place) -> Sequence[str]:
        """Write its configuration into the place's folder; the words of the command that starts it."""

    def taken_up(self, get: Fetch) -> Mapping[str, str] | None:
        """Values that are all others once it has taken up a change of its node; None if it tells none.

        `get` fetches a path from a port of the node's loopback address.
        """

    def readiness(self, number: int, nodes: Sequence[Node]) -> Sequence[Signal]:
        """What will tell that the `number`th state is in the kernel of all of these nodes.

        `canaries` of conformance.data_plane.canary makes it of health check node ports.
        """


class Signal(Protocol):
    """What tells on which nodes a state is in the kernel."""

    @property
    def part(self) -> str:
        """The part of the state of which it tells, as `IPv4`."""

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the nodes on which it will be seen."""

    def objects(self) -> Mapping[str, Sequence[Plain]]:
        """What is served for it, behind all else, by the plural of the kind."""

    def pending(self, nodes: Sequence[str], look: Look) -> Sequence[str]:
        """Those of the nodes on which it is not seen yet."""


class Look(Protocol):
    """What a signal can be seen by."""

    def health_checks(self, checks: Sequence[HealthCheck]) -> Sequence[HealthCheckAnswer]:
        """The answers at health check node ports."""

    def get(self, node: str, port: int, path: str) -> str | None:
        """The body of an HTTP GET to 127.0.0.1 within a node; None if there is no answer."""


class Fetch(Protocol):
    """An HTTP GET to 127.0.0.1 within a node; None if there is no answer."""

    def __call__(self, port: int, path: str) -> str | None:
        """The body."""


class Running:
    """A process of the program, and the end of what it has written."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], what: str) -> None:
        self.what = what
        self._lines: deque[str] = deque(maxlen=200)
        try:
            self._process = subprocess.Popen(
                list(command),
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

    def end_of_it(self) -> DataPlaneError:
        """Take back what a process that has ended held; the error that says how it ended."""
        self.stop()
        code = self._process.returncode
        return self.failed(f"ended with exit code {code}" if code >= 0 else f"ended by signal {-code}")

    def failed(self, reason: str) -> DataPlaneError:
        """The error that says what happened to it, with the end of its log."""
        log = textwrap.indent(self.log or "(nothing)", "  ")
        return DataPlaneError(f"{self.what} {reason}\nthe end of its log:\n{log}")

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


def deadline(seconds: float) -> float:
    """The moment after which nothing is waited for any more."""
    return time.monotonic() + seconds
