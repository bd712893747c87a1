# SPDX-License-Identifier: Apache-2.0
"""A program under test that programs the kernel of each node; one process for each."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from conformance.adapters.running import ProgramError
from reference.objects import Cluster, Node
from reference.questions import HealthCheck, HealthCheckAnswer

Plain = dict[str, Any]

DataPlaneError = ProgramError
"""The program under test ended or did not converge."""


@frozen
class Place:
    """Where a process of the program works."""

    node: Node
    cluster: Cluster
    folder: Path
    """Its own; after a restart with what it wrote there before."""
    kubeconfig: Path


class Program(Protocol):
    """What is particular to a program: how it is configured and started.

    One that has `looks_at_its_own_node_only = True` is judged faster: its processes live on
    when a cluster lacks their node, which stays in the API with them, and a node keeps an
    address of a family that a cluster lacks.
    """

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


def deadline(seconds: float) -> float:
    """The moment after which nothing is waited for any more."""
    return time.monotonic() + seconds
