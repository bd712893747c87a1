# SPDX-License-Identifier: Apache-2.0
"""The area `routing`: what a service proxy does with the first packet of a flow.

The decision procedure of the catalogue for IPv4, in kube-proxy's semantics:
`frontends` finds the service port, `candidates` its endpoint sets, `decision`
what follows.  `compile` makes a table whose answers are equal to `decide`.

Source: `pkg/proxy/topology.go`, `serviceport.go`, `iptables/proxier.go`,
`nftables/proxier.go` of Kubernetes.
"""

from __future__ import annotations

from reference.objects import Cluster
from reference.questions import Decision, Flow, Outcome
from reference.routing.affinity import AffinityState
from reference.routing.candidates import Candidate, candidates, cluster_set, has_any, local_set
from reference.routing.decision import decide_matched
from reference.routing.frontends import Destination, Match, client_kind, match, processing_node
from reference.routing.health import health_check
from reference.routing.table import RoutingTable

__all__ = [
    "AffinityState",
    "Candidate",
    "Destination",
    "Match",
    "RoutingTable",
    "candidates",
    "client_kind",
    "cluster_set",
    "compile",
    "decide",
    "has_any",
    "health_check",
    "local_set",
    "match",
    "processing_node",
]


def compile(cluster: Cluster) -> RoutingTable:
    """The routing table of a cluster."""
    return RoutingTable(cluster)


def decide(cluster: Cluster, flow: Flow) -> Decision:
    """What happens to the first packet of a flow, by the plain rules (steps 1 to 12)."""
    node = processing_node(cluster, flow)
    found = match(cluster, node, flow) if node else None
    if node is None or found is None:
        return Decision(Outcome.NOT_A_SERVICE, rules=("RT-028",))
    return decide_matched(
        found,
        candidates(cluster, found.service, found.port),
        node=node,
        kind=client_kind(cluster, node, flow.client),
        client=flow.client,
    )
