# SPDX-License-Identifier: Apache-2.0
"""A container is told of the wrong Services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from conformance.faults.base import Fault, Faulty, behaves, register, replaced, replaces, says, sees
from reference.environment import agent, outcomes, snapshot, variables
from reference.environment.snapshot import API_SERVER, concerns, included
from reference.environment.variables import Linked, service_variables
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Container, Pod, Service
from reference.questions import ContainerName, Environment

Concerns = Callable[..., bool]


def _concerns(*breaks: str, bugs: tuple[str, ...] = ()) -> Callable[[Concerns], Concerns]:
    """A node agent that tells containers of other Services; two modules of the model ask which."""

    def declare(concerning: Concerns) -> Concerns:
        class Concerning(Faulty):
            def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
                with replaced(snapshot, "concerns", concerning), replaced(outcomes, "concerns", concerning):
                    return super().answer(operation, questions)

        name = f"environment.{concerning.__name__.replace('_', '-')}"
        sentence = " ".join((concerning.__doc__ or "").split())
        register(Fault(name, sentence, breaks, Concerning, bugs))
        return concerning

    return declare


@replaces(variables, "has_cluster_ip", "ENV-011", "ENV-ORDER-011")
def headless_too(service: Service) -> bool:
    """A headless Service has variables as well."""
    return bool(service.spec.cluster_ip)


@replaces(variables, "has_cluster_ip", "ENV-011")
def cluster_ip_type_only(service: Service) -> bool:
    """Only Services of type ClusterIP have variables."""
    return service.spec.type == "ClusterIP" and service.spec.cluster_ip not in ("", "None")


@sees("ENV-012")
def with_endpoints_only(cluster: Cluster) -> Cluster:
    """A Service without endpoints has no variables."""
    with_endpoints = {
        (each.metadata.namespace, each.metadata.labels.get("kubernetes.io/service-name"))
        for each in cluster.endpoint_slices
        if each.endpoints
    }
    return evolve(
        cluster,
        services=tuple(
            each
            for each in cluster.services
            if (each.metadata.namespace, each.metadata.name) in with_endpoints
        ),
    )


@sees("ENV-012")
def with_a_selector_only(cluster: Cluster) -> Cluster:
    """A Service without a selector has no variables."""
    return evolve(
        cluster,
        services=tuple(
            each
            for each in cluster.services
            if each.spec.selector or (each.metadata.namespace, each.metadata.name) == API_SERVER
        ),
    )


def _of_any_namespace(service: Linked, namespace: str, *, links: bool) -> bool:
    return service.has_cluster_ip and (links or (service.namespace, service.name) == API_SERVER)


@_concerns("ENV-013")
def services_of_all_namespaces(service: Linked, namespace: str, *, links: bool) -> bool:
    """A container is told of the Services of every namespace."""
    return _of_any_namespace(service, namespace, links=links)


@_concerns("ENV-013", bugs=("BUG-152",))
def services_of_the_other_namespace(service: Linked, namespace: str, *, links: bool) -> bool:
    """A container is told of the Services of the host's namespace instead of its own."""
    if (service.namespace, service.name) == API_SERVER:
        return service.has_cluster_ip
    return links and service.has_cluster_ip and service.namespace != namespace


@_concerns("ENV-014")
def services_of_default_everywhere(service: Linked, namespace: str, *, links: bool) -> bool:
    """A container is told of all Services of the namespace default."""
    found = concerns(service, namespace, links=links)
    return found or (links and service.has_cluster_ip and service.namespace == API_SERVER[0])


@_concerns("ENV-014", "ENV-023")
def api_server_in_its_namespace_only(service: Linked, namespace: str, *, links: bool) -> bool:
    """Only containers of the namespace default are told of the API server."""
    return concerns(service, namespace, links=links) and service.namespace == namespace


@replaces(outcomes, "included", "ENV-015")
def api_server_always(services: Iterable[Linked], namespace: str, *, links: bool) -> tuple[Linked, ...]:
    """A Service named kubernetes of the pod's namespace never takes the API server's place."""
    every = tuple(services)
    rest = tuple(each for each in every if each.name != API_SERVER[1] or each.namespace == API_SERVER[0])
    return included(rest, namespace, links=links)


@replaces(outcomes, "included", "ENV-016")
def two_of_the_name_kubernetes(
    services: Iterable[Linked], namespace: str, *, links: bool
) -> tuple[Linked, ...]:
    """The API server's ports are there besides those of another Service named kubernetes."""
    found = [each for each in services if concerns(each, namespace, links=links)]
    # What comes later stands, so that the pod's own namespace has the names that both define.
    return tuple(sorted(found, key=lambda each: each.namespace == namespace))


@replaces(outcomes, "included", "ENV-015")
def first_of_the_name_kubernetes(
    services: Iterable[Linked], namespace: str, *, links: bool
) -> tuple[Linked, ...]:
    """Of two Services named kubernetes the one that is listed first counts."""
    chosen: dict[str, Linked] = {}
    for each in services:
        if concerns(each, namespace, links=links):
            chosen.setdefault(each.name, each)
    return tuple(chosen.values())


@_concerns("ENV-017")
def kubernetes_without_links_too(service: Linked, namespace: str, *, links: bool) -> bool:
    """A Service named kubernetes of the pod's namespace counts where a pod wants no links, too."""
    own = service.has_cluster_ip and (service.namespace, service.name) == (namespace, API_SERVER[1])
    return own or concerns(service, namespace, links=links)


@replaces(agent, "wants_links", "ENV-019", "ENV-EXP-017")
def links_for_all(pod: Pod) -> bool:
    """EnableServiceLinks is not looked at."""
    return True


@replaces(agent, "wants_links", "ENV-013")
def links_for_none(pod: Pod) -> bool:
    """No pod gets service links."""
    return False


@_concerns("ENV-019")
def no_api_server_without_links(service: Linked, namespace: str, *, links: bool) -> bool:
    """A pod that wants no links is not told of the API server either."""
    return links and concerns(service, namespace, links=links)


@replaces(agent, "find_container", "ENV-021")
def init_containers_are_forgotten(pod: Pod, name: str) -> Container | None:
    """Init containers get no variables of their pod."""
    if pod.spec.host_network:
        return None
    return next((each for each in pod.spec.containers if each.name == name), None)


@says("ENV-001", of=("environment",), bugs=("BUG-145",))
def address_of_the_agents_api_server(_: Cluster, __: ContainerName, answer: Environment) -> Environment:
    """KUBERNETES_SERVICE_HOST is the address at which the node agent itself reaches the API server."""
    name = "KUBERNETES_SERVICE_HOST"
    if answer.error is not None or name not in answer.variables:
        return answer
    return Environment(FrozenMap({**answer.variables, name: "192.168.0.5"}))


@says("ENV-024", of=("environment",))
def foo_is_reserved(_: Cluster, __: ContainerName, answer: Environment) -> Environment:
    """Services with foo in their names are taken for tests and left out."""
    if answer.error is not None:
        return answer
    return Environment(
        FrozenMap({name: value for name, value in answer.variables.items() if "FOO" not in name})
    )


@says("ENV-037", of=("environment",))
def each_wins_on_some_names(cluster: Cluster, name: ContainerName, answer: Environment) -> Environment:
    """Of two Services that collide each wins on some of the names that both define."""
    return _mixed(cluster, answer)


@says("ENV-038", of=("environment",))
def api_server_wins_no_collision(cluster: Cluster, _: ContainerName, answer: Environment) -> Environment:
    """Where a Service collides with the API server's, neither gets the variable."""
    if answer.error is not None:
        return answer
    names = [each for each in cluster.services if each.metadata.name == "kubernetes-service"]
    if not names:
        return answer
    variables_left = {
        name: value for name, value in answer.variables.items() if name != "KUBERNETES_SERVICE_PORT"
    }
    return Environment(FrozenMap(variables_left))


def _mixed(cluster: Cluster, answer: Environment) -> Environment:
    if answer.error is not None:
        return answer
    found = dict(answer.variables)
    given: dict[str, set[str]] = {}
    for service in cluster.services:
        for name, value in service_variables(service).items():
            given.setdefault(name, set()).add(value)
    shared = sorted(name for name, values in given.items() if len(values) > 1 and found.get(name) in values)
    for name in shared[::2]:
        found[name] = next(value for value in sorted(given[name]) if value != found[name])
    return Environment(FrozenMap(found))


# -- when a container was started ------------------------------------------------------


@replaces(outcomes, "visible", "ENV-ORDER-002", "ENV-EXP-018")
def services_of_the_future(created: int, started_at: int) -> bool | None:
    """A container is told of Services that are created later."""
    return True


@replaces(agent, "started_at", "ENV-ORDER-001")
def variables_of_now(pod: Pod, name: str) -> int | None:
    """Variables are as if the container were started now."""
    return 10**9


@replaces(agent, "started_at", "ENV-ORDER-003")
def variables_of_the_first_start(pod: Pod, name: str) -> int | None:
    """A container that is started again keeps the variables of the first start of its pod."""
    moments = _moments(pod)
    return min(moments, default=None)


def _moments(pod: Pod) -> list[int]:
    statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    return [status.state.running.started_at for status in statuses if status.state.running is not None]


@replaces(agent, "started_at", "ENV-ORDER-005")
def one_start_for_all_containers(pod: Pod, name: str) -> int | None:
    """All containers of a pod have the variables of the one that was started last."""
    return max(_moments(pod), default=None)


@replaces(agent, "started_at", "ENV-ORDER-001")
def variables_since_the_pod_was_created(pod: Pod, name: str) -> int | None:
    """Variables are as of the creation of the pod."""
    return max(pod.metadata.creation_timestamp, 1) if _moments(pod) else None


@behaves("ENV-ORDER-009")
class RecreatedServicesAreTheOldOnes(Faulty):
    """A Service that was deleted and made again is taken for the old one, with a new address."""

    def update(self, cluster: Cluster) -> None:
        """Keep the age of each Service by its name."""
        ages = {
            (each.metadata.namespace, each.metadata.name): each.metadata.creation_timestamp
            for each in self.applied.services
        }
        self.apply(evolve(cluster, services=tuple(_as_old(each, ages) for each in cluster.services)))


def _as_old(service: Service, ages: Mapping[tuple[str, str], int]) -> Service:
    meta = service.metadata
    age = ages.get((meta.namespace, meta.name), meta.creation_timestamp)
    return evolve(service, metadata=evolve(meta, creation_timestamp=age))


@behaves("ENV-ORDER-009")
class VariablesStayAfterARestart(Faulty):
    """A container that is restarted keeps the variables of a Service that is gone."""

    def update(self, cluster: Cluster) -> None:
        """Remember the Services that were there first."""
        first = {(each.metadata.namespace, each.metadata.name): each for each in self.applied.services}
        self.apply(
            evolve(
                cluster,
                services=tuple(
                    first.get((each.metadata.namespace, each.metadata.name), each)
                    for each in cluster.services
                ),
            )
        )
