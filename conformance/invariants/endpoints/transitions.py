# SPDX-License-Identifier: Apache-2.0
"""The implementation is told of a change: what follows from it follows, and the rest stays."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import Answered, answered, endpoints_text, said
from reference.endpoints import endpoint_slices
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    ZONE_LABEL,
    Cluster,
    EndpointSlice,
    Node,
    Service,
    ServicePort,
)


def _judge(case: Case, changed: Cluster, *, change: str, rule: Callable[[Answered, bool], str]) -> None:
    """Judge that after the change each Service has the endpoints that the reference says.

    Services that were wrong already are left to the invariants of one state.  `rule`
    is the row that is broken, of a Service and of whether its hints alone are wrong.
    """
    items = answered(case)
    variant = case.moved(changed)
    answers = variant.ask("endpoint_slices", [item.name for item in items])
    for item, got in zip(items, answers, strict=True):
        service = item.service
        if said(item.got, of=service) != said(item.expected, of=service):
            continue
        expected = said(endpoint_slices(changed, item.name), of=service)
        after = said(got, of=service)
        case.judged("endpoints" if expected else "no endpoints")
        if after != expected:
            without = [{evolve(entry, hints=None) for entry in counted} for counted in (after, expected)]
            row = rule(item, without[0] == without[1])
            case.fail(
                row,
                question=f"{item.question} after {change}",
                expected=endpoints_text(expected.elements()),
                got=endpoints_text(after.elements()),
                because=(row,),
            )


# -- slices -----------------------------------------------------------------------------


@invariant(
    "endpoints.restored-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-006",),
    asks=("endpoint_slices",),
    classes=("endpoints",),
)
def restored_slices(case: Case) -> None:
    """When somebody deletes some of the controller's slices and empties others, it restores them."""
    managed = [piece for piece in case.cluster.endpoint_slices if _is_managed(piece)]
    if not managed:
        return
    deleted = managed[::2]
    changed = evolve(
        case.cluster,
        endpoint_slices=tuple(
            evolve(piece, endpoints=()) if _is_managed(piece) else piece
            for piece in case.cluster.endpoint_slices
            if piece not in deleted
        ),
    )
    _judge(case, changed, change="deleting and emptying slices", rule=lambda *_: "SLICE-006")


def _is_managed(piece: EndpointSlice) -> bool:
    return bool(piece.metadata.labels.get(MANAGED_BY_LABEL) == ENDPOINT_SLICE_CONTROLLER)


# -- nodes ------------------------------------------------------------------------------


def _moved(node: Node) -> Node:
    """The node in another zone: one without a zone gets one."""
    zone = "zone-c" if node.metadata.labels.get(ZONE_LABEL) != "zone-c" else "zone-a"
    return evolve(node, metadata=evolve(node.metadata, labels=node.metadata.labels | {ZONE_LABEL: zone}))


@invariant(
    "endpoints.relabelled-nodes",
    kind=Kind.METAMORPHIC,
    requirements=("EP-013", "SLICE-022", "SLICE-023"),
    asks=("endpoint_slices",),
    classes=("endpoints",),
)
def relabelled_nodes(case: Case) -> None:
    """When nodes get another zone, or a first one, their endpoints have that zone and hints for it."""
    changed = evolve(case.cluster, nodes=tuple(map(_moved, case.cluster.nodes)))

    def rule(item: Answered, hints_alone: bool) -> str:
        if not hints_alone:
            return "EP-013"
        return "SLICE-023" if item.service.spec.traffic_distribution == "PreferSameNode" else "SLICE-022"

    _judge(case, changed, change="moving all nodes to other zones", rule=rule)


# -- ports ------------------------------------------------------------------------------


def _renamed(port: ServicePort) -> ServicePort:
    return evolve(port, name=f"{port.name}-new" if port.name else "named")


def _with_app_protocol(port: ServicePort) -> ServicePort:
    return evolve(port, app_protocol=None if port.app_protocol else "example.com/new")


def _to_another_number(port: ServicePort) -> ServicePort:
    number = port.target_port
    return evolve(port, target_port=number + 1 if isinstance(number, int) and 0 < number < 65535 else 8088)


_EDITS = (_renamed, _renamed, _to_another_number, _with_app_protocol)


def _with_other_ports(index: int, service: Service) -> Service:
    change = _EDITS[index % len(_EDITS)]
    return evolve(service, spec=evolve(service.spec, ports=tuple(map(change, service.spec.ports))))


@invariant(
    "endpoints.edited-service-ports",
    kind=Kind.METAMORPHIC,
    requirements=("PORT-025",),
    asks=("endpoint_slices",),
    classes=("endpoints",),
)
def edited_service_ports(case: Case) -> None:
    """When a Service port gets another name, target port or appProtocol, its slices follow."""
    services = tuple(_with_other_ports(*pair) for pair in enumerate(case.cluster.services))
    _judge(
        case,
        evolve(case.cluster, services=services),
        change="editing the Service's ports",
        rule=lambda *_: "PORT-025",
    )
