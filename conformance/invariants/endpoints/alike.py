# SPDX-License-Identifier: Apache-2.0
"""What endpoints do not depend on: whether a Service is headless, other pods, other conditions of a pod."""

from __future__ import annotations

from collections import Counter
from typing import Any

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
from conformance.invariants.endpoints.metamorphic import judge_related
from reference.endpoints.membership import is_serving
from reference.objects import CLUSTER_IP_NONE, Pod, PodCondition, Service, ServiceStatus


def _headless(service: Service) -> Service:
    """The Service without a cluster IP, and with the other internal traffic policy."""
    spec = service.spec
    if spec.type == "ExternalName":
        return service
    policy = "Local" if spec.internal_traffic_policy != "Local" else "Cluster"
    return evolve(
        service,
        spec=evolve(
            spec,
            type="ClusterIP",
            cluster_ip=CLUSTER_IP_NONE,
            cluster_ips=(CLUSTER_IP_NONE,),
            ports=tuple(evolve(port, node_port=0) for port in spec.ports),
            external_ips=(),
            external_traffic_policy="",
            internal_traffic_policy=policy,
            session_affinity="None",
            session_affinity_config=None,
            load_balancer_source_ranges=(),
            allocate_load_balancer_node_ports=None,
            health_check_node_port=0,
        ),
        status=ServiceStatus(),
    )


def _headless_row(_: Answered, expected: Counter[Said], after: Counter[Said]) -> str:
    def without(counted: Counter[Said], **fields: Any) -> Counter[Said]:
        return Counter(evolve(entry, **fields) for entry in counted.elements())

    if without(expected, hints=None) == without(after, hints=None):
        return "SLICE-032"
    if without(expected, ports=frozenset()) == without(after, ports=frozenset()):
        return "PORT-021"
    return "EP-023"


@invariant(
    "endpoints.headless-or-not",
    kind=Kind.METAMORPHIC,
    requirements=("EP-023", "PORT-021", "SLICE-032"),
    asks=("endpoint_slices",),
)
def headless_or_not(case: Case) -> None:
    """A Service that is headless, or has another traffic policy, has the same endpoints, ports and hints."""
    services = tuple(map(_headless, case.cluster.services))
    judge_related(
        case,
        _headless_row,
        evolve(case.cluster, services=services),
        change="making all Services headless",
        same_labels=False,
    )


# -- other pods -------------------------------------------------------------------------


def _pod_of_interest(case: Case) -> Pod | None:
    """A pod of an endpoint, one with hints if there is any."""
    wanted = [(item, entry) for item in answered(case) for entry in item.wanted]
    hinted = [(item, entry) for item, entry in wanted if entry.endpoint.hints is not None]
    for item, entry in hinted or wanted:
        return pods_by_name(case)[item.name.namespace, entry.pod or ""]
    return None


@invariant(
    "endpoints.alone",
    kind=Kind.METAMORPHIC,
    requirements=("EP-001", "SLICE-025"),
    asks=("endpoint_slices",),
)
def alone(case: Case) -> None:
    """The endpoints of a pod, their hints included, are the same if there is no other pod."""
    pod = _pod_of_interest(case)
    if pod is None:
        return
    items = [item for item in answered(case) if item.name.namespace == pod.metadata.namespace]
    variant = case.variant(evolve(case.example, cluster=evolve(case.cluster, pods=(pod,))))
    answers = variant.ask("endpoint_slices", [item.name for item in items])
    for item, got in zip(items, answers, strict=True):
        case.judged("endpoints" if item.found else "no endpoints")
        before, after = said(item.got, of=item.service), said(got, of=item.service)
        own = {entry: count for entry, count in before.items() if _is_of(entry, pod)}
        if after != Counter(own):
            hints_alone = {evolve(entry, hints=None) for entry in own} == {
                evolve(entry, hints=None) for entry in after
            }
            rule = "SLICE-025" if hints_alone else "EP-001"
            case.fail(
                rule,
                question=f"{item.question} with the pod {pod.metadata.name} alone",
                expected=endpoints_text(own),
                got=endpoints_text(after),
                because=(rule,),
            )


def _is_of(entry: Said, pod: Pod) -> bool:
    if entry.pod is not None:
        return entry.pod == pod.metadata.name
    return bool(set(entry.addresses) & set(ips_of(pod)))


# -- other conditions -------------------------------------------------------------------


def _with_other_conditions(pod: Pod) -> Pod:
    """The pod with further conditions, each the opposite of Ready."""
    status = "False" if is_serving(pod) else "True"
    more = tuple(
        PodCondition(name, status) for name in ("ContainersReady", "PodScheduled", "gate.example.com/warm")
    )
    return evolve(pod, status=evolve(pod.status, conditions=(*more, *pod.status.conditions)))


@invariant(
    "endpoints.other-conditions",
    kind=Kind.METAMORPHIC,
    requirements=("EP-009",),
    asks=("endpoint_slices",),
)
def other_conditions(case: Case) -> None:
    """Conditions of a pod other than Ready change nothing of its endpoints."""
    pods = tuple(map(_with_other_conditions, case.cluster.pods))
    judge_related(
        case, "EP-009", evolve(case.cluster, pods=pods), change="adding other conditions to all pods"
    )
