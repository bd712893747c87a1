# SPDX-License-Identifier: Apache-2.0
"""Describes the tiny proxy to the suite: the one class that a program of one's own needs.

--adapter data-plane --adapter-option program=tests.data_plane.tiny:Tiny
"""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from conformance.data_plane.canary import canaries
from conformance.data_plane.program import Fetch, Place, Signal
from reference.objects import Cluster, Node


class Tiny:
    """One process of tiny_proxy.py for each node; `release` is what it calls its version."""

    name = "tiny-proxy"
    looks_at_its_own_node_only = True

    def __init__(self, *, release: str = "0.1") -> None:
        self.version = release
        self.environment: Mapping[str, str] = {
            **os.environ,
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        }

    def settings(self, cluster: Cluster, node: Node) -> Hashable:
        """It is told nothing that changes: its node's name and the API are all that it knows."""
        return None

    def command(self, place: Place) -> Sequence[str]:
        """The kubeconfig and the name of the node are words of the command."""
        script = Path(__file__).with_name("tiny_proxy.py")
        return [sys.executable, str(script), str(place.kubeconfig), place.node.metadata.name]

    def taken_up(self, get: Fetch) -> Mapping[str, str] | None:
        """It reads nothing of its node, so there is nothing to wait for."""
        return None

    def readiness(self, number: int, nodes: Sequence[Node]) -> Sequence[Signal]:
        """It answers health checks once it has programmed the kernel."""
        return canaries(number, nodes)
