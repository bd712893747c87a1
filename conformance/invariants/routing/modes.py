# SPDX-License-Identifier: Apache-2.0
"""What one mode of kube-proxy does, with its defaults, where the modes differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, ask, is_alike, served, shown, table, unserved
from conformance.invariants.routing.kube_proxy import differs_by_mode
from conformance.questions import turn_of
from conformance.questions.routing import OUTSIDE, internal_ip
from reference.objects import Cluster, Node, ServicePort
from reference.questions import Client, ClientKind, Flow, Outcome
from reference.routing import Destination, Mode, decide_in_mode, is_ambiguous_in_mode
from reference.routing.addresses import IPV4, IPV6, family_of, inside
from reference.routing.frontends import families, is_proxied

_LOOPBACK = {IPV4: "127.0.0.1", IPV6: "::1"}
_MOST = 8


def judge_mode(case: Case, mode: Mode, items: Iterable[Asked], row: Callable[[Asked], str]) -> None:
    """Each answer is the mode's own, where slices do not leave it open (RT-007)."""
    knows = case.supports("route")
    for item in items:
        if is_ambiguous_in_mode(table(case), item.flow, mode):
            continue
        expected = decide_in_mode(table(case), item.flow, mode)
        case.judged(expected.outcome.value)
        same = item.got.backends == expected.backends
        if not knows or not item.complete:
            same = item.got.backends <= expected.backends
        if not is_alike(case, expected.outcome, item.got.outcome) or not same:
            case.fail(
                row(item),
                question=f"{item.text}, in mode {mode.value}",
                expected=shown(expected),
                got=shown(item.got),
                because=expected.rules,
            )


# -- node ports --------------------------------------------------------------------


def _node_ports(cluster: Cluster) -> list[tuple[ServicePort, str]]:
    """The node ports that a proxy serves, with each family."""
    return [
        (port, family)
        for service in cluster.services
        if is_proxied(service)
        for port in service.spec.ports
        if port.node_port
        for family in sorted(families(service.spec))
    ]


def _further(node: Node, family: str) -> list[str]:
    """The addresses of a node but the primary one."""
    primary = internal_ip(node, family)
    every = (entry.address for entry in node.status.addresses if entry.type != "Hostname")
    return [ip for ip in every if family_of(ip) == family and ip != primary]


def _at_further_addresses(case: Case) -> Iterator[Flow]:
    """From outside, and from a process of the very node."""
    for port, family in _node_ports(case.cluster):
        for node in case.cluster.nodes:
            name, own = node.metadata.name, internal_ip(node, family)
            for ip in _further(node, family):
                yield Flow(
                    Client(ClientKind.EXTERNAL, name, OUTSIDE[family][0]), ip, port.node_port, port.protocol
                )
                if own is not None:
                    yield Flow(Client(ClientKind.NODE, name, own), ip, port.node_port, port.protocol)


def _at_loopback(case: Case, wanted: Iterable[str]) -> Iterator[Flow]:
    """From a process of a node to its loopback address."""
    for port, family in _node_ports(case.cluster):
        if family not in wanted:
            continue
        for node in case.cluster.nodes:
            ip = _LOOPBACK[family]
            if internal_ip(node, family) is not None:
                yield Flow(Client(ClientKind.NODE, node.metadata.name, ip), ip, port.node_port, port.protocol)


def _asked(case: Case, flows: Iterator[Flow]) -> tuple[Asked, ...]:
    """Some of the flows, others from cluster to cluster."""
    found = list(dict.fromkeys(flows))
    start = turn_of(case.cluster) % len(found) if found else 0
    return ask(case, (found[start:] + found[:start])[:_MOST])


@invariant(
    "routing.iptables-serves-node-ports-at-every-address",
    kind=Kind.AGREEMENT,
    requirements=("NP-003",),
    asks=ROUTE,
    level=Level.KUBE_PROXY_IPTABLES,
    classes=("forward",),
)
def every_address(case: Case) -> None:
    """In mode iptables a node port is served at every address of the node, not just at the primary one."""
    judge_mode(case, Mode.IPTABLES, _asked(case, _at_further_addresses(case)), lambda _: "NP-003")


@invariant(
    "routing.nftables-serves-node-ports-at-primary-addresses",
    kind=Kind.AGREEMENT,
    requirements=("NP-004", "NP-013"),
    asks=ROUTE,
    level=Level.KUBE_PROXY_NFTABLES,
    classes=("not-a-service",),
)
def primary_addresses(case: Case) -> None:
    """In mode nftables a node port is served at the node's primary addresses alone, and packets to its
    other addresses are let be, with endpoints or without.
    """

    def row(item: Asked) -> str:
        return "NP-004" if item.got.outcome is Outcome.FORWARD else "NP-013"

    judge_mode(case, Mode.NFTABLES, _asked(case, _at_further_addresses(case)), row)


@invariant(
    "routing.iptables-serves-node-ports-at-loopback",
    kind=Kind.AGREEMENT,
    requirements=("NP-007",),
    asks=ROUTE,
    level=Level.KUBE_PROXY_IPTABLES,
    classes=("forward",),
)
def loopback(case: Case) -> None:
    """In mode iptables a process reaches the endpoints of a node port at 127.0.0.1, whatever the external
    policy.
    """
    judge_mode(case, Mode.IPTABLES, _asked(case, _at_loopback(case, (IPV4,))), lambda _: "NP-007")


@invariant(
    "routing.nftables-serves-no-node-ports-at-loopback",
    kind=Kind.AGREEMENT,
    requirements=("NP-008",),
    asks=ROUTE,
    level=Level.KUBE_PROXY_NFTABLES,
    classes=("not-a-service",),
)
def no_loopback(case: Case) -> None:
    """In mode nftables no node port is served at 127.0.0.1, nor at ::1."""
    _no_loopback(case, (IPV4, IPV6), let_be=True)


@invariant(
    "routing.no-node-ports-at-ipv6-loopback",
    kind=Kind.AGREEMENT,
    requirements=("NP-008",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    features=("dual-stack",),
    classes=("not-a-service",),
)
def no_ipv6_loopback(case: Case) -> None:
    """In no mode a node port is served at ::1."""
    # In mode iptables, what has no endpoint is refused or dropped there as well.
    _no_loopback(case, (IPV6,), let_be=False)


def _no_loopback(case: Case, wanted: Iterable[str], *, let_be: bool) -> None:
    for item in _asked(case, _at_loopback(case, wanted)):
        case.judged("not-a-service")
        got = item.got.outcome
        # Whatever listens at a loopback address itself may refuse.
        dropped = got is Outcome.DROP and not is_alike(case, Outcome.NOT_A_SERVICE, got)
        if got is Outcome.FORWARD or (let_be and dropped):
            expected = "let be" if let_be else "not forwarded"
            case.fail("NP-008", question=item.text, expected=expected, got=shown(item.got))


# -- cluster IPs ---------------------------------------------------------------------


def _in_service_cidrs(case: Case) -> list[Asked]:
    """Flows to addresses of the Services' range for no service port that is proxied."""
    cidrs = case.cluster.settings.service_cidrs
    return [item for item in unserved(case) if any(inside(item.flow.ip, cidr) for cidr in cidrs)]


@invariant(
    "routing.nftables-guards-cluster-ips",
    kind=Kind.AGREEMENT,
    requirements=("RT-023", "RT-024", "HEADLESS-004"),
    asks=ROUTE,
    level=Level.KUBE_PROXY_NFTABLES,
    classes=("reject", "drop"),
)
def guarded(case: Case) -> None:
    """In mode nftables packets to a port that a cluster IP does not have are refused, and those to an
    address of the Services' range that no Service has are dropped.
    """
    others = {
        ip for service in case.cluster.services if not is_proxied(service) for ip in service.spec.cluster_ips
    }

    def row(item: Asked) -> str:
        if item.flow.ip in others:
            return "HEADLESS-004"
        return decide_in_mode(table(case), item.flow, Mode.NFTABLES).rules[0]

    judge_mode(case, Mode.NFTABLES, _in_service_cidrs(case), row)


@invariant(
    "routing.iptables-lets-other-ports-be",
    kind=Kind.AGREEMENT,
    requirements=("RT-023",),
    asks=ROUTE,
    level=Level.KUBE_PROXY_IPTABLES,
    classes=("not-a-service",),
)
def let_be(case: Case) -> None:
    """In mode iptables packets to the Services' range that are for no service port are let be."""
    judge_mode(case, Mode.IPTABLES, _in_service_cidrs(case), lambda _: "RT-023")


# -- no endpoints ----------------------------------------------------------------------


def _without_endpoints(case: Case) -> list[Asked]:
    """Flows to external IPs and load balancers' addresses that the modes treat differently."""
    outer = (Destination.EXTERNAL_IP, Destination.LOAD_BALANCER_IP)
    return [item for item in served(case) if item.destination in outer and differs_by_mode(item)]


def _row(item: Asked) -> str:
    return "NOEP-004" if item.flow.client.kind is ClientKind.NODE else "LB-013"


@invariant(
    "routing.iptables-without-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("NOEP-004", "LB-013"),
    asks=ROUTE,
    level=Level.KUBE_PROXY_IPTABLES,
    classes=("not-a-service", "reject"),
)
def iptables_without_endpoints(case: Case) -> None:
    """In mode iptables, where a Service has no endpoint, source ranges keep nobody from being refused,
    and what a host sends to an external IP or a load balancer's address is let be.
    """
    judge_mode(case, Mode.IPTABLES, _without_endpoints(case), _row)


@invariant(
    "routing.nftables-without-endpoints",
    kind=Kind.AGREEMENT,
    requirements=("NOEP-004", "LB-013"),
    asks=ROUTE,
    level=Level.KUBE_PROXY_NFTABLES,
    classes=("drop", "reject"),
)
def nftables_without_endpoints(case: Case) -> None:
    """In mode nftables, where a Service has no endpoint, whoever is outside the source ranges is dropped,
    and all others are refused, hosts too.
    """
    judge_mode(case, Mode.NFTABLES, _without_endpoints(case), _row)
