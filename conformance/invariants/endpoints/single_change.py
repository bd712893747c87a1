# SPDX-License-Identifier: Apache-2.0
"""One pod changes in one respect: its own endpoints follow, and no other endpoint changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Said,
    answered,
    endpoints_text,
    ips_of,
    pods_by_name,
    said,
)
from reference.frozenmap import EMPTY
from reference.objects import EndpointConditions, Pod, PodCondition

Follows = Callable[[Answered, Said], Said | None]
"""What an endpoint of the changed pod becomes, hints apart; None if it is to vanish."""


def _pod_of_an_endpoint(case: Case) -> Pod | None:
    """The first pod that is an endpoint of some Service."""
    for item in answered(case):
        for entry in item.wanted:
            return pods_by_name(case)[item.name.namespace, entry.pod or ""]
    return None


Row = Callable[[Pod, Counter[Said], Counter[Said]], str]
"""Which row is broken: by the changed pod, what was expected and what was got."""


def _judge(case: Case, rule: str | Row, pod: Pod, changed: Pod, follows: Follows, *, change: str) -> None:
    """Judge that the endpoints of the changed pod are as `follows` says, and all others as before.

    The pod's hints come and go with its readiness; they are judged elsewhere.
    """
    items = [item for item in answered(case) if item.name.namespace == pod.metadata.namespace]
    pods = tuple(changed if item is pod else item for item in case.cluster.pods)
    variant = case.moved(evolve(case.cluster, pods=pods))
    answers = variant.ask("endpoint_slices", [item.name for item in items])
    for item, got in zip(items, answers, strict=True):
        case.judged()
        expected: Counter[Said] = Counter()
        for entry, count in said(item.got, of=item.service).items():
            then = follows(item, evolve(entry, hints=None)) if _is_of(entry, pod) else entry
            if then is not None:
                expected[then] += count
        after: Counter[Said] = Counter()
        for entry, count in said(got, of=item.service).items():
            after[evolve(entry, hints=None) if _is_of(entry, pod) else entry] += count
        if after != expected:
            found = rule if isinstance(rule, str) else rule(pod, expected, after)
            case.fail(
                found,
                question=f"{item.question} after {change} of pod {pod.metadata.name}",
                expected=endpoints_text(expected),
                got=endpoints_text(after),
                because=(found,),
            )


def _of_conditions(gone: str, other: str) -> Row:
    """The row that is broken where conditions of a pod's endpoints had to change.

    `gone` if an endpoint vanished instead, SLICE-013 if the one before is still there
    beside the new one, EP-008 if `ready` alone is wrong, else `other`.
    """

    def row(pod: Pod, expected: Counter[Said], after: Counter[Said]) -> str:
        wanted = [entry for entry in expected.elements() if _is_of(entry, pod)]
        found = [entry for entry in after.elements() if _is_of(entry, pod)]
        if len(found) != len(wanted):
            return gone if len(found) < len(wanted) else "SLICE-013"
        found = [evolve(entry, conditions=evolve(entry.conditions, ready=None)) for entry in found]
        wanted = [evolve(entry, conditions=evolve(entry.conditions, ready=None)) for entry in wanted]
        return "EP-008" if Counter(found) == Counter(wanted) else other

    return row


def _is_of(entry: Said, pod: Pod) -> bool:
    if entry.pod is not None:
        return entry.pod == pod.metadata.name
    return bool(set(entry.addresses) & set(ips_of(pod)))


def _vanishes(_: Answered, __: Said) -> None:
    return None


@invariant(
    "endpoints.readiness-of-one-pod",
    kind=Kind.METAMORPHIC,
    requirements=("EP-006", "EP-008", "EP-011", "SLICE-013"),
    asks=("endpoint_slices",),
)
def readiness_of_one_pod(case: Case) -> None:
    """When the Ready condition of one pod turns, its endpoints' conditions turn and nothing else changes."""
    pod = _pod_of_an_endpoint(case)
    if pod is None:
        return
    ready = not any(item.type == "Ready" and item.status == "True" for item in pod.status.conditions)
    others = tuple(item for item in pod.status.conditions if item.type != "Ready")
    conditions = (*others, PodCondition("Ready", "True" if ready else "False"))
    changed = evolve(pod, status=evolve(pod.status, conditions=conditions))

    def follows(item: Answered, entry: Said) -> Said:
        return _with_conditions(item, entry, serving=ready, terminating=entry.conditions.terminating)

    _judge(case, _of_conditions("EP-011", "EP-006"), pod, changed, follows, change="a change of readiness")


@invariant(
    "endpoints.deletion-of-one-pod",
    kind=Kind.METAMORPHIC,
    requirements=("EP-005", "EP-007", "EP-008", "SLICE-013"),
    asks=("endpoint_slices",),
)
def deletion_of_one_pod(case: Case) -> None:
    """When the deletion of one pod begins, its endpoints stay, terminating, and nothing else changes."""
    pod = _pod_of_an_endpoint(case)
    if pod is None or pod.metadata.deletion_timestamp is not None:
        return
    changed = evolve(pod, metadata=evolve(pod.metadata, deletion_timestamp=100))

    def follows(item: Answered, entry: Said) -> Said:
        return _with_conditions(item, entry, serving=entry.conditions.serving, terminating=True)

    _judge(case, _of_conditions("EP-005", "EP-007"), pod, changed, follows, change="the beginning deletion")


def _with_conditions(item: Answered, entry: Said, *, serving: bool | None, terminating: bool | None) -> Said:
    ready = item.service.spec.publish_not_ready_addresses or bool(serving and not terminating)
    return evolve(entry, conditions=EndpointConditions(ready, serving, terminating))


@invariant(
    "endpoints.end-of-one-pod",
    kind=Kind.METAMORPHIC,
    requirements=("EP-002",),
    asks=("endpoint_slices",),
)
def end_of_one_pod(case: Case) -> None:
    """When one pod succeeds or fails, its endpoints vanish and nothing else changes."""
    pod = _pod_of_an_endpoint(case)
    if pod is None:
        return
    phase = "Failed" if len(pod.metadata.name) % 2 else "Succeeded"
    changed = evolve(pod, status=evolve(pod.status, phase=phase))
    _judge(case, "EP-002", pod, changed, _vanishes, change="the end")


@invariant(
    "endpoints.lost-address-of-one-pod",
    kind=Kind.METAMORPHIC,
    requirements=("EP-003",),
    asks=("endpoint_slices",),
)
def lost_address_of_one_pod(case: Case) -> None:
    """When one pod has no address, it has no endpoints, published or not, and nothing else changes."""
    pod = _pod_of_an_endpoint(case)
    if pod is None:
        return
    changed = evolve(pod, status=evolve(pod.status, pod_ip="", pod_ips=()))
    _judge(case, "EP-003", pod, changed, _vanishes, change="the loss of the address")


@invariant(
    "endpoints.relabelled-pod",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-009",),
    asks=("endpoint_slices",),
)
def relabelled_pod(case: Case) -> None:
    """When one pod loses its labels, its endpoints vanish and nothing else changes."""
    pod = _pod_of_an_endpoint(case)
    if pod is None:
        return
    changed = evolve(pod, metadata=evolve(pod.metadata, labels=EMPTY))
    _judge(case, "SEL-009", pod, changed, _vanishes, change="the loss of the labels")


@invariant(
    "endpoints.missing-node",
    kind=Kind.METAMORPHIC,
    requirements=("EP-014",),
    asks=("endpoint_slices",),
)
def missing_node(case: Case) -> None:
    """Pods on a node that is gone are no endpoints; where they are published, they have no zone."""
    first = _pod_of_an_endpoint(case)
    if first is None:
        return
    gone = first.spec.node_name
    nodes = tuple(node for node in case.cluster.nodes if node.metadata.name != gone)
    variant = case.moved(evolve(case.cluster, nodes=nodes))
    items = answered(case)
    for item, got in zip(items, variant.ask("endpoint_slices", [item.name for item in items]), strict=True):
        publish = item.service.spec.publish_not_ready_addresses
        case.judged("published" if publish else "not published")
        expected: Counter[Said] = Counter()
        for entry, count in said(item.got, of=item.service).items():
            if entry.node_name != gone:
                expected[evolve(entry, hints=None)] += count
            elif publish:
                expected[evolve(entry, zone=None, hints=None)] += count
        after: Counter[Said] = Counter()
        for entry, count in said(got, of=item.service).items():
            after[evolve(entry, hints=None)] += count
        if after != expected:
            case.fail(
                "EP-014",
                question=f"{item.question} after node {gone} is gone",
                expected=endpoints_text(expected),
                got=endpoints_text(after),
                because=("EP-014",),
            )
