# SPDX-License-Identifier: Apache-2.0
"""Services as the API server would store them: defaulted, allocated, and refused where it would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from conformance import catalogue
from conformance.errors import UsageError
from conformance.manifests.items import Item
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports.addresses import format_ip, parse_ip
from reference.ports.admission import create_violations
from reference.ports.allocation import allocate_create
from reference.ports.defaulting import with_defaults, with_ip_modes
from reference.ports.pools import Allocations, Allowed, cluster_ip_pools
from reference.ports.rejections import Refused, Violation
from reference.ports.transitions import with_cluster_ip_list

API_SERVER_PORT = 6443


def kubernetes_service(settings: ClusterSettings) -> Service:
    """`default/kubernetes`, the Service of the API server, at the first address of the service CIDR."""
    family, pools = cluster_ip_pools(settings.service_cidrs)[0]
    address = format_ip(family, pools[0].lower.start)
    return Service(
        ObjectMeta(name="kubernetes", namespace="default"),
        ServiceSpec(ports=(ServicePort(443, "https", "TCP", API_SERVER_PORT),), cluster_ip=address),
    )


def admit(items: Sequence[Item], own: Sequence[Service], settings: ClusterSettings) -> tuple[Service, ...]:
    """The Services of `own` and `items` as stored; the first that would be refused is an error."""
    given = [(item.value, item) for item in items if isinstance(item.value, Service)]
    wanted: list[tuple[Service, Item | None]] = [*((service, None) for service in own), *given]
    choose = _Chooser([service for service, _ in wanted])
    state = Allocations(settings)
    stored = []
    for service, item in wanted:
        try:
            made, state = _create(service, state, choose)
        except Refused as refused:
            raise _error(refused, item) from None
        stored.append(made)
    return tuple(stored)


class _Chooser:
    """Chooses the lowest free number that no Service of the manifest asks for."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.reserved: dict[bool, set[int]] = {True: set(), False: set()}
        for service in services:
            spec = service.spec
            self.reserved[True] |= {port.node_port for port in spec.ports} | {spec.health_check_node_port}
            addresses = (parse_ip(text) for text in (spec.cluster_ip, *spec.cluster_ips))
            self.reserved[False] |= {address.value for address in addresses if address is not None}

    def __call__(self, field: str, allowed: Allowed) -> int:
        reserved = self.reserved[field.endswith("odePort")]
        for band in sorted(allowed.bands, key=lambda band: band.start):
            for number in band:
                if number not in allowed.taken and number not in reserved:
                    return number
        return allowed.lowest()


def _create(service: Service, state: Allocations, choose: _Chooser) -> tuple[Service, Allocations]:
    """As the API server creates it, but that a status is kept: dumps have one."""
    service = with_cluster_ip_list(with_ip_modes(with_defaults(service)))
    try:
        stored, state = allocate_create(service, state, choose)
    except Refused as refused:
        # What is wrong in itself explains more than what could not be allocated.
        violations = _violations(service)
        raise (Refused.invalid(*violations) if violations else refused) from None
    violations = _violations(stored)
    if violations:
        raise Refused.invalid(*violations)
    if stored.spec.type == "ExternalName" and stored.spec.internal_traffic_policy is not None:
        stored = evolve(stored, spec=evolve(stored.spec, internal_traffic_policy=None))  # VAL-068
    return stored, state


def _violations(service: Service) -> list[Violation]:
    """Digits may begin a name where the server is new enough (VAL-002)."""
    return list(create_violations(service, relaxed_names=True))


def _error(refused: Refused, item: Item | None) -> UsageError:
    violation = refused.violations[0] if refused.violations else Violation("spec", "Exhausted", "")
    rules = [violation.rule] if violation.rule else list(refused.rules)
    known = catalogue.load()
    because = "; ".join(f"{rule}: {known[rule].sentence}" for rule in rules if rule in known)
    message = f"the API server would refuse this Service: {violation.reason}"
    more = len(refused.violations) - 1
    if more > 0:
        message += f", and {more} more"
    if item is None:
        return UsageError(message, where=f"default/kubernetes: {violation.field}", hint=because)
    return item.error(violation.field, message, hint=because)
