# SPDX-License-Identifier: Apache-2.0
"""The adapter for DNS servers: they take their objects from an API, and are asked over the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve, frozen

from conformance.adapters.running import ProgramError
from conformance.dns_server.asking import PATIENCE, Address, Asker
from conformance.dns_server.canary import Canary, namespaces, token
from conformance.dns_server.circles import no_circles
from conformance.dns_server.domains import Exchange, can_be_exchanged
from conformance.dns_server.program import Program
from conformance.dns_server.servers import Given, Server, Started
from conformance.errors import UsageError
from conformance.outcomes import AdapterFailure
from conformance.watch_api.served import served
from reference.objects import Cluster, EndpointSlice, Namespace, ObjectMeta, Pod, Service
from reference.questions import Answer, Query

TAKEN_UP = 20.0
"""Seconds until a server has to have taken up a state; less than any wait for it."""
_MOST_SERVERS = 8
"""So many processes there are at a time, each for other settings."""


@frozen(kw_only=True)
class Manner:
    """How servers are asked: over which transport, and how long an answer is waited for."""

    transport: str = "both"
    patience: float = PATIENCE
    seconds: float = TAKEN_UP


class _Adapter(ABC):
    """What is common to both: a state is served with a canary, and then asked about."""

    name = ""
    version = ""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._run = token()
        self._number = 0
        self._cluster = Cluster()
        self._askers: dict[Address, Asker] = {}

    def apply(self, cluster: Cluster) -> None:
        """Serve the cluster; return when the server has taken it up."""
        self._serve(cluster, "apply")

    def update(self, cluster: Cluster) -> None:
        """As `apply`: a server is told what changed in any case."""
        self._serve(cluster, "update")

    def _serve(self, cluster: Cluster, operation: str) -> None:
        self._cluster = cluster
        self._number += 1
        server, shown = self._server(cluster)
        objects = served(_with_all_namespaces(shown))
        canary = Canary(self._run, self._number)
        domain = shown.settings.cluster_domain.rstrip(".")
        with self._forgotten(server):
            server.serve(objects, canary, domain=domain, operation=operation)

    def _ask(self, server: Server, queries: Sequence[Query]) -> list[Answer]:
        with self._forgotten(server):
            server.check("resolve")
            asker = self._askers.get(server.address)
            if asker is None:
                manner = self._manner
                asker = Asker(server.address, patience=manner.patience, transport=manner.transport)
                self._askers[server.address] = asker
            try:
                return asker.ask(queries)
            except AdapterFailure:
                server.check("resolve")  # that it has ended says more
                raise

    @abstractmethod
    def _server(self, cluster: Cluster) -> tuple[Server, Cluster]:
        """The server for a cluster, and the cluster as it is served there."""

    @contextmanager
    def _forgotten(self, server: Server) -> Iterator[None]:
        """A server that failed is not asked again, where another can be started."""
        yield


class StartedServers(_Adapter):
    """Judges a program that is started here, a process for all clusters of the same settings."""

    def __init__(self, program: Program, *, folder: Path, manner: Manner | None = None) -> None:
        super().__init__(manner or Manner())
        self._program = program
        self._folder = folder
        self._servers: OrderedDict[Hashable, Server] = OrderedDict()
        self._started = 0
        self.name = program.name
        self.version = program.version

    def prove(self) -> None:
        """See that the program gets ready at all; ProgramError if it does not."""
        try:
            self.apply(Cluster())
        except AdapterFailure as failure:
            log = f"\nthe end of its log:\n{_indented(failure.stderr)}" if failure.stderr else ""
            reason = failure.message.removeprefix(f"{self.name} ")
            raise ProgramError(f"{self.name} {reason}{log}") from failure

    def resolve(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers of the cluster's server."""
        server, _ = self._server(self._cluster)
        answers = self._ask(server, queries)
        no_circles(self._cluster, queries, answers)
        return answers

    def restart(self) -> None:
        """End the process of the cluster, and start another."""
        server, _ = self._server(self._cluster)
        with self._forgotten(server):
            server.restart()
        self._serve(self._cluster, "restart")

    def close(self) -> None:
        """End every process."""
        while self._servers:
            self._servers.popitem()[1].close()

    def _server(self, cluster: Cluster) -> tuple[Server, Cluster]:
        key = self._program.settings(cluster.settings)
        if key not in self._servers:
            if len(self._servers) >= _MOST_SERVERS or self._program.port:
                self._servers.popitem(last=False)[1].close() if self._servers else None
            self._started += 1
            self._servers[key] = Started(
                self._program,
                settings=cluster.settings,
                canaries=namespaces(self._run),
                folder=self._folder / str(self._started),
                seconds=self._manner.seconds,
            )
        self._servers.move_to_end(key)
        return self._servers[key], cluster

    @contextmanager
    def _forgotten(self, server: Server) -> Iterator[None]:
        try:
            yield
        except BaseException:
            for key, each in list(self._servers.items()):
                if each is server:
                    del self._servers[key]
            server.close()
            raise


class GivenServer(_Adapter):
    """Judges a server that runs already and has one cluster domain, which is exchanged for each cluster's."""

    name = "dns"

    def __init__(self, server: Given, *, domain: str, manner: Manner | None = None) -> None:
        super().__init__(manner or Manner())
        self._given = server
        self._domain = domain

    def resolve(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers of the server."""
        exchange = self._exchange(self._cluster)
        if exchange is None:
            answers = self._ask(self._given, queries)
        else:
            asked = self._ask(self._given, [exchange.query(query) for query in queries])
            answers = [exchange.answer(answer) for answer in asked]
        no_circles(self._cluster, queries, answers)
        return answers

    def close(self) -> None:
        """End the API; the server is not ours."""
        self._given.close()

    def _server(self, cluster: Cluster) -> tuple[Server, Cluster]:
        exchange = self._exchange(cluster)
        return self._given, cluster if exchange is None else exchange.objects(cluster)

    def _exchange(self, cluster: Cluster) -> Exchange | None:
        domain = cluster.settings.cluster_domain.rstrip(".")
        if domain == self._domain:
            return None
        if not can_be_exchanged(domain, self._domain):
            raise UsageError(
                f"a cluster has the domain {domain!r}, which cannot be exchanged for {self._domain!r}",
                where="option domain of dns",
            )
        return Exchange(domain, self._domain)


def _with_all_namespaces(cluster: Cluster) -> Cluster:
    """An object is in no namespace that is not there, so a cluster that is written down without has them."""
    items: tuple[Service | EndpointSlice | Pod, ...]
    items = (*cluster.services, *cluster.endpoint_slices, *cluster.pods)
    known = {namespace.metadata.name for namespace in cluster.namespaces}
    missing = dict.fromkeys(item.metadata.namespace for item in items)
    more = [
        Namespace(ObjectMeta(name=name, uid=f"namespace-{name}")) for name in missing if name not in known
    ]
    return evolve(cluster, namespaces=(*cluster.namespaces, *more)) if more else cluster


def _indented(text: str) -> str:
    return "\n".join(f"  {line.strip()}" for line in text.splitlines() if line != "the end of its log:")
