# SPDX-License-Identifier: Apache-2.0
"""Where the modes of kube-proxy differ: what each makes of a flow, with its defaults.

Everywhere else both decide as `decide`.  Source: `iptables/proxier.go`
(`iptablesJumpChains`, `usesFWChain`, the last rule of the service chain),
`nftables/proxier.go` (`setupNFTables`), `cmd/kube-proxy/app/server_linux.go`.
"""

from __future__ import annotations

from enum import Enum

from attrs import evolve

from reference.questions import ClientKind, Decision, Flow, Outcome
from reference.routing.addresses import IPV4, ProxyNode, family_of, inside
from reference.routing.frontends import Destination, Match, cluster_ips, is_proxied
from reference.routing.table import NOT_A_SERVICE, RoutingTable

LOOPBACK = {"IPv4": "127.0.0.0/8", "IPv6": "::1/128"}


class Mode(Enum):
    """A mode of kube-proxy."""

    IPTABLES = "iptables"
    NFTABLES = "nftables"


def decide_in_mode(table: RoutingTable, flow: Flow, mode: Mode) -> Decision:
    """What happens to the first packet of a flow in one mode of kube-proxy."""
    found = table.found(flow)
    if found is None:
        return _unmatched(table, flow, mode)
    node, match = found
    if match.destination is Destination.NODE_PORT and not accepts(node, flow.ip, mode):
        return evolve(NOT_A_SERVICE, rules=("NP-013", "NP-004"))
    decision = table.decide(flow)
    if mode is Mode.IPTABLES and match.destination in (Destination.EXTERNAL_IP, Destination.LOAD_BALANCER_IP):
        return _without_endpoints(table, node, match, flow, decision)
    return decision


def is_ambiguous_in_mode(table: RoutingTable, flow: Flow, mode: Mode) -> bool:
    """Whether the endpoints of what a flow is for are listed in ways that contradict each other (RT-007)."""
    node = table.nodes.get(flow.client.node)
    at_primary = None if node is None else _at_primary(node, flow)
    if mode is Mode.IPTABLES and at_primary is not None:
        flow = at_primary
    match = table.match(flow)
    return match is not None and table.is_ambiguous(match.service, match.port, family_of(flow.ip))


def accepts(node: ProxyNode, ip: str, mode: Mode) -> bool:
    """Whether an address of a node takes node ports: all do, or the primary one alone (NP-003, NP-004).

    A family without a primary address is not restricted (NP-006).
    """
    primary = node.primary(family_of(ip))
    return mode is Mode.IPTABLES or primary is None or ip == primary


def _without_endpoints(
    table: RoutingTable, node: ProxyNode, match: Match, flow: Flow, decision: Decision
) -> Decision:
    """No endpoint anywhere, in mode iptables.

    Source ranges count for nothing then (LB-013).  What a process of the node sends to
    an address that is not the node's own meets no rule (NOEP-004).
    """
    if table.sets(match.service, match.port, family_of(flow.ip)).has_any:
        return decision
    if table.kind_at(node, flow) is ClientKind.NODE and flow.ip not in node.addresses:
        return evolve(NOT_A_SERVICE, rules=("NOEP-004",))
    return Decision(Outcome.REJECT, rules=("LB-013",) if decision.outcome is Outcome.DROP else decision.rules)


def _unmatched(table: RoutingTable, flow: Flow, mode: Mode) -> Decision:
    """What becomes of a packet that is for no service port."""
    node = table.nodes.get(flow.client.node)
    if node is None or flow.ip in table.node_by_address:
        return NOT_A_SERVICE
    if inside(flow.ip, LOOPBACK[family_of(flow.ip)]):
        return (
            _loopback(table, node, flow)
            if mode is Mode.IPTABLES
            else evolve(NOT_A_SERVICE, rules=("NP-008",))
        )
    if mode is Mode.IPTABLES:
        return NOT_A_SERVICE
    services = filter(is_proxied, table.cluster.services)
    if any(flow.ip in cluster_ips(service.spec) for service in services):
        return Decision(Outcome.REJECT, rules=("RT-023",))
    if any(inside(flow.ip, cidr) for cidr in table.cluster.settings.service_cidrs):
        return Decision(Outcome.DROP, rules=("RT-024",))
    return NOT_A_SERVICE


def _loopback(table: RoutingTable, node: ProxyNode, flow: Flow) -> Decision:
    """A node port at a loopback address: IPv4 alone, as at the node's own address (NP-007, NP-008)."""
    own = _at_primary(node, flow)
    if own is None:
        return evolve(NOT_A_SERVICE, rules=("NP-008",))
    decision = table.decide(own)
    return evolve(decision, rules=("NP-007", *decision.rules))


def _at_primary(node: ProxyNode, flow: Flow) -> Flow | None:
    """What a process of the node sends to an IPv4 loopback address, as if to the node's own (NP-007)."""
    primary = node.primary(IPV4)
    loopback = family_of(flow.ip) == IPV4 and inside(flow.ip, LOOPBACK[IPV4])
    if not loopback or primary is None or flow.client.kind is not ClientKind.NODE:
        return None
    return evolve(flow, ip=primary, client=evolve(flow.client, ip=primary))
