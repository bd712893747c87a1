# SPDX-License-Identifier: Apache-2.0
"""Where a flow ends, and where the slices say that it may end."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from zlib import crc32

from attrs import frozen

from conformance.invariants.base import Case
from conformance.questions.cross import client, family
from reference.objects import (
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointSlice,
    Service,
    ServicePort,
)
from reference.questions import FIRST_PORT_IN_TURN, PORTS_IN_TURN, Backend, Client, Connection, Flow, Outcome

ROUTING = "route|connect"


@lru_cache(maxsize=4096)
def canonical(ip: str) -> str:
    """An address in the one form in which it is compared."""
    return str(ipaddress.ip_address(ip)) if ":" in ip else ip


# -- where a flow ends -------------------------------------------------------------


@frozen
class Reached:
    """What a flow met.  `complete` says that `backends` are all that it may meet, not just one of them."""

    outcome: Outcome
    backends: frozenset[Backend]
    complete: bool

    @property
    def forwarded(self) -> bool:
        """Whether some backend answered."""
        return self.outcome is Outcome.FORWARD

    def __str__(self) -> str:
        if not self.forwarded:
            return self.outcome.value
        return f"forward to {shown(self.backends)}"


def shown(backends: Iterable[Backend]) -> str:
    """Backends in words."""
    texts = [f"{backend.ip}:{backend.port}" for backend in sorted(backends)]
    return ", ".join(texts) or "none"


def client_of(case: Case) -> Client | None:
    """The pod from which all flows come; worked out once for a case."""
    return case.memo("cross.client", lambda: client(case.cluster))


def follow(case: Case, flows: Sequence[Flow]) -> list[Reached]:
    """What each flow meets, by the decision where the implementation tells it, else by one connection."""
    if case.supports("route"):
        return [
            Reached(decision.outcome, decision.backends, complete=True)
            for decision in case.ask("route", flows)
        ]
    connections = [Connection(flow, source_port=_source_port(flow)) for flow in flows]
    return [
        Reached(seen.outcome, frozenset({seen.backend} if seen.backend else ()), complete=False)
        for seen in case.ask("connect", connections)
    ]


def _source_port(flow: Flow) -> int:
    """A source port that follows from what is dialled, so that connections are independent."""
    return FIRST_PORT_IN_TURN + crc32(f"{flow.ip} {flow.port} {flow.protocol}".encode()) % PORTS_IN_TURN


# -- where it may end ----------------------------------------------------------------


@frozen
class Offered:
    """The endpoints of a service port.

    `ready` are ready without a doubt and have to be reachable.  `perhaps` holds
    those as well of which several entries disagree, `terminating` what may be used
    while nothing is ready.  `narrowed` says that hints may leave some out.
    """

    ready: frozenset[Backend]
    perhaps: frozenset[Backend]
    terminating: frozenset[Backend]
    narrowed: bool

    @property
    def usable(self) -> frozenset[Backend]:
        """All that a flow may end at."""
        return self.perhaps if self.ready else self.perhaps | self.terminating


def slices_of(case: Case, service: Service) -> list[EndpointSlice]:
    """The slices of a Service in the cluster, whoever wrote them."""
    index = case.memo("cross.slices", lambda: _index(case.cluster.endpoint_slices))
    return index.get((service.metadata.namespace, service.metadata.name), [])


def _index(slices: Iterable[EndpointSlice]) -> dict[tuple[str, str], list[EndpointSlice]]:
    index: dict[tuple[str, str], list[EndpointSlice]] = {}
    for item in slices:
        name = item.metadata.labels.get(SERVICE_NAME_LABEL)
        if name:
            index.setdefault((item.metadata.namespace, name), []).append(item)
    return index


def offered(slices: Iterable[EndpointSlice], port: ServicePort, ip: str) -> Offered:
    """The endpoints that slices give a service port, for flows to an address of the family of `ip`."""
    entries: dict[Backend, list[tuple[Endpoint, bool]]] = {}
    for item in slices:
        if item.address_type != family(ip):
            continue
        # A proxy does not look at slices of headless Services, so these make nothing sure.
        counts = HEADLESS_LABEL not in item.metadata.labels
        for entry in item.ports:
            if (entry.name or "") != port.name or (entry.protocol or "TCP") != port.protocol:
                continue
            if entry.port:
                for endpoint in item.endpoints:
                    backend = Backend(canonical(endpoint.addresses[0]), entry.port)
                    entries.setdefault(backend, []).append((endpoint, counts))
    ready, perhaps, terminating = set(), set(), set()
    narrowed = False
    for backend, copies in entries.items():
        states = [endpoint.conditions.ready is not False for endpoint, _ in copies]
        if all(states) and any(counts for _, counts in copies):
            ready.add(backend)
        if any(states):
            perhaps.add(backend)
        for endpoint, _ in copies:
            conditions = endpoint.conditions
            if conditions.ready is False and conditions.terminating and conditions.serving is not False:
                terminating.add(backend)
            narrowed = narrowed or endpoint.hints is not None
    return Offered(frozenset(ready), frozenset(perhaps), frozenset(terminating), narrowed)


# -- both together ---------------------------------------------------------------------

ENDPOINTS = "endpoints"
NO_ENDPOINTS = "no endpoints"


def may_end(reached: Reached, wanted: Offered) -> bool:
    """Whether a flow may end like that: with a ready endpoint it has to be forwarded."""
    if reached.forwarded:
        return bool(reached.backends) and reached.backends <= wanted.usable
    return not wanted.ready


def judge(case: Case, requirement: str, way: str, reached: Reached, wanted: Offered) -> None:
    """Judge that a flow ends where the slices say.

    `way` says in words how the flow came about.  With a ready endpoint it has to be
    forwarded, without any endpoint it must not be; what is in between is open.
    """
    case.judged(ENDPOINTS if wanted.ready else NO_ENDPOINTS if not wanted.usable else "doubtful endpoints")
    if may_end(reached, wanted):
        return
    if reached.forwarded:
        expected = f"forward to some of {shown(wanted.usable)}" if wanted.usable else "not forwarded"
    else:
        expected = f"forward to some of {shown(wanted.ready)}"
    case.fail(requirement, question=way, expected=expected, got=str(reached), because=(requirement,))


def flow_to(source: Client, ip: str, port: int, protocol: str) -> Flow:
    """A flow from `source`."""
    return Flow(source, ip, port, protocol)
