# SPDX-License-Identifier: Apache-2.0
"""The servers that are asked: each with an API of its own from which it takes its objects."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.adapters.running import Running
from conformance.dns_server.asking import Address, family_of, shown
from conformance.dns_server.canary import Canary, Signal, Watch
from conformance.dns_server.program import Place, Program, Streams
from conformance.errors import UsageError
from conformance.outcomes import Crash, Hang
from conformance.watch_api import WatchApi, kubeconfig
from reference.objects import ClusterSettings

LOOPBACK = "127.0.0.1"
_FAREWELL = 0.3
"""Seconds for a server to end of its own accord: it has nothing to lose."""
_ALONE = 16
"""From so many ports a server is asked for its first state: two that share its port would not all agree."""


class Server(ABC):
    """A server under test and the API that feeds it; `seconds` is how long it may take to take up a state."""

    def __init__(self, address: Address, api: WatchApi, *, seconds: float) -> None:
        self.address = address
        self._api = api
        self._seconds = seconds
        self._is_known = False

    def serve(
        self, objects: Mapping[str, Sequence[dict[str, Any]]], canary: Canary, *, domain: str, operation: str
    ) -> None:
        """Serve a state, and wait until its canary is answered for; Hang or Crash if it is not."""
        everything = {kind: list(items) for kind, items in objects.items()}
        for kind, added in canary.objects().items():
            everything.setdefault(kind, []).extend(added)
        self._api.replace(objects=everything)
        end = time.monotonic() + self._seconds
        if not self._is_known:
            self._await(canary.of_services(domain), end, operation)
        streams = self.streams()
        first = canary.of_slices(domain) if streams.slices else canary.of_services(domain)
        self._await(first, end, operation)
        if streams.pods:
            self._await(canary.of_pods(domain), end, operation)
        if not self._is_known:
            for _ in range(_ALONE):
                self._await(first, end, operation, once=True)
            self._is_known = True

    def _await(self, signal: Signal, end: float, operation: str, *, once: bool = False) -> None:
        with Watch(self.address, signal) as watch:
            while not watch.look():
                self.check(operation)
                if once and not watch.is_silent:
                    reason = f"another server shares {shown(self.address)}: {watch}"
                    raise Crash(operation, reason, stderr=self.log)
                if time.monotonic() > end:
                    reason = f"did not take up the cluster within {self._seconds:g} s: {watch}"
                    raise Hang(operation, reason, stderr=self.log)

    @abstractmethod
    def streams(self) -> Streams:
        """What it watches, as far as it shows in its answers."""

    @property
    def log(self) -> str:
        """The end of its log, as far as there is one here."""
        return ""

    @abstractmethod
    def check(self, operation: str) -> None:
        """Raise Crash if it is known to have ended."""

    @abstractmethod
    def restart(self) -> None:
        """Start it anew, where it was started here."""

    def close(self) -> None:
        """End it, where it was started here, and the API."""
        self._api.close()


class Given(Server):
    """A server that runs already, and was or will be told where the API is."""

    def __init__(
        self, address: Address, *, api: Address, kubeconfig_path: str, pods: bool, seconds: float
    ) -> None:
        self._pods = pods
        served = WatchApi()
        served.start()
        try:
            served.listen(_listener(api, "option api of dns"))
            if kubeconfig_path:
                _write(Path(kubeconfig_path), f"http://{shown(api)}")
        except BaseException:
            served.close()
            raise
        super().__init__(address, served, seconds=seconds)

    def streams(self) -> Streams:
        """As its author says of pods: a server may watch them for other reasons."""
        return Streams(slices=True, pods=self._pods)

    def check(self, operation: str) -> None:
        """Nothing is known of somebody else's process."""

    def restart(self) -> None:
        """That is for whoever started it."""


class Started(Server):
    """A process of a program, at a port of its own, for clusters of the same settings."""

    def __init__(
        self,
        program: Program,
        *,
        settings: ClusterSettings,
        folder: Path,
        canaries: tuple[str, ...],
        seconds: float,
    ) -> None:
        self._program = program
        served = WatchApi()
        served.start()
        try:
            listener = _listener((LOOPBACK, 0), "the API")
            url = f"http://{shown(listener.getsockname()[:2])}"
            served.listen(listener)
            folder.mkdir()
            port = _free_port(program.port)
            path = folder / "kubeconfig"
            _write(path, url)
            spare = _free_port(0)
            self._place = Place(settings, LOOPBACK, port, spare, folder, path, canaries)
            self._running = self._start()
        except BaseException:
            served.close()
            raise
        super().__init__((LOOPBACK, port), served, seconds=seconds)

    def _start(self) -> Running:
        command = self._program.command(self._place)
        environment = self._program.environment
        return Running(command, environment=environment, what=self._program.name, bound=True)

    def streams(self) -> Streams:
        """As its program tells; it has asked for all that it needs when it answers."""
        paths = (request.path.rsplit("/", 1)[-1] for request in self._api.requests)
        return self._program.streams(frozenset(paths))

    @property
    def log(self) -> str:
        """The end of its log."""
        return self._running.log

    def check(self, operation: str) -> None:
        """Raise Crash if its process has ended."""
        if self._running.ended:
            cause, _, log = str(self._running.end_of_it()).partition("\n")
            raise Crash(operation, cause, stderr=log)

    def restart(self) -> None:
        """End the process, and start another in its place."""
        self._running.stop()
        self._is_known = False
        _free_port(self._place.port)
        self._running = self._start()

    def close(self) -> None:
        """End the process, and the API."""
        with contextlib.suppress(Exception):
            self._running.stop(seconds=_FAREWELL)
        super().close()


def _listener(address: Address, where: str) -> socket.socket:
    try:
        return socket.create_server(address, family=family_of(address), backlog=128)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot listen at {shown(address)}: {reason}", where=where) from error


def _write(path: Path, url: str) -> None:
    try:
        path.write_text(kubeconfig(server=url), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _free_port(wanted: int) -> int:
    """A port at which nobody listens, over UDP and TCP, not even those who share theirs.

    A port that was `wanted` and is in use is a UsageError.
    """
    problem: OSError | None = None
    for _ in range(1 if wanted else 50):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            # Connections that were closed a moment ago do not count.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind((LOOPBACK, wanted))
                tcp.listen()
                port: int = tcp.getsockname()[1]
                udp.bind((LOOPBACK, port))
                return port
            except OSError as error:
                problem = error
    reason = os.strerror(problem.errno) if problem and problem.errno else ""
    raise UsageError(f"port {wanted or 'of any number'} cannot be had: {reason}", where="DNS server")
