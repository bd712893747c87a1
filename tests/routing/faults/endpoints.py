# SPDX-License-Identifier: Apache-2.0
"""Faults in which endpoints are taken for usable."""

from __future__ import annotations

from attrs import evolve

from reference.objects import (
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    ServicePort,
)
from reference.questions import (
    Backend,
    Decision,
    Flow,
    Outcome,
)
from reference.routing import Match, RoutingTable
from tests.routing.proxies import (
    forward,
)


def terminating_is_ready(endpoint: Endpoint) -> Endpoint:
    """Terminating endpoints are as good as ready ones (calico#8423)."""
    conditions = endpoint.conditions
    if conditions.terminating and conditions.serving is not False:
        return evolve(endpoint, conditions=EndpointConditions(True, True, True))
    return endpoint


def all_are_ready(endpoint: Endpoint) -> Endpoint:
    """Conditions are not looked at."""
    return evolve(endpoint, conditions=EndpointConditions())


def zone_before_readiness(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are filtered by zone before it is asked whether they are ready (kubernetes#106507)."""
    zones = {node.metadata.name: node.metadata.labels.get(ZONE_LABEL) for node in table.cluster.nodes}
    zone = zones[flow.client.node]
    endpoints = table.candidates(match.service, match.port)
    if decision.outcome is not Outcome.FORWARD or not any(zone in each.zone_hints for each in endpoints):
        return decision
    return forward(
        frozenset(each.backend for each in endpoints if each.ready and zone in each.zone_hints)
        & decision.backends
    )


def only_the_last_slice(cluster: Cluster) -> Cluster:
    """One slice of each Service is kept, the last one wins."""
    last: dict[tuple[str, str | None], EndpointSlice] = {}
    for item in cluster.endpoint_slices:
        last[item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL)] = item
    return evolve(cluster, endpoint_slices=tuple(last.values()))


def only_the_first_endpoint(item: EndpointSlice) -> EndpointSlice:
    """Only the first endpoint of a slice counts."""
    return evolve(item, endpoints=item.endpoints[:1])


def headless_slices(item: EndpointSlice) -> EndpointSlice:
    """The label of headless Services' slices is not known."""
    return evolve(item, metadata=evolve(item.metadata, labels=item.metadata.labels.without(HEADLESS_LABEL)))


def one_namespace(cluster: Cluster) -> Cluster:
    """Slices are told by the Service's name alone."""
    every = []
    for namespace in dict.fromkeys(item.metadata.namespace for item in cluster.services):
        every += [
            evolve(item, metadata=evolve(item.metadata, namespace=namespace))
            for item in cluster.endpoint_slices
        ]
    return evolve(cluster, endpoint_slices=tuple(every))


def namespace_default_only(cluster: Cluster) -> Cluster:
    """Slices of one namespace alone are processed."""
    return evolve(
        cluster,
        endpoint_slices=tuple(
            item for item in cluster.endpoint_slices if item.metadata.namespace in ("default", "shop")
        ),
    )


def service_port_numbers(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Endpoints are reached at the Service's own port number (kubernetes#132646)."""
    ported = frozenset(Backend(each.ip, match.port.port) for each in decision.backends)
    return evolve(decision, backends=ported)


def no_protocols(cluster: Cluster) -> Cluster:
    """Frontends and endpoints are told by their number alone (cilium#9207)."""

    def both(port: ServicePort) -> tuple[ServicePort, ...]:
        names = {"TCP": "UDP", "UDP": "TCP", "SCTP": "TCP"}
        return port, evolve(port, protocol=names[port.protocol])

    services = tuple(
        evolve(
            item, spec=evolve(item.spec, ports=tuple(new for port in item.spec.ports for new in both(port)))
        )
        for item in cluster.services
    )
    slices = tuple(
        evolve(
            item,
            ports=tuple(
                evolve(port, protocol=protocol) for port in item.ports for protocol in ("TCP", "UDP", "SCTP")
            ),
        )
        for item in cluster.endpoint_slices
    )
    return evolve(cluster, services=services, endpoint_slices=slices)


def ignores_hints(endpoint: Endpoint) -> Endpoint:
    """Hints are not known."""
    return evolve(endpoint, hints=None)


def hints_for_local_sets(table: RoutingTable, flow: Flow, match: Match, decision: Decision) -> Decision:
    """Hints are applied to sets of one node, too."""
    endpoints = table.candidates(match.service, match.port)
    here = frozenset(each.backend for each in endpoints if not each.zone_hints or "zone-a" in each.zone_hints)
    if decision.outcome is Outcome.FORWARD and "RT-019" in decision.rules:
        return forward(decision.backends & here)
    return decision
