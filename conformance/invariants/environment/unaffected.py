# SPDX-License-Identifier: Apache-2.0
"""Changes of a cluster that change no environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from attrs import evolve

from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from conformance.invariants.environment.answers import shown
from conformance.questions.environment import containers
from reference.environment import find_container, service_variables, started_at
from reference.objects import Cluster, LoadBalancerStatus, Pod, PodCondition, Service, ServiceStatus
from reference.questions import ContainerName, Environment

_ASKS = ("environment",)


def _with_containers(case: Case) -> Case:
    """The case itself, or if nothing was started in its cluster a related one with a probe."""
    cluster = case.cluster
    if containers(cluster):
        return case
    namespaces = dict.fromkeys(item.metadata.namespace for item in cluster.services)
    spaces = tuple(namespaces) or ("default",)
    pods = [probes.pod(cluster, space, "probe", index) for index, space in enumerate(spaces)]
    return case.variant(Example(cluster=probes.added(cluster, pods=pods)))


def _unaffected(
    case: Case, change: Callable[[Cluster], Cluster], rule: Callable[[str], str], what: str
) -> None:
    """Judge that a changed cluster gives each container what the unchanged one gives it."""
    base = _with_containers(case)
    names = containers(base.cluster)
    before = base.ask("environment", names)
    after = case.variant(Example(cluster=change(base.cluster))).ask("environment", names)
    for name, first, second in zip(names, before, after, strict=True):
        case.judged()
        _compare(case, base.cluster, name, first, second, rule, what)


def _compare(
    case: Case,
    cluster: Cluster,
    name: ContainerName,
    first: Environment,
    second: Environment,
    rule: Callable[[str], str],
    what: str,
) -> None:
    if first.error is not None or second.error is not None:
        if (first.error is None) != (second.error is None):
            case.fail(
                rule(""),
                question=f"the variables of container {name} {what}",
                expected=first.error or "variables, as without",
                got=second.error or "variables",
            )
        return
    open_names = _open_names(cluster, name)
    for variable in sorted({*first.variables, *second.variables} - open_names):
        expected, got = first.variables.get(variable), second.variables.get(variable)
        if expected != got:
            requirement = rule(variable)
            case.fail(
                requirement,
                question=f"{variable} in the variables of container {name} {what}",
                expected=f"{shown(expected)}, as without",
                got=shown(got),
                because=(requirement,),
            )


def _open_names(cluster: Cluster, name: ContainerName) -> set[str]:
    """The variables that may differ from one start to the next: of Services that collide, or that were
    created in the very second of the start; and what refers to such variables.
    """
    pod = next(
        pod
        for pod in cluster.pods
        if (pod.metadata.namespace, pod.metadata.name) == (name.namespace, name.pod)
    )
    around = [
        service
        for service in cluster.services
        if service.metadata.namespace == name.namespace
        or (service.metadata.namespace, service.metadata.name) == ("default", "kubernetes")
    ]
    # Of two Services `kubernetes` one takes the place of the other, so they count as one.
    names: dict[str, set[str]] = {}
    for service in around:
        names.setdefault(service.metadata.name, set()).update(service_variables(service))
    count = Counter(variable for variables in names.values() for variable in variables)
    found = {variable for variable, times in count.items() if times > 1}
    at = started_at(pod, name.container)
    for service in around:
        if service.metadata.creation_timestamp == at:
            found |= names[service.metadata.name]
    container = find_container(pod, name.container)
    if found and container is not None:
        found.update(variable.name for variable in container.env if "$(" in variable.value)
    return found


@invariant(
    "environment.listing-order",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-015",),
    asks=_ASKS,
)
def listing_order(case: Case) -> None:
    """The order in which Services, pods and ConfigMaps are listed changes no variable."""
    _unaffected(case, _reversed, lambda _: "ENV-015", "with everything listed in reverse")


def _reversed(cluster: Cluster) -> Cluster:
    return evolve(
        cluster,
        namespaces=cluster.namespaces[::-1],
        config_maps=cluster.config_maps[::-1],
        pods=cluster.pods[::-1],
        services=cluster.services[::-1],
    )


@invariant(
    "environment.endpoints-do-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-012",),
    asks=_ASKS,
)
def endpoints_do_not_matter(case: Case) -> None:
    """Without endpoints, ready pods, selectors and load balancers the variables are the same."""
    _unaffected(case, _without_endpoints, lambda _: "ENV-012", "without any endpoints and selectors")


def _without_endpoints(cluster: Cluster) -> Cluster:
    return evolve(
        cluster,
        endpoint_slices=(),
        pods=tuple(_unready(pod) for pod in cluster.pods),
        services=tuple(_bare(service) for service in cluster.services),
    )


def _unready(pod: Pod) -> Pod:
    return evolve(pod, status=evolve(pod.status, conditions=(PodCondition("Ready", "False"),)))


def _bare(service: Service) -> Service:
    return evolve(
        service,
        spec=evolve(service.spec, selector=None),
        status=ServiceStatus(LoadBalancerStatus()),
    )


@invariant(
    "environment.bystanders",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-013", "ENV-ORDER-002"),
    asks=_ASKS,
)
def bystanders(case: Case) -> None:
    """Services of another namespace, and those that are created after all starts, change no variable."""
    elsewhere = "not-concerned"

    def change(cluster: Cluster) -> Cluster:
        spaces = dict.fromkeys(pod.metadata.namespace for pod in cluster.pods)
        names = dict.fromkeys(("kubernetes", *(item.metadata.name for item in cluster.services)))
        return probes.added(
            cluster,
            services=[
                *(
                    probes.service(cluster, space, "later-on", index, created=probes.AFTER_LATE)
                    for index, space in enumerate(spaces)
                ),
                *(
                    probes.service(cluster, elsewhere, name, len(spaces) + index)
                    for index, name in enumerate(names)
                ),
            ],
        )

    _unaffected(
        case,
        change,
        lambda name: "ENV-ORDER-002" if name.startswith("LATER_ON_") else "ENV-013",
        "with Services of another namespace and later ones",
    )


@invariant(
    "environment.age-of-the-pod",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-ORDER-001",),
    asks=_ASKS,
)
def age_of_the_pod(case: Case) -> None:
    """When a pod was created changes no variable of its containers; when they were started does."""

    def change(cluster: Cluster) -> Cluster:
        return evolve(cluster, pods=tuple(_as_old_as_its_start(pod) for pod in cluster.pods))

    _unaffected(case, change, lambda _: "ENV-ORDER-001", "with a pod no older than its first start")


def _as_old_as_its_start(pod: Pod) -> Pod:
    created = _first_start(pod)
    if created is None:
        return pod
    return evolve(pod, metadata=evolve(pod.metadata, creation_timestamp=created))


def _first_start(pod: Pod) -> int | None:
    """When the first container of the pod was started."""
    starts: Iterable[int] = (
        status.state.running.started_at
        for status in (*pod.status.container_statuses, *pod.status.init_container_statuses)
        if status.state.running is not None
    )
    return min(starts, default=None)
