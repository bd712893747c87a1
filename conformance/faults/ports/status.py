# SPDX-License-Identifier: Apache-2.0
"""API servers that treat the status of a Service wrongly."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces
from conformance.faults.ports.updates import without_type_dependent_fields
from reference.objects import LoadBalancerIngress, LoadBalancerStatus, Service, ServiceStatus
from reference.ports import server, status
from reference.ports.rejections import Violation

status_violations = status.status_violations
with_status = status.with_status


def _without(rule: str, service: Service, old: Service) -> tuple[Violation, ...]:
    return tuple(violation for violation in status_violations(service, old) if violation.rule != rule)


def _refused(service: Service, old: Service, field: str) -> tuple[Violation, ...]:
    return (
        *status_violations(service, old),
        Violation(f"status.loadBalancer.ingress[0].{field}", "Invalid", ""),
    )


def _each(service: Service, ingress: tuple[LoadBalancerIngress, ...]) -> Service:
    return evolve(service, status=ServiceStatus(LoadBalancerStatus(ingress)))


@replaces(server, "status_violations", "VAL-070")
def status_of_any_type(service: Service, old: Service) -> tuple[Violation, ...]:
    """Addresses may be published for a Service of any type."""
    return _without("VAL-070", service, old)


@replaces(server, "status_violations", "VAL-071")
def published_addresses_not_checked(service: Service, old: Service) -> tuple[Violation, ...]:
    """What is published need not be an address or a name."""
    return _without("VAL-071", service, old)


@replaces(server, "status_violations", "VAL-072")
def modes_not_checked(service: Service, old: Service) -> tuple[Violation, ...]:
    """The mode of a published address may be anything, and a name may have one."""
    return _without("VAL-072", service, old)


@replaces(server, "status_violations", "TYPE-003")
def addresses_are_not_published(service: Service, old: Service) -> tuple[Violation, ...]:
    """An address cannot be published."""
    ingress = service.status.load_balancer.ingress
    return (
        _refused(service, old, "ip")
        if any(entry.ip for entry in ingress)
        else status_violations(service, old)
    )


@replaces(server, "status_violations", "TYPE-010")
def mode_proxy_is_unknown(service: Service, old: Service) -> tuple[Violation, ...]:
    """The only mode is VIP."""
    ingress = service.status.load_balancer.ingress
    if any(entry.ip_mode == "Proxy" for entry in ingress):
        return _refused(service, old, "ipMode")
    return status_violations(service, old)


@replaces(server, "with_status", "TYPE-009")
def no_mode_by_default(old: Service, sent: Service) -> Service:
    """An address that is published without a mode has none."""
    after = with_status(old, sent)
    given = [entry.ip_mode for entry in sent.status.load_balancer.ingress]
    return _each(
        after,
        tuple(
            evolve(entry, ip_mode=mode) if mode is None and entry.ip else entry
            for entry, mode in zip(after.status.load_balancer.ingress, given, strict=True)
        ),
    )


@replaces(server, "status_violations", "TYPE-011")
def names_need_a_mode(service: Service, old: Service) -> tuple[Violation, ...]:
    """A published name is refused unless it has a mode."""
    ingress = service.status.load_balancer.ingress
    if any(entry.hostname and not entry.ip and entry.ip_mode is None for entry in ingress):
        return _refused(service, old, "ipMode")
    return status_violations(service, old)


@replaces(server, "without_type_dependent_fields", "TYPE-019")
def status_outlives_the_type(old: Service, new: Service) -> Service:
    """What was published stays when the Service is no LoadBalancer any more."""
    return evolve(without_type_dependent_fields(old, new), status=old.status)


@replaces(server, "without_type_dependent_fields", "VAL-073")
def updates_clear_the_status(old: Service, new: Service) -> Service:
    """Any update takes back what was published."""
    return evolve(without_type_dependent_fields(old, new), status=ServiceStatus())
