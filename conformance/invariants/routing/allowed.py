# SPDX-License-Identifier: Apache-2.0
"""What an implementation may do with a flow, where implementations may differ.

The model decides as kube-proxy does.  Here is every answer that is as good for an
implementation that claims no parity with it, each with the row that leaves it
open (routing catalogue, section 6).
"""

from __future__ import annotations

from attrs import evolve, frozen

from reference.questions import Backend, ClientKind, Decision, Flow, Outcome
from reference.routing import Destination, Match, ProxyNode, RoutingTable
from reference.routing.addresses import family_of, inside
from reference.routing.candidates import cluster_set
from reference.routing.decision import ranges_for
from reference.routing.table import RememberedSets


@frozen
class Allowed:
    """The answers that are right: a forward to one of exactly a set of `sets`, or none if `refused`.

    How a flow is not forwarded, refused or dropped or let be, is open.
    """

    sets: tuple[frozenset[Backend], ...] = ()
    refused: bool = False

    def admits(self, got: Decision, *, complete: bool) -> bool:
        """Whether an answer is right; one that is not `complete` shows a part of its set."""
        if got.outcome is not Outcome.FORWARD:
            return self.refused
        if complete:
            return got.backends in self.sets
        return bool(got.backends) and any(got.backends <= right for right in self.sets)

    @property
    def most(self) -> int:
        """The size of the largest set."""
        return max(map(len, self.sets), default=0)

    @property
    def least(self) -> int:
        """The size of the smallest set."""
        return min(map(len, self.sets), default=0)


REFUSED = Allowed(refused=True)


@frozen
class Situation:
    """A flow for a service port, at the node that decides."""

    flow: Flow
    match: Match
    node: ProxyNode
    kind: ClientKind
    """How the proxy of that node takes the client."""
    own: ProxyNode
    """The node of the client."""
    sets: RememberedSets

    @property
    def is_inside(self) -> bool:
        """Whether the client is in the cluster."""
        return self.flow.client.kind is not ClientKind.EXTERNAL


def situation(table: RoutingTable, flow: Flow, match: Match) -> Situation | None:
    """The situation of a flow for a service port; None if no node decides on it."""
    node = table.processing_node(flow)
    own = table.nodes.get(flow.client.node)
    if node is None or own is None:
        return None
    sets = table.sets(match.service, match.port, family_of(flow.ip))
    return Situation(flow, match, node, table.kind_at(node, flow), own, sets)


def allowed(place: Situation) -> Allowed | None:
    """What any implementation may do; None where nothing is promised to all.

    Nothing is forwarded where nothing could serve (NOEP-007, TERM-005).
    """
    if not place.sets.has_any:
        return REFUSED
    if place.match.destination is Destination.CLUSTER_IP:
        return _cluster_ip(place)
    if not is_primary(place):
        return None  # which of a node's further addresses accept node ports is open (NP-003, NP-004)
    if place.match.destination is Destination.LOAD_BALANCER_IP and not _is_surely_admitted(place):
        return None
    if place.is_inside:
        return _inside(place)
    if place.kind is not ClientKind.EXTERNAL:
        return None  # an outside client with a pod's address: how it is taken is kube-proxy's (RT-027)
    if place.match.service.spec.external_traffic_policy == "Local":
        return local(place, place.node)
    return anywhere(place)


def is_primary(place: Situation) -> bool:
    """Whether a flow is not for a node port, or for one at the node's primary address (NP-001)."""
    if place.match.destination is not Destination.NODE_PORT:
        return True
    return place.flow.ip == place.node.primary(family_of(place.flow.ip))


def _cluster_ip(place: Situation) -> Allowed | None:
    """Clients outside may be kept from cluster IPs, and how they are served is kube-proxy's (RT-018)."""
    if not place.is_inside:
        return None
    if place.match.service.spec.internal_traffic_policy == "Local":
        return local(place, place.node)
    return anywhere(place)


def _is_surely_admitted(place: Situation) -> bool:
    """Source ranges are kube-proxy's (LB-006), but whoever lets both client and node in is not kept out.

    A suite has to allow the node too, for proxies that replace the source first (LB-014).
    """
    ip = place.flow.client.ip
    ranges = ranges_for(place.match.service, ip)
    if not ranges:
        return not place.match.service.spec.load_balancer_source_ranges or _lets_all_in(place)
    primary = place.node.primary(family_of(ip))
    return all(
        address is not None and any(inside(address, cidr) for cidr in ranges) for address in (ip, primary)
    )


def _lets_all_in(place: Situation) -> bool:
    """A range without length; that a family without any range is not filtered is kube-proxy's (LB-007)."""
    ip = place.flow.client.ip
    return any(inside(ip, cidr) for cidr in place.match.service.spec.load_balancer_source_ranges)


def _inside(place: Situation) -> Allowed | None:
    """A client in the cluster that uses an address which is meant for the outside."""
    spec = place.match.service.spec
    destination = place.match.destination
    if spec.external_traffic_policy != "Local":
        found: Allowed | None = anywhere(place)
    elif destination is not Destination.NODE_PORT:
        found = anywhere(place)  # cluster semantics (ETP-008)
    elif place.node.name == place.own.name:
        # Its own node's port: bound to the node or not (ETP-011, ETP-012).
        found = either(local(place, place.node), anywhere(place))
    elif place.flow.client.kind is ClientKind.NODE:
        found = local(place, place.node)  # as from outside (ETP-013)
    else:
        found = _pod_at_another_node(place)
    if found is None:
        return None
    if spec.internal_traffic_policy == "Local":
        # Some apply the internal policy to all clients in the cluster (ITP-006).
        found = either(found, local(place, place.own))
    if destination is Destination.EXTERNAL_IP and place.flow.client.kind is ClientKind.POD:
        found = evolve(found, refused=True)  # some keep pods from external IPs for safety (EXT-007)
    return found


def _pod_at_another_node(place: Situation) -> Allowed | None:
    """ETP-014: only where all usable endpoints are on the addressed node is the result the same for all."""
    usable = [endpoint for endpoint in place.sets.endpoints if endpoint.ready or endpoint.draining]
    if any(endpoint.node_name != place.node.name for endpoint in usable):
        return None
    return either(local(place, place.node), anywhere(place))


def local(place: Situation, node: ProxyNode) -> Allowed:
    """The endpoints of `node`, and no other: not forwarded if it has none (ITP-004, ETP-007)."""
    chosen = place.sets.local(node).backends
    return Allowed((chosen,)) if chosen else REFUSED


def anywhere(place: Situation) -> Allowed:
    """The endpoints of all nodes, by hints or not (TOPO-001 to TOPO-004 are kube-proxy's).

    Hints may be heeded for the node that decides or, where the sender translates
    already, for the client's own (NP-014); hints for nodes are younger than those
    for zones.
    """
    endpoints = place.sets.endpoints
    sets = [place.sets.cluster(node).backends for node in (place.node, place.own)]
    if any(endpoint.zone_hints or endpoint.node_hints for endpoint in endpoints):
        by_zone = tuple(evolve(endpoint, node_hints=()) for endpoint in endpoints)
        unhinted = tuple(evolve(endpoint, zone_hints=()) for endpoint in by_zone)
        sets += [cluster_set(by_zone, node).backends for node in (place.node, place.own)]
        sets.append(cluster_set(unhinted, place.node).backends)
    return Allowed(tuple(dict.fromkeys(sets)))


def either(first: Allowed, second: Allowed) -> Allowed:
    """What one of two ways to see it allows."""
    return Allowed(tuple(dict.fromkeys((*first.sets, *second.sets))), refused=first.refused or second.refused)
