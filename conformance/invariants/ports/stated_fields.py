# SPDX-License-Identifier: Apache-2.0
"""What holds of the fields of every stored Service, computed from the answers alone."""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.stated import WITH_NODE_PORTS, reported, same
from conformance.invariants.ports.timeline import Moment
from reference.objects import Service
from reference.questions import Verb


@invariant(
    "ports.clusterip-is-the-first-of-clusterips",
    kind=Kind.STATED,
    requirements=("ALLOC-025",),
    asks=("admit",),
)
def cluster_ip_is_the_first(case: Case) -> None:
    """`clusterIP` is always the first of `clusterIPs`, and both are empty together."""
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        if _is_left_over(service):
            continue
        case.judged()
        first = service.spec.cluster_ips[0] if service.spec.cluster_ips else ""
        same(case, moment, "ALLOC-025", "spec.clusterIP", first, service.spec.cluster_ip)


def _is_left_over(service: Service) -> bool:
    """A `clusterIP` without `clusterIPs`, sent along with a change of the type to ExternalName.

    Validation looks at `clusterIPs` alone (VAL-025), so the API server stores what
    was sent; whether it should is left open.
    """
    spec = service.spec
    return spec.type == "ExternalName" and bool(spec.cluster_ip) and not spec.cluster_ips


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
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        for index, (sent, got) in enumerate(
            zip(moment.request.service.spec.ports, service.spec.ports, strict=False)
        ):
            case.judged(*([] if sent.target_port else ["left out"]))
            expected = sent.target_port or sent.port
            same(case, moment, "PORT-002", f"spec.ports[{index}].targetPort", expected, got.target_port)


@invariant(
    "ports.immutable-fields-stay",
    kind=Kind.STATED,
    requirements=("ALLOC-023", "ALLOC-034", "VAL-062"),
    asks=("admit",),
    classes=("cluster IP",),
)
def immutable_fields_stay(case: Case) -> None:
    """No update changes the cluster IP of a Service, the class of a load balancer or its health
    check node port while they are needed.
    """
    for moment, service in reported(case, Verb.UPDATE):
        if moment.old is None:
            continue
        old, new = moment.old.spec, service.spec
        if "ExternalName" not in (old.type, new.type):
            case.judged("cluster IP")
            same(case, moment, "ALLOC-034", "spec.clusterIP", old.cluster_ip, new.cluster_ip)
        if old.type == new.type == "LoadBalancer":
            case.judged("load balancer")
            same(
                case,
                moment,
                "VAL-062",
                "spec.loadBalancerClass",
                old.load_balancer_class,
                new.load_balancer_class,
            )
            if old.external_traffic_policy == new.external_traffic_policy == "Local":
                case.judged("health check node port")
                same(
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
    for moment, service in reported(case, Verb.CREATE):
        if service.spec.type not in WITH_NODE_PORTS or len(service.spec.ports) < 2:
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
        "TYPE-006",
        "TYPE-007",
        "ALLOC-020",
        "ALLOC-021",
    ),
    asks=("admit",),
    classes=("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
)
def types_have_what_they_imply(case: Case) -> None:
    """Every type but ExternalName has a cluster IP or None; every port of a NodePort, and of a
    LoadBalancer that allocates them, has a node port; a ClusterIP has none; a LoadBalancer has a
    health check node port exactly with policy Local.
    """
    for moment, service in reported(case, Verb.CREATE, Verb.UPDATE):
        spec = service.spec
        if _is_left_over(service):
            continue
        case.judged(spec.type or "no type", *(["headless"] if spec.cluster_ip == "None" else []))
        if spec.type == "ExternalName":
            same(case, moment, "TYPE-006", "spec.clusterIP", "", spec.cluster_ip)
        elif not spec.cluster_ip:
            _wanted(case, moment, "TYPE-001", "spec.clusterIP", "an address or None", "nothing")
        if spec.cluster_ip == "None":
            same(case, moment, "TYPE-007", "the type of a headless Service", "ClusterIP", spec.type)
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
