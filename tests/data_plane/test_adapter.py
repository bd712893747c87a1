# SPDX-License-Identifier: Apache-2.0
"""What becomes of processes of the program that end, or do not do their work."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from conformance.data_plane import adapter as module
from conformance.data_plane.adapter import DataPlane
from conformance.data_plane.program import DataPlaneError, Place
from conformance.errors import UsageError
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference.questions import Outcome
from tests.data_plane import worlds
from tests.data_plane.tiny import Tiny

pytestmark = pytest.mark.usefixtures("networked")

_CLUSTER = SMALL.cluster


@contextmanager
def _plane(program: Tiny) -> Iterator[DataPlane]:
    worlds.needs_nft()
    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(program, folder=Path(folder))
        try:
            yield plane
        finally:
            plane.close()


def _forwards(plane: DataPlane) -> bool:
    (seen,) = plane.connect(QUESTIONS["connect"][:1])
    return seen.outcome is Outcome.FORWARD


def _pid(plane: DataPlane) -> int:
    return plane._sites["node-a"].running._process.pid


@pytest.mark.parametrize("keeps", [True, False])
def test_nodes_that_a_cluster_lacks(keeps: bool) -> None:
    """Only a program that says so is left to serve a node that the cluster does not have."""

    class Looking(Tiny):
        looks_at_its_own_node_only = keeps

    larger = evolve(_CLUSTER, nodes=(*_CLUSTER.nodes, worlds.node("node-z", "192.168.0.77")))
    with _plane(Looking()) as plane:
        plane.apply(larger)
        running = plane._sites["node-z"].running
        plane.apply(_CLUSTER)
        assert ("node-z" in plane._sites) is keeps
        assert running.ended is not keeps
        assert _forwards(plane)
        plane.apply(larger)
        assert "node-z" in plane._sites
        assert _forwards(plane)


def test_one_that_ended_is_told_once_and_started_anew() -> None:
    """Its end fails what is asked next, and nothing after that: the next state has a new process."""
    with _plane(Tiny()) as plane:
        plane.apply(_CLUSTER)
        assert _forwards(plane)
        first = _pid(plane)
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        with pytest.raises(
            DataPlaneError, match=r"^tiny-proxy of node-a ended by signal 9\nthe end of its log:"
        ):
            plane.apply(_CLUSTER)
        plane.apply(_CLUSTER)
        assert _pid(plane) != first
        assert _forwards(plane)


def test_one_that_ends_while_it_is_asked_is_told() -> None:
    """Also after questions it is looked whether it lives."""
    with _plane(Tiny()) as plane:
        plane.apply(_CLUSTER)
        first = _pid(plane)
        os.kill(first, signal.SIGTERM)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        with pytest.raises(DataPlaneError, match="ended by signal 15"):
            plane.health_checks(QUESTIONS["health_checks"])
        plane.apply(_CLUSTER)
        assert _forwards(plane)


def test_one_that_does_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is up it is told with its log, and the next state has a new process."""
    monkeypatch.setattr(module, "_STARTED", 1 / 30)

    class Lazy(Tiny):
        lazy = True

        def command(self, place: Place) -> list[str]:
            lazy = ["sh", "-c", "echo not today; exec sleep 600"]
            return lazy if self.lazy else list(super().command(place))

    program = Lazy()
    with _plane(program) as plane:
        message = (
            r"^tiny-proxy of node-a did not bring the cluster into the kernel within 1 s \(IPv4\)\n"
            r"the end of its log:\n  not today$"
        )
        with pytest.raises(DataPlaneError, match=message):
            plane.apply(_CLUSTER)
        assert not plane._sites
        program.lazy = False
        monkeypatch.setattr(module, "_STARTED", 5 / 6)
        plane.apply(_CLUSTER)
        assert _forwards(plane)


def test_one_that_cannot_be_started() -> None:
    """The system's reason is told; another state is tried anew."""

    class Absent(Tiny):
        def command(self, place: Place) -> list[str]:
            return ["/no/such/program"]

    with _plane(Absent()) as plane:
        for _ in range(2):
            with pytest.raises(UsageError, match=r"^/no/such/program: cannot be started: No such file"):
                plane.apply(_CLUSTER)


def test_a_restart_keeps_what_is_in_the_kernel_right() -> None:
    """After a restart other processes serve the same state."""
    with _plane(Tiny()) as plane:
        plane.apply(_CLUSTER)
        first = _pid(plane)
        plane.restart()
        assert _pid(plane) != first
        assert _forwards(plane)
