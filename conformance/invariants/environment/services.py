# SPDX-License-Identifier: Apache-2.0
"""Which variables a Service gives and to whom, by worked examples.

Each invariant adds Services and pods that were started long after all Services.
"""

from __future__ import annotations

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from conformance.invariants.environment.probes import variables_of
from reference.objects import Cluster, Service, ServicePort
from reference.questions import ContainerName, Environment

_ASKS = ("environment",)
_SPACE = "probed"
_PROBE = ContainerName(_SPACE, "probe", "main")
_ELSEWHERE = ContainerName("probed-too", "probe", "main")


def _look(case: Case, rule: str, *services: Service) -> Environment:
    """What a pod of the namespace of the probes has, with these Services added."""
    cluster = case.cluster
    pod = probes.pod(cluster, _SPACE, _PROBE.pod, 1)
    return probes.ask(case, rule, probes.added(cluster, pods=[pod], services=services), [_PROBE])[0]


def _expect_just(case: Case, requirement: str, got: Environment, service: Service, *met: str) -> None:
    """Judge that `got` has the Service's variables, and no others with its prefix."""
    expected: dict[str, str | None] = dict(variables_of(service))
    prefix = service.metadata.name.upper().replace("-", "_")
    for name in got.variables:
        if name.startswith((f"{prefix}_SERVICE_", f"{prefix}_PORT")):
            expected.setdefault(name, None)
    probes.expect(case, requirement, _PROBE, got, expected, *met)


@invariant(
    "environment.conformance-example",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-024",),
    asks=_ASKS,
)
def conformance_example(case: Case) -> None:
    """A Service `fooservice` with port 8765 and target port 8080 gives its seven variables."""
    ports = (ServicePort(8765, "", "TCP", 8080),)
    service = probes.service(case.cluster, _SPACE, "fooservice", 1, ports=ports)
    _expect_just(case, "ENV-024", _look(case, "ENV-024", service), service)


@invariant(
    "environment.all-of-a-service",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-001", "ENV-002", "ENV-003", "ENV-004", "ENV-005", "ENV-006", "ENV-007", "ENV-025"),
    asks=_ASKS,
)
def all_of_a_service(case: Case) -> None:
    """A Service with dashes in its name and several ports gives the variables of the table, and no more."""
    ports = (
        ServicePort(53, "dns", "UDP", 5353, node_port=30053),
        ServicePort(53, "dns-tcp", "TCP", 5354, node_port=30054),
        ServicePort(9443, "https-2", "TCP", "https", node_port=30055, app_protocol="http"),
        ServicePort(5000, "sctp", "SCTP", 5001, node_port=30056),
    )
    service = probes.service(case.cluster, _SPACE, "my-name-server", 1, ports=ports)
    taken = {port.node_port for each in case.cluster.services for port in each.spec.ports}
    if taken.isdisjoint(port.node_port for port in ports):
        spec = evolve(service.spec, type="NodePort", external_traffic_policy="Cluster")
        service = evolve(service, spec=spec)
    _expect_just(case, "ENV-001", _look(case, "ENV-001", service), service)


@invariant(
    "environment.first-port",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-003", "ENV-ORDER-010"),
    asks=_ASKS,
)
def first_port(case: Case) -> None:
    """After its ports are reordered, a Service gives containers that are started later its new first port."""
    ports = (ServicePort(80, "http", "TCP", 8080), ServicePort(53, "dns", "UDP", 5353))
    service = probes.service(case.cluster, _SPACE, "two-ports", 1, ports=ports)
    turned = evolve(service, spec=evolve(service.spec, ports=ports[::-1]))
    probes.expect(case, "ENV-003", _PROBE, _look(case, "ENV-003", service), {"TWO_PORTS_SERVICE_PORT": "80"})
    got = _look(case, "ENV-003", turned)
    probes.expect(case, "ENV-ORDER-010", _PROBE, got, {"TWO_PORTS_SERVICE_PORT": "53"})
    _expect_just(case, "ENV-ORDER-010", got, turned)


@invariant(
    "environment.no-address-any-more",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-011", "ENV-ORDER-011"),
    asks=_ASKS,
)
def no_address_any_more(case: Case) -> None:
    """A Service that became headless, or of type ExternalName, gives containers that are started later
    nothing.
    """
    cluster = case.cluster
    headless = probes.service(cluster, _SPACE, "headless", 1, headless=True)
    external = probes.service(cluster, _SPACE, "external", 2)
    external = evolve(
        external,
        spec=evolve(
            external.spec,
            type="ExternalName",
            external_name="db.example.com",
            cluster_ip="",
            cluster_ips=(),
            ip_families=(),
            ip_family_policy=None,
            internal_traffic_policy=None,
        ),
    )
    got = _look(case, "ENV-011", headless, external)
    for service in (headless, external):
        probes.expect(case, "ENV-ORDER-011", _PROBE, got, dict.fromkeys(variables_of(service)))


# -- which namespace ---------------------------------------------------------------------


@invariant(
    "environment.namespaces-are-alike",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-013", "ENV-014"),
    asks=_ASKS,
)
def namespaces_are_alike(case: Case) -> None:
    """In two namespaces with Services of the same names, a container is told of those of its own."""
    cluster = case.cluster
    names = ("alike", "also-alike", "kubernetes-ro")
    there, here = (
        [probes.service(cluster, space, name, start + index) for index, name in enumerate(names)]
        for space, start in ((_ELSEWHERE.namespace, 10), (_SPACE, 20))
    )
    only_there = probes.service(cluster, _ELSEWHERE.namespace, "only-there", 30)
    only_default = probes.service(cluster, "default", "only-in-default", 31)
    related = probes.added(
        cluster,
        services=[*there, *here, only_there, only_default],
        pods=[
            probes.pod(cluster, _SPACE, _PROBE.pod, 1),
            probes.pod(cluster, _ELSEWHERE.namespace, _ELSEWHERE.pod, 2),
        ],
    )
    containers = (_PROBE, _ELSEWHERE)
    answers = probes.ask(case, "ENV-013", related, containers)
    for name, got, services in zip(containers, answers, (here, there), strict=True):
        for service in services:
            probes.expect(case, "ENV-013", name, got, variables_of(service))
        probes.expect(case, "ENV-014", name, got, dict.fromkeys(variables_of(only_default)))
    probes.expect(case, "ENV-013", _PROBE, answers[0], dict.fromkeys(variables_of(only_there)))


# -- the API server's Service --------------------------------------------------------------

_HTTPS = (ServicePort(443, "https", "TCP", 6443),)
_WEB = (ServicePort(80, "web", "TCP", 8080),)


def _kubernetes(case: Case, *, headless: bool) -> tuple[Cluster, Service, Service]:
    """The cluster with a Service `kubernetes` in two namespaces: the API server's and another."""
    cluster = case.cluster
    api_server = probes.service(cluster, "default", "kubernetes", 1, ports=_HTTPS)
    local = probes.service(cluster, _SPACE, "kubernetes", 2, ports=_WEB, headless=headless)
    pods = [
        probes.pod(cluster, _SPACE, "linked", 1),
        probes.pod(cluster, _SPACE, "unlinked", 2, links=False),
        probes.pod(cluster, _ELSEWHERE.namespace, "linked", 3),
        probes.pod(cluster, "default", "unlinked", 4, links=False),
    ]
    return probes.added(cluster, services=[api_server, local], pods=pods), api_server, local


@invariant(
    "environment.another-kubernetes",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-015", "ENV-016", "ENV-017", "ENV-019"),
    asks=_ASKS,
    classes=("as listed", "listed in reverse"),
)
def another_kubernetes(case: Case) -> None:
    """A Service `kubernetes` of the pod's own namespace takes the place of the API server's as a whole,
    whatever the order in which they are listed, unless the pod wants no links.
    """
    related, api_server, local = _kubernetes(case, headless=False)
    neighbour = probes.service(case.cluster, _SPACE, "neighbour", 9)
    related = evolve(related, services=(neighbour, *related.services))
    linked, unlinked = (ContainerName(_SPACE, name, "main") for name in ("linked", "unlinked"))
    for cluster, order in (
        (related, "as listed"),
        (evolve(related, services=related.services[::-1]), "listed in reverse"),
    ):
        first, second = probes.ask(case, "ENV-015", cluster, [linked, unlinked])
        absent = dict.fromkeys(variables_of(api_server).keys() - variables_of(local).keys())
        probes.expect(case, "ENV-015", linked, first, variables_of(local), order)
        probes.expect(case, "ENV-015", linked, first, variables_of(neighbour), order)
        probes.expect(case, "ENV-016", linked, first, absent, order)
        probes.expect(case, "ENV-017", unlinked, second, variables_of(api_server), order)


@invariant(
    "environment.kubernetes-without-an-address",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-017", "ENV-019", "ENV-023"),
    asks=_ASKS,
)
def kubernetes_without_an_address(case: Case) -> None:
    """Where the pod's own `kubernetes` is headless, or there is none, the API server's is used, with links
    and without.
    """
    related, api_server, _ = _kubernetes(case, headless=True)
    expected = (
        ("ENV-017", _SPACE, "linked"),
        ("ENV-017", _SPACE, "unlinked"),
        ("ENV-019", "default", "unlinked"),
        ("ENV-023", _ELSEWHERE.namespace, "linked"),
    )
    names = [ContainerName(space, pod, "main") for _, space, pod in expected]
    for (rule, _, _), name, got in zip(
        expected, names, probes.ask(case, "ENV-017", related, names), strict=True
    ):
        probes.expect(case, rule, name, got, variables_of(api_server))


@invariant(
    "environment.links-switched-off",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-019",),
    asks=_ASKS,
)
def links_switched_off(case: Case) -> None:
    """Without service links a container has the variables of the API server's Service and of no other."""
    cluster = case.cluster
    service = probes.service(cluster, _SPACE, "unwanted", 1)
    in_default = probes.service(cluster, "default", "unwanted", 2)
    api_server = probes.service(cluster, "default", "kubernetes", 3, ports=_HTTPS)
    names = [ContainerName(space, "probe", "main") for space in (_SPACE, "default")]
    pods = [
        probes.pod(cluster, name.namespace, name.pod, 1 + index, links=False)
        for index, name in enumerate(names)
    ]
    related = probes.added(cluster, services=[service, in_default, api_server], pods=pods)
    for name, got in zip(names, probes.ask(case, "ENV-019", related, names), strict=True):
        expected = {**dict.fromkeys(variables_of(service)), **variables_of(api_server)}
        probes.expect(case, "ENV-019", name, got, expected)


# -- one variable of two Services ----------------------------------------------------------


@invariant(
    "environment.collisions",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-036", "ENV-037"),
    asks=_ASKS,
)
def collisions(case: Case) -> None:
    """Where two Services define the same variables, either gives them their values, and the same one all
    of them.
    """
    ports = (ServicePort(80, "80-tcp", "TCP", 8080), ServicePort(81, "81-tcp", "TCP", 8081))
    unnamed = (ServicePort(80, "http", "TCP", 8080), ServicePort(81, "other", "TCP", 8081))
    short = probes.service(case.cluster, _SPACE, "twin", 1, ports=ports)
    long = probes.service(case.cluster, _SPACE, "twin-service", 2, ports=unnamed)
    link = probes.service(case.cluster, _SPACE, "twin-port-80-tcp", 3, ports=unnamed)
    got = _look(case, "ENV-036", short, long, link)
    for one, other in ((short, long), (short, link)):
        _judge_pair(case, "ENV-037", got, one, other)
    certain = variables_of(long).keys() - variables_of(short).keys()
    values = variables_of(long)
    probes.expect(case, "ENV-036", _PROBE, got, {name: values[name] for name in sorted(certain)})


def _judge_pair(case: Case, requirement: str, got: Environment, one: Service, other: Service) -> None:
    """Judge that the names of both Services have all the values of the one or all of the other."""
    first, second = variables_of(one), variables_of(other)
    shared = sorted(first.keys() & second.keys())
    assert shared, "the Services collide"
    case.judged()
    found = {name: got.variables.get(name) for name in shared}
    if found not in ({name: first[name] for name in shared}, {name: second[name] for name in shared}):
        case.fail(
            requirement,
            question=f"{', '.join(shared)} in the variables of container {_PROBE}",
            expected=f"all of Service {one.metadata.name} ({', '.join(first[name] for name in shared)}) or "
            f"all of Service {other.metadata.name} ({', '.join(second[name] for name in shared)})",
            got=", ".join(str(found[name]) for name in shared),
            because=(requirement,),
        )


@invariant(
    "environment.collision-with-the-api-server",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-038",),
    asks=_ASKS,
)
def collision_with_the_api_server(case: Case) -> None:
    """A Service `kubernetes-service` may take over KUBERNETES_SERVICE_PORT, and no other variable of the
    API server's Service.
    """
    api_server = probes.service(case.cluster, "default", "kubernetes", 1, ports=_HTTPS)
    service = probes.service(case.cluster, _SPACE, "kubernetes-service", 2, ports=_WEB)
    got = _look(case, "ENV-038", api_server, service)
    _judge_pair(case, "ENV-038", got, api_server, service)
    rest = variables_of(api_server)
    del rest["KUBERNETES_SERVICE_PORT"]
    probes.expect(case, "ENV-038", _PROBE, got, rest)


# -- what an implementation has to claim -----------------------------------------------------


@invariant(
    "environment.leading-digit",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-008",),
    asks=_ASKS,
    features=("relaxed-service-names",),
)
def leading_digit(case: Case) -> None:
    """The variables of a Service whose name begins with a digit begin with the digit."""
    service = probes.service(case.cluster, _SPACE, "1kubernetes", 1)
    _expect_just(case, "ENV-008", _look(case, "ENV-008", service), service)


@invariant(
    "environment.two-families",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-009", "ENV-010"),
    asks=_ASKS,
    features=("dual-stack",),
    classes=("primary IPv4", "primary IPv6"),
)
def two_families(case: Case) -> None:
    """Of a Service with two addresses the first alone is given; an IPv6 address has brackets in a URL and
    nowhere else.
    """
    cluster = evolve(
        case.cluster,
        settings=evolve(case.cluster.settings, service_cidrs=("10.96.0.0/16", "fd00:10:96::/112")),
    )
    for families, ips in (
        (("IPv4", "IPv6"), ("10.96.254.1", "fd00:10:96::fe01")),
        (("IPv6", "IPv4"), ("fd00:10:96::fe02", "10.96.254.2")),
    ):
        service = probes.service(cluster, _SPACE, "two-families", 1)
        service = evolve(
            service,
            spec=evolve(
                service.spec,
                cluster_ip=ips[0],
                cluster_ips=ips,
                ip_families=families,
                ip_family_policy="RequireDualStack",
            ),
        )
        related = probes.added(cluster, services=[service], pods=[probes.pod(cluster, _SPACE, "probe", 1)])
        (got,) = probes.ask(case, "ENV-009", related, [_PROBE])
        rule = "ENV-009" if families[0] == "IPv6" else "ENV-010"
        expected: dict[str, str | None] = dict(variables_of(service))
        probes.expect(case, rule, _PROBE, got, expected, f"primary {families[0]}")
        for name, value in got.variables.items():
            if ips[1] in value:
                probes.expect(case, "ENV-010", _PROBE, got, {name: None})
