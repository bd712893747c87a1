# SPDX-License-Identifier: Apache-2.0
"""Health check node ports."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.features import DUAL_STACK
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, ask, shown, table
from conformance.questions.routing import OUTSIDE, internal_ip
from conformance.questions.routing import health_checks as every_check
from reference.objects import (
    SERVICE_NAME_LABEL,
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointSlice,
    Service,
)
from reference.questions import Client, ClientKind, Flow, HealthCheck, HealthCheckAnswer, Outcome
from reference.routing.addresses import IPV4, IPV6, family_of
from reference.routing.candidates import is_contradictory
from reference.routing.frontends import families
from reference.routing.health import answer, is_checked, listed

_CHECKS = ("health_checks",)


def health_checks(case: Case) -> tuple[HealthCheck, ...]:
    """The checks of the cluster whose answer no contradiction between slices leaves open (RT-007)."""

    def compute() -> tuple[HealthCheck, ...]:
        compiled = table(case)
        unclear = {
            service.spec.health_check_node_port
            for service in case.cluster.services
            if service.spec.health_check_node_port
            and any(
                is_contradictory(found)
                for family in (IPV4, IPV6)
                for found in listed(compiled.usable_slices(service, family))
            )
        }
        return tuple(check for check in every_check(case.cluster) if check.port not in unclear)

    return case.memo("health checks", compute)


def answered(case: Case) -> list[tuple[HealthCheck, Service | None, HealthCheckAnswer]]:
    """Each check, the Service whose port it is, and the implementation's answer."""

    def compute() -> list[tuple[HealthCheck, Service | None, HealthCheckAnswer]]:
        checks = health_checks(case)
        by_port = {
            service.spec.health_check_node_port: service
            for service in case.cluster.services
            if service.spec.health_check_node_port
        }
        return [
            (check, by_port.get(check.port), got)
            for check, got in zip(checks, case.ask("health_checks", checks), strict=True)
        ]

    return case.memo("health checks answered", compute)


def text(check: HealthCheck, service: Service | None) -> str:
    """The check in words."""
    whose = f" of {service.metadata.namespace}/{service.metadata.name}" if service else ""
    how = "" if check.family == IPV4 else f" over {check.family}"
    return f"health check of {check.node}:{check.port}{whose}{how}"


def is_answered_alike(case: Case, check: HealthCheck, service: Service) -> bool:
    """Whether every implementation answers as kube-proxy does, which counts each family for itself (HC-011).

    Others may count the endpoints of all families together, and listen in all of them; and they
    need not count those under ports that the Service lacks (HC-004).
    """
    known = families(service.spec)
    if check.family not in known:
        return False
    own = table(case)
    answers = {own.health_check(evolve(check, family=family)).status for family in known}
    answers |= {
        answer(
            service,
            [endpoint for port in service.spec.ports for endpoint in own.candidates(service, port, family)],
            check.node,
        ).status
        for family in known
    }
    return len(answers) == 1


@invariant(
    "routing.health-check-says-whether-an-endpoint-is-local",
    kind=Kind.AGREEMENT,
    requirements=("HC-002", "HC-003"),
    asks=_CHECKS,
    level=Level.CLASS,
    classes=("200", "503"),
)
def status(case: Case) -> None:
    """Every node answers on the health check node port: 200 if a ready endpoint of the Service is on
    the node, else 503.
    """
    for check, service, got in answered(case):
        expected = table(case).health_check(check)
        if not expected.status or service is None or not is_answered_alike(case, check, service):
            continue
        case.judged(str(expected.status))
        if got.status != expected.status:
            case.fail(
                "HC-003" if got.status else "HC-002",
                question=text(check, service),
                expected=expected.status,
                got=got.status or "nothing listens",
            )


@invariant(
    "routing.health-check-counts-addresses",
    kind=Kind.AGREEMENT,
    requirements=("HC-004", "HC-005", "HC-006"),
    asks=_CHECKS,
    level=Level.KUBE_PROXY,
    classes=("endpoints", "none"),
)
def count(case: Case) -> None:
    """The answer of a health check node port names the Service and counts the distinct addresses of
    its ready endpoints on the node.
    """
    for check, service, got in answered(case):
        expected = table(case).health_check(check)
        if not expected.status or not got.status:
            continue
        case.judged("endpoints" if expected.local_endpoints else "none")
        if (got.local_endpoints, got.service) != (expected.local_endpoints, expected.service):
            case.fail(
                _count_row(case, check, service, got, expected),
                question=text(check, service),
                expected=f"{expected.local_endpoints} endpoints of {expected.service}",
                got=f"{got.local_endpoints} endpoints of {got.service}",
            )


def _count_row(
    case: Case,
    check: HealthCheck,
    service: Service | None,
    got: HealthCheckAnswer,
    expected: HealthCheckAnswer,
) -> str:
    """The row that a wrong answer breaks."""
    if got.local_endpoints == expected.local_endpoints:
        return "HC-006"
    # Published although its pod is on its way out.
    published = service is not None and any(
        endpoint.node_name == check.node
        and family_of(endpoint.addresses[0]) == check.family
        and endpoint.conditions.ready is not False
        and endpoint.conditions.terminating
        for endpoint in _listed(case, service)
    )
    return (
        "HC-005" if published and (got.local_endpoints or 0) < (expected.local_endpoints or 0) else "HC-004"
    )


@invariant(
    "routing.each-family-has-its-own-health-check",
    kind=Kind.AGREEMENT,
    requirements=("HC-011",),
    asks=_CHECKS,
    level=Level.KUBE_PROXY,
    features=(DUAL_STACK,),
    classes=("another answer than the other family's", "a family that the Service lacks"),
)
def each_family(case: Case) -> None:
    """Over each family a health check node port answers for the endpoints of that family alone, and
    nothing listens in a family that the Service lacks.
    """
    own = table(case)
    for check, service, got in answered(case):
        if service is None or not is_checked(service):
            continue
        expected = own.health_check(check)
        if not expected.status:
            case.judged("a family that the Service lacks")
        elif not is_answered_alike(case, check, service):
            case.judged("another answer than the other family's")
        else:
            case.judged("the same in both")
        if got.status != expected.status:
            case.fail(
                "HC-011",
                question=text(check, service),
                expected=expected.status or "nothing listens",
                got=got.status or "nothing listens",
            )


@invariant(
    "routing.a-node-that-leaves-is-checked-as-before",
    kind=Kind.METAMORPHIC,
    requirements=("HC-009",),
    asks=_CHECKS,
    level=Level.KUBE_PROXY,
)
def leaving(case: Case) -> None:
    """A node that is being deleted answers on health check node ports as it did before."""
    nodes = tuple(
        evolve(node, metadata=evolve(node.metadata, deletion_timestamp=200)) for node in case.cluster.nodes
    )
    checks = [check for check, service, got in answered(case) if service and got.status]
    if not checks:
        return
    related = case.moved(evolve(case.cluster, nodes=nodes))
    before = {check: got for check, _, got in answered(case)}
    for check, got in zip(checks, related.ask("health_checks", checks), strict=True):
        case.judged()
        if got != before[check]:
            case.fail(
                "HC-009",
                question=f"health check of {check.node}:{check.port}, the node being deleted",
                expected=before[check],
                got=got,
            )


@invariant(
    "routing.draining-endpoints-do-not-make-a-node-healthy",
    kind=Kind.STATED,
    requirements=("TERM-011",),
    asks=_CHECKS,
    level=Level.CLASS,
    classes=("only endpoints that are not ready",),
)
def draining(case: Case) -> None:
    """A node with no ready endpoint of the Service never answers 200, whatever else is on it."""
    for check, service, got in answered(case):
        if service is None:
            continue
        if check.family not in families(service.spec):
            continue
        here = [endpoint for endpoint in _listed(case, service) if endpoint.node_name == check.node]
        if any(endpoint.conditions.ready is not False for endpoint in here):
            continue
        case.judged("only endpoints that are not ready" if here else "no endpoint")
        if got.status == 200:
            case.fail(
                "TERM-011",
                question=text(check, service),
                expected="not 200, no endpoint on the node is ready",
                got=got.status,
            )


def _listed(case: Case, service: Service) -> list[Endpoint]:
    return [
        endpoint
        for item in case.cluster.endpoint_slices
        if item.metadata.namespace == service.metadata.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
        for endpoint in item.endpoints
    ]


@invariant(
    "routing.other-proxies-services-have-no-health-check",
    kind=Kind.STATED,
    requirements=("HEADLESS-004",),
    asks=_CHECKS,
    level=Level.CLASS,
)
def other_proxies(case: Case) -> None:
    """Nobody listens on the health check node port of a Service that another proxy is to serve."""
    for check, service, got in answered(case):
        if service is None or SERVICE_PROXY_NAME_LABEL not in service.metadata.labels:
            continue
        case.judged("another proxy's")
        if got.status:
            case.fail(
                "HEADLESS-004",
                question=text(check, service),
                expected="nothing listens",
                got=got.status,
            )


@invariant(
    "routing.a-healthy-node-forwards",
    kind=Kind.STATED,
    requirements=("HC-003",),
    asks=("health_checks", *ROUTE),
    level=Level.CLASS,
    classes=("healthy",),
)
def healthy(case: Case) -> None:
    """A node whose health check answers 200 forwards what arrives from outside at the node port of
    that Service.
    """
    addresses = {
        (node.metadata.name, family): internal_ip(node, family)
        for node in case.cluster.nodes
        for family in (IPV4, IPV6)
    }
    asked: list[tuple[HealthCheck, Service, Flow]] = []
    for check, service, got in answered(case):
        ip = addresses.get((check.node, check.family))
        # With several ports the endpoint that was counted may be another port's.
        if service is None or got.status != 200 or ip is None or len(service.spec.ports) != 1:
            continue
        if not is_answered_alike(case, check, service):
            continue
        port = service.spec.ports[0]
        if port.node_port:
            client = Client(ClientKind.EXTERNAL, check.node, OUTSIDE[check.family][0])
            asked.append((check, service, Flow(client, ip, port.node_port, port.protocol)))
    answers = {item.flow: item for item in ask(case, [flow for _, _, flow in asked])}
    for check, service, flow in asked:
        item = answers.get(flow)
        if item is None:
            continue
        case.judged("healthy")
        if item.got.outcome is not Outcome.FORWARD:
            case.fail(
                "HC-003",
                question=f"{item.text}, while the {text(check, service)} answers 200",
                expected="forward",
                got=shown(item.got),
            )


@invariant(
    "routing.policies-and-hints-do-not-change-health",
    kind=Kind.METAMORPHIC,
    requirements=("HC-010",),
    asks=_CHECKS,
    level=Level.KUBE_PROXY,
)
def unmoved(case: Case) -> None:
    """Taking hints away, turning the internal policy and the affinity, and lifting source ranges change
    no answer of a health check node port.
    """
    checks = health_checks(case)
    related = case.variant(evolve(case.example, cluster=_turned(case.cluster)))
    after = related.ask("health_checks", checks)
    for (check, service, before), got in zip(answered(case), after, strict=True):
        if service is None:
            continue
        case.judged()
        if got != before:
            case.fail("HC-010", question=text(check, service), expected=before, got=got)


def _turned(cluster: Cluster) -> Cluster:
    def unhinted(item: EndpointSlice) -> EndpointSlice:
        return evolve(item, endpoints=tuple(evolve(endpoint, hints=None) for endpoint in item.endpoints))

    def turned(service: Service) -> Service:
        spec = service.spec
        if not spec.health_check_node_port:
            return service
        other = "Cluster" if spec.internal_traffic_policy == "Local" else "Local"
        return evolve(
            service,
            spec=evolve(
                spec,
                internal_traffic_policy=other,
                session_affinity="None",
                session_affinity_config=None,
                load_balancer_source_ranges=(),
            ),
        )

    return evolve(
        cluster,
        services=tuple(map(turned, cluster.services)),
        endpoint_slices=tuple(map(unhinted, cluster.endpoint_slices)),
    )


@invariant(
    "routing.without-need-there-is-no-health-check",
    kind=Kind.METAMORPHIC,
    requirements=("HC-013",),
    asks=_CHECKS,
    level=Level.CLASS,
)
def closed(case: Case) -> None:
    """Once external policies are turned from Local to Cluster, nobody listens on the ports that were
    health check node ports.
    """
    before = [(check, service) for check, service, got in answered(case) if service and got.status]
    if not before:
        return
    services = tuple(
        evolve(
            service,
            spec=evolve(service.spec, external_traffic_policy="Cluster", health_check_node_port=0),
        )
        if service.spec.health_check_node_port
        else service
        for service in case.cluster.services
    )
    related = case.moved(evolve(case.cluster, services=services))
    answers = related.ask("health_checks", [check for check, _ in before])
    for (check, service), got in zip(before, answers, strict=True):
        case.judged()
        if got.status:
            case.fail("HC-013", question=text(check, service), expected="nothing listens", got=got.status)
