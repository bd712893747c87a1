# SPDX-License-Identifier: Apache-2.0
"""Health check node ports."""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import table
from conformance.questions.routing import health_checks as every_check
from reference.objects import SERVICE_NAME_LABEL
from reference.questions import HealthCheck


def health_checks(case: Case) -> tuple[HealthCheck, ...]:
    """The checks of the cluster whose answer no contradiction between slices leaves open (RT-007)."""
    compiled = table(case)
    unclear = {
        service.spec.health_check_node_port
        for service in case.cluster.services
        if service.spec.health_check_node_port
        and any(compiled.is_ambiguous(service, port) for port in service.spec.ports)
    }
    return case.memo(
        "health checks",
        lambda: tuple(check for check in every_check(case.cluster) if check.port not in unclear),
    )


@invariant(
    "routing.health-check-says-whether-an-endpoint-is-local",
    kind=Kind.AGREEMENT,
    requirements=("HC-002", "HC-003"),
    asks=("health_checks",),
    level=Level.CLASS,
    classes=("200", "503"),
)
def status(case: Case) -> None:
    """Every node answers on the health check node port: 200 if a ready endpoint of the Service is on
    the node, else 503.
    """
    checks = health_checks(case)
    for check, got in zip(checks, case.ask("health_checks", checks), strict=True):
        expected = table(case).health_check(check)
        if not expected.status:
            continue
        case.judged(str(expected.status))
        if got.status != expected.status:
            case.fail(
                "HC-003" if got.status else "HC-002",
                question=f"health check of {check.node}:{check.port} ({expected.service})",
                expected=expected.status,
                got=got.status or "nothing listens",
            )


@invariant(
    "routing.health-check-counts-addresses",
    kind=Kind.AGREEMENT,
    requirements=("HC-004", "HC-005", "HC-006", "HC-010"),
    asks=("health_checks",),
    level=Level.KUBE_PROXY,
)
def count(case: Case) -> None:
    """The answer of a health check node port names the Service and counts the distinct addresses of
    its ready endpoints on the node.
    """
    checks = health_checks(case)
    for check, got in zip(checks, case.ask("health_checks", checks), strict=True):
        expected = table(case).health_check(check)
        if not expected.status or not got.status:
            continue
        case.judged()
        if (got.local_endpoints, got.service) != (expected.local_endpoints, expected.service):
            case.fail(
                "HC-004",
                question=f"health check of {check.node}:{check.port}",
                expected=f"{expected.local_endpoints} endpoints of {expected.service}",
                got=f"{got.local_endpoints} endpoints of {got.service}",
            )


@invariant(
    "routing.draining-endpoints-do-not-make-a-node-healthy",
    kind=Kind.STATED,
    requirements=("TERM-011",),
    asks=("health_checks",),
    level=Level.CLASS,
)
def draining(case: Case) -> None:
    """A node with no ready endpoint of the Service never answers 200, whatever else is on it."""
    checks = health_checks(case)
    by_port = {
        service.spec.health_check_node_port: service
        for service in case.cluster.services
        if service.spec.health_check_node_port
    }
    for check, got in zip(checks, case.ask("health_checks", checks), strict=True):
        service = by_port.get(check.port)
        if service is None:
            continue
        case.judged()
        ready = any(
            endpoint.conditions.ready is not False and endpoint.node_name == check.node
            for item in case.cluster.endpoint_slices
            if item.metadata.namespace == service.metadata.namespace
            and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
            for endpoint in item.endpoints
        )
        if got.status == 200 and not ready:
            case.fail(
                "TERM-011",
                question=f"health check of {check.node}:{check.port}",
                expected="not 200, no endpoint on the node is ready",
                got=got.status,
            )
