# SPDX-License-Identifier: Apache-2.0
"""Agreement on the object that is stored, field by field.

Numbers that were free to choose are those that the implementation chose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Step, compare, steps, stored
from reference.objects import CLUSTER_IP_NONE, Service
from reference.ports.defaulting import EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT, NODE_PORT_TYPES
from reference.ports.families import PREFER_DUAL_STACK, REQUIRE_DUAL_STACK
from reference.questions import Verb

Fields = dict[str, tuple[str, Callable[[Service], Any]]]

_INTERNAL = "spec.internalTrafficPolicy"
_DEFAULTS: Fields = {
    "spec.type": ("TYPE-001", lambda service: service.spec.type),
    "spec.ports[].protocol": ("PORT-001", lambda service: tuple(p.protocol for p in service.spec.ports)),
    "spec.ports[].targetPort": ("PORT-002", lambda service: tuple(p.target_port for p in service.spec.ports)),
    "spec.sessionAffinity": ("TYPE-009", lambda service: service.spec.session_affinity),
    "spec.externalTrafficPolicy": ("TYPE-009", lambda service: service.spec.external_traffic_policy),
    "spec.allocateLoadBalancerNodePorts": (
        "TYPE-009",
        lambda service: service.spec.allocate_load_balancer_node_ports,
    ),
}


def _affinity_config(service: Service) -> Any:
    config = service.spec.session_affinity_config
    return config.client_ip.timeout_seconds if config and config.client_ip else None


def _of(name: str) -> Callable[[Service], Any]:
    """A field of the spec; the API does not tell an empty one from a missing one."""
    return lambda service: getattr(service.spec, name) or None


_SENT: Fields = {
    "metadata.labels": ("TYPE-024", lambda service: service.metadata.labels),
    "spec.ports[].port": ("PORT-015", lambda service: tuple(p.port for p in service.spec.ports)),
    "spec.ports[].name": ("PORT-014", lambda service: tuple(p.name for p in service.spec.ports)),
    "spec.ports[].appProtocol": (
        "PORT-019",
        lambda service: tuple(p.app_protocol for p in service.spec.ports),
    ),
    "spec.selector": ("TYPE-024", _of("selector")),
    "spec.externalName": ("VAL-030", _of("external_name")),
    "spec.externalIPs": ("TYPE-024", _of("external_ips")),
    "spec.loadBalancerIP": ("VAL-063", _of("load_balancer_ip")),
    "spec.loadBalancerSourceRanges": ("VAL-057", _of("load_balancer_source_ranges")),
    "spec.publishNotReadyAddresses": ("TYPE-024", _of("publish_not_ready_addresses")),
    "spec.trafficDistribution": ("TYPE-024", _of("traffic_distribution")),
    "status.loadBalancer.ingress": ("VAL-073", lambda service: service.status.load_balancer.ingress),
}

_ADDRESSES = ("spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy")


def _addresses(*requirements: str) -> Fields:
    getters: tuple[Callable[[Service], Any], ...] = (
        _of("cluster_ip"),
        _of("cluster_ips"),
        _of("ip_families"),
        _of("ip_family_policy"),
    )
    return {
        path: (requirement, getter)
        for path, requirement, getter in zip(_ADDRESSES, requirements, getters, strict=True)
    }


@lru_cache(maxsize=8)
def _numbers(node_port: str, health_check: str) -> Fields:
    return {
        "spec.ports[].nodePort": (node_port, lambda service: tuple(p.node_port for p in service.spec.ports)),
        "spec.healthCheckNodePort": (health_check, _of("health_check_node_port")),
    }


@invariant(
    "ports.defaults",
    kind=Kind.AGREEMENT,
    requirements=("TYPE-001", "TYPE-009", "PORT-001", "PORT-002", "VAL-034", "VAL-035", "VAL-068"),
    asks=("admit",),
    classes=("targetPort left out", "protocol left out", "externally accessible"),
)
def defaults(case: Case) -> None:
    """What a user leaves out is filled in: type, protocol, targetPort, session affinity with its
    time-out, traffic policies and allocateLoadBalancerNodePorts.
    """
    for step, expected, got in stored(case, Verb.CREATE):
        case.judged(*_left_out(step.request.service, expected))
        compare(case, step, expected, got, _DEFAULTS)
        policy = "VAL-068" if expected.spec.type == EXTERNAL_NAME else "TYPE-009"
        compare(case, step, expected, got, {_INTERNAL: (policy, _of("internal_traffic_policy"))})
        rule = "VAL-034" if expected.spec.session_affinity == "ClientIP" else "VAL-035"
        compare(case, step, expected, got, {"spec.sessionAffinityConfig": (rule, _affinity_config)})


def _left_out(sent: Service, expected: Service) -> list[str]:
    classes = []
    if expected.spec.session_affinity == "ClientIP":
        classes.append("affinity ClientIP")
    if any(not port.target_port for port in sent.spec.ports):
        classes.append("targetPort left out")
    if any(not port.protocol for port in sent.spec.ports):
        classes.append("protocol left out")
    if expected.spec.external_traffic_policy:
        classes.append("externally accessible")
    return classes


@invariant(
    "ports.stored-as-sent",
    kind=Kind.AGREEMENT,
    requirements=(
        "PORT-014",
        "PORT-015",
        "PORT-019",
        "TYPE-024",
        "VAL-030",
        "VAL-057",
        "VAL-063",
        "VAL-073",
    ),
    asks=("admit",),
)
def stored_as_sent(case: Case) -> None:
    """What a user writes and the server has no say in is stored and returned as it was sent, but for
    the status.
    """
    for step in steps(case):
        if step.accepted is not None and step.accepted.service is not None and step.response.service is None:
            case.fail(
                "TYPE-024", question=f"the Service after {step}", expected="a Service", got="no Service"
            )
    for step, expected, got in stored(case, Verb.CREATE, Verb.UPDATE):
        case.judged()
        compare(case, step, expected, got, _SENT)


@invariant(
    "ports.node-ports-of-a-new-service",
    kind=Kind.AGREEMENT,
    requirements=(
        "ALLOC-009",
        "ALLOC-012",
        "ALLOC-013",
        "ALLOC-018",
        "ALLOC-021",
        "ALLOC-024",
        "TYPE-002",
        "TYPE-005",
        "TYPE-012",
        "VAL-020",
    ),
    asks=("admit",),
    classes=("NodePort", "LoadBalancer", "health check node port", "TCP and UDP on one port"),
)
def node_ports_of_a_new_service(case: Case) -> None:
    """A new Service has node ports where its type needs them, those that were asked for, shared by
    entries with one port number, and a health check node port exactly when it is a LoadBalancer
    with policy Local.
    """
    for step, expected, got in stored(case, Verb.CREATE):
        case.judged(*_kinds(expected))
        compare(
            case,
            step,
            expected,
            got,
            _numbers(_node_port_rule(step, expected), _health_check_rule(expected)),
        )


def _kinds(service: Service) -> list[str]:
    spec = service.spec
    kinds = [spec.type] if spec.type in NODE_PORT_TYPES else []
    if spec.health_check_node_port:
        kinds.append("health check node port")
    if kinds and len({port.port for port in spec.ports}) < len(spec.ports):
        kinds.append("TCP and UDP on one port")
    return kinds


def _health_check_rule(expected: Service) -> str:
    if expected.spec.type == NODE_PORT:
        return "TYPE-012"
    return "ALLOC-024" if expected.spec.allocate_load_balancer_node_ports is False else "ALLOC-021"


def _node_port_rule(step: Step, expected: Service) -> str:
    sent = step.request.service.spec
    if expected.spec.type == EXTERNAL_NAME:
        return "VAL-020"
    if expected.spec.type == LOAD_BALANCER and sent.allocate_load_balancer_node_ports is False:
        return "ALLOC-018" if any(port.node_port for port in sent.ports) else "TYPE-005"
    if len({port.port for port in sent.ports}) < len(sent.ports):
        return "ALLOC-013" if all(port.node_port for port in sent.ports) else "ALLOC-012"
    return "ALLOC-009" if any(port.node_port for port in sent.ports) else "TYPE-002"


@invariant(
    "ports.cluster-ips-of-a-new-service",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-025", "ALLOC-029", "ALLOC-036", "ALLOC-038", "ALLOC-039", "TYPE-006", "TYPE-007"),
    asks=("admit",),
    classes=("cluster IP", "ExternalName"),
)
def cluster_ips_of_a_new_service(case: Case) -> None:
    """A new Service has one cluster IP for each family, the one that was asked for; a headless one
    has None, an ExternalName has neither addresses nor families.
    """
    for step, expected, got in stored(case, Verb.CREATE):
        kind, rule = _address_kind(step, expected)
        case.judged(kind)
        families = _family_rule(step)
        compare(case, step, expected, got, _addresses(rule, "ALLOC-025", families, "ALLOC-036"))


def _address_kind(step: Step, expected: Service) -> tuple[str, str]:
    if expected.spec.type == EXTERNAL_NAME:
        return "ExternalName", "TYPE-006"
    if expected.spec.cluster_ip == "None":
        return "headless", "TYPE-007"
    explicit = bool(step.request.service.spec.cluster_ip)
    return ("explicit cluster IP", "ALLOC-029") if explicit else ("cluster IP", "ALLOC-025")


def _family_rule(step: Step) -> str:
    sent = step.request.service.spec
    if sent.ip_family_policy in (PREFER_DUAL_STACK, REQUIRE_DUAL_STACK):
        return "ALLOC-039"
    inferred = sent.cluster_ip not in ("", CLUSTER_IP_NONE) and not sent.ip_families
    return "ALLOC-038" if inferred else "ALLOC-036"


@invariant(
    "ports.dynamic-node-ports-come-from-the-upper-band",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-007", "ALLOC-008"),
    asks=("admit",),
    classes=("upper band",),
)
def dynamic_node_ports(case: Case) -> None:
    """A node port that the server chooses is from the upper band while any number is free there."""
    _judge_bands(case, "nodePort", "ALLOC-008", "ALLOC-007")


@invariant(
    "ports.dynamic-cluster-ips-come-from-the-upper-band",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-027", "ALLOC-028"),
    asks=("admit",),
    classes=("upper band",),
)
def dynamic_cluster_ips(case: Case) -> None:
    """A cluster IP that the server chooses is from the upper band while any address is free there."""
    _judge_bands(case, "clusterIPs", "ALLOC-028", "ALLOC-027")


def _judge_bands(case: Case, field: str, requirement: str, formula: str) -> None:
    for step, _, _ in stored(case, Verb.CREATE, Verb.UPDATE):
        assert step.accepted is not None
        for choice in step.accepted.choices:
            if field not in choice.field and not (field == "nodePort" and "NodePort" in choice.field):
                continue
            from_upper = all(
                band in [pool.upper for pool in choice.allowed.pools] for band in choice.allowed.bands
            )
            case.judged("upper band" if from_upper else "lower band")
            if choice.taken not in choice.allowed:
                case.fail(
                    requirement,
                    question=f"{choice.field} chosen for {step}",
                    expected=str(choice.allowed),
                    got=str(choice.taken),
                    because=(requirement, formula),
                )


# -- updates ---------------------------------------------------------------------------


@invariant(
    "ports.node-ports-after-an-update",
    kind=Kind.AGREEMENT,
    requirements=(
        "ALLOC-015",
        "ALLOC-018",
        "ALLOC-019",
        "ALLOC-023",
        "TYPE-016",
        "TYPE-017",
        "TYPE-018",
        "TYPE-020",
    ),
    asks=("admit",),
    classes=("node ports kept",),
)
def node_ports_after_an_update(case: Case) -> None:
    """An update keeps the node ports of entries with the same name, gives one to those that lack
    it, and clears them with the type that needed them; so with the health check node port.
    """
    for step, expected, got in stored(case, Verb.UPDATE):
        old = _old_of(step)
        if old is None:
            continue
        kind, rule = _node_port_change(old, expected)
        case.judged(*([kind] if kind else []))
        compare(case, step, expected, got, _numbers(rule, "ALLOC-023"))


def _old_of(step: Step) -> Service | None:
    """What was stored before; None when the update created the Service."""
    accepted = step.accepted
    return accepted.old if accepted else None


def _node_port_change(old: Service, new: Service) -> tuple[str, str]:
    had, has = old.spec.type in NODE_PORT_TYPES, new.spec.type in NODE_PORT_TYPES
    if had and not has:
        return "node ports cleared", "TYPE-020"
    if has and not had:
        return "node ports given", "TYPE-016"
    if not has:
        return "", "TYPE-020"
    if old.spec.type != new.spec.type:
        return "node ports kept", "TYPE-017" if new.spec.type == LOAD_BALANCER else "TYPE-018"
    allocates = new.spec.allocate_load_balancer_node_ports
    if old.spec.allocate_load_balancer_node_ports != allocates:
        return "node ports kept", "ALLOC-019"
    if allocates is False:
        return "node ports kept", "ALLOC-018"
    return "node ports kept", "ALLOC-015"


@invariant(
    "ports.cluster-ips-after-an-update",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-033", "ALLOC-035", "TYPE-014", "TYPE-015"),
    asks=("admit",),
    classes=("cluster IP kept",),
)
def cluster_ips_after_an_update(case: Case) -> None:
    """An update that leaves out the cluster IP keeps it; a change to ExternalName gives it up, and
    a change from ExternalName gives a new one.
    """
    for step, expected, got in stored(case, Verb.UPDATE):
        old = _old_of(step)
        if old is None:
            continue
        kind, rule = "cluster IP kept", "ALLOC-033"
        if old.spec.type == EXTERNAL_NAME != expected.spec.type:
            kind, rule = "from ExternalName", "TYPE-015"
        elif expected.spec.type == EXTERNAL_NAME != old.spec.type:
            kind, rule = "to ExternalName", "TYPE-014"
        case.judged(kind)
        address = "ALLOC-035" if rule == "TYPE-015" else rule
        compare(case, step, expected, got, _addresses(address, rule, rule, rule))


@invariant(
    "ports.fields-after-an-update",
    kind=Kind.AGREEMENT,
    requirements=("TYPE-013", "TYPE-016", "TYPE-017", "TYPE-018", "TYPE-021"),
    asks=("admit",),
    classes=("type changed",),
)
def fields_after_an_update(case: Case) -> None:
    """An update fills in the defaults of the new type, and clears what only the old type needed and
    the request leaves unchanged.
    """
    for step, expected, got in stored(case, Verb.UPDATE):
        old = _old_of(step)
        if old is None:
            continue
        case.judged(*(["type changed"] if old.spec.type != expected.spec.type else []))
        rule = {"LoadBalancer": "TYPE-017", "NodePort": "TYPE-016"}.get(expected.spec.type, "TYPE-021")
        load_balancer = "TYPE-018" if old.spec.type == LOAD_BALANCER else "TYPE-017"
        compare(
            case,
            step,
            expected,
            got,
            {
                **{path: ("TYPE-013", getter) for path, (_, getter) in _DEFAULTS.items()},
                "spec.externalTrafficPolicy": (rule, _of("external_traffic_policy")),
                "spec.loadBalancerClass": (load_balancer, _of("load_balancer_class")),
                "spec.allocateLoadBalancerNodePorts": (
                    load_balancer,
                    lambda service: service.spec.allocate_load_balancer_node_ports,
                ),
            },
        )
