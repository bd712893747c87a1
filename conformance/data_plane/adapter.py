# SPDX-License-Identifier: Apache-2.0
"""The adapter for programs that read the Kubernetes API and program the kernel of each node.

One process of the program for each node, in the node's network namespace; a watchable
API that serves the cluster to all of them; connections from real sockets.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import define

from conformance.adapters.running import Running
from conformance.adapters.timeouts import Timeouts, Waits
from conformance.data_plane.network import Network
from conformance.data_plane.program import DataPlaneError, Place, Program, Signal, deadline
from conformance.data_plane.waiting import Waiting, in_order
from conformance.data_plane.widening import Memory
from conformance.model import model_of
from conformance.watch_api import WatchApi, kubeconfig, served
from reference.objects import ZONE_LABEL, Cluster, Node, NodeAddress, NodeStatus, ObjectMeta
from reference.questions import (
    Connection,
    HealthCheck,
    HealthCheckAnswer,
    Observation,
)

_API_PORT = 16443
_STARTED, _CONVERGED, _MOVED = 5 / 6, 4 / 6, 1 / 6
"""The shares of the time for `apply` in which a state has to be in the kernel, by a process that
was just started and by one that runs; and in which a program has to have taken up another zone.
"""
_ANSWERED = 5 / 6
"""The share of the time for an answer after which a batch is given up."""
_PAUSE = 0.001
"""Seconds between two looks whether it has."""
_REMEMBERED = 180.0
"""Seconds for which the kernel tracks a UDP flow at the most, by default."""


@define
class _Site:
    """A node and the process that serves it."""

    node: Node
    settings: Hashable
    running: Running
    kubeconfig: Path


class DataPlane:
    """Judges a program by what packets meet; answers `connect` and `health_checks`."""

    def __init__(self, program: Program, *, folder: Path, timeouts: Waits | None = None) -> None:
        self._program = program
        self._keeps = bool(getattr(program, "looks_at_its_own_node_only", False))
        self._folder = folder
        self._timeouts: Waits = timeouts or Timeouts()
        self._network = Network(batch_seconds=_ANSWERED * self._timeouts.answer)
        self._api = WatchApi()
        self._api.start()
        self._sites: dict[str, _Site] = {}
        self._cluster = self._wide = Cluster()
        self._memory = Memory()
        self._waiting = Waiting()
        self._number = 0
        self._remembered = 0.0
        # Until then the kernel may remember UDP flows that go on.
        self.name = program.name
        self.version = program.version

    def prove(self) -> None:
        """See that the program gets ready at all, on a node of its own; DataPlaneError if it does not."""
        name = "kube-service-conformance"
        addresses = (NodeAddress("InternalIP", "192.0.2.1"), NodeAddress("InternalIP", "2001:db8::1"))
        self.apply(Cluster(nodes=(Node(ObjectMeta(name=name), status=NodeStatus(addresses)),)))
        self._sites.pop(name).running.stop()

    # -- states -----------------------------------------------------------------

    def apply(self, cluster: Cluster) -> None:
        """Serve the cluster; return when it is in the kernel of each of its nodes."""
        self._check()
        self._cluster = cluster
        self._wide = wide = self._memory.widened(cluster) if self._keeps else cluster
        self._network.prepare(wide)
        self._serve_nodes(wide)
        fresh = self._start_missing(wide)
        self._settle(wide, self._share(_STARTED if fresh else _CONVERGED))

    def update(self, cluster: Cluster) -> None:
        """As `apply`: what changed is all that programs are told in any case."""
        self.apply(cluster)

    def restart(self) -> None:
        """End every process and start it again; what it left in the kernel stays there."""
        for site in self._sites.values():
            site.running.stop()
        for site in self._sites.values():
            site.running = self._started(site.node, self._wide, site.kubeconfig)
        self._settle(self._wide, self._share(_STARTED))

    def close(self) -> None:
        """End every process, and take away every namespace."""
        for site in self._sites.values():
            with contextlib.suppress(Exception):
                site.running.stop()
        self._sites = {}
        self._api.close()
        self._network.close()

    # -- questions ----------------------------------------------------------------

    def connect(self, connections: Sequence[Connection]) -> list[Observation]:
        """What each connection met."""
        self._check()
        table = model_of(self._cluster).routing
        if any(connection.may_go_on for connection in connections):
            self._remembered = deadline(_REMEMBERED)
        seen = self._network.connect(
            connections,
            expected_to_answer=lambda connection: self._waiting.answers(
                self._cluster, table, connection.flow
            ),
            in_order=partial(in_order, table),
        )
        self._waiting.learn(self._cluster, table, zip(connections, seen, strict=True))
        self._check()
        return seen

    def health_checks(self, checks: Sequence[HealthCheck]) -> list[HealthCheckAnswer]:
        """The answers at the nodes' primary addresses."""
        self._check()
        answers = self._network.health_checks(checks)
        self._check()
        return answers

    # -- convergence ----------------------------------------------------------------

    def _settle(self, cluster: Cluster, seconds: float) -> None:
        """Serve all but the nodes, and wait until it is in the kernel."""
        streams = served.served(cluster)
        del streams["nodes"]
        end = deadline(seconds)
        # What belongs to UDP flows is forgotten after the kernel was programmed: a second round is behind it.
        for _ in range(2 if time.monotonic() < self._remembered else 1):
            self._number += 1
            signals = self._program.readiness(self._number, cluster.nodes)
            everything = {**streams, "servicecidrs": served.service_cidrs(cluster)}
            for signal in signals:
                for kind, added in signal.objects().items():
                    everything[kind] = [*everything.get(kind, ()), *added]
            self._api.replace(objects=everything)
            for signal in signals:
                self._await(signal, end, seconds)

    def _share(self, share: float) -> float:
        """So much of the time that is waited for a state; the first one is waited for as a start."""
        return share * min(self._timeouts.apply, self._timeouts.start)

    def _await(self, signal: Signal, end: float, seconds: float) -> None:
        missing = signal.nodes
        while missing:
            missing = signal.pending(missing, self)
            if not missing:
                return
            self._check()
            if time.monotonic() > end:
                reason = f"did not bring the cluster into the kernel within {seconds:.3g} s ({signal.part})"
                raise self._given_up(missing[0], reason)
            time.sleep(_PAUSE)

    def _serve_nodes(self, cluster: Cluster) -> None:
        """Nodes are a stream of their own: a change of zone has to be taken up before the rest."""
        moved = []
        for node in cluster.nodes:
            site = self._sites.get(node.metadata.name)
            if site is not None and site.settings == self._program.settings(cluster, node):
                if _zone(site.node) != _zone(node):
                    moved.append((site, self._taken_up(site)))
                site.node = node
            elif site is not None:
                site.running.stop()
                del self._sites[node.metadata.name]
        if not self._keeps:
            for name in self._sites.keys() - {node.metadata.name for node in cluster.nodes}:
                self._sites.pop(name).running.stop()
        nodes = {site.node.metadata.name: site.node for site in self._sites.values()}
        nodes |= {node.metadata.name: node for node in cluster.nodes}
        self._api.replace(objects={"nodes": [served.node_object(node) for node in nodes.values()]})
        seconds = self._share(_MOVED)
        end = deadline(seconds)
        for site, before in moved:
            while before and any(
                (self._taken_up(site) or before).get(name) == value for name, value in before.items()
            ):
                self._check()
                if time.monotonic() > end:
                    reason = f"did not take up the node's zone within {seconds:.3g} s"
                    raise self._given_up(site.node.metadata.name, reason)
                time.sleep(_PAUSE)

    def _taken_up(self, site: _Site) -> Mapping[str, str] | None:
        return self._program.taken_up(partial(self.get, site.node.metadata.name))

    def get(self, node: str, port: int, path: str) -> str | None:
        """The body of an HTTP GET to 127.0.0.1 within a node; None if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            with self._network.inside(node):
                connection.connect()
            connection.request("GET", path)
            text: str = connection.getresponse().read().decode("utf-8", "replace")
            return text
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    # -- processes ----------------------------------------------------------------

    def _start_missing(self, cluster: Cluster) -> bool:
        missing = [node for node in cluster.nodes if node.metadata.name not in self._sites]
        for node in missing:
            name = node.metadata.name
            path = self._folder / f"{name}.kubeconfig"
            if not path.exists():
                path.write_text(kubeconfig(server=f"http://127.0.0.1:{_API_PORT}"), encoding="utf-8")
                self._listen(name)
            settings = self._program.settings(cluster, node)
            self._sites[name] = _Site(node, settings, self._started(node, cluster, path), path)
        return bool(missing)

    def _listen(self, node: str) -> None:
        """The API is served at a loopback address of each node, so that no address is taken from anybody."""
        with self._network.inside(node):
            listener = socket.create_server(("127.0.0.1", _API_PORT))
        self._api.listen(listener)

    def _started(self, node: Node, cluster: Cluster, path: Path) -> Running:
        name = node.metadata.name
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        command = self._program.command(Place(node, cluster, folder, path))
        what = f"{self._program.name} of {name}"
        with self._network.inside(name):
            return Running(command, environment=self._program.environment, what=what)

    def _check(self) -> None:
        """Raise DataPlaneError once for what has ended; the next state starts it anew."""
        ended = [name for name, site in self._sites.items() if site.running.ended]
        errors = [self._sites.pop(name).running.end_of_it() for name in ended]
        if errors:
            raise errors[0]

    def _given_up(self, node: str, reason: str) -> DataPlaneError:
        """The error for a process that does not do its work; the next state starts another."""
        running = self._sites.pop(node).running
        running.stop()
        return running.failed(reason)


def _zone(node: Node) -> str | None:
    zone: str | None = node.metadata.labels.get(ZONE_LABEL)
    return zone


__all__ = ["DataPlane", "DataPlaneError"]
