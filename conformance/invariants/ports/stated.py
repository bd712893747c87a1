# SPDX-License-Identifier: Apache-2.0
"""What holds of every API server, computed from its own answers alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Moment, key_of, moments, show_response
from reference.objects import ClusterSettings, Service
from reference.questions import Cause, Verb

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


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
    if service.spec.type not in _WITH_NODE_PORTS:
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


def _reported(case: Case, *verbs: Verb) -> Iterator[tuple[Moment, Service]]:
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
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
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
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
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
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
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
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
        sent, got = moment.request.service.spec, service.spec
        if got.type in _WITH_NODE_PORTS:
            for index, port in enumerate(sent.ports):
                if port.node_port and index < len(got.ports):
                    case.judged("node port")
                    _same(
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
            _same(
                case,
                moment,
                "ALLOC-021",
                "spec.healthCheckNodePort",
                sent.health_check_node_port,
                got.health_check_node_port,
            )
        if sent.cluster_ip and got.type != "ExternalName":
            case.judged("cluster IP")
            _same(case, moment, "ALLOC-029", "spec.clusterIP", sent.cluster_ip, got.cluster_ip)


def _same(case: Case, moment: Moment, requirement: str, field: str, expected: object, got: object) -> None:
    if got != expected:
        case.fail(requirement, question=f"{field} after {moment}", expected=str(expected), got=str(got))


@invariant(
    "ports.numbers-are-refused-for-a-visible-reason",
    kind=Kind.STATED,
    requirements=("ALLOC-001", "ALLOC-002", "ALLOC-004", "ALLOC-016", "ALLOC-020", "ALLOC-035"),
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
                    "ALLOC-004",
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
                "ALLOC-004",
                question=str(moment),
                expected=f"granted, since {port.node_port} is in the range and no Service holds it",
                got=show_response(moment.response),
            )


@invariant(
    "ports.pools-are-used-up-before-they-are-full",
    kind=Kind.STATED,
    requirements=("ALLOC-004", "ALLOC-008", "ALLOC-010", "ALLOC-028", "ALLOC-030"),
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
        needed = len(spec.ports) + 1 if spec.type in _WITH_NODE_PORTS else 0
        ips = {ip for other in moment.before.values() for ip in _cluster_ips(other)}
        sizes = [_network(text).num_addresses - 2 for text in moment.session.settings.service_cidrs]
        if last - first + 1 - len(ports) >= needed and min(sizes) > len(ips):
            case.fail(
                "ALLOC-010",
                question=str(moment),
                expected=(
                    f"granted: of the node ports {first} to {last} only {sorted(ports)} are taken, "
                    f"of the cluster IPs only {sorted(ips)}"
                ),
                got=show_response(moment.response),
            )


@invariant(
    "ports.clusterip-is-the-first-of-clusterips",
    kind=Kind.STATED,
    requirements=("ALLOC-025",),
    asks=("admit",),
)
def cluster_ip_is_the_first(case: Case) -> None:
    """`clusterIP` is always the first of `clusterIPs`, and both are empty together."""
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
        case.judged()
        first = service.spec.cluster_ips[0] if service.spec.cluster_ips else ""
        _same(case, moment, "ALLOC-025", "spec.clusterIP", first, service.spec.cluster_ip)


@invariant(
    "ports.targetport-defaults-to-port",
    kind=Kind.STATED,
    requirements=("PORT-002",),
    asks=("admit",),
    classes=("left out",),
)
def target_port_defaults_to_port(case: Case) -> None:
    """A `targetPort` that is left out, 0 or empty is stored as the number of `port`, any other as it
    was sent.
    """
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
        for index, (sent, got) in enumerate(
            zip(moment.request.service.spec.ports, service.spec.ports, strict=False)
        ):
            case.judged(*([] if sent.target_port else ["left out"]))
            expected = sent.target_port or sent.port
            _same(case, moment, "PORT-002", f"spec.ports[{index}].targetPort", expected, got.target_port)


@invariant(
    "ports.immutable-fields-stay",
    kind=Kind.STATED,
    requirements=("ALLOC-023", "ALLOC-034", "VAL-046", "VAL-062", "VAL-067"),
    asks=("admit",),
    classes=("cluster IP", "load balancer"),
)
def immutable_fields_stay(case: Case) -> None:
    """No update changes the cluster IP of a Service, the class of a load balancer or its health
    check node port while they are needed.
    """
    for moment, service in _reported(case, Verb.UPDATE):
        if moment.old is None:
            continue
        old, new = moment.old.spec, service.spec
        if "ExternalName" not in (old.type, new.type):
            case.judged("cluster IP")
            _same(case, moment, "ALLOC-034", "spec.clusterIP", old.cluster_ip, new.cluster_ip)
        if old.type == new.type == "LoadBalancer":
            case.judged("load balancer")
            _same(
                case,
                moment,
                "VAL-062",
                "spec.loadBalancerClass",
                old.load_balancer_class,
                new.load_balancer_class,
            )
            if old.external_traffic_policy == new.external_traffic_policy == "Local":
                case.judged("health check node port")
                _same(
                    case,
                    moment,
                    "ALLOC-023",
                    "spec.healthCheckNodePort",
                    old.health_check_node_port,
                    new.health_check_node_port,
                )


@invariant(
    "ports.twins-share-a-node-port",
    kind=Kind.STATED,
    requirements=("ALLOC-012",),
    asks=("admit",),
    classes=("TCP and UDP",),
)
def twins_share_a_node_port(case: Case) -> None:
    """In a new Service, entries with one port number and different protocols get one node port where
    at most one of them asks for a number.
    """
    for moment, service in _reported(case, Verb.CREATE):
        if service.spec.type not in _WITH_NODE_PORTS or len(service.spec.ports) < 2:
            continue
        if service.spec.allocate_load_balancer_node_ports is False:
            continue
        given: dict[int, set[int]] = {}
        wanted: dict[int, set[int]] = {}
        for port, sent in zip(service.spec.ports, moment.request.service.spec.ports, strict=False):
            given.setdefault(port.port, set()).add(port.node_port)
            wanted.setdefault(port.port, set()).update({sent.node_port} - {0})
        twins = len(given) < len(service.spec.ports)
        case.judged(*(["TCP and UDP"] if twins else []))
        for number, numbers in given.items():
            if len(numbers) > 1 and len(wanted[number]) < 2:
                case.fail(
                    "ALLOC-012",
                    question=f"the node ports of port {number} after {moment}",
                    expected="one number for all protocols",
                    got=", ".join(map(str, sorted(numbers))),
                )


@invariant(
    "ports.types-have-what-they-imply",
    kind=Kind.STATED,
    requirements=(
        "TYPE-001",
        "TYPE-002",
        "TYPE-005",
        "TYPE-006",
        "TYPE-007",
        "ALLOC-018",
        "ALLOC-020",
        "ALLOC-021",
    ),
    asks=("admit",),
    classes=("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "headless"),
)
def types_have_what_they_imply(case: Case) -> None:
    """Every type but ExternalName has a cluster IP or None; every port of a NodePort, and of a
    LoadBalancer that allocates them, has a node port; a ClusterIP has none; a LoadBalancer has a
    health check node port exactly with policy Local.
    """
    for moment, service in _reported(case, Verb.CREATE, Verb.UPDATE):
        spec = service.spec
        case.judged(spec.type or "no type", *(["headless"] if spec.cluster_ip == "None" else []))
        if spec.type == "ExternalName":
            _same(case, moment, "TYPE-006", "spec.clusterIP", "", spec.cluster_ip)
        elif not spec.cluster_ip:
            _wanted(case, moment, "TYPE-001", "spec.clusterIP", "an address or None", "nothing")
        if spec.cluster_ip == "None":
            _same(case, moment, "TYPE-007", "the type of a headless Service", "ClusterIP", spec.type)
        _judge_node_ports(case, moment, service)


def _judge_node_ports(case: Case, moment: Moment, service: Service) -> None:
    spec = service.spec
    needed = spec.type == "NodePort" or (
        spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is not False
    )
    for index, port in enumerate(spec.ports):
        field = f"spec.ports[{index}].nodePort"
        if needed and not port.node_port:
            _wanted(case, moment, "TYPE-002", field, "a number", "nothing")
        if spec.type == "ClusterIP" and port.node_port:
            _wanted(case, moment, "ALLOC-020", field, "nothing", str(port.node_port))
    checked = spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"
    if checked != bool(spec.health_check_node_port):
        expected = "a number" if checked else "nothing"
        got = str(spec.health_check_node_port or "nothing")
        _wanted(case, moment, "ALLOC-021", "spec.healthCheckNodePort", expected, got)


def _wanted(case: Case, moment: Moment, requirement: str, field: str, expected: str, got: str) -> None:
    case.fail(requirement, question=f"{field} after {moment}", expected=expected, got=got)
