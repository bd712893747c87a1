# SPDX-License-Identifier: Apache-2.0
"""The areas agree with each other: name -> address -> backend, variable -> address -> backend.

Nothing here looks at the model: what one area of the implementation says is held
against what another area of it says, and against the cluster's own objects.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.observe import decisions
from conformance.questions.environment import containers
from conformance.questions.routing import can_connect, internal_ip, pod_client
from reference.objects import (
    CLUSTER_IP_NONE,
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    SERVICE_PROXY_NAME_LABEL,
    NamespacedName,
    Pod,
    Service,
    ServicePort,
)
from reference.questions import (
    Backend,
    Client,
    ClientKind,
    Decision,
    Flow,
    Outcome,
    Query,
)

_MOST_SIZE = 8


def _name(service: Service) -> str:
    return f"{service.metadata.namespace}/{service.metadata.name}"


def _routed(case: Case) -> Iterator[Service]:
    """Services with a cluster IP that the proxy under test is to serve, under policy Cluster."""
    for service in case.cluster.services:
        spec = service.spec
        if (
            spec.type != "ExternalName"
            and spec.cluster_ip not in ("", CLUSTER_IP_NONE)
            and SERVICE_PROXY_NAME_LABEL not in service.metadata.labels
            and spec.internal_traffic_policy != "Local"
        ):
            yield service


def _listed(case: Case, service: Service, port: ServicePort) -> frozenset[Backend]:
    """Every backend that a slice lists for a service port and that could be of use."""
    return frozenset(
        Backend(endpoint.addresses[0], entry.port)
        for item in case.cluster.endpoint_slices
        if item.metadata.namespace == service.metadata.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
        and HEADLESS_LABEL not in item.metadata.labels
        for entry in item.ports
        if entry.port and (entry.name or "", entry.protocol or "TCP") == (port.name, port.protocol)
        for endpoint in item.endpoints
    )


def _ready(case: Case, service: Service, port: ServicePort) -> bool:
    """Whether one of the service port's endpoints is certainly ready."""
    conditions: dict[Backend, list[bool]] = {}
    for item in case.cluster.endpoint_slices:
        meta = item.metadata
        if meta.namespace != service.metadata.namespace or HEADLESS_LABEL in meta.labels:
            continue
        if meta.labels.get(SERVICE_NAME_LABEL) != service.metadata.name:
            continue
        for entry in item.ports:
            if (entry.name or "", entry.protocol or "TCP") != (port.name, port.protocol) or not entry.port:
                continue
            for endpoint in item.endpoints:
                backend = Backend(endpoint.addresses[0], entry.port)
                conditions.setdefault(backend, []).append(endpoint.conditions.ready is not False)
    return any(all(ready) for ready in conditions.values())


def _client(case: Case) -> Client | None:
    """A pod that can connect, else a node."""
    names = frozenset(node.metadata.name for node in case.cluster.nodes)
    for pod in case.cluster.pods:
        if can_connect(pod, names):
            return pod_client(pod)
    for node in case.cluster.nodes:
        ip = internal_ip(node)
        if ip is not None:
            return Client(ClientKind.NODE, node.metadata.name, ip)
    return None


def _route(case: Case, flows: list[Flow]) -> list[Decision]:
    return decisions(case, flows, sizes=[_MOST_SIZE] * len(flows))


def _leads_to_the_service(
    case: Case, given: list[tuple[Service, ServicePort, Flow, str]], requirement: str
) -> None:
    """Each flow goes to endpoints of its Service, and does go there if one of them is ready."""
    answers = _route(case, [flow for _, _, flow, _ in given])
    for (service, port, flow, how), got in zip(given, answers, strict=True):
        case.judged("forwarded" if got.outcome is Outcome.FORWARD else "not forwarded")
        strangers = got.backends - _listed(case, service, port)
        refused = got.outcome is not Outcome.FORWARD and _ready(case, service, port)
        if strangers or refused:
            case.fail(
                requirement,
                question=f"{how}, then {flow.protocol} {flow.ip}:{flow.port} from {flow.client.ip}",
                expected=f"an endpoint of {_name(service)}",
                got=f"{got.outcome.value} {sorted(strangers) or ''}".strip(),
            )


@invariant(
    "cross.a-name-leads-to-its-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "RT-001"),
    asks=("resolve", "route|connect"),
    classes=("forwarded",),
)
def name(case: Case) -> None:
    """The address that DNS gives for a Service's name is one at which the proxy forwards each of the
    Service's ports to endpoints of that Service.
    """
    client = _client(case)
    services = list(_routed(case))
    if client is None or not services:
        return
    domain = case.cluster.settings.cluster_domain
    queries = [
        Query(f"{service.metadata.name}.{service.metadata.namespace}.svc.{domain}", "A")
        for service in services
    ]
    given = []
    for service, query, answer in zip(services, queries, case.ask("resolve", queries), strict=True):
        addresses = sorted(record.data for record in answer.records if record.type == "A")
        if not addresses:
            case.fail(
                "DNS-A-001",
                question=f"A {query.name}",
                expected=f"an address at which {_name(service)} is served",
                got=answer.rcode.value,
            )
        given += [
            (service, port, Flow(client, ip, port.port, port.protocol), f"A {query.name} is {ip}")
            for ip in addresses
            for port in service.spec.ports
        ]
    _leads_to_the_service(case, given, "DNS-A-001")


@invariant(
    "cross.a-port-record-leads-to-its-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-SRV-001", "RT-001"),
    asks=("resolve", "route|connect"),
)
def port_record(case: Case) -> None:
    """The port of an SRV record, at the Service's address, is one that the proxy forwards to endpoints
    of that very service port.
    """
    client = _client(case)
    if client is None:
        return
    domain = case.cluster.settings.cluster_domain
    asked = [
        (service, port, Query(_srv_name(service, port, domain), "SRV"))
        for service in _routed(case)
        for port in service.spec.ports
        if port.name
    ]
    answers = case.ask("resolve", [query for _, _, query in asked])
    given = []
    for (service, port, query), answer in zip(asked, answers, strict=True):
        for record in sorted(answer.records):
            fields = record.data.split()
            if record.type == "SRV" and len(fields) == 4 and fields[2].isdigit():
                flow = Flow(client, service.spec.cluster_ip, int(fields[2]), port.protocol)
                given.append((service, port, flow, f"SRV {query.name} is {record.data}"))
    _leads_to_the_service(case, given, "DNS-SRV-001")


def _srv_name(service: Service, port: ServicePort, domain: str) -> str:
    meta = service.metadata
    return f"_{port.name}._{port.protocol.lower()}.{meta.name}.{meta.namespace}.svc.{domain}"


@invariant(
    "cross.a-variable-leads-to-its-endpoints",
    kind=Kind.STATED,
    requirements=("ENV-001", "RT-001"),
    asks=("environment", "route|connect"),
)
def variable(case: Case) -> None:
    """The address and port that a container's variables give for a Service of its namespace are ones
    that the proxy forwards to endpoints of that Service.
    """
    services = {(service.metadata.namespace, service.metadata.name): service for service in _routed(case)}
    pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in case.cluster.pods}
    names = frozenset(node.metadata.name for node in case.cluster.nodes)
    asked = [
        found
        for found in containers(case.cluster)
        if _plain(pods[found.namespace, found.pod], found.container)
        and can_connect(pods[found.namespace, found.pod], names)
    ]
    given = []
    for container, answer in zip(asked, case.ask("environment", asked), strict=True):
        for (namespace, service_name), service in services.items():
            if namespace != container.namespace or _is_stand_in(service):
                continue
            prefix = service_name.upper().replace("-", "_")
            host = answer.variables.get(f"{prefix}_SERVICE_HOST")
            number = answer.variables.get(f"{prefix}_SERVICE_PORT", "")
            if host is None or not number.isdigit():
                continue  # not in the snapshot, or one Service's name extends the other's
            client = pod_client(pods[container.namespace, container.pod])
            port = service.spec.ports[0]
            flow = Flow(client, host, int(number), port.protocol)
            given.append((service, port, flow, f"{prefix}_SERVICE_HOST of {container}"))
    _leads_to_the_service(case, given, "ENV-001")


def _is_stand_in(service: Service) -> bool:
    """A Service called like the API server's, which it may replace (ENV-015, ENV-017)."""
    return service.metadata.name == "kubernetes" and service.metadata.namespace != "default"


def _plain(pod: Pod, container: str) -> bool:
    """Whether a container defines no variables of its own, which would go before a Service's."""
    return all(
        not item.env and not item.env_from
        for item in (*pod.spec.containers, *pod.spec.init_containers)
        if item.name == container
    )


@invariant(
    "cross.name-and-variable-give-one-address",
    kind=Kind.STATED,
    requirements=("DNS-A-001", "ENV-001"),
    asks=("resolve", "environment"),
)
def one_address(case: Case) -> None:
    """What a variable gives as a Service's address is what DNS gives for the Service's name."""
    pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in case.cluster.pods}
    asked = [
        found
        for found in containers(case.cluster)
        if _plain(pods[found.namespace, found.pod], found.container)
    ]
    domain = case.cluster.settings.cluster_domain
    services = [service for service in case.cluster.services if service.spec.type != "ExternalName"]
    queries = {
        (service.metadata.namespace, service.metadata.name): Query(
            f"{service.metadata.name}.{service.metadata.namespace}.svc.{domain}", "A"
        )
        for service in services
        if service.spec.cluster_ip != CLUSTER_IP_NONE and not _is_stand_in(service)
    }
    answers = dict(zip(queries, case.ask("resolve", list(queries.values())), strict=True))
    for container, answer in zip(asked, case.ask("environment", asked), strict=True):
        for (namespace, service_name), resolved in answers.items():
            if namespace != container.namespace:
                continue
            host = answer.variables.get(f"{service_name.upper().replace('-', '_')}_SERVICE_HOST")
            if host is None:
                continue
            case.judged()
            addresses = sorted(record.data for record in resolved.records if record.type == "A")
            if host not in addresses:
                case.fail(
                    "ENV-001",
                    question=f"the address of {namespace}/{service_name}, by DNS and in {container}",
                    expected=f"{addresses}, as DNS says",
                    got=host,
                )


@invariant(
    "cross.node-port-and-cluster-ip-agree",
    kind=Kind.STATED,
    requirements=("TYPE-002", "NP-002"),
    asks=("route|connect",),
    level=Level.CLASS,
)
def node_port(case: Case) -> None:
    """Under policy Cluster, a node port leads to the endpoints to which the Service's cluster IP leads
    on the same node.
    """
    given = []
    for service in _routed(case):
        spec = service.spec
        if spec.external_traffic_policy == "Local":
            continue
        for port in spec.ports:
            for node in case.cluster.nodes[:1] if port.node_port else ():
                ip = internal_ip(node)
                if ip is None:
                    continue
                client = Client(ClientKind.NODE, node.metadata.name, ip)
                direct = Flow(client, spec.cluster_ip, port.port, port.protocol)
                by_node = Flow(client, ip, port.node_port, port.protocol)
                given.append((service, direct, by_node))
    answers = _route(case, [flow for _, direct, by_node in given for flow in (direct, by_node)])
    for index, (service, direct, by_node) in enumerate(given):
        first, second = answers[2 * index], answers[2 * index + 1]
        case.judged(first.outcome.value)
        if first.backends != second.backends:
            case.fail(
                "TYPE-002",
                question=f"{_name(service)} at {direct.ip}:{direct.port} and at {by_node.ip}:{by_node.port}",
                expected=f"the same endpoints: {sorted(first.backends)}",
                got=sorted(second.backends) or second.outcome.value,
            )


@invariant(
    "cross.headless-names-are-the-controllers-endpoints",
    kind=Kind.STATED,
    requirements=("DNS-HEADLESS-001", "EP-023"),
    asks=("endpoint_slices", "resolve"),
)
def headless(case: Case) -> None:
    """The addresses of a headless Service with a selector are those of the ready endpoints that the
    endpoint controller makes for it.
    """
    by_hand = {
        (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL))
        for item in case.cluster.endpoint_slices
        if not item.metadata.owner_references
    }
    services = [
        service
        for service in case.cluster.services
        if service.spec.cluster_ip == CLUSTER_IP_NONE
        and service.spec.selector
        and (service.metadata.namespace, service.metadata.name) not in by_hand
    ]
    names = [NamespacedName(item.metadata.namespace, item.metadata.name) for item in services]
    domain = case.cluster.settings.cluster_domain
    queries = [Query(f"{item.name}.{item.namespace}.svc.{domain}", "A") for item in names]
    made = case.ask("endpoint_slices", names)
    for service, slices, answer in zip(services, made, case.ask("resolve", queries), strict=True):
        expected = sorted(
            {
                ip
                for item in slices
                if item.address_type == "IPv4"
                for endpoint in item.endpoints
                if endpoint.conditions.ready is not False
                for ip in endpoint.addresses
            }
        )
        got = sorted(record.data for record in answer.records if record.type == "A")
        case.judged("endpoints" if expected else "no endpoints")
        if got != expected:
            case.fail(
                "DNS-HEADLESS-001",
                question=f"the addresses of the headless Service {_name(service)}",
                expected=f"{expected}, as the endpoint controller says",
                got=got,
            )
