# SPDX-License-Identifier: Apache-2.0
"""What happens to a packet that is for a service port (decision procedure, steps 6 to 12)."""

from __future__ import annotations

from reference.objects import ZONE_LABEL, Node, Service
from reference.questions import Backend, Client, ClientKind, Decision, Outcome
from reference.routing.addresses import addresses_of, family, inside, is_everything, primary_address
from reference.routing.candidates import Candidate, cluster_set, has_any, local_set
from reference.routing.frontends import Destination, Match, is_intercepted

_NO_ENDPOINTS = {
    Destination.CLUSTER_IP: "NOEP-001",
    Destination.EXTERNAL_IP: "NOEP-003",
    Destination.LOAD_BALANCER_IP: "NOEP-003",
    Destination.NODE_PORT: "NOEP-003",
}


def is_admitted(service: Service, node: Node, ip: str) -> bool:
    """Step 6: whether the source ranges let a packet to a load-balancer IP in (LB-006, -007, -009, -014)."""
    version = 6 if ":" in ip else 4
    ranges = [cidr for cidr in service.spec.load_balancer_source_ranges if family(cidr) == version]
    if not ranges or any(is_everything(cidr) for cidr in ranges):
        return True
    if any(inside(ip, cidr) for cidr in ranges):
        return True
    own = any(is_intercepted(entry) and entry.ip == ip for entry in service.status.load_balancer.ingress)
    primary = primary_address(node)
    return own and primary is not None and any(inside(primary, cidr) for cidr in ranges)


def pick_from(
    match: Match, endpoints: tuple[Candidate, ...], node: Node, kind: ClientKind
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Step 8: the set from which a backend is picked, and the ids of the rules that chose it."""
    spec = match.service.spec
    name = node.metadata.name
    zone = node.metadata.labels.get(ZONE_LABEL)
    if match.destination is Destination.CLUSTER_IP:
        if spec.internal_traffic_policy == "Local":
            chosen, rules = local_set(endpoints, node=name)
            return chosen, ("ITP-003", *rules)
        chosen, rules = cluster_set(endpoints, node=name, zone=zone)
        return chosen, ("ITP-001", *rules)
    if spec.external_traffic_policy == "Local" and kind is ClientKind.EXTERNAL:
        chosen, rules = local_set(endpoints, node=name)
        return chosen, ("ETP-005", *rules)
    why = "ETP-003"
    if spec.external_traffic_policy == "Local":
        # The short circuit: clients inside the cluster are not bound to their node.
        on_node = "ETP-011" if kind is ClientKind.POD else "ETP-012"
        why = on_node if match.destination is Destination.NODE_PORT else "ETP-008"
    chosen, rules = cluster_set(endpoints, node=name, zone=zone)
    return chosen, (why, *rules)


def nothing_local(match: Match) -> str:
    """The row for an empty local set while there are endpoints elsewhere (step 9, NOEP-005)."""
    return "ITP-004" if match.destination is Destination.CLUSTER_IP else "ETP-007"


def is_masqueraded(match: Match, kind: ClientKind) -> tuple[bool, str]:
    """Step 11 a to c: whether the source address is replaced, and the row that says so."""
    if match.destination is Destination.CLUSTER_IP:
        if kind is ClientKind.POD:
            return False, "RT-014"
        return True, "RT-015" if kind is ClientKind.NODE else "RT-018"
    if match.service.spec.external_traffic_policy != "Local":
        return True, "ETP-004"
    if kind is ClientKind.NODE:
        return True, "ETP-010"
    return False, "ETP-009" if kind is ClientKind.POD else "ETP-006"


def masqueraded(
    backends: frozenset[Backend], *, base: bool, node: Node, client: Client
) -> frozenset[Backend]:
    """Step 11 d and e: a pod that reaches itself, and host-network endpoints of this very node.

    RT-016, RT-021.  A packet of the host itself does pass the post-routing hook.
    """
    here = addresses_of(node)
    from_outside = client.kind is not ClientKind.NODE or client.node != node.metadata.name
    result = set()
    for backend in backends:
        replaced = base or backend.ip == client.ip
        if from_outside and backend.ip in here:
            # Taken in by the host itself; the packet never leaves through the hook.
            replaced = client.ip in here and replaced
        if replaced:
            result.add(backend)
    return frozenset(result)


def decide_matched(
    match: Match, endpoints: tuple[Candidate, ...], *, node: Node, kind: ClientKind, client: Client
) -> Decision:
    """Steps 6 to 12 for a packet of `client`, taken as `kind`, on `node`."""
    if match.destination is Destination.LOAD_BALANCER_IP and not is_admitted(match.service, node, client.ip):
        return Decision(Outcome.DROP, rules=("LB-006",))
    if not has_any(endpoints):
        return Decision(Outcome.REJECT, rules=(_NO_ENDPOINTS[match.destination], "NOEP-006"))
    chosen, rules = pick_from(match, endpoints, node, kind)
    if not chosen:
        return Decision(Outcome.DROP, rules=(nothing_local(match), "NOEP-005", *rules))
    backends = frozenset(endpoint.backend for endpoint in chosen)
    base, why = is_masqueraded(match, kind)
    return Decision(
        Outcome.FORWARD,
        backends,
        masqueraded(backends, base=base, node=node, client=client),
        rules=(*rules, why),
    )
