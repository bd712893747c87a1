# SPDX-License-Identifier: Apache-2.0
"""The endpoint sets of a service port, as one node's proxy sees them (catalogue, section 1)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from reference.objects import (
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointSlice,
    Service,
    ServicePort,
)
from reference.questions import Backend


@frozen
class Candidate:
    """An endpoint of a service port, with what decides whether it may be picked."""

    backend: Backend
    ready: bool
    draining: bool
    """Serving and terminating and not ready: of use when nothing is ready (RT-009)."""
    terminating: bool
    node_name: str | None
    zone_hints: tuple[str, ...]
    node_hints: tuple[str, ...]


def candidate(endpoint: Endpoint, port: int) -> Candidate:
    """Conditions that nobody wrote read as ready, serving, not terminating (RT-005, RT-008, RT-009)."""
    conditions = endpoint.conditions
    ready = conditions.ready is not False
    serving = conditions.serving is not False
    terminating = conditions.terminating is True
    hints = endpoint.hints
    return Candidate(
        backend=Backend(endpoint.addresses[0], port),
        ready=ready,
        draining=serving and terminating and not ready,
        terminating=terminating,
        node_name=endpoint.node_name,
        zone_hints=tuple(hint.name for hint in hints.for_zones) if hints else (),
        node_hints=tuple(hint.name for hint in hints.for_nodes) if hints else (),
    )


def is_usable_slice(item: EndpointSlice, *, family: str = "IPv4") -> bool:
    """Not of a headless Service, and of the family in question (HEADLESS-006, DUAL-004)."""
    return item.address_type == family and HEADLESS_LABEL not in item.metadata.labels


def is_slice_of(item: EndpointSlice, service: Service) -> bool:
    """Linked by namespace and label alone (RT-002)."""
    return (
        item.metadata.namespace == service.metadata.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
    )


def join(slices: Iterable[EndpointSlice], port: ServicePort) -> tuple[Candidate, ...]:
    """The endpoints of a service port: slices joined by port name and protocol (RT-002..007).

    An endpoint that is listed twice counts once; a copy that does not terminate
    wins over one that does (RT-007).
    """
    found: dict[Backend, Candidate] = {}
    for item in slices:
        for entry in item.ports:
            if (entry.name or "") != port.name or (entry.protocol or "TCP") != port.protocol:
                continue
            if not entry.port:
                continue
            for endpoint in item.endpoints:
                new = candidate(endpoint, entry.port)
                known = found.get(new.backend)
                if known is None or (known.terminating and not new.terminating):
                    found[new.backend] = new
    return tuple(found.values())


def is_ambiguous(slices: Iterable[EndpointSlice], port: ServicePort) -> bool:
    """Whether copies of one endpoint contradict each other, so that the winner is open (RT-007)."""
    seen: dict[Backend, Candidate] = {}
    for item in slices:
        for entry in item.ports:
            if (entry.name or "", entry.protocol or "TCP") != (port.name, port.protocol) or not entry.port:
                continue
            for endpoint in item.endpoints:
                new = candidate(endpoint, entry.port)
                if seen.setdefault(new.backend, new) != new:
                    return True
    return False


def candidates(cluster: Cluster, service: Service, port: ServicePort) -> tuple[Candidate, ...]:
    """The endpoints of a service port in a cluster (SYNC-04: all slices together)."""
    return join(
        [item for item in cluster.endpoint_slices if is_usable_slice(item) and is_slice_of(item, service)],
        port,
    )


def has_any(endpoints: Iterable[Candidate]) -> bool:
    """Whether anything anywhere could serve (NOEP-006, NOEP-007, TERM-007)."""
    return any(endpoint.ready or endpoint.draining for endpoint in endpoints)


def cluster_set(
    endpoints: tuple[Candidate, ...], *, node: str, zone: str | None
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """What policy Cluster may pick on `node`, and the ids of the rules that shaped it.

    Ready endpoints that topology leaves (TOPO rows); if nothing is ready anywhere,
    the draining ones, hints ignored (TERM-001, TERM-002, TERM-005, TERM-008).
    """
    ready = tuple(endpoint for endpoint in endpoints if endpoint.ready)
    if not ready:
        return tuple(endpoint for endpoint in endpoints if endpoint.draining), ("TERM-002",)
    if all(endpoint.node_hints for endpoint in ready):
        same = tuple(endpoint for endpoint in ready if node in endpoint.node_hints)
        if same:
            return same, ("TOPO-002", "TOPO-004")
    if zone and all(endpoint.zone_hints for endpoint in ready):
        same = tuple(endpoint for endpoint in ready if zone in endpoint.zone_hints)
        if same:
            return same, ("TOPO-002", "TOPO-004")
    return ready, ("RT-001",)


def local_set(
    endpoints: tuple[Candidate, ...], *, node: str
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """What policy Local may pick on `node`: by node name alone (RT-019, TERM-003, TOPO-009)."""
    local = tuple(endpoint for endpoint in endpoints if endpoint.node_name == node)
    ready = tuple(endpoint for endpoint in local if endpoint.ready)
    if ready:
        return ready, ("RT-019",)
    return tuple(endpoint for endpoint in local if endpoint.draining), ("TERM-003",)
