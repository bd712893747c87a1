# SPDX-License-Identifier: Apache-2.0
"""Which requirement a wrong set of backends breaks: the one that all wrong members have in common.

A wrong set is always a deviation; this only finds the sentence that explains it best.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from attrs import frozen

from conformance.invariants.routing.asked import Served
from reference.objects import SERVICE_NAME_LABEL, Cluster, Endpoint, EndpointSlice
from reference.questions import Backend, ClientKind, Outcome
from reference.routing import Candidate, Destination
from reference.routing.addresses import family_of
from reference.routing.candidates import is_usable_slice


@frozen
class Listing:
    """An endpoint as a slice of the Service lists it for the service port."""

    piece: EndpointSlice
    endpoint: Endpoint
    backend: Backend
    same_name: bool
    same_protocol: bool


def listings(cluster: Cluster, item: Served) -> Iterator[Listing]:
    """Every endpoint of every slice of the flow's Service, for whichever port."""
    meta, port = item.match.service.metadata, item.match.port
    for piece in cluster.endpoint_slices:
        if piece.metadata.namespace != meta.namespace:
            continue
        if piece.metadata.labels.get(SERVICE_NAME_LABEL) != meta.name:
            continue
        for entry in piece.ports:
            for endpoint in piece.endpoints:
                yield Listing(
                    piece,
                    endpoint,
                    Backend(endpoint.addresses[0], entry.port or 0),
                    (entry.name or "") == port.name,
                    (entry.protocol or "TCP") == port.protocol,
                )


def right(item: Served) -> frozenset[Backend]:
    """The allowed set that the model has, else the first one."""
    assert item.allowed is not None
    if item.expected.backends in item.allowed.sets:
        return item.expected.backends
    return item.allowed.sets[0] if item.allowed.sets else frozenset()


def stranger_row(cluster: Cluster, item: Served, stranger: Backend) -> str:
    """The row that a backend breaks which nobody lists for the service port."""
    listed = list(listings(cluster, item))
    known = [each for each in listed if each.backend == stranger]
    if any(each.same_name and each.same_protocol for each in known):
        return "HEADLESS-006"
    if any(each.same_name for each in known):
        return "RT-004"
    if known:
        return "RT-002"
    if any(stranger.ip in each.endpoint.addresses[1:] for each in listed):
        return "RT-005"
    own = [each for each in listed if each.same_name and each.same_protocol]
    if any(each.backend.ip == stranger.ip for each in own):
        # The number is one that a slice gives for another endpoint.
        return "RT-003" if any(each.backend.port == stranger.port for each in own) else "RT-001"
    return "RT-002"


def extra_rows(cluster: Cluster, item: Served, extra: Collection[Backend]) -> Iterator[set[str]]:
    """For each backend that is too many, the rows that say so."""
    by_backend = {each.backend: each for each in item.place.sets.endpoints}
    for backend in extra:
        found = by_backend.get(backend)
        if found is None:
            yield {stranger_row(cluster, item, backend)}
        elif found.ready:
            yield {"RT-019"} if found.node_name is None else set()
        elif found.draining:
            yield {"TERM-001"}
        else:
            yield {"TERM-005"} if found.terminating else {"RT-009"}


def missing_rows(
    cluster: Cluster, item: Served, missing: frozenset[Backend], kept: frozenset[Backend]
) -> list[str]:
    """The rows that hold for each missing backend and for none of those that are there, best first."""
    by_backend = {each.backend: each for each in item.place.sets.endpoints}
    listed: dict[Backend, list[Listing]] = {}
    for each in listings(cluster, item):
        if each.same_name and each.same_protocol and is_usable_slice(each.piece):
            listed.setdefault(each.backend, []).append(each)
    hosts = {entry.address for node in cluster.nodes for entry in node.status.addresses}
    kept_slices = {id(each.piece) for backend in kept for each in listed.get(backend, ())}

    def rows(backend: Backend) -> Iterator[str]:
        own = listed.get(backend, [])
        found: Candidate = by_backend[backend]
        if backend.ip == item.flow.client.ip and item.flow.client.kind is ClientKind.POD:
            yield "RT-016"
        if backend.ip in hosts:
            yield "RT-020"
        if any(_is_silent(each.endpoint) for each in own):
            yield "RT-008"
        if found.ready and found.terminating:
            yield "TERM-006"
        if found.draining:
            yield "TERM-003" if "TERM-003" in item.expected.rules else "TERM-002"
        if kept and all(id(each.piece) not in kept_slices for each in own):
            yield "SYNC-04"
        if item.match.service.spec.selector is None and not kept:
            yield "HEADLESS-008"

    ips = {backend.ip for backend in kept}
    if missing and all(backend.ip in ips for backend in missing):
        return ["RT-003"]
    every = [list(rows(backend)) for backend in missing]
    others = {row for backend in kept for row in rows(backend)}
    common = set.intersection(*map(set, every)) if every else set()
    return [row for row in every[0] if row in common and row not in others] if every else []


def _is_silent(endpoint: Endpoint) -> bool:
    """Whether the endpoint is usable by a condition that nobody wrote."""
    conditions = endpoint.conditions
    return conditions.ready is None or (conditions.ready is False and conditions.serving is None)


def explained(cluster: Cluster, item: Served) -> list[str]:
    """The rows that explain what is wrong with the backends of an answer, best first."""
    assert item.allowed is not None
    union = frozenset().union(*item.allowed.sets)
    extra = item.got.backends - union
    if extra:
        every = list(extra_rows(cluster, item, sorted(extra)))
        return sorted(set.intersection(*every))
    wanted = right(item)
    if item.got.outcome is Outcome.FORWARD and not item.complete:
        return []
    return missing_rows(cluster, item, wanted - item.got.backends, wanted & item.got.backends)


def by_address(item: Served, default: str) -> str:
    """The row that promises the kind of address, for an answer that no endpoint explains."""
    spec = item.match.service.spec
    forwarded = item.got.outcome is Outcome.FORWARD
    if item.destination is Destination.CLUSTER_IP:
        bound = item.got.backends == item.place.sets.local(item.place.node).backends
        return "ITP-001" if bound and item.policy == "Cluster" else default
    if item.destination is Destination.NODE_PORT:
        if spec.type == "LoadBalancer":
            return "NP-012"
        if any(
            backend.ip == item.flow.ip and backend.port == item.flow.port for backend in item.got.backends
        ):
            return "NP-002"
        return "ETP-003" if forwarded else "NP-001"
    if item.destination is Destination.EXTERNAL_IP:
        if spec.type != "ClusterIP":
            return "EXT-003"
        return "ETP-003" if forwarded else "EXT-001"
    family = family_of(item.flow.ip)
    every = (entry.ip for entry in item.match.service.status.load_balancer.ingress)
    addresses = [ip for ip in every if family_of(ip) == family]
    if addresses.index(item.flow.ip) > 0:
        return "LB-015"
    return "LB-014" if spec.load_balancer_source_ranges and not forwarded else default


def row(cluster: Cluster, item: Served, claimed: Collection[str], default: str) -> str:
    """The claimed row that explains a wrong answer best."""
    found = next((each for each in explained(cluster, item) if each in claimed), None)
    if found is not None:
        return found
    other = by_address(item, default)
    return other if other in claimed else default
