# SPDX-License-Identifier: Apache-2.0
"""Faults in what is intercepted, and in what outlives a change."""

from __future__ import annotations

from attrs import evolve

from reference.objects import (
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    Service,
    ServiceSpec,
)
from reference.questions import (
    Decision,
    Flow,
    Outcome,
)
from reference.routing import Match, RoutingTable
from tests.routing.proxies import (
    Proxy,
    with_specs,
)


def every_proxys(item: Service) -> Service:
    """The label for other proxies is not known."""
    labels = item.metadata.labels.without(SERVICE_PROXY_NAME_LABEL)
    return evolve(item, metadata=evolve(item.metadata, labels=labels))


def mode_is_vip(item: Service) -> Service:
    """The ipMode of ingress entries is not known."""
    ingress = tuple(evolve(entry, ip_mode=None) for entry in item.status.load_balancer.ingress)
    return evolve(
        item, status=evolve(item.status, load_balancer=evolve(item.status.load_balancer, ingress=ingress))
    )


def waits_for_the_load_balancer(item: Service) -> Service:
    """A load balancer's Service is served once it has an address."""
    if item.spec.type == "LoadBalancer" and not item.status.load_balancer.ingress:
        return evolve(item, spec=evolve(item.spec, type="ExternalName"))
    return item


def global_deny(cluster: Cluster) -> Cluster:
    """One Service's source ranges keep outsiders from every load balancer's address (kubernetes#62638)."""
    ranges = {cidr for item in cluster.services for cidr in item.spec.load_balancer_source_ranges}
    if not ranges:
        return cluster
    return with_specs(
        lambda spec: evolve(
            spec, load_balancer_source_ranges=spec.load_balancer_source_ranges or ("192.0.2.0/24",)
        )
    )(cluster)


def ranges_at_node_ports(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Source ranges are applied to node ports and cluster IPs, too."""
    if match.service.spec.load_balancer_source_ranges and decision.outcome is Outcome.FORWARD:
        return Decision(Outcome.DROP) if flow.client.ip.startswith("203.") else decision
    return decision


def ignores_ranges(spec: ServiceSpec) -> ServiceSpec:
    """Source ranges are not known."""
    return evolve(spec, load_balancer_source_ranges=())


class Stale(Proxy):
    """The first state of a cluster is kept, whatever changes but its nodes and pods."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Cluster | None = None

    def see(self, cluster: Cluster) -> Cluster:
        """The cluster as the proxy takes it."""
        first = self.first
        if first is None or (first.nodes, first.pods) != (cluster.nodes, cluster.pods):
            self.first = first = cluster
        return first


def empty_labels(cluster: Cluster) -> Cluster:
    """A Service with a label that is not known is left out."""
    return evolve(
        cluster,
        services=tuple(item for item in cluster.services if "example.com/note" not in item.metadata.labels),
    )


def confused_by_more_services(cluster: Cluster) -> Cluster:
    """A Service in `default` called `unrelated` takes the place of the next one."""
    if cluster.services and cluster.services[0].metadata.name == "unrelated":
        return evolve(cluster, services=cluster.services[:1])
    return cluster
