# SPDX-License-Identifier: Apache-2.0
"""The area `routing`: what a service proxy does with the first packet of a flow.

The decision procedure of the catalogue, in kube-proxy's semantics, each family for
itself: `frontends` finds the service port, `candidates` its endpoint sets,
`decision` what follows.  `compile` makes a table whose answers are equal to `decide`.

Source: `pkg/proxy/topology.go`, `serviceport.go`, `iptables/proxier.go`,
`nftables/proxier.go` of Kubernetes.
"""

from __future__ import annotations

from reference.objects import Cluster
from reference.questions import Decision, Flow, Outcome
from reference.routing.addresses import ProxyNode, family_of, pod_range, proxy_node
from reference.routing.affinity import AffinityState
from reference.routing.candidates import (
    Candidate,
    EndpointSets,
    candidates,
    cluster_set,
    has_any,
    local_set,
)
from reference.routing.decision import decide_matched
from reference.routing.flows import stays
from reference.routing.frontends import (
    Destination,
    Match,
    client_kind,
    match_direct,
    match_node_port,
    processing_node,
)
from reference.routing.health import health_check
from reference.routing.modes import Mode, decide_in_mode, is_ambiguous_in_mode
from reference.routing.table import RoutingTable

__all__ = [
    "AffinityState",
    "Candidate",
    "Destination",
    "Match",
    "Mode",
    "ProxyNode",
    "RoutingTable",
    "candidates",
    "client_kind",
    "cluster_set",
    "compile",
    "decide",
    "decide_in_mode",
    "has_any",
    "health_check",
    "is_ambiguous_in_mode",
    "local_set",
    "match_direct",
    "match_node_port",
    "processing_node",
    "proxy_node",
    "stays",
]


def compile(cluster: Cluster) -> RoutingTable:
    """The routing table of a cluster."""
    return RoutingTable(cluster)


def decide(cluster: Cluster, flow: Flow) -> Decision:
    """What happens to the first packet of a flow, by the plain rules (steps 1 to 12)."""
    node = processing_node(cluster, flow)
    if node is None:
        return Decision(Outcome.NOT_A_SERVICE, rules=("RT-028",))
    found = match_direct(cluster, flow) or match_node_port(cluster, node, flow)
    if found is None:
        return Decision(Outcome.NOT_A_SERVICE, rules=("RT-028",))
    family = family_of(flow.ip)
    return decide_matched(
        found,
        EndpointSets(candidates(cluster, found.service, found.port, family)),
        node=node,
        kind=client_kind(cluster.settings, node, flow.client),
        client=flow.client,
        knows_pods=pod_range(cluster.settings, family) is not None,
    )
