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
from reference.routing.addresses import IPV4, ProxyNode


@frozen
class Candidate:
    """An endpoint of a service port, with what decides whether it may be picked."""

    backend: Backend
    ready: bool
    serving: bool
    draining: bool
    """Serving and terminating and not ready: of use when nothing is ready (RT-009)."""
    terminating: bool
    node_name: str | None
    zone_hints: tuple[str, ...]
    node_hints: tuple[str, ...]


@frozen
class Chosen:
    """The endpoints out of which one is picked, and the ids of the rules that shaped the set."""

    backends: frozenset[Backend]
    rules: tuple[str, ...]


def candidate(endpoint: Endpoint, port: int) -> Candidate:
    """Conditions that nobody wrote read as ready, serving, not terminating (RT-005, RT-008, RT-009)."""
    conditions = endpoint.conditions
    ready = conditions.ready is not False
    serving = conditions.serving is not False
    terminating = conditions.terminating is True
    hints = endpoint.hints
    return Candidate(
        Backend(endpoint.addresses[0], port),
        ready,
        serving,
        serving and terminating and not ready,
        terminating,
        endpoint.node_name,
        tuple(hint.name for hint in hints.for_zones) if hints else (),
        tuple(hint.name for hint in hints.for_nodes) if hints else (),
    )


def is_usable_slice(item: EndpointSlice, family: str = IPV4) -> bool:
    """Not of a headless Service, and of the family in question (HEADLESS-006, DUAL-004)."""
    return item.address_type == family and HEADLESS_LABEL not in item.metadata.labels


def is_slice_of(item: EndpointSlice, service: Service) -> bool:
    """Linked by namespace and label alone (RT-002)."""
    return (
        item.metadata.namespace == service.metadata.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
    )


def listings(slices: Iterable[EndpointSlice], port: ServicePort) -> Iterable[Candidate]:
    """Every entry for a service port: slices joined by port name and protocol (RT-002 to RT-006).

    An endpoint that several slices list comes up several times.
    """
    for item in slices:
        for entry in item.ports:
            if (entry.name or "") != port.name or (entry.protocol or "TCP") != port.protocol:
                continue
            if entry.port:
                for endpoint in item.endpoints:
                    if endpoint.addresses:
                        yield candidate(endpoint, entry.port)


def join(listed: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The endpoints, each once; a copy that does not terminate wins over one that does (RT-007)."""
    found: dict[Backend, Candidate] = {}
    for new in listed:
        known = found.get(new.backend)
        if known is None or (known.terminating and not new.terminating):
            found[new.backend] = new
    return tuple(found.values())


def is_contradictory(listed: Iterable[Candidate]) -> bool:
    """Whether copies of one endpoint differ, so that the winner is open to some or to all (RT-007)."""
    seen: dict[Backend, Candidate] = {}
    return any(seen.setdefault(new.backend, new) != new for new in listed)


def candidates(
    cluster: Cluster, service: Service, port: ServicePort, family: str = IPV4
) -> tuple[Candidate, ...]:
    """The endpoints of a service port in a cluster (SYNC-04: all slices together; DUAL-001, DUAL-006)."""
    slices = [
        item
        for item in cluster.endpoint_slices
        if is_usable_slice(item, family) and is_slice_of(item, service)
    ]
    return join(listings(slices, port))


def has_any(endpoints: Iterable[Candidate]) -> bool:
    """Whether anything anywhere could serve (NOEP-006, NOEP-007, TERM-007)."""
    return any(endpoint.ready or endpoint.draining for endpoint in endpoints)


def _chosen(endpoints: Iterable[Candidate], *rules: str) -> Chosen:
    return Chosen(frozenset(endpoint.backend for endpoint in endpoints), rules)


def cluster_set(endpoints: tuple[Candidate, ...], node: ProxyNode) -> Chosen:
    """What policy Cluster may pick on `node`.

    Ready endpoints that topology leaves (TOPO-001 to TOPO-009); if nothing is ready
    anywhere, the draining ones, hints ignored (TERM-001, -002, -005, -006, -008).
    """
    ready = [endpoint for endpoint in endpoints if endpoint.ready]
    if not ready:
        return _chosen((endpoint for endpoint in endpoints if endpoint.draining), "TERM-002")
    return same_node(ready, node) or same_zone(ready, node) or _chosen(ready, "RT-001")


def same_node(ready: list[Candidate], node: ProxyNode) -> Chosen | None:
    """Those hinted for this node, if all have a hint and some are for it (TOPO-002, TOPO-003, TOPO-004)."""
    if not all(endpoint.node_hints for endpoint in ready):
        return None
    here = [endpoint for endpoint in ready if node.name in endpoint.node_hints]
    return _chosen(here, "TOPO-004", "TOPO-002") if here else None


def same_zone(ready: list[Candidate], node: ProxyNode) -> Chosen | None:
    """Those hinted for this node's zone, likewise (TOPO-002 to TOPO-006, TOPO-008)."""
    if not node.zone or not all(endpoint.zone_hints for endpoint in ready):
        return None
    here = [endpoint for endpoint in ready if node.zone in endpoint.zone_hints]
    return _chosen(here, "TOPO-004", "TOPO-002") if here else None


def local_set(endpoints: tuple[Candidate, ...], node: ProxyNode) -> Chosen:
    """What policy Local may pick on `node`: by node name alone (RT-019, RT-020, TERM-003, TOPO-009)."""
    local = [endpoint for endpoint in endpoints if endpoint.node_name == node.name]
    ready = [endpoint for endpoint in local if endpoint.ready]
    if ready:
        return _chosen(ready, "RT-019")
    return _chosen((endpoint for endpoint in local if endpoint.draining), "TERM-003")


class EndpointSets:
    """The endpoint sets of one service port in one family, worked out anew at each question."""

    def __init__(self, endpoints: tuple[Candidate, ...]) -> None:
        self.endpoints = endpoints

    @property
    def has_any(self) -> bool:
        """Whether anything anywhere could serve."""
        return has_any(self.endpoints)

    def cluster(self, node: ProxyNode) -> Chosen:
        """What policy Cluster may pick on `node`."""
        return cluster_set(self.endpoints, node)

    def local(self, node: ProxyNode) -> Chosen:
        """What policy Local may pick on `node`."""
        return local_set(self.endpoints, node)
