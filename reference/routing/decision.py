# SPDX-License-Identifier: Apache-2.0
"""What happens to a packet that is for a service port (decision procedure, steps 6 to 12)."""

from __future__ import annotations

from reference.objects import Service
from reference.questions import Backend, Client, ClientKind, Decision, Outcome
from reference.routing.addresses import ProxyNode, family_of, inside, is_same
from reference.routing.candidates import Chosen, EndpointSets
from reference.routing.frontends import Destination, Match, is_intercepted


def ranges_for(service: Service, ip: str) -> list[str]:
    """The source ranges that filter packets from `ip`: those of its family (LB-007, LB-008, DUAL-005)."""
    family = family_of(ip)
    return [cidr for cidr in service.spec.load_balancer_source_ranges if family_of(cidr) == family]


def is_admitted(service: Service, node: ProxyNode, ip: str) -> bool:
    """Step 6: whether the source ranges let a packet to a load-balancer IP in.

    LB-006, LB-012, LB-014; a packet from one of the Service's own addresses is let
    in if the node is (LB-009).
    """
    ranges = ranges_for(service, ip)
    if not ranges or any(inside(ip, cidr) for cidr in ranges):
        return True
    if not any(is_intercepted(entry) and entry.ip == ip for entry in service.status.load_balancer.ingress):
        return False
    primary = node.primary(family_of(ip))
    return primary is not None and any(inside(primary, cidr) for cidr in ranges)


def refusal_rule(match: Match, kind: ClientKind) -> str:
    """The row by which a packet is refused while there is no endpoint at all (step 7)."""
    if match.destination is not Destination.CLUSTER_IP:
        return "NOEP-003"
    if match.service.spec.internal_traffic_policy == "Local":
        return "ITP-005"
    return "NOEP-002" if kind is ClientKind.NODE else "NOEP-001"


def policy(match: Match, kind: ClientKind) -> tuple[bool, str]:
    """Step 8: whether only local endpoints count, and the row that says so.

    The internal policy is for cluster IPs alone, the external one for all else
    (ITP-002, ITP-006, ETP-002).  Clients inside the cluster are not bound to their
    node by an external policy: the short circuit (ETP-008, ETP-015, ETP-016).
    """
    spec = match.service.spec
    if match.destination is Destination.CLUSTER_IP:
        local = spec.internal_traffic_policy == "Local"
        return local, "ITP-003" if local else "ITP-001"
    if spec.external_traffic_policy != "Local":
        return False, "ETP-003"
    if kind is ClientKind.EXTERNAL:
        return True, "ETP-005"
    return False, short_circuit_rule(match, kind)


def short_circuit_rule(match: Match, kind: ClientKind) -> str:
    """The row by which a client inside the cluster is not bound to its node."""
    if match.destination is not Destination.NODE_PORT:
        return "ETP-008"
    return "ETP-011" if kind is ClientKind.POD else "ETP-012"


def is_masqueraded(match: Match, kind: ClientKind, *, knows_pods: bool) -> tuple[bool, str]:
    """Step 11 a to c: whether the source address is replaced, and the row that says so.

    Without a range that tells pods nobody is masqueraded to cluster IPs (RT-027).
    """
    if match.destination is Destination.CLUSTER_IP:
        if kind is ClientKind.POD:
            return False, "RT-014"
        if not knows_pods:
            return False, "RT-027"
        return True, "RT-015" if kind is ClientKind.NODE else "RT-018"
    if match.service.spec.external_traffic_policy != "Local":
        return True, "ETP-004"
    if kind is ClientKind.NODE:
        return True, "ETP-010"
    return False, "ETP-009" if kind is ClientKind.POD else "ETP-006"


def masqueraded(
    backends: frozenset[Backend], *, base: bool, node: ProxyNode, kind: ClientKind, client: Client
) -> frozenset[Backend]:
    """Step 11 d and e: those of `backends` that see a node's address instead of the client's.

    A pod that reaches itself does (RT-016).  Host-network endpoints of this very
    node do not, for a packet that comes from outside of the host (RT-021): it is
    taken in and never passes the hook that replaces the source.
    """
    from_host = kind is ClientKind.NODE
    return frozenset(
        backend
        for backend in backends
        if (base or is_same(backend.ip, client.ip)) and (from_host or backend.ip not in node.addresses)
    )


def decide_matched(
    match: Match,
    sets: EndpointSets,
    *,
    node: ProxyNode,
    kind: ClientKind,
    client: Client,
    knows_pods: bool,
) -> Decision:
    """Steps 6 to 12 for a packet of `client`, taken as `kind`, on `node`."""
    if match.destination is Destination.LOAD_BALANCER_IP and not is_admitted(match.service, node, client.ip):
        return Decision(Outcome.DROP, rules=("LB-006",))
    if not sets.has_any:
        return Decision(Outcome.REJECT, rules=(refusal_rule(match, kind), "NOEP-006"))
    local, why = policy(match, kind)
    chosen: Chosen = sets.local(node) if local else sets.cluster(node)
    if not chosen.backends:
        nothing_local = "ITP-004" if why == "ITP-003" else "ETP-007"
        return Decision(Outcome.DROP, rules=(nothing_local, "NOEP-005", why))
    base, source_rule = is_masqueraded(match, kind, knows_pods=knows_pods)
    return Decision(
        Outcome.FORWARD,
        chosen.backends,
        masqueraded(chosen.backends, base=base, node=node, kind=kind, client=client),
        rules=(why, *chosen.rules, source_rule),
    )
