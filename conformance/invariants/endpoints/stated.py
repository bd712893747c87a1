# SPDX-License-Identifier: Apache-2.0
"""Properties of endpoints that are read off the cluster and the answer, without the reference."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Placed,
    answered,
    endpoints_text,
    hints_of,
    hints_text,
    ips_of,
    is_managed,
    pods_by_name,
    port_set,
    ports_text,
    words,
)
from reference.objects import Pod


def _endpoints(case: Case) -> Iterator[tuple[Answered, Placed]]:
    for item in answered(case):
        for entry in item.found:
            yield item, entry


def _pods(case: Case) -> Iterator[tuple[Answered, Placed, Pod]]:
    """The endpoints that name an existing pod, with that pod."""
    for item, entry in _endpoints(case):
        target = entry.endpoint.target_ref
        pod = pods_by_name(case).get((target.namespace, target.name)) if target is not None else None
        if pod is not None:
            yield item, entry, pod


def _broken(case: Case, rule: str, item: Answered, entry: Placed, *, expected: str, got: str) -> None:
    case.fail(
        rule, question=f"{item.question}, endpoint {entry}", expected=expected, got=got, because=(rule,)
    )


@invariant(
    "endpoints.never-a-terminal-pod",
    kind=Kind.STATED,
    requirements=("EP-002",),
    asks=("endpoint_slices",),
)
def never_a_terminal_pod(case: Case) -> None:
    """A pod that succeeded or failed is no endpoint, whatever its Ready condition or the Service say."""
    addresses: dict[str, list[Pod]] = case.memo("endpoints.pods by address", lambda: _by_address(case))
    for item, entry in _endpoints(case):
        case.judged(
            "published although not ready" if item.service.spec.publish_not_ready_addresses else "usual"
        )
        pods = [pod for address in entry.addresses for pod in addresses.get(address, ())]
        if entry.pod is not None:
            pods = [pod for pod in pods if pod.metadata.name == entry.pod]
        if pods and all(pod.status.phase in ("Succeeded", "Failed") for pod in pods):
            _broken(case, "EP-002", item, entry, expected="no endpoint", got=f"phase {pods[0].status.phase}")


def _by_address(case: Case) -> dict[str, list[Pod]]:
    found: dict[str, list[Pod]] = {}
    for pod in case.cluster.pods:
        for address in ips_of(pod):
            found.setdefault(address, []).append(pod)
    return found


@invariant(
    "endpoints.own-namespace",
    kind=Kind.STATED,
    requirements=("SEL-007",),
    asks=("endpoint_slices",),
)
def own_namespace(case: Case) -> None:
    """No pod of another namespace is ever an endpoint."""
    addresses = case.memo("endpoints.pods by address", lambda: _by_address(case))
    for item, entry in _endpoints(case):
        case.judged()
        target = entry.endpoint.target_ref
        namespaces = {
            pod.metadata.namespace for address in entry.addresses for pod in addresses.get(address, ())
        }
        if target is not None and target.namespace and target.namespace != item.name.namespace:
            namespaces = {target.namespace}
        if namespaces and item.name.namespace not in namespaces:
            _broken(
                case,
                "SEL-007",
                item,
                entry,
                expected=f"pods of namespace {item.name.namespace}",
                got=f"a pod of namespace {', '.join(sorted(namespaces))}",
            )


@invariant(
    "endpoints.addresses-are-the-pods-own",
    kind=Kind.STATED,
    requirements=("EP-003", "EP-012", "EP-017"),
    asks=("endpoint_slices",),
)
def addresses_are_the_pods_own(case: Case) -> None:
    """An endpoint has at least one address, and each is one of those in its pod's status."""
    for item, entry, pod in _pods(case):
        own = ips_of(pod)
        case.judged("node's network" if pod.spec.host_network else "pod network")
        if not own:
            _broken(
                case, "EP-003", item, entry, expected="no endpoint: the pod has no address", got=str(entry)
            )
        if not entry.addresses or not set(entry.addresses) <= set(own):
            rule = "EP-012" if pod.spec.host_network else "EP-017"
            _broken(case, rule, item, entry, expected=f"addresses of {', '.join(own)}", got=str(entry))


@invariant(
    "endpoints.conditions-are-consistent",
    kind=Kind.STATED,
    requirements=("EP-008", "EP-010"),
    asks=("endpoint_slices",),
    classes=("published", "not published"),
)
def conditions_are_consistent(case: Case) -> None:
    """All conditions are written; ready is serving and not terminating, or always true where published."""
    for item, entry in _endpoints(case):
        publish = item.service.spec.publish_not_ready_addresses
        got = entry.endpoint.conditions
        case.judged("published" if publish else "not published")
        if None in (got.ready, got.serving, got.terminating):
            _broken(case, "EP-010", item, entry, expected="all three conditions", got=words(got))
        ready = publish or bool(got.serving and not got.terminating)
        if got.ready is not ready:
            _broken(case, "EP-008", item, entry, expected=f"ready={str(ready).lower()}", got=words(got))


@invariant(
    "endpoints.serving-follows-the-pod",
    kind=Kind.STATED,
    requirements=("EP-006", "EP-007"),
    asks=("endpoint_slices",),
)
def serving_follows_the_pod(case: Case) -> None:
    """An endpoint serves if the pod's Ready condition is True, and terminates if the pod is being deleted."""
    for item, entry, pod in _pods(case):
        ready = [entry.status for entry in pod.status.conditions if entry.type == "Ready"] == ["True"]
        deleted = pod.metadata.deletion_timestamp is not None
        got = entry.endpoint.conditions
        case.judged("terminating" if deleted else "not terminating")
        if got.serving is not ready:
            _broken(case, "EP-006", item, entry, expected=f"serving={str(ready).lower()}", got=words(got))
        if got.terminating is not deleted:
            expected = f"terminating={str(deleted).lower()}"
            _broken(case, "EP-007", item, entry, expected=expected, got=words(got))


@invariant(
    "endpoints.not-managed",
    kind=Kind.STATED,
    requirements=("SEL-004", "SEL-010", "EP-025"),
    asks=("endpoint_slices",),
    classes=("without a selector", "ExternalName"),
)
def not_managed(case: Case) -> None:
    """The controller writes no slices for a Service without a selector, nor for an ExternalName."""
    for item in answered(case):
        if is_managed(item.service):
            continue
        external = item.service.spec.type == "ExternalName"
        case.judged("ExternalName" if external else "without a selector")
        if item.got:
            rule = "SEL-004" if not external else "EP-025" if item.found else "SEL-010"
            case.fail(
                rule,
                question=item.question,
                expected="no slices",
                got=f"{len(item.got)} slices: {endpoints_text(item.found)}",
                because=(rule,),
            )


@invariant(
    "endpoints.slice-ports-are-the-services",
    kind=Kind.STATED,
    requirements=("PORT-003", "PORT-010", "PORT-019", "PORT-024"),
    asks=("endpoint_slices",),
    classes=("number",),
)
def slice_ports_are_the_services(case: Case) -> None:
    """A slice's ports have a Service port's name, protocol and appProtocol, and a numeric target verbatim."""
    for item in answered(case):
        ports = {port.name: port for port in item.service.spec.ports}
        for piece in item.got:
            offered = port_set(piece.ports)
            case.judged("number" if any(isinstance(p.target_port, int) for p in ports.values()) else "names")
            for name, number, protocol, app in offered:
                port = ports.get(name)
                right = port is not None and (protocol, app) == (port.protocol or "TCP", port.app_protocol)
                if port is None or not right:
                    rule = "PORT-019" if port is not None and protocol == port.protocol else "PORT-010"
                    _wrong_ports(case, rule, item, f"ports of {', '.join(ports) or 'nothing'}", offered)
                elif isinstance(port.target_port, int) and port.target_port and number != port.target_port:
                    _wrong_ports(case, "PORT-003", item, f"port {port.target_port} as {name!r}", offered)
            names = {name for name, _, _, _ in offered}
            for port in ports.values():
                if piece.endpoints and isinstance(port.target_port, int) and port.name not in names:
                    _wrong_ports(case, "PORT-024", item, f"port {port.target_port} as {port.name!r}", offered)


@invariant(
    "endpoints.slice-ports-have-numbers",
    kind=Kind.STATED,
    requirements=("PORT-026",),
    asks=("endpoint_slices",),
    classes=("a name that no pod resolves", "numbers"),
)
def slice_ports_have_numbers(case: Case) -> None:
    """Each port of a slice that the controller writes has a number; one that has none is left out."""
    for item in answered(case):
        named = any(isinstance(port.target_port, str) for port in item.service.spec.ports)
        for piece in item.got:
            offered = port_set(piece.ports)
            missing = named and piece.endpoints and len(offered) < len(item.service.spec.ports)
            case.judged("a name that no pod resolves" if missing else "numbers")
            if any(number is None for _, number, _, _ in offered):
                _wrong_ports(case, "PORT-026", item, "a number for each port", offered)


def _wrong_ports(
    case: Case,
    rule: str,
    item: Answered,
    expected: str,
    offered: frozenset[tuple[str, int | None, str, str | None]],
) -> None:
    case.fail(rule, question=item.question, expected=expected, got=ports_text(offered), because=(rule,))


@invariant(
    "endpoints.hints-of-ready-endpoints",
    kind=Kind.STATED,
    requirements=("SLICE-021", "SLICE-026"),
    asks=("endpoint_slices",),
    classes=("not ready", "no distribution"),
)
def hints_of_ready_endpoints(case: Case) -> None:
    """Only a ready endpoint has hints, and only where the Service asks for a distribution."""
    for item, entry in _endpoints(case):
        got = hints_of(entry.endpoint)
        wanted = bool(item.service.spec.traffic_distribution) or any(
            "topology" in key for key in item.service.metadata.annotations
        )
        if not entry.endpoint.conditions.ready:
            case.judged("not ready")
            if got is not None:
                _broken(case, "SLICE-021", item, entry, expected="no hints", got=hints_text(got))
        elif not wanted:
            case.judged("no distribution")
            if got is not None:
                _broken(case, "SLICE-026", item, entry, expected="no hints", got=hints_text(got))
