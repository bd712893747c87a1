# SPDX-License-Identifier: Apache-2.0
"""The network: nodes, the pods of each, and the outside, as network namespaces."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import groupby
from types import TracebackType

from conformance.data_plane.addresses import IPV4, IPV6, canonical, family_of, is_loopback
from conformance.data_plane.associations import Association, Associations
from conformance.data_plane.batch import BATCH_SECONDS, Batch
from conformance.data_plane.clients import Attempt, SocketAttempt
from conformance.data_plane.doubts import PATIENCE, unsteady
from conformance.data_plane.errors import NetworkError, UnsupportedProtocolError
from conformance.data_plane.health import ask_all
from conformance.data_plane.hosting import Hosting
from conformance.data_plane.icmp import Failure
from conformance.data_plane.links import make_outside
from conformance.data_plane.loop import Loop
from conformance.data_plane.nowhere import Nowhere
from conformance.data_plane.plan import Frontend
from conformance.data_plane.source_ports import SourcePorts
from reference.objects import Cluster
from reference.questions import (
    Backend,
    ClientKind,
    Connection,
    HealthCheck,
    HealthCheckAnswer,
    Observation,
    Outcome,
)

__all__ = ["Network", "NetworkError", "UnsupportedProtocolError"]

_MOST_DESCRIPTORS = 16384
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_OUTCOMES = {
    Failure.REFUSED: Outcome.REJECT,
    Failure.NOWHERE: Outcome.NOT_A_SERVICE,
    Failure.LOST: Outcome.FORWARD,
    Failure.SILENT: Outcome.DROP,
}


class Network:
    """Nodes, the pods of each, and the outside; a context manager.

    Needs to be root, or root of a user namespace.  Everything is gone with the process,
    however it ends.  One thread uses it.
    """

    def __init__(
        self, *, families: tuple[str, ...] = (IPV4, IPV6), batch_seconds: float = BATCH_SECONDS
    ) -> None:
        """Raises NetworkError where the kernel or the privileges do not allow it.

        Connections that are not done within `batch_seconds` are given up.
        """
        if not families or not set(families) <= {IPV4, IPV6}:
            raise NetworkError(f"no families of addresses: {families}", hint=f"{IPV4}, {IPV6}, or both")
        self._families = families
        self._batch_seconds = batch_seconds
        self._ports = SourcePorts()
        _allow_descriptors()
        with ExitStack() as stack:
            self._loop = Loop()
            stack.callback(self._loop.close)
            outside = self._outside = make_outside(families)
            stack.callback(outside.close)
            self._nowhere = Nowhere(outside, families)
            stack.callback(self._nowhere.close)
            self._loop.add(self._nowhere.socket, self._nowhere)
            self._associations = Associations(self._loop)
            stack.callback(self._associations.close)
            self._hosting = Hosting(outside, self._loop, families)
            stack.callback(self._hosting.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away."""
        self._stack.close()

    def prepare(self, cluster: Cluster) -> None:
        """Make what the cluster needs: nodes, addresses, routes and listeners.

        A node that the cluster does not have stays, as the programs in it do, and keeps
        its addresses unless the cluster has them elsewhere.
        """
        self._hosting.prepare(cluster)

    def inside(self, node: str) -> AbstractContextManager[None]:
        """The thread is in the node's namespace, to start a program or make a socket there."""
        return self._hosting.node(node).host.inside()

    def health_checks(self, checks: Sequence[HealthCheck]) -> list[HealthCheckAnswer]:
        """What each health check node port answers.

        Asked from outside, as a load balancer does, at the node's first address of the family.
        """
        return ask_all(checks, self._hosting)

    def connect(
        self,
        connections: Sequence[Connection],
        *,
        expected_to_answer: Callable[[Connection], bool] | None = None,
        in_order: Callable[[Connection], Hashable | None] | None = None,
    ) -> list[Observation]:
        """What each connection met, in the order in which they were given.

        Those of different `at` are made so many seconds after one another; those with
        the same key by `in_order` one after the other, in their order, and those with
        None all at once.  Without `in_order` those of one client to one Service are
        made in order.

        What is silent is tried again, for three seconds in all, if `expected_to_answer`;
        without that, always.  Where another try mends it, and silence comes again and again
        from that flow, each connection is told as its first try ended.
        """
        key = in_order or self._client_and_service
        clients = {
            ip: connection.flow.client
            for connection in connections
            if (ip := canonical(connection.flow.client.ip)) is not None
        }
        attempts = [self._attempt(connection, key(connection)) for connection in connections]
        self._hosting.welcome(clients)
        lent = self._hosting.lend({Frontend(attempt.ip, *_port(attempt.connection)) for attempt in attempts})
        by_time = sorted(attempts, key=lambda attempt: attempt.connection.at)
        started = time.monotonic()
        try:
            for at, group in groupby(by_time, key=lambda attempt: attempt.connection.at):
                time.sleep(max(0.0, started + at - by_time[0].connection.at - time.monotonic()))
                Batch(self._loop, list(group), expected_to_answer, seconds=self._batch_seconds).run()
            doubted = (attempt.connection.flow for attempt in attempts if _is_mended(attempt))
            unsure = unsteady(doubted, self._silent)
        finally:
            self._nowhere.seen.clear()
            self._hosting.dismiss()
            for servers, keys in lent:
                servers.shut(keys)
        return [
            Observation(Outcome.DROP)
            if attempt.connection.flow in unsure and _is_mended(attempt)
            else self._observed(attempt)
            for attempt in attempts
        ]

    def _silent(self, connections: Sequence[Connection]) -> list[bool]:
        """Which connections meet silence; those of one flow are made one after the other, and once."""
        attempts = [self._attempt(connection, connection.flow) for connection in connections]
        Batch(self._loop, attempts, lambda _: False, patience=PATIENCE, seconds=self._batch_seconds).run()
        return [attempt.failure is Failure.SILENT for attempt in attempts]

    def _client_and_service(self, connection: Connection) -> Hashable:
        flow = connection.flow
        frontend = Frontend(canonical(flow.ip) or flow.ip, flow.port, flow.protocol)
        return flow.client, self._hosting.plan.frontends.get(frontend, frontend)

    def _attempt(self, connection: Connection, key: Hashable | None) -> Attempt:
        flow = connection.flow
        ip, source_ip = canonical(flow.ip), canonical(flow.client.ip)
        if flow.client.kind is ClientKind.NODE and is_loopback(flow.ip) and is_loopback(flow.client.ip):
            ip, source_ip = flow.ip, flow.client.ip
        if ip is None or source_ip is None or family_of(ip) != family_of(source_ip):
            raise NetworkError(
                f"no connection from {flow.client.ip!r} to {flow.ip!r}",
                where="connection",
                hint="both have to be addresses of one family that packets can be routed to",
            )
        if family_of(ip) not in self._families:
            raise NetworkError(f"the network was made without {family_of(ip)}", where="connection")
        if flow.protocol not in _PROTOCOLS:
            raise UnsupportedProtocolError(f"no connections over {flow.protocol!r}", where="connection")
        node = self._hosting.node(flow.client.node)
        mark = 0
        namespace = node.host
        if flow.client.kind is ClientKind.EXTERNAL:
            namespace, mark = self._outside.namespace, node.mark
        elif flow.client.kind is ClientKind.POD:
            namespace = node.pods
        if flow.protocol != "SCTP":
            return SocketAttempt(
                connection,
                source_ip=source_ip,
                ip=ip,
                namespace=namespace,
                mark=mark,
                key=key,
                ports=self._ports,
                nowhere=self._nowhere,
                foreign=namespace is node.host and self._hosting.may_be_guest(source_ip),
            )
        for every in self._hosting.namespaces:
            self._associations.open(every, family_of(ip))
        return Association(
            connection,
            associations=self._associations,
            source_ip=source_ip,
            ip=ip,
            namespace=namespace,
            mark=mark,
            key=key,
            ports=self._ports,
            nowhere=self._nowhere,
            foreign=False,
        )

    def _observed(self, attempt: Attempt) -> Observation:
        outcome = _OUTCOMES[attempt.failure] if attempt.failure else Outcome.FORWARD
        arrival = attempt.arrival
        if outcome is not Outcome.FORWARD or arrival is None:
            return Observation(outcome)
        flow = attempt.connection.flow
        plan = self._hosting.plan
        reached = Frontend(arrival.ip, arrival.port, flow.protocol)
        untouched = arrival.ip == attempt.ip and arrival.port == flow.port
        if untouched and not (reached in plan.endpoints and reached in plan.frontends):
            return Observation(Outcome.NOT_A_SERVICE)
        source = arrival.source_ip
        return Observation(
            Outcome.FORWARD,
            Backend(plan.listed.get(arrival.ip, arrival.ip), arrival.port),
            flow.client.ip if source == attempt.source_ip else plan.written.get(source, source),
        )


def _allow_descriptors() -> None:
    """As many descriptors as the hard limit allows: each listener and connection takes one or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _is_mended(attempt: Attempt) -> bool:
    """Whether it was silent at first."""
    return attempt.tries > 1 and attempt.failure is not Failure.SILENT


def _port(connection: Connection) -> tuple[int, str]:
    return connection.flow.port, connection.flow.protocol
