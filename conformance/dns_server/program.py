# SPDX-License-Identifier: Apache-2.0
"""A DNS server that the suite starts: what is particular to it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from attrs import frozen

from reference.objects import ClusterSettings


@frozen
class Place:
    """Where a process of the program works."""

    settings: ClusterSettings
    """Of the clusters that it will serve."""
    address: str
    port: int
    """Where it has to listen, over UDP and TCP."""
    spare: int
    """A port that it may use for itself."""
    folder: Path
    """Its own."""
    kubeconfig: Path
    canaries: tuple[str, ...]
    """Namespaces that it has to serve besides those of clusters."""

    @property
    def domain(self) -> str:
        """The cluster domain."""
        return self.settings.cluster_domain.rstrip(".")


class Streams(NamedTuple):
    """What a program watches, as far as it shows in its answers."""

    slices: bool
    pods: bool


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

    def settings(self, settings: ClusterSettings) -> Hashable:
        """What it is told of a cluster on its start: for each of these there is a process of its own."""

    def command(self, place: Place) -> Sequence[str]:
        """Write its configuration into the place's folder; the words of the command that starts it."""

    def streams(self, asked_for: frozenset[str]) -> Streams:
        """What shows in its answers; `asked_for` are the plurals of what it has listed or watched."""
