# SPDX-License-Identifier: Apache-2.0
"""Agreement with the reference, one aspect of an endpoint at a time.

Apart, so that an implementation which gets one aspect wrong is still judged on
the others, and a deviation names the row that it breaks.
"""

from __future__ import annotations

from collections import Counter

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Placed,
    answered,
    endpoints_text,
    hints_of,
    hints_text,
    ips_of,
    pods_by_name,
    ports_text,
    words,
)
from conformance.invariants.endpoints.port_rules import missing_port_rule, port_rule, sharing_rule
from reference.endpoints.hints import has_topology_mode_auto
from reference.objects import EndpointConditions, Pod, Service
from reference.selectors import service_selects


def _fail(case: Case, rule: str, item: Answered, about: Placed, *, expected: str, got: str) -> None:
    case.fail(
        rule, question=f"{item.question}, endpoint {about}", expected=expected, got=got, because=(rule,)
    )


# -- membership -----------------------------------------------------------------


@invariant(
    "endpoints.membership-agrees",
    kind=Kind.AGREEMENT,
    requirements=(
        "SEL-001",
        "SEL-002",
        "SEL-003",
        "SEL-004",
        "SEL-007",
        "EP-001",
        "EP-002",
        "EP-003",
        "EP-004",
        "EP-005",
        "EP-011",
        "EP-012",
        "EP-017",
        "EP-020",
        "EP-025",
        "PORT-007",
        "PORT-008",
        "PORT-009",
        "PORT-020",
    ),
    asks=("endpoint_slices",),
    classes=("endpoints", "no endpoints", "not managed"),
)
def membership_agrees(case: Case) -> None:
    """The endpoints of a Service are the addresses of exactly the pods that the reference says."""
    for item in answered(case):
        case.judged("endpoints" if item.wanted else "no endpoints" if item.expected else "not managed")
        found = Counter((entry.family, entry.addresses) for entry in item.found)
        wanted = Counter((entry.family, entry.addresses) for entry in item.wanted)
        if found == wanted:
            continue
        missing = [entry for entry in item.wanted if (entry.family, entry.addresses) in wanted - found]
        extra = [entry for entry in item.found if (entry.family, entry.addresses) in found - wanted]
        # Of pods that share an address, the one that nothing found refers to.
        there = {entry.pod for entry in item.found}
        missing.sort(key=lambda entry: entry.pod in there)
        rule = _missing_rule(case, item, missing[0]) if missing else _extra_rule(case, item, extra[0])
        case.fail(
            rule,
            question=item.question,
            expected=endpoints_text(item.wanted),
            got=endpoints_text(item.found),
            because=(rule,),
        )


def _missing_rule(case: Case, item: Answered, missing: Placed) -> str:
    """Which row an endpoint that is missing would have made think of."""
    pod = pods_by_name(case)[item.name.namespace, missing.pod or ""]
    if any(entry.pod == missing.pod for entry in item.found):
        return "EP-017" if any(entry.family == missing.family for entry in item.found) else "EP-020"
    if pod.metadata.deletion_timestamp is not None:
        return "EP-005"
    if pod.status.phase != "Running":
        return "EP-004"
    if not missing.endpoint.conditions.serving:
        return "EP-011"
    if pod.spec.host_network:
        return "EP-012"
    return missing_port_rule(item.service.spec.ports, missing, item.found)


def _extra_rule(case: Case, item: Answered, extra: Placed) -> str:
    """Which row forbids an endpoint that is there."""
    service = item.service
    if service.spec.type == "ExternalName":
        return "EP-025"
    if not service.spec.selector:
        return "SEL-004"
    pods = _pods_of(case, extra)
    own = [pod for pod in pods if pod.metadata.namespace == item.name.namespace]
    if not pods:
        return "EP-003" if any(not ips_of(pod) for pod in case.cluster.pods) else "EP-001"
    if not own:
        return "SEL-007"
    selected = [pod for pod in own if service_selects(service.spec.selector, pod.metadata.labels)]
    if not selected:
        return _mismatch_rule(service, own[0])
    if not any(ips_of(pod) for pod in selected):
        return "EP-003"
    if all(pod.status.phase in ("Succeeded", "Failed") for pod in selected):
        return "EP-002"
    return "EP-020" if extra.family not in service.spec.ip_families else "EP-001"


def _pods_of(case: Case, extra: Placed) -> list[Pod]:
    """The pods that an endpoint may stand for: by its targetRef, else by its address."""
    reference = extra.endpoint.target_ref
    if reference is not None and reference.name:
        named = pods_by_name(case).get((reference.namespace, reference.name))
        if named is not None:
            return [named]
    return [pod for pod in case.cluster.pods if set(ips_of(pod)) & set(extra.addresses)]


def _mismatch_rule(service: Service, pod: Pod) -> str:
    for key, value in (service.spec.selector or {}).items():
        held = pod.metadata.labels.get(key)
        if held is None:
            return "SEL-002"
        if held != value:
            return "SEL-003" if held.lower() == value.lower() else "SEL-001"
    return "SEL-001"


# -- attributes of an endpoint ------------------------------------------------------


@invariant(
    "endpoints.conditions-agree",
    kind=Kind.AGREEMENT,
    requirements=("EP-006", "EP-007", "EP-008", "EP-010"),
    asks=("endpoint_slices",),
    classes=("ready", "not ready", "terminating"),
)
def conditions_agree(case: Case) -> None:
    """An endpoint is ready, serving and terminating as the reference derives it from the pod."""
    for item in answered(case):
        publish = item.service.spec.publish_not_ready_addresses
        for wanted, found in item.pairs():
            expected, got = wanted.endpoint.conditions, found.endpoint.conditions
            case.judged(*_condition_classes(expected, publish=publish))
            if got != expected:
                rule = _condition_rule(expected, got)
                _fail(case, rule, item, wanted, expected=words(expected), got=words(got))


def _condition_classes(expected: EndpointConditions, *, publish: bool) -> list[str]:
    classes = ["ready" if expected.ready else "not ready"]
    if expected.terminating:
        classes.append("terminating")
    if publish and not (expected.serving and not expected.terminating):
        classes.append("published although not ready")
    return classes


def _condition_rule(expected: EndpointConditions, got: EndpointConditions) -> str:
    if None in (got.ready, got.serving, got.terminating):
        return "EP-010"
    if got.serving != expected.serving:
        return "EP-006"
    return "EP-007" if got.terminating != expected.terminating else "EP-008"


@invariant(
    "endpoints.hostname-agrees",
    kind=Kind.AGREEMENT,
    requirements=("EP-015", "DNS-SEARCH-042"),
    asks=("endpoint_slices",),
    classes=("without a host name",),
)
def hostname_agrees(case: Case) -> None:
    """An endpoint has the pod's host name exactly if the pod's subdomain is the Service's name, and in the
    host's network too.
    """
    in_host_network = {
        (pod.metadata.namespace, pod.metadata.name) for pod in case.cluster.pods if pod.spec.host_network
    }
    for item in answered(case):
        for wanted, found in item.pairs():
            expected, got = wanted.endpoint.hostname, found.endpoint.hostname or None
            case.judged("with a host name" if expected else "without a host name")
            if got != expected:
                on_host = expected is not None and (item.name.namespace, wanted.pod) in in_host_network
                _fail(
                    case,
                    "DNS-SEARCH-042" if on_host else "EP-015",
                    item,
                    wanted,
                    expected=f"host name {expected}" if expected else "no host name",
                    got=f"host name {got}" if got else "no host name",
                )


@invariant(
    "endpoints.place-agrees",
    kind=Kind.AGREEMENT,
    requirements=("EP-013",),
    asks=("endpoint_slices",),
    classes=("zone", "no zone"),
)
def place_agrees(case: Case) -> None:
    """An endpoint names the pod's node, and the zone of that node if it has one."""
    for item in answered(case):
        for wanted, found in item.pairs():
            expected = (wanted.endpoint.node_name, wanted.endpoint.zone)
            got = (found.endpoint.node_name or None, found.endpoint.zone or None)
            case.judged("zone" if expected[1] else "no zone")
            if got != expected:
                _fail(
                    case,
                    "EP-013",
                    item,
                    wanted,
                    expected=f"node {expected[0]}, zone {expected[1]}",
                    got=f"node {got[0]}, zone {got[1]}",
                )


@invariant(
    "endpoints.target-reference-agrees",
    kind=Kind.AGREEMENT,
    requirements=("EP-016",),
    asks=("endpoint_slices",),
)
def target_reference_agrees(case: Case) -> None:
    """Each endpoint refers to its pod by kind, namespace and name."""
    for item in answered(case):
        expected = Counter(_reference(entry) for entry in item.wanted)
        wanted_keys = {(entry.family, entry.addresses) for entry in item.wanted}
        found = [entry for entry in item.found if (entry.family, entry.addresses) in wanted_keys]
        for entry in found:
            case.judged()
            if not expected[_reference(entry)]:
                _fail(
                    case,
                    "EP-016",
                    item,
                    entry,
                    expected="a targetRef to one of " + endpoints_text(item.wanted),
                    got=str(entry.endpoint.target_ref),
                )


def _reference(entry: Placed) -> tuple[object, ...]:
    target = entry.endpoint.target_ref
    named = None if target is None else (target.kind, target.namespace, target.name)
    return (entry.family, entry.addresses, named)


# -- ports ----------------------------------------------------------------------------


@invariant(
    "endpoints.ports-agree",
    kind=Kind.AGREEMENT,
    requirements=(
        "PORT-003",
        "PORT-004",
        "PORT-005",
        "PORT-006",
        "PORT-008",
        "PORT-009",
        "PORT-010",
        "PORT-016",
        "PORT-019",
        "PORT-020",
        "PORT-021",
        "SLICE-003",
        "SLICE-004",
    ),
    asks=("endpoint_slices",),
    classes=("number", "name that resolves"),
)
def ports_agree(case: Case) -> None:
    """An endpoint is in a slice with the ports that the Service's target ports come to in its pod."""
    for item in answered(case):
        for wanted, found in item.pairs():
            case.judged(*_port_classes(item.service, wanted))
            if found.ports != wanted.ports:
                pod = pods_by_name(case)[item.name.namespace, wanted.pod or ""]
                rule = sharing_rule(item, pod, wanted, found) or port_rule(item.service, pod, wanted, found)
                _fail(
                    case,
                    rule,
                    item,
                    wanted,
                    expected=f"ports {ports_text(wanted.ports)}",
                    got=f"ports {ports_text(found.ports)}",
                )


def _port_classes(service: Service, wanted: Placed) -> set[str]:
    resolved = {name for name, _, _, _ in wanted.ports}
    return {
        "number"
        if not isinstance(port.target_port, str)
        else "name that resolves"
        if port.name in resolved
        else "name that does not resolve"
        for port in service.spec.ports
    } or {"Service without ports"}


# -- hints ------------------------------------------------------------------------------


@invariant(
    "endpoints.hints-agree",
    kind=Kind.AGREEMENT,
    requirements=("SLICE-021", "SLICE-022", "SLICE-023", "SLICE-024", "SLICE-026"),
    asks=("endpoint_slices",),
    classes=("no distribution", "PreferSameZone", "PreferSameNode"),
)
def hints_agree(case: Case) -> None:
    """An endpoint has the hints that the Service's trafficDistribution asks for."""
    for item in answered(case):
        if has_topology_mode_auto(item.service):
            continue  # proportional hints depend on what is not modelled
        distribution = item.service.spec.traffic_distribution or "no distribution"
        for wanted, found in item.pairs():
            expected, got = wanted.endpoint.hints, hints_of(found.endpoint)
            case.judged(distribution)
            if got != expected:
                rule = _hints_rule(distribution, wanted)
                _fail(case, rule, item, wanted, expected=hints_text(expected), got=hints_text(got))


def _hints_rule(distribution: str, wanted: Placed) -> str:
    if distribution == "no distribution":
        return "SLICE-026"
    if not wanted.endpoint.conditions.ready:
        return "SLICE-021"
    if wanted.endpoint.hints is None:
        return "SLICE-024"
    return "SLICE-023" if distribution == "PreferSameNode" else "SLICE-022"
