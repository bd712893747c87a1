# SPDX-License-Identifier: Apache-2.0
"""What holds of the numbers of every API server, computed from its own answers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Moment, key_of, moments, show_response
from reference.objects import ClusterSettings, Service
from reference.ports.server import is_granted
from reference.questions import Cause, Verb

WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


@lru_cache(maxsize=4096)
def _is_usable(text: str, settings: ClusterSettings) -> bool:
    """In a service CIDR, and neither its network address nor an IPv4 broadcast address."""
    address = _address(text)
    for network in map(_network, settings.service_cidrs):
        if address is None or address.version != network.version or address not in network:
            continue
        if address != network.network_address and (
            address.version == 6 or address != network.broadcast_address
        ):
            return True
    return False


def _node_ports(service: Service) -> list[tuple[str, int]]:
    """The numbers of the node port pool that a Service holds, with their fields."""
    if service.spec.type not in WITH_NODE_PORTS:
        return []
    held = [
        (f"spec.ports[{index}].nodePort", port.node_port)
        for index, port in enumerate(service.spec.ports)
        if port.node_port
    ]
    if service.spec.health_check_node_port:
        held.append(("spec.healthCheckNodePort", service.spec.health_check_node_port))
    return held


def _cluster_ips(service: Service) -> list[str]:
    """The addresses that a Service holds."""
    return [ip for ip in service.spec.cluster_ips if _address(ip) is not None]


def reported(case: Case, *verbs: Verb) -> Iterator[tuple[Moment, Service]]:
    """Every granted creation or update, with the Service that it reports."""
    for moment in moments(case):
        if moment.request.verb in verbs and moment.service is not None:
            yield moment, moment.service


def _others(moment: Moment) -> Iterator[Service]:
    """What is held besides the Service of the request."""
    own = key_of(moment.request.service)
    return (service for key, service in moment.before.items() if key != own)


@invariant(
    "ports.no-node-port-has-two-owners",
    kind=Kind.STATED,
    requirements=("ALLOC-009", "ALLOC-011", "ALLOC-021"),
    asks=("admit",),
    classes=("beside another",),
)
def no_node_port_has_two_owners(case: Case) -> None:
    """At no time does a number serve two Services as node port or health check node port, whatever
    the protocols, nor one Service as both.
    """
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        held = _node_ports(service)
        if not held:
            continue
        others = {number: other for other in _others(moment) for _, number in _node_ports(other)}
        case.judged(*(["beside another"] if others else []))
        for field, number in held:
            if number in others:
                owner = others[number].metadata
                case.fail(
                    "ALLOC-011",
                    question=f"{field} after {moment}",
                    expected=f"another number, since {owner.namespace}/{owner.name} holds {number}",
                    got=str(number),
                )
        health = service.spec.health_check_node_port
        if health and any(port.node_port == health for port in service.spec.ports):
            case.fail(
                "ALLOC-021",
                question=f"spec.healthCheckNodePort after {moment}",
                expected="a number that is no node port of the Service",
                got=str(health),
            )


@invariant(
    "ports.no-cluster-ip-has-two-owners",
    kind=Kind.STATED,
    requirements=("ALLOC-029",),
    asks=("admit",),
    classes=("beside another",),
)
def no_cluster_ip_has_two_owners(case: Case) -> None:
    """At no time do two Services have the same cluster IP."""
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        held = {_address(ip) for ip in _cluster_ips(service)}
        others = {_address(ip): other for other in _others(moment) for ip in _cluster_ips(other)}
        case.judged(*(["beside another"] if held and others else []))
        for ip in held & others.keys():
            owner = others[ip].metadata
            case.fail(
                "ALLOC-029",
                question=f"spec.clusterIPs after {moment}",
                expected=f"another address, since {owner.namespace}/{owner.name} holds {ip}",
                got=str(ip),
            )


@invariant(
    "ports.numbers-lie-in-their-ranges",
    kind=Kind.STATED,
    requirements=("ALLOC-006", "ALLOC-026"),
    asks=("admit",),
    classes=("node port", "cluster IP"),
)
def numbers_lie_in_their_ranges(case: Case) -> None:
    """Every node port lies in the node port range, and every cluster IP is a usable address of a
    service CIDR.
    """
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        settings = moment.session.settings
        first, last = settings.node_port_range
        for field, number in _node_ports(service):
            case.judged("node port")
            if not first <= number <= last:
                case.fail(
                    "ALLOC-006",
                    question=f"{field} after {moment}",
                    expected=f"a number from {first} to {last}",
                    got=str(number),
                )
        for ip in _cluster_ips(service):
            case.judged("cluster IP")
            if not _is_usable(ip, settings):
                case.fail(
                    "ALLOC-026",
                    question=f"spec.clusterIPs after {moment}",
                    expected=f"a usable address of {' or '.join(settings.service_cidrs)}",
                    got=ip,
                )


@invariant(
    "ports.explicit-numbers-are-honoured",
    kind=Kind.STATED,
    requirements=("ALLOC-009", "ALLOC-021", "ALLOC-029"),
    asks=("admit",),
    classes=("node port", "cluster IP"),
)
def explicit_numbers_are_honoured(case: Case) -> None:
    """Where a request that asks for a node port, a health check node port or a cluster IP is
    granted, the Service has exactly that number.
    """
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        sent, got = moment.request.service.spec, service.spec
        if got.type in WITH_NODE_PORTS:
            for index, port in enumerate(sent.ports):
                if port.node_port and index < len(got.ports):
                    case.judged("node port")
                    same(
                        case,
                        moment,
                        "ALLOC-009",
                        f"spec.ports[{index}].nodePort",
                        port.node_port,
                        got.ports[index].node_port,
                    )
        local = got.external_traffic_policy == sent.external_traffic_policy == "Local"
        if sent.health_check_node_port and local and got.type == "LoadBalancer":
            case.judged("health check node port")
            same(
                case,
                moment,
                "ALLOC-021",
                "spec.healthCheckNodePort",
                sent.health_check_node_port,
                got.health_check_node_port,
            )
        if sent.cluster_ip and got.type != "ExternalName":
            case.judged("cluster IP")
            same(case, moment, "ALLOC-029", "spec.clusterIP", sent.cluster_ip, got.cluster_ip)


def same(case: Case, moment: Moment, requirement: str, field: str, expected: object, got: object) -> None:
    """Fail where a field is not what it has to be."""
    if got != expected:
        case.fail(requirement, question=f"{field} after {moment}", expected=str(expected), got=str(got))


@invariant(
    "ports.numbers-are-refused-for-a-visible-reason",
    kind=Kind.STATED,
    requirements=("ALLOC-002", "ALLOC-004", "ALLOC-016", "ALLOC-020", "ALLOC-035"),
    asks=("admit",),
    classes=("node port", "cluster IP"),
)
def numbers_are_refused_for_a_visible_reason(case: Case) -> None:
    """A number that was asked for is only refused where it is out of range or a Service holds it:
    what was deleted, changed or refused holds nothing.
    """
    for moment in moments(case):
        service = moment.request.service
        if moment.request.verb is not Verb.CREATE or moment.response.code != 422:
            continue
        causes = set(moment.response.causes)
        numbers = [port.node_port for port in service.spec.ports]
        # Only where the request leaves no other number open, which it might have taken itself.
        explicit = 0 not in numbers and len(set(numbers)) == len(numbers)
        if causes and explicit and causes <= _node_port_causes(service):
            case.judged("node port")
            _judge_refused_node_ports(case, moment, causes)
        ips = service.spec.cluster_ips or (service.spec.cluster_ip,)
        one_ip = ips == (service.spec.cluster_ip,) and not service.spec.ip_families
        if causes == {Cause("spec.clusterIPs", "Invalid")} and one_ip and service.spec.type != "ExternalName":
            case.judged("cluster IP")
            held = {ip for other in moment.before.values() for ip in _cluster_ips(other)}
            if _is_usable(ips[0], moment.session.settings) and ips[0] not in held:
                case.fail(
                    _row_of_release(case, moment, ips[0], _cluster_ips),
                    question=str(moment),
                    expected=f"granted, since {ips[0]} is usable and no Service holds it",
                    got=show_response(moment.response),
                )


def _node_port_causes(service: Service) -> set[Cause]:
    return {Cause(f"spec.ports[{index}].nodePort", "Invalid") for index in range(len(service.spec.ports))}


def _judge_refused_node_ports(case: Case, moment: Moment, causes: set[Cause]) -> None:
    first, last = moment.session.settings.node_port_range
    held = {number for other in moment.before.values() for _, number in _node_ports(other)}
    for index, port in enumerate(moment.request.service.spec.ports):
        refused = Cause(f"spec.ports[{index}].nodePort", "Invalid") in causes
        if refused and first <= port.node_port <= last and port.node_port not in held:
            case.fail(
                _row_of_release(case, moment, port.node_port, _node_port_numbers),
                question=str(moment),
                expected=f"granted, since {port.node_port} is in the range and no Service holds it",
                got=show_response(moment.response),
            )


def _node_port_numbers(service: Service) -> list[int]:
    return [number for _, number in _node_ports(service)]


def _row_of_release(
    case: Case, moment: Moment, number: object, numbers_of: Callable[[Service], Sequence[object]]
) -> str:
    """How the last Service that held a number gave it up; none did where a refused one took it."""
    earlier = [
        other for other in moments(case) if other.session is moment.session and other.index < moment.index
    ]
    for item in reversed(earlier):
        if item.old is None or number not in numbers_of(item.old) or not is_granted(item.response):
            continue
        if item.request.verb is Verb.DELETE or item.service is None:
            return "ALLOC-004"
        if item.service.spec.type == "ExternalName" != item.old.spec.type:
            return "ALLOC-020" if moment.request.service.spec.type in WITH_NODE_PORTS else "ALLOC-035"
        return "ALLOC-016" if item.service.spec.type in WITH_NODE_PORTS else "ALLOC-020"
    return "ALLOC-002"


@invariant(
    "ports.pools-are-used-up-before-they-are-full",
    kind=Kind.STATED,
    requirements=("ALLOC-008", "ALLOC-010", "ALLOC-030"),
    asks=("admit",),
    classes=("full",),
)
def pools_are_used_up(case: Case) -> None:
    """A creation that leaves its numbers open only meets a server error where Services hold so many
    numbers that too few are left.
    """
    for moment in moments(case):
        spec = moment.request.service.spec
        if (
            moment.request.verb is not Verb.CREATE
            or moment.response.code < 500
            or spec.health_check_node_port
        ):
            continue
        case.judged("full")
        first, last = moment.session.settings.node_port_range
        ports = {number for other in moment.before.values() for _, number in _node_ports(other)}
        needed = len(spec.ports) + 1 if spec.type in WITH_NODE_PORTS else 0
        ips = {ip for other in moment.before.values() for ip in _cluster_ips(other)}
        sizes = [_network(text).num_addresses - 2 for text in moment.session.settings.service_cidrs]
        if last - first + 1 - len(ports) >= needed and min(sizes) > len(ips):
            row = "ALLOC-010" if needed else "ALLOC-030"
            case.fail(
                row,
                question=str(moment),
                expected=(
                    f"granted: of the node ports {first} to {last} only {sorted(ports)} are taken, "
                    f"of the cluster IPs only {sorted(ips)}"
                ),
                got=show_response(moment.response),
                because=(row, "ALLOC-008") if needed else (row,),
            )
