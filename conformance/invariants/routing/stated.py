# SPDX-License-Identifier: Apache-2.0
"""Properties of decisions that are read off the cluster's objects, without the model's procedure."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Asked, asked, shown
from reference.objects import (
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointConditions,
    Service,
    ServicePort,
)
from reference.questions import Backend, ClientKind, Outcome

_ROUTE = ("route|connect",)


@frozen
class Listed:
    """An endpoint as some slice lists it for a service port."""

    backend: Backend
    conditions: EndpointConditions
    node_name: str | None
    for_proxies: bool
    """Whether the slice is one that proxies heed: not labelled as a headless Service's (HEADLESS-006)."""

    @property
    def ready(self) -> bool:
        """Ready, or nobody said otherwise."""
        return self.conditions.ready is not False

    @property
    def draining(self) -> bool:
        """On its way out, but still of use."""
        return self.conditions.terminating is True and self.conditions.serving is not False


@frozen
class Claim:
    """A service port that claims the address of a flow, and every endpoint listed for it."""

    service: Service
    port: ServicePort
    internal: bool
    listed: tuple[Listed, ...]


def _listed(case: Case, service: Service, port: ServicePort) -> Iterator[Listed]:
    for item in case.cluster.endpoint_slices:
        meta = item.metadata
        if meta.namespace != service.metadata.namespace:
            continue
        if meta.labels.get(SERVICE_NAME_LABEL) != service.metadata.name:
            continue
        for entry in item.ports:
            if (entry.name or "", entry.protocol or "TCP") == (port.name, port.protocol) and entry.port:
                for endpoint in item.endpoints:
                    yield _entry(endpoint, entry.port, for_proxies=HEADLESS_LABEL not in meta.labels)


def _entry(endpoint: Endpoint, port: int, *, for_proxies: bool) -> Listed:
    backend = Backend(endpoint.addresses[0], port)
    return Listed(backend, endpoint.conditions, endpoint.node_name, for_proxies)


def claims(case: Case, item: Asked) -> tuple[Claim, ...]:
    """The service ports that could be meant by a flow's address, port and protocol.

    An address at a Service's own port goes before a node port.
    """
    flow = item.flow
    direct: list[Claim] = []
    by_node: list[Claim] = []
    for service in case.cluster.services:
        spec = service.spec
        own = {*spec.cluster_ips, *spec.external_ips}
        own |= {entry.ip for entry in service.status.load_balancer.ingress if entry.ip_mode != "Proxy"}
        for port in spec.ports:
            if port.protocol != flow.protocol:
                continue
            if flow.ip in own and port.port == flow.port:
                internal = flow.ip in spec.cluster_ips
                direct.append(Claim(service, port, internal, tuple(_listed(case, service, port))))
            elif port.node_port == flow.port and flow.ip in _node_addresses(case):
                by_node.append(Claim(service, port, False, tuple(_listed(case, service, port))))
    return tuple(direct or by_node)


def _node_addresses(case: Case) -> frozenset[str]:
    return case.memo(
        "node addresses",
        lambda: frozenset(
            entry.address for node in case.cluster.nodes for entry in node.status.addresses
        ),
    )


def forwarded(case: Case) -> tuple[tuple[Asked, tuple[Claim, ...]], ...]:
    """The flows that the implementation forwards, with what claims them."""
    return case.memo(
        "routing forwarded",
        lambda: tuple(
            (item, claims(case, item)) for item in asked(case) if item.got.outcome is Outcome.FORWARD
        ),
    )


@invariant(
    "routing.backends-are-listed-for-the-port",
    kind=Kind.STATED,
    requirements=("RT-001", "RT-002", "RT-004", "SYNC-04"),
    asks=_ROUTE,
    classes=("forwarded",),
)
def listed(case: Case) -> None:
    """Every backend of a flow is an address and port that a slice of that Service lists for that very
    service port.
    """
    for item, claimed in forwarded(case):
        case.judged("forwarded")
        known = {entry.backend for claim in claimed for entry in claim.listed}
        strangers = item.got.backends - known
        if strangers:
            case.fail(
                "RT-001",
                question=item.text,
                expected=f"backends out of {sorted(known)}",
                got=f"also {sorted(strangers)}",
            )


@invariant(
    "routing.unusable-endpoints-get-nothing",
    kind=Kind.STATED,
    requirements=("RT-009", "TERM-005"),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("an unusable endpoint",),
)
def unusable(case: Case) -> None:
    """An endpoint that is not ready, and not both serving and terminating, never gets a connection."""
    for item, claimed in forwarded(case):
        useful = {
            entry.backend
            for claim in claimed
            for entry in claim.listed
            if entry.ready or entry.draining
        }
        every = {entry.backend for claim in claimed for entry in claim.listed}
        case.judged(*(["an unusable endpoint"] if every != useful else []))
        wrong = (item.got.backends & every) - useful
        if wrong:
            case.fail(
                "RT-009",
                question=item.text,
                expected="only endpoints that are ready, or serving while they terminate",
                got=f"{sorted(wrong)}",
            )


@invariant(
    "routing.draining-endpoints-wait-for-the-last-ready-one",
    kind=Kind.STATED,
    requirements=("TERM-001",),
    asks=_ROUTE,
    classes=("ready and draining endpoints",),
)
def draining(case: Case) -> None:
    """No connection goes to a terminating endpoint that is not ready out of a set that holds a ready
    one; under policy Cluster, none goes there while any endpoint of the Service is ready.
    """
    for item, claimed in forwarded(case):
        ready = {
            entry.backend for claim in claimed for entry in claim.listed if entry.ready and entry.for_proxies
        }
        leaving = {
            entry.backend for claim in claimed for entry in claim.listed if entry.draining
        } - ready
        case.judged(*(["ready and draining endpoints"] if ready and leaving else []))
        anywhere = all(
            (claim.service.spec.internal_traffic_policy != "Local")
            if claim.internal
            else claim.service.spec.external_traffic_policy != "Local"
            for claim in claimed
        )
        picked = item.got.backends & leaving
        if picked and (item.got.backends & ready or (anywhere and ready)):
            case.fail(
                "TERM-001",
                question=item.text,
                expected=f"only ready endpoints: {sorted(ready)}",
                got=f"also {sorted(picked)}, which terminate",
            )


@invariant(
    "routing.local-policy-never-crosses-nodes",
    kind=Kind.STATED,
    requirements=("ITP-003", "ETP-005", "RT-019"),
    asks=_ROUTE,
    classes=("internal policy Local", "external policy Local"),
)
def never_crosses(case: Case) -> None:
    """Under internal policy Local a client in the cluster, and under external policy Local a client
    outside, never reaches an endpoint of another node.
    """
    for item, claimed in forwarded(case):
        client = item.flow.client
        for claim in claimed:
            spec = claim.service.spec
            if claim.internal:
                bound = spec.internal_traffic_policy == "Local" and client.kind is not ClientKind.EXTERNAL
                row, name = "ITP-003", "internal policy Local"
            else:
                bound = spec.external_traffic_policy == "Local" and client.kind is ClientKind.EXTERNAL
                row, name = "ETP-005", "external policy Local"
            if not bound:
                continue
            case.judged(name)
            here = {entry.backend for entry in claim.listed if entry.node_name == client.node}
            if item.got.backends - here:
                case.fail(
                    row,
                    question=item.text,
                    expected=f"only endpoints on {client.node}: {sorted(here)}",
                    got=shown(item.got),
                )


@invariant(
    "routing.a-ready-endpoint-is-enough",
    kind=Kind.STATED,
    requirements=("TOPO-007", "RT-008", "ITP-001"),
    asks=_ROUTE,
    level=Level.CLASS,
    classes=("cluster IP", "node port"),
)
def available(case: Case) -> None:
    """Where the policy is Cluster and an endpoint of the port is ready, the connection is forwarded."""
    for item in asked(case):
        if item.match is None or item.flow.client.kind is ClientKind.EXTERNAL:
            continue
        spec = item.match.service.spec
        if spec.load_balancer_source_ranges:
            continue
        for claim in claims(case, item):
            policy = spec.internal_traffic_policy if claim.internal else spec.external_traffic_policy
            direct = claim.internal or item.flow.port == claim.port.node_port
            if policy == "Local" or not direct or not _certainly_ready(claim):
                continue
            case.judged("cluster IP" if claim.internal else "node port")
            if item.got.outcome is not Outcome.FORWARD:
                case.fail("TOPO-007", question=item.text, expected="forward", got=shown(item.got))


def _certainly_ready(claim: Claim) -> bool:
    """A ready endpoint that is listed once, in a slice that proxies heed."""
    return any(
        entry.ready and entry.for_proxies and sum(other.backend == entry.backend for other in claim.listed) == 1
        for entry in claim.listed
    )


@invariant(
    "routing.pending-load-balancer-serves-its-node-ports",
    kind=Kind.STATED,
    requirements=("NP-012", "TYPE-004"),
    asks=_ROUTE,
    classes=("pending",),
)
def pending(case: Case) -> None:
    """A load balancer that nobody has provided yet changes nothing for the Service's node ports and
    cluster IP: under policy Cluster they reach a ready endpoint.
    """
    for item in asked(case):
        if item.match is None or item.match.service.status.load_balancer.ingress:
            continue
        if item.match.service.spec.type != "LoadBalancer":
            continue
        for claim in claims(case, item):
            spec = claim.service.spec
            policy = spec.internal_traffic_policy if claim.internal else spec.external_traffic_policy
            if policy == "Local" or not _certainly_ready(claim):
                continue
            if claim.internal and item.flow.client.kind is ClientKind.EXTERNAL:
                continue
            case.judged("pending")
            if item.got.outcome is not Outcome.FORWARD:
                case.fail("TYPE-004", question=item.text, expected="forward", got=shown(item.got))
