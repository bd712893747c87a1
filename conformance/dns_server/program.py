# SPDX-License-Identifier: Apache-2.0
"""A DNS server that the suite starts: what is particular to it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen

from reference.objects import Cluster


@frozen
class Place:
    """Where a process of the program works."""

    domain: str
    """The cluster domain."""
    address: str
    port: int
    """Where it has to listen, over UDP and TCP."""
    folder: Path
    """Its own."""
    kubeconfig: Path


class Program(Protocol):
    """What is particular to a program: how it is configured and started."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables with which it is started."""

    @property
    def port(self) -> int:
        """The port at which it is to listen; 0 for any that is free."""

    def settings(self, cluster: Cluster) -> Hashable:
        """What it is told on its start: for each of these there is a process of its own."""

    def command(self, place: Place) -> Sequence[str]:
        """Write its configuration into the place's folder; the words of the command that starts it."""

    def watches_pods(self, watched: frozenset[str]) -> bool:
        """Whether it answers for pods that it has seen; `watched` are the plurals that it watches."""
