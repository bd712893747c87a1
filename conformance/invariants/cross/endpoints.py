# SPDX-License-Identifier: Apache-2.0
"""What the endpoint controller writes is what names give and where connections end."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.cross.names import addresses, followed
from conformance.invariants.cross.reach import (
    ENDPOINTS,
    NO_ENDPOINTS,
    ROUTING,
    canonical,
    client_of,
    flow_to,
    follow,
    judge,
    may_end,
    offered,
    shown,
    slices_of,
)
from conformance.questions import cross as questions
from conformance.questions.endpoints import services as every_service
from reference.objects import (
    CLUSTER_IP_NONE,
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    EndpointSlice,
    NamespacedName,
    Service,
)
from reference.questions import Query


def _is_managed(item: EndpointSlice) -> bool:
    return bool(item.metadata.labels.get(MANAGED_BY_LABEL) == ENDPOINT_SLICE_CONTROLLER)


def _answered(case: Case) -> dict[NamespacedName, tuple[EndpointSlice, ...]]:
    """What the implementation's controller writes for every Service; once for a case."""

    def compute() -> dict[NamespacedName, tuple[EndpointSlice, ...]]:
        names = every_service(case.cluster)
        answers = case.ask("endpoint_slices", names) if names else []
        return {name: tuple(answer) for name, answer in zip(names, answers, strict=True)}

    return case.memo("cross.controller", compute)


def _slices(case: Case, service: Service) -> list[EndpointSlice]:
    """The slices of a Service as they are if the implementation's own controller writes them."""
    by_hand = [item for item in slices_of(case, service) if not _is_managed(item)]
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    return [*by_hand, *_answered(case)[name]]


@invariant(
    "cross.controller-to-backends",
    kind=Kind.STATED,
    requirements=("EP-001", "PORT-010", "RT-001", "RT-003"),
    asks=("endpoint_slices", ROUTING),
    level=Level.CLASS,
    classes=(ENDPOINTS, NO_ENDPOINTS),
)
def controller_to_backends(case: Case) -> None:
    """A connection to a Service ends at one of the endpoints that the controller writes for its port, and
    where the choice is told it is among all that are ready.
    """
    client = client_of(case)
    ways = [
        (service, port, service.spec.cluster_ip)
        for service in followed(case)
        if service.spec.selector
        for port in service.spec.ports
    ]
    if client is None or not ways:
        return
    flows = [flow_to(client, ip, port.port, port.protocol) for _, port, ip in ways]
    for (service, port, ip), reached in zip(ways, follow(case, flows), strict=True):
        wanted = offered(_slices(case, service), port, ip)
        way = (
            f"a {port.protocol} connection from {client.ip} to {ip}:{port.port}, "
            f"Service {service.metadata.namespace}/{service.metadata.name}"
        )
        rule = "RT-001"
        there_already = offered(slices_of(case, service), port, ip)
        if may_end(reached, there_already):
            # As the cluster's own slices say: it is the controller that says otherwise.
            written, given = _slices(case, service), slices_of(case, service)
            ends = reached.backends if reached.forwarded else wanted.ready
            there = written if reached.forwarded else given
            known = {address for item in there for address in item_addresses(item)}
            rule = "PORT-010" if {backend.ip for backend in ends} <= known else "EP-001"
        judge(case, rule, way, reached, wanted)
        missing = wanted.ready - reached.backends
        # The hints that are there may be others than the controller gives.
        narrowed = wanted.narrowed or there_already.narrowed
        if reached.complete and reached.forwarded and missing and not narrowed:
            case.fail(
                "RT-003",
                question=way,
                expected=f"a choice among {shown(wanted.ready)}",
                got=f"a choice among {shown(reached.backends)}",
                because=("RT-003",),
            )


@invariant(
    "cross.headless-name-to-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-HEADLESS-001", "DNS-HEADLESS-013", "EP-001", "EP-008"),
    asks=("endpoint_slices", "resolve"),
    classes=(ENDPOINTS,),
)
def headless_name_to_endpoints(case: Case) -> None:
    """The name of a headless Service resolves to the addresses of the ready endpoints that the controller
    writes, and of those that were written by hand.
    """
    domain = case.cluster.settings.cluster_domain
    asked = [
        (service, questions.name_of(service, domain))
        for service in questions.named_services(case.cluster)
        if service.spec.cluster_ip == CLUSTER_IP_NONE and service.spec.type != "ExternalName"
    ][: questions.MOST_SERVICES]
    if not asked:
        return
    answers = case.ask("resolve", [Query(name, "A") for _, name in asked])
    for (service, name), answer in zip(asked, answers, strict=True):
        sure, possible = _ready_addresses(_slices(case, service), "IPv4")
        case.judged(ENDPOINTS if sure else NO_ENDPOINTS if not possible else "doubtful endpoints")
        found = set(addresses(answer, "A"))
        if not sure <= found <= possible:
            expected = ", ".join(sorted(sure)) or "no address"
            rule = _headless_rule(case, service, found, (sure - found) | (found - possible))
            case.fail(
                rule,
                question=f"{name} A, the name of a headless Service",
                expected=f"the ready endpoints: {expected}",
                got=", ".join(sorted(found)) or f"{answer.rcode.value} without an address",
                because=(rule,),
            )


def item_addresses(item: EndpointSlice) -> list[str]:
    """All addresses of a slice."""
    return [canonical(address) for endpoint in item.endpoints for address in endpoint.addresses]


def _headless_rule(case: Case, service: Service, found: set[str], wrong: set[str]) -> str:
    """Which row is broken where `wrong` are the addresses that are missing or too much.

    A server that answers as the cluster's own slices say is right, and the
    controller is not; where the addresses are known, it is about readiness.
    """
    known = {address for item in _slices(case, service) for address in item_addresses(item)}
    sure, possible = _ready_addresses(slices_of(case, service), "IPv4")
    if sure <= found <= possible:
        return "EP-008" if wrong <= known else "EP-001"
    return "DNS-HEADLESS-013" if wrong & found and wrong <= known else "DNS-HEADLESS-001"


def _ready_addresses(slices: Iterable[EndpointSlice], family: str) -> tuple[set[str], set[str]]:
    """The addresses that are ready in every entry, and those that are in some entry.

    Of an endpoint with several addresses the first one is sure.
    """
    states: dict[str, list[bool]] = {}
    further: set[str] = set()
    for item in slices:
        if item.address_type != family:
            continue
        for endpoint in item.endpoints:
            ready = endpoint.conditions.ready is not False
            states.setdefault(canonical(endpoint.addresses[0]), []).append(ready)
            if ready:
                further.update(map(canonical, endpoint.addresses[1:]))
    sure = {ip for ip, each in states.items() if all(each)}
    return sure, {ip for ip, each in states.items() if any(each)} | further
