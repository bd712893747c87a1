# SPDX-License-Identifier: Apache-2.0
"""From a name to an address, and from there to a backend."""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.cross.reach import (
    ENDPOINTS,
    NO_ENDPOINTS,
    ROUTING,
    canonical,
    client_of,
    flow_to,
    follow,
    judge,
    offered,
    slices_of,
)
from conformance.questions import cross as questions
from reference.objects import Pod, Service, ServicePort
from reference.questions import Answer, NamespacedName, Query, ResolverConfig


def addresses(answer: Answer, kind: str) -> list[str]:
    """The addresses of an answer in order; a CNAME in it was followed by the server."""
    return sorted(canonical(record.data) for record in answer.records if record.type == kind)


def followed(case: Case) -> tuple[Service, ...]:
    """The Services that are followed; worked out once for a case."""
    return case.memo("cross.followed", lambda: questions.followed_services(case.cluster))


@invariant(
    "cross.name-to-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "RT-001", "NOEP-001"),
    asks=("resolve", ROUTING),
    level=Level.CLASS,
    classes=(ENDPOINTS, NO_ENDPOINTS),
)
def name_to_endpoints(case: Case) -> None:
    """A connection to what the name of a Service resolves to, at a port of the Service, ends at an endpoint
    of that port.
    """
    client = client_of(case)
    services = followed(case)
    if client is None or not services:
        return
    domain = case.cluster.settings.cluster_domain
    asked = [
        (service, questions.address_query(questions.name_of(service, domain), ip))
        for service in services
        for ip in service.spec.cluster_ips
    ]
    ways: list[tuple[Service, ServicePort, str, str]] = []
    for (service, query), answer in zip(
        asked, case.ask("resolve", [query for _, query in asked]), strict=True
    ):
        found = addresses(answer, query.type)
        if not found:
            _leads_nowhere(case, service, query, answer)
        ways += [(service, port, query.name, ip) for ip in found for port in service.spec.ports]
    flows = [flow_to(client, ip, port.port, port.protocol) for _, port, _, ip in ways]
    for (service, port, name, ip), reached in zip(ways, follow(case, flows), strict=True):
        wanted = offered(slices_of(case, service), port, ip)
        way = f"a {port.protocol} connection from {client.ip} to {name} ({ip}) at port {port.port}"
        judge(case, "RT-001" if wanted.usable else "NOEP-001", way, reached, wanted)


def _leads_nowhere(case: Case, service: Service, query: Query, answer: Answer) -> None:
    """A server may leave out Services without endpoints, and no others."""
    ip = service.spec.cluster_ip
    for port in service.spec.ports:
        wanted = offered(slices_of(case, service), port, ip)
        if wanted.ready:
            case.fail(
                "DNS-A-001",
                question=f"{query.name} {query.type}, the name of a Service with ready endpoints",
                expected=ip,
                got=f"{answer.rcode.value} without an address",
                because=("DNS-A-001",),
            )


@invariant(
    "cross.srv-to-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-SRV-001", "RT-001", "RT-004"),
    asks=("resolve", ROUTING),
    level=Level.CLASS,
    classes=(ENDPOINTS, NO_ENDPOINTS),
)
def srv_to_endpoints(case: Case) -> None:
    """A connection to the target and port of the SRV record of a named port ends at an endpoint of that
    port.
    """
    client = client_of(case)
    domain = case.cluster.settings.cluster_domain
    asked = [
        (service, port, questions.srv_query(service, port, domain))
        for service in followed(case)
        for port in service.spec.ports
        if port.name
    ]
    if client is None or not asked:
        return
    targets: list[tuple[Service, ServicePort, Query, int, Query]] = []
    for (service, port, query), answer in zip(
        asked, case.ask("resolve", [query for _, _, query in asked]), strict=True
    ):
        for record in sorted(answer.records):
            number, target = _port_and_target(record.data) if record.type == "SRV" else (None, "")
            if number is not None:
                by = questions.address_query(target, service.spec.cluster_ip)
                targets.append((service, port, query, number, by))
    ways = []
    answers = case.ask("resolve", [by for *_, by in targets])
    for (service, port, query, number, by), answer in zip(targets, answers, strict=True):
        ways += [(service, port, query, number, ip) for ip in addresses(answer, by.type)]
    flows = [flow_to(client, ip, number, port.protocol) for _, port, _, number, ip in ways]
    for (service, port, query, number, ip), reached in zip(ways, follow(case, flows), strict=True):
        way = f"a {port.protocol} connection from {client.ip} to {ip}:{number}, as {query.name} SRV says"
        rule = "DNS-SRV-001" if number != port.port else _delivery_rule(service, port)
        judge(case, rule, way, reached, offered(slices_of(case, service), port, ip))


def _delivery_rule(service: Service, port: ServicePort) -> str:
    """The row of where a connection ends: another one if a port has a twin of another protocol."""
    return "RT-004" if sum(each.port == port.port for each in service.spec.ports) > 1 else "RT-001"


def _port_and_target(data: str) -> tuple[int | None, str]:
    """The port and the target of the data of a SRV record; no port where it is malformed."""
    fields = data.split()
    if len(fields) != 4 or not fields[2].isdecimal():
        return None, ""
    return int(fields[2]), fields[3].rstrip(".")


# -- the short name -------------------------------------------------------------------


def _uses_cluster_dns(pod: Pod) -> bool:
    """Whether the pod's policy gives it the cluster's DNS and search domains."""
    if pod.spec.dns_policy == "ClusterFirstWithHostNet":
        return True
    return pod.spec.dns_policy in ("", "ClusterFirst") and not pod.spec.host_network


@invariant(
    "cross.short-name",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "DNS-SEARCH-003", "DNS-SEARCH-025"),
    asks=("resolver_configs", "resolve"),
    classes=("a Service of the pod's namespace",),
)
def short_name(case: Case) -> None:
    """By the search domains of its resolv.conf a pod finds a Service of its own namespace under its bare
    name.
    """
    cluster = case.cluster
    if not cluster.settings.cluster_dns or not cluster.settings.cluster_domain:
        return
    nearby: dict[str, list[Service]] = {}
    for service in questions.named_services(cluster):
        if questions.has_cluster_ip(service):
            nearby.setdefault(service.metadata.namespace, []).append(service)
    pods = [pod for pod in cluster.pods if _uses_cluster_dns(pod) and pod.metadata.namespace in nearby]
    pods = pods[: questions.MOST_PODS]
    if not pods:
        return
    names = [NamespacedName(pod.metadata.namespace, pod.metadata.name) for pod in pods]
    configs = case.ask("resolver_configs", names)
    # All names that are tried first, in one batch; the others are rarely needed.
    first = [
        questions.address_query(_joined(service, config.searches[0]), service.spec.cluster_ip)
        for name, config in zip(names, configs, strict=True)
        for service in nearby[name.namespace][: questions.MOST_SERVICES]
        if config.searches
    ]
    case.ask("resolve", first)
    for name, config in zip(names, configs, strict=True):
        for service in nearby[name.namespace][: questions.MOST_SERVICES]:
            case.judged("a Service of the pod's namespace")
            _look_up(case, name, config, service)


def _joined(service: Service, search: str) -> str:
    return f"{service.metadata.name}.{search.rstrip('.')}"


def _look_up(case: Case, pod: NamespacedName, config: ResolverConfig, service: Service) -> None:
    """Judge that the first search domain under which the name exists gives the Service's address."""
    ip, bare = service.spec.cluster_ip, service.metadata.name
    tried = []
    for search in config.searches:
        query = questions.address_query(_joined(service, search), ip)
        (answer,) = case.ask("resolve", [query])
        found = addresses(answer, query.type)
        tried.append(query.name)
        if not found:
            if search.startswith(f"{pod.namespace}.svc.") and not _is_ready(case, service):
                return  # a server may leave out Services without endpoints
            continue
        if found != [canonical(ip)]:
            # Under its own name it is the server that is wrong, not the search list.
            own = search.startswith(f"{pod.namespace}.svc.")
            rule = "DNS-A-001" if own else "DNS-SEARCH-025"
            case.fail(
                rule,
                question=f"{bare}, looked up in pod {pod} as {query.name}",
                expected=f"{ip}, the address of Service {pod.namespace}/{bare}",
                got=", ".join(found),
                because=(rule,),
            )
        return
    case.fail(
        "DNS-SEARCH-003",
        question=f"{bare}, looked up in pod {pod} by its search domains",
        expected=f"{ip}, the address of Service {pod.namespace}/{bare}",
        got=f"no address under {', '.join(tried) or 'any name, as there are no search domains'}",
        because=("DNS-SEARCH-003",),
    )


def _is_ready(case: Case, service: Service) -> bool:
    return any(
        offered(slices_of(case, service), port, service.spec.cluster_ip).ready for port in service.spec.ports
    )
