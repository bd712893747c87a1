# SPDX-License-Identifier: Apache-2.0
"""What a proxy has to leave alone: addresses, ports and protocols that are no Service's, or not its own."""

from __future__ import annotations

from enum import Enum

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, ask, shown, table, unserved
from conformance.questions import turn_of
from conformance.questions.routing import clients_of
from reference.objects import CLUSTER_IP_NONE, SERVICE_NAME_LABEL, SERVICE_PROXY_NAME_LABEL, Service
from reference.questions import Backend, Flow, Outcome
from reference.routing.addresses import family_of
from reference.routing.frontends import families, is_proxied

_MOST_HEADLESS = 8


class Why(Enum):
    """Why a flow is for no Service that the proxy under test serves."""

    NO_SERVICE = "no Service's address"
    OTHER_PORT = "another port"
    OTHER_PROTOCOL = "another protocol"
    OTHER_FAMILY = "another family's address"
    """An address of a family that the Service lacks (DUAL-005)."""
    OTHER_PROXY = "another proxy's"
    MODE_PROXY = "mode Proxy"
    """An address that the load balancer itself serves (LB-002)."""


def _addresses(service: Service) -> frozenset[str]:
    """Every address that a Service claims, whoever serves it."""
    return frozenset(
        {
            *service.spec.cluster_ips,
            *service.spec.external_ips,
            *(entry.ip for entry in service.status.load_balancer.ingress),
        }
    )


def missed(case: Case) -> list[tuple[Asked, Why]]:
    """The flows that are for no Service, each with the reason."""
    return case.memo("routing missed", lambda: _missed(case))


def _missed(case: Case) -> list[tuple[Asked, Why]]:
    owners: dict[str, list[Service]] = {}
    given_away: list[Service] = []
    balanced: set[str] = set()
    for service in case.cluster.services:
        for ip in _addresses(service):
            owners.setdefault(ip, []).append(service)
        if SERVICE_PROXY_NAME_LABEL in service.metadata.labels:
            given_away.append(service)
        balanced |= {entry.ip for entry in service.status.load_balancer.ingress if entry.ip_mode == "Proxy"}
    opened = {
        (port.node_port, port.protocol)
        for service in case.cluster.services
        for port in service.spec.ports
        if port.node_port and is_proxied(service)
    }
    nodes = table(case).node_by_address
    return [
        (
            item,
            # Its own families' addresses are served.
            Why.OTHER_FAMILY
            if (item.flow.port, item.flow.protocol) in opened and item.flow.ip in nodes
            else _why(item.flow, owners.get(item.flow.ip, []), given_away, balanced),
        )
        for item in unserved(case)
    ]


def _why(flow: Flow, owners: list[Service], given_away: list[Service], balanced: set[str]) -> Why:
    if any(_is_for(flow, service) for service in given_away):
        return Why.OTHER_PROXY
    if owners and not any(family_of(flow.ip) in families(service.spec) for service in owners):
        return Why.OTHER_FAMILY
    if flow.ip in balanced:
        return Why.MODE_PROXY
    if not owners:
        return Why.NO_SERVICE
    if any(port.port == flow.port for service in owners for port in service.spec.ports):
        return Why.OTHER_PROTOCOL
    return Why.OTHER_PORT


def _is_for(flow: Flow, service: Service) -> bool:
    """Whether a proxy that serves the Service would take the flow up."""
    return any(
        port.protocol == flow.protocol
        and (port.node_port == flow.port or (port.port == flow.port and flow.ip in _addresses(service)))
        for port in service.spec.ports
    )


_ROWS = {Why.NO_SERVICE: "RT-028", Why.OTHER_PORT: "RT-023", Why.OTHER_PROTOCOL: "RT-004"}


def left_alone(case: Case, item: Asked, why: Why, requirement: str) -> None:
    """A packet that is not translated may still be answered by whoever has the address itself."""
    case.judged(why.value)
    if item.got.outcome is not Outcome.FORWARD:
        return
    if item.got.backends != {Backend(item.flow.ip, item.flow.port)}:
        case.fail(requirement, question=item.text, expected="not forwarded", got=shown(item.got))


@invariant(
    "routing.nothing-else-is-intercepted",
    kind=Kind.STATED,
    requirements=("RT-028", "RT-023", "RT-004", "NP-002", "NP-016"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("no Service's address", "another port", "another protocol"),
)
def nothing_else(case: Case) -> None:
    """A packet to an address, a port or a protocol that no Service has reaches no endpoint by way of
    the proxy, however near a miss it is.
    """
    closed = {
        (port.port, port.protocol)
        for service in case.cluster.services
        if service.spec.type == "LoadBalancer"
        for port in service.spec.ports
        if not port.node_port
    }
    for item, why in missed(case):
        if why in _ROWS:
            own = why is Why.NO_SERVICE and item.flow.ip in table(case).node_by_address
            row = "NP-016" if (item.flow.port, item.flow.protocol) in closed else "NP-002"
            left_alone(case, item, why, row if own else _ROWS[why])


@invariant(
    "routing.services-of-other-proxies-are-left-alone",
    kind=Kind.STATED,
    requirements=("HEADLESS-004",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("another proxy's",),
)
def other_proxies(case: Case) -> None:
    """A Service with the label service.kubernetes.io/service-proxy-name, whatever its value, is served
    at none of its addresses.
    """
    for item, why in missed(case):
        if why is Why.OTHER_PROXY:
            left_alone(case, item, why, "HEADLESS-004")


@invariant(
    "routing.addresses-in-proxy-mode-are-left-alone",
    kind=Kind.STATED,
    requirements=("LB-002",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("mode Proxy",),
)
def proxy_mode(case: Case) -> None:
    """A load balancer's address in mode Proxy is not intercepted: clients in the cluster go out to the
    load balancer, too.
    """
    for item, why in missed(case):
        if why is Why.MODE_PROXY:
            left_alone(case, item, why, "LB-002")


@invariant(
    "routing.headless-services-are-not-intercepted",
    kind=Kind.STATED,
    requirements=("HEADLESS-001", "ITP-010"),
    asks=ROUTE,
    classes=("headless", "headless with internal policy Local"),
)
def headless(case: Case) -> None:
    """What is sent to an endpoint of a headless Service by its own address is let be, whatever the
    Service's ports, its policies and its affinity.
    """
    for item, service in _to_headless(case):
        local = service.spec.internal_traffic_policy == "Local"
        case.judged("headless with internal policy Local" if local else "headless")
        row = "ITP-010" if local else "HEADLESS-001"
        untouched = Backend(item.flow.ip, item.flow.port)
        wrong = item.got.outcome is Outcome.FORWARD and item.got.backends != {untouched}
        # Seen from outside, an endpoint that does not listen there refuses by itself.
        if wrong or (case.supports("route") and item.got.outcome in (Outcome.DROP, Outcome.REJECT)):
            case.fail(row, question=item.text, expected="not intercepted", got=shown(item.got))


def _to_headless(case: Case) -> list[tuple[Asked, Service]]:
    """Flows to endpoints of headless Services, at the Services' own ports and at the endpoints'."""
    turn = turn_of(case.cluster)
    owners: dict[Flow, Service] = {}
    for service in case.cluster.services:
        meta = service.metadata
        if service.spec.cluster_ip != CLUSTER_IP_NONE:
            continue
        for piece in case.cluster.endpoint_slices:
            labels = piece.metadata.labels
            if (piece.metadata.namespace, labels.get(SERVICE_NAME_LABEL)) != (meta.namespace, meta.name):
                continue
            known = clients_of(case.cluster, piece.address_type)
            numbers = [(port.port, port.protocol) for port in service.spec.ports]
            numbers += [(port.port, port.protocol or "TCP") for port in piece.ports if port.port]
            for endpoint in piece.endpoints if known is not None else ():
                client = known.inside[turn % len(known.inside)] if known else None
                turn += 1
                for number, protocol in numbers:
                    if client is not None and client.ip != endpoint.addresses[0]:
                        owners[Flow(client, endpoint.addresses[0], number, protocol)] = service
    flows = list(owners)[:_MOST_HEADLESS]
    return [(item, owners[item.flow]) for item in ask(case, flows) if item.place is None]
