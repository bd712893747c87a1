# SPDX-License-Identifier: Apache-2.0
"""All Services change in one respect: their slices follow in that respect and in no other."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Said,
    answered,
    endpoints_text,
    hints_of,
    is_managed,
    placed,
    said,
)
from conformance.invariants.endpoints.metamorphic import UNRELATED, judge_related
from reference.endpoints.hints import has_topology_mode_auto
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    EndpointSlice,
    Pod,
    PodIP,
    Service,
)


@invariant(
    "endpoints.publishing",
    kind=Kind.METAMORPHIC,
    requirements=("EP-002", "EP-003", "EP-006", "EP-008"),
    asks=("endpoint_slices",),
)
def publishing(case: Case) -> None:
    """Publishing not-ready addresses makes every endpoint ready, and adds or changes nothing else."""
    known = {node.metadata.name for node in case.cluster.nodes}
    if any(pod.spec.node_name not in known for pod in case.cluster.pods):
        return  # publishing adds the pods whose node is missing
    services = tuple(
        evolve(service, spec=evolve(service.spec, publish_not_ready_addresses=True))
        for service in case.cluster.services
    )

    def ready(_: Answered, entry: Said) -> Said:
        return evolve(entry, conditions=evolve(entry.conditions, ready=True))

    def row(_: Answered, expected: Counter[Said], after: Counter[Said]) -> str:
        before = {entry.pod for entry in expected}
        added = [entry for entry in after if entry.pod not in before]
        if added:
            return "EP-002" if added[0].addresses else "EP-003"
        return "EP-008" if _serving(after) == _serving(expected) else "EP-006"

    judge_related(
        case,
        row,
        evolve(case.cluster, services=services),
        change="setting publishNotReadyAddresses",
        expect=ready,
        seen=lambda entry: evolve(entry, hints=None),
    )


def _serving(counted: Counter[Said]) -> Counter[tuple[str | None, bool | None]]:
    return Counter((entry.pod, entry.conditions.serving) for entry in counted.elements())


@invariant(
    "endpoints.distribution-changes-hints-alone",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-021", "SLICE-022", "SLICE-026"),
    asks=("endpoint_slices",),
)
def distribution_changes_hints_alone(case: Case) -> None:
    """The traffic distribution of a Service changes hints and nothing else; PreferClose is PreferSameZone."""
    old = {"PreferSameZone": "PreferClose", "PreferClose": "PreferSameZone", "PreferSameNode": None}
    services = tuple(
        evolve(
            service,
            spec=evolve(
                service.spec,
                traffic_distribution=old.get(service.spec.traffic_distribution or "", "PreferSameNode"),
            ),
        )
        for service in case.cluster.services
    )
    synonyms = {
        (service.metadata.namespace, service.metadata.name)
        for service in case.cluster.services
        if service.spec.traffic_distribution in ("PreferClose", "PreferSameZone")
    }
    changed = evolve(case.cluster, services=services)
    judge_related(
        case,
        "SLICE-021",
        changed,
        change="changing trafficDistribution",
        seen=lambda entry: evolve(entry, hints=None),
    )
    variant = case.moved(changed)
    _judge_hints_are_gone(case, variant)
    items = [item for item in answered(case) if (item.name.namespace, item.name.name) in synonyms]
    for item, got in zip(items, variant.ask("endpoint_slices", [item.name for item in items]), strict=True):
        case.judged("synonyms")
        before, after = said(item.got, of=item.service), said(got, of=item.service)
        if before != after:
            case.fail(
                "SLICE-022",
                question=f"{item.question} with the other name of its trafficDistribution",
                expected=endpoints_text(before.elements()),
                got=endpoints_text(after.elements()),
                because=("SLICE-022",),
            )


def _judge_hints_are_gone(case: Case, variant: Case) -> None:
    """Judge that no endpoint has hints where the Service has no distribution any more."""
    gone = [item for item in answered(case) if item.service.spec.traffic_distribution == "PreferSameNode"]
    answers = variant.ask("endpoint_slices", [item.name for item in gone])
    for item, got in zip(gone, answers, strict=True):
        if has_topology_mode_auto(item.service):
            continue
        case.judged("no distribution any more")
        hinted = [entry for entry in placed(got) if hints_of(entry.endpoint) is not None]
        if hinted:
            case.fail(
                "SLICE-026",
                question=f"{item.question} after taking back trafficDistribution",
                expected="no hints",
                got=f"hints of {endpoints_text(hinted)}",
                because=("SLICE-026",),
            )


@invariant(
    "endpoints.service-label",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-017", "SLICE-018"),
    asks=("endpoint_slices",),
)
def service_label(case: Case) -> None:
    """A label that is put on a Service is on its slices; one of the reserved keys is not."""
    reserved = {SERVICE_NAME_LABEL: "another", MANAGED_BY_LABEL: "somebody.example.com"}
    services = tuple(
        evolve(
            service,
            metadata=evolve(service.metadata, labels=service.metadata.labels | {**UNRELATED, **reserved}),
        )
        for service in case.cluster.services
    )
    variant = case.moved(evolve(case.cluster, services=services))
    items = answered(case)
    for item, got in zip(items, variant.ask("endpoint_slices", [item.name for item in items]), strict=True):
        case.judged("slices" if item.got else "no slices")
        expected = {piece.metadata.labels | UNRELATED for piece in item.got}
        labels = {piece.metadata.labels for piece in got}
        if labels != expected:
            kept = {entry.get(key) for entry in labels for key in reserved}
            case.fail(
                "SLICE-017" if kept & set(reserved.values()) else "SLICE-018",
                question=f"{item.question} after labelling the Service",
                expected="; ".join(sorted(str(dict(entry)) for entry in expected)) or "no slices",
                got="; ".join(sorted(str(dict(entry)) for entry in labels)) or "no slices",
                because=("SLICE-017", "SLICE-018"),
            )


# -- a second family ------------------------------------------------------------------------


def _second_ip(index: int) -> PodIP:
    return PodIP(f"fd00:10:244::{index + 2:x}")


def _dual_stack_pod(index: int, pod: Pod) -> Pod:
    """Every other pod that has an address gets one of the second family."""
    if index % 2 or not pod.status.pod_ips:
        return pod
    return evolve(pod, status=evolve(pod.status, pod_ips=(*pod.status.pod_ips, _second_ip(index))))


def _dual_stack(service: Service, index: int, *, families: tuple[str, str]) -> Service:
    spec = service.spec
    ips = (spec.cluster_ip, "None" if spec.cluster_ip == "None" else f"fd00:10:96::{index + 2:x}")
    ips = ips if families[0] == "IPv4" else ips[::-1]
    return evolve(
        service,
        spec=evolve(
            spec,
            ip_families=families,
            ip_family_policy="RequireDualStack",
            cluster_ip=ips[0],
            cluster_ips=("None",) if spec.cluster_ip == "None" else ips,
        ),
    )


@invariant(
    "endpoints.second-family",
    kind=Kind.METAMORPHIC,
    requirements=("EP-020", "EP-021", "SLICE-010"),
    asks=("endpoint_slices",),
)
def second_family(case: Case) -> None:
    """Each family has slices of its own, with the pods that have such an address, whichever comes first."""
    cluster = case.cluster
    if any(":" in cidr for cidr in cluster.settings.service_cidrs):
        return
    if any(service.spec.ip_families not in ((), ("IPv4",)) for service in cluster.services):
        return
    pods = tuple(_dual_stack_pod(index, pod) for index, pod in enumerate(cluster.pods))
    second = {pod.metadata.name: pod.status.pod_ips[-1].ip for pod in pods if len(pod.status.pod_ips) > 1}
    orders = (("IPv4", "IPv6"), ("IPv6", "IPv4"))
    for families in orders:
        services = tuple(
            _dual_stack(service, index, families=families) if is_managed(service) else service
            for index, service in enumerate(cluster.services)
        )
        changed = evolve(
            cluster,
            settings=evolve(
                cluster.settings, service_cidrs=(*cluster.settings.service_cidrs, "fd00:10:96::/112")
            ),
            pods=pods,
            services=services,
        )
        variant = case.moved(changed)
        items = [item for item in answered(case) if is_managed(item.service)]
        answers = variant.ask("endpoint_slices", [item.name for item in items])
        for item, got in zip(items, answers, strict=True):
            case.judged(f"{families[0]} first")
            rule = "EP-020" if families == orders[0] else "EP-021"
            _judge_families(case, rule, item, got, second)


def _judge_families(
    case: Case, rule: str, item: Answered, got: tuple[EndpointSlice, ...], second: dict[str, str]
) -> None:
    expected = said(item.got, of=item.service)
    for entry, count in tuple(expected.items()):
        if entry.pod in second:
            expected[evolve(entry, family="IPv6", addresses=(second[entry.pod],))] += count
    after = said(got, of=item.service)
    if after != expected:
        order = "IPv4 and IPv6" if rule == "EP-020" else "IPv6 and IPv4, in this order"
        case.fail(
            rule,
            question=f"{item.question} with the families {order}",
            expected=endpoints_text(expected.elements()),
            got=endpoints_text(after.elements()),
            because=(rule,),
        )
    for family in ("IPv4", "IPv6"):
        pieces = [piece for piece in got if piece.address_type == family]
        if not pieces or (not placed(pieces) and any(piece.ports for piece in pieces)):
            case.fail(
                "SLICE-010",
                question=f"{item.question} with the families IPv4 and IPv6",
                expected=f"a slice of {family}, without ports if it has no endpoints",
                got=f"{len(pieces)} slices of {family}",
                because=("SLICE-010",),
            )
