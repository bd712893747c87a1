# SPDX-License-Identifier: Apache-2.0
"""Which service ports claim a flow's address, and which endpoints are listed for them.

Read off the cluster's objects by plain look-up, without the model's procedure.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, frozen

from conformance.invariants.base import Case
from conformance.invariants.routing.asked import Asked, asked
from reference.objects import (
    CLUSTER_IP_NONE,
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointSlice,
    Service,
    ServicePort,
)
from reference.questions import Backend, ClientKind, Flow, Outcome
from reference.routing.addresses import family_of, proxy_node


@frozen
class Listed:
    """An endpoint as some slice lists it for a service port."""

    backend: Backend
    ready: bool
    """Ready, or nobody said otherwise."""
    draining: bool
    """On its way out, but still of use."""
    terminating: bool
    node_name: str | None
    is_silent: bool
    """Whether nobody wrote that it is ready or not."""
    is_hinted: bool
    for_proxies: bool
    """Whether the slice is one that proxies heed: not labelled as a headless Service's (HEADLESS-006)."""


@frozen
class Claim:
    """A service port that claims the address of a flow, and every endpoint of its family listed for it."""

    service: Service
    port: ServicePort
    family: str
    internal: bool
    """Whether it is claimed as a cluster IP."""
    listed: tuple[Listed, ...]

    @property
    def is_served(self) -> bool:
        """Whether it is the business of the proxy under test."""
        return (
            self.service.spec.type != "ExternalName"
            and self.service.spec.cluster_ip not in ("", CLUSTER_IP_NONE)
            and SERVICE_PROXY_NAME_LABEL not in self.service.metadata.labels
            and self.family in map(family_of, self.service.spec.cluster_ips)
        )

    def is_anywhere(self, flow: Flow) -> bool:
        """Whether nothing binds the client to one node's endpoints.

        Some apply the internal policy to all clients in the cluster (ITP-006).
        """
        spec = self.service.spec
        inside = flow.client.kind is not ClientKind.EXTERNAL
        if self.internal:
            return spec.internal_traffic_policy != "Local"
        return spec.external_traffic_policy != "Local" and not (
            inside and spec.internal_traffic_policy == "Local"
        )

    @property
    def is_ready(self) -> bool:
        """Whether an endpoint is ready without a doubt: all that proxies may heed agree."""
        by_backend: dict[Backend, bool] = {}
        for entry in self.listed:
            if entry.for_proxies:
                by_backend[entry.backend] = by_backend.get(entry.backend, True) and entry.ready
        return any(by_backend.values())

    @property
    def is_draining(self) -> bool:
        """Whether none is ready and one drains without a doubt: all that proxies may heed agree."""
        if any(entry.ready for entry in self.listed):
            return False
        by_backend: dict[Backend, bool] = {}
        for entry in self.listed:
            if entry.for_proxies:
                by_backend[entry.backend] = by_backend.get(entry.backend, True) and entry.draining
        return any(by_backend.values())


@define
class Claims:
    """The claims of a cluster, by address."""

    direct: dict[tuple[str, int, str], list[Claim]]
    by_node: dict[tuple[str, int, str], list[Claim]]
    nodes: dict[str, str]
    """The name of the node that has an address."""
    primary: frozenset[str]
    """The first InternalIP of each family of each node."""

    @classmethod
    def of(cls, cluster: Cluster) -> Claims:
        """The claims of a cluster."""
        slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for item in cluster.endpoint_slices:
            name = item.metadata.labels.get(SERVICE_NAME_LABEL, "")
            slices.setdefault((item.metadata.namespace, name), []).append(item)
        found = cls(
            {},
            {},
            {entry.address: node.metadata.name for node in cluster.nodes for entry in node.status.addresses},
            frozenset(ip for node in map(proxy_node, cluster.nodes) for ip in node.internal_of_each_family),
        )
        for service in cluster.services:
            meta = service.metadata
            found._add(service, slices.get((meta.namespace, meta.name), []))
        return found

    def _add(self, service: Service, slices: list[EndpointSlice]) -> None:
        spec = service.spec
        own = {
            *spec.external_ips,
            *(entry.ip for entry in service.status.load_balancer.ingress if entry.ip_mode != "Proxy"),
        }
        internal = [ip for ip in spec.cluster_ips if ip != CLUSTER_IP_NONE]
        for family in dict.fromkeys(map(family_of, (*internal, *filter(None, own)))):
            pieces = [item for item in slices if item.address_type == family]
            for port in spec.ports:
                listed = tuple(_listed(pieces, port))
                for inside, ips in ((True, internal), (False, own)):
                    claim = Claim(service, port, family, inside, listed)
                    for ip in ips:
                        if family_of(ip) == family:
                            self.direct.setdefault((ip, port.port, port.protocol), []).append(claim)
                if port.node_port:
                    by_node = self.by_node.setdefault((family, port.node_port, port.protocol), [])
                    by_node.append(Claim(service, port, family, False, listed))

    def on(self, flow: Flow) -> list[Claim]:
        """The service ports that could be meant; an address at a Service's own port goes first."""
        found = self.direct.get((flow.ip, flow.port, flow.protocol))
        if found is None and flow.ip in self.nodes:
            found = self.by_node.get((family_of(flow.ip), flow.port, flow.protocol))
        return found or []

    def is_primary(self, flow: Flow) -> bool:
        """Whether the flow is not for a node's address, or for its primary one of the family."""
        return flow.ip not in self.nodes or flow.ip in self.primary

    def entered(self, flow: Flow) -> str:
        """The name of the node at which the flow is taken up: the addressed one, else the client's."""
        if (flow.ip, flow.port, flow.protocol) in self.direct:
            return flow.client.node
        return self.nodes.get(flow.ip, flow.client.node)


def _listed(slices: list[EndpointSlice], port: ServicePort) -> Iterator[Listed]:
    for item in slices:
        for_proxies = HEADLESS_LABEL not in item.metadata.labels
        for entry in item.ports:
            if (entry.name or "", entry.protocol or "TCP") == (port.name, port.protocol) and entry.port:
                for endpoint in item.endpoints:
                    yield _entry(endpoint, entry.port, for_proxies)


def _entry(endpoint: Endpoint, port: int, for_proxies: bool) -> Listed:
    conditions = endpoint.conditions
    return Listed(
        Backend(endpoint.addresses[0], port),
        conditions.ready is not False,
        conditions.terminating is True and conditions.serving is not False,
        conditions.terminating is True,
        endpoint.node_name,
        conditions.ready is None,
        endpoint.hints is not None,
        for_proxies,
    )


def claims(case: Case) -> Claims:
    """The claims of the case's cluster."""
    return case.memo("routing claims", lambda: Claims.of(case.cluster))


def claimed(case: Case) -> tuple[tuple[Asked, list[Claim]], ...]:
    """The flows for which some service port is meant, with what claims them."""
    return case.memo(
        "routing claimed",
        lambda: tuple((item, found) for item in asked(case) if (found := claims(case).on(item.flow))),
    )


def forwarded(case: Case) -> tuple[tuple[Asked, list[Claim]], ...]:
    """Those of `claimed` that the implementation forwards."""
    return case.memo(
        "routing forwarded",
        lambda: tuple((item, found) for item, found in claimed(case) if item.got.outcome is Outcome.FORWARD),
    )
