# SPDX-License-Identifier: Apache-2.0
"""Node agents that are wrong in one way each, made from the model by changing what goes in or comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from conformance.example import Example
from conformance.model import Model
from reference.environment import API_SERVER, mangled, service_variables
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Container, ContainerStatus, Pod, Service, ServicePort
from reference.questions import ContainerName, Environment

Inward = Callable[[Cluster], Cluster]
Outward = Callable[[Cluster, ContainerName, dict[str, str]], Mapping[str, str]]


@frozen
class Fault:
    """A changed input, a changed output, and the requirements of which one must be reported."""

    name: str
    requirements: frozenset[str]
    inward: Inward = lambda cluster: cluster
    outward: Outward = lambda cluster, name, variables: variables

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The faulty answers."""
        assert operation == "environment"
        made = []
        answers = Model(self.inward(example.cluster)).answer(operation, questions)
        for name, environment in zip(questions, answers, strict=True):
            if environment.error is None:
                variables = self.outward(example.cluster, name, dict(environment.variables))
                environment = Environment(FrozenMap(variables))  # noqa: PLW2901
            made.append(environment)
        return made

    def supports(self, operation: str) -> bool:
        """A node agent answers for environments."""
        return operation == "environment"


# -- changed inputs --------------------------------------------------------------------


def each_service(change: Callable[[Service], Service]) -> Inward:
    """Every Service is taken for another."""
    return lambda cluster: evolve(cluster, services=tuple(map(change, cluster.services)))


def each_pod(change: Callable[[Pod], Pod]) -> Inward:
    """Every pod is taken for another."""
    return lambda cluster: evolve(cluster, pods=tuple(map(change, cluster.pods)))


def each_container(change: Callable[[Container], Container]) -> Inward:
    """Every container is taken for another."""
    return each_pod(
        lambda pod: evolve(pod, spec=evolve(pod.spec, containers=tuple(map(change, pod.spec.containers))))
    )


def each_port(change: Callable[[ServicePort], ServicePort]) -> Inward:
    """Every port of a Service is taken for another."""
    return each_service(
        lambda service: evolve(
            service, spec=evolve(service.spec, ports=tuple(map(change, service.spec.ports)))
        )
    )


def only(keep: Callable[[Cluster, Service], bool]) -> Inward:
    """Some Services are not seen."""
    return lambda cluster: evolve(
        cluster, services=tuple(service for service in cluster.services if keep(cluster, service))
    )


def _created(at: int) -> Inward:
    return each_service(lambda item: evolve(item, metadata=evolve(item.metadata, creation_timestamp=at)))


def _with_address(service: Service) -> Service:
    if service.spec.cluster_ip not in ("", "None"):
        return service
    return evolve(service, spec=evolve(service.spec, cluster_ip="10.96.77.77"))


def _started_with_the_pod(pod: Pod) -> Pod:
    def changed(status: ContainerStatus) -> ContainerStatus:
        running = status.state.running
        if running is None:
            return status
        at = max(pod.metadata.creation_timestamp, 1)
        return evolve(status, state=evolve(status.state, running=evolve(running, started_at=at)))

    return evolve(
        pod,
        status=evolve(pod.status, container_statuses=tuple(map(changed, pod.status.container_statuses))),
    )


def _everywhere(cluster: Cluster) -> Cluster:
    """Every Service in every namespace that has none of the name."""
    spaces = {namespace.metadata.name for namespace in cluster.namespaces}
    taken = {(item.metadata.namespace, item.metadata.name) for item in cluster.services}
    more = [
        evolve(item, metadata=evolve(item.metadata, namespace=space))
        for item in cluster.services
        for space in sorted(spaces)
        if (space, item.metadata.name) not in taken
    ]
    return evolve(cluster, services=(*cluster.services, *more))


def _without_defaults(cluster: Cluster) -> Cluster:
    """The local `kubernetes` never counts."""
    return only(
        lambda _, item: item.metadata.name != API_SERVER[1] or item.metadata.namespace == API_SERVER[0]
    )(cluster)


# -- changed outputs -------------------------------------------------------------------


def renamed(change: Callable[[str], str]) -> Outward:
    """Every variable of a Service has another name."""

    def outward(cluster: Cluster, _: ContainerName, variables: dict[str, str]) -> dict[str, str]:
        names = _given(cluster)
        return {change(name) if name in names else name: value for name, value in variables.items()}

    return outward


def valued(change: Callable[[str, str], str | None]) -> Outward:
    """Every variable of a Service has another value, or is left out."""

    def outward(cluster: Cluster, _: ContainerName, variables: dict[str, str]) -> dict[str, str]:
        names = _given(cluster)
        changed = {name: change(name, value) if name in names else value for name, value in variables.items()}
        return {name: value for name, value in changed.items() if value is not None}

    return outward


def _given(cluster: Cluster) -> set[str]:
    return {name for service in cluster.services for name in service_variables(service)}


def _services_first(cluster: Cluster, name: ContainerName, variables: dict[str, str]) -> dict[str, str]:
    """Services win over the container's own variables."""
    bare = each_container(lambda container: evolve(container, env=(), env_from=()))(cluster)
    (plain,) = Model(bare).answer("environment", [name])
    return {**variables, **plain.variables}


def _upper_case(cluster: Cluster, _: ContainerName, variables: dict[str, str]) -> dict[str, str]:
    """Dashes of names stay."""
    found = dict(variables)
    for service in cluster.services:
        prefix, wrong = mangled(service.metadata.name), service.metadata.name.upper()
        for name in service_variables(service):
            if prefix != wrong and name in found:
                found[wrong + name.removeprefix(prefix)] = found.pop(name)
    return found


def _mixed_winners(cluster: Cluster, name: ContainerName, variables: dict[str, str]) -> dict[str, str]:
    """Of two Services that collide each wins on some names."""
    reverse = evolve(cluster, services=cluster.services[::-1])
    (other,) = Model(reverse).answer("environment", [name])
    names = [each for each in variables if variables[each] != other.variables.get(each)]
    return {**variables, **{each: other.variables[each] for each in names[::2]}}


def _expanding(change: Callable[[str], str]) -> Inward:
    """Values are changed before they are expanded."""

    def changed(container: Container) -> Container:
        return evolve(container, env=tuple(evolve(item, value=change(item.value)) for item in container.env))

    return each_container(changed)


def _is_url(value: str) -> bool:
    return "://" in value


def fault(
    name: str, *requirements: str, inward: Inward | None = None, outward: Outward | None = None
) -> Fault:
    """A fault that must be reported as one of the requirements."""
    made = Fault(name, frozenset(requirements))
    made = evolve(made, inward=inward) if inward else made
    return evolve(made, outward=outward) if outward else made


FAULTS = (
    fault("no port variable", "ENV-001", outward=valued(lambda n, v: None if n.endswith("_PORT") else v)),
    fault(
        "last port first",
        "ENV-003",
        inward=each_service(lambda s: evolve(s, spec=evolve(s.spec, ports=s.spec.ports[::-1]))),
    ),
    fault(
        "target port",
        "ENV-005",
        inward=each_port(lambda p: evolve(p, port=p.target_port) if isinstance(p.target_port, int) else p),
    ),
    fault("node port", "ENV-005", inward=each_port(lambda p: evolve(p, port=p.node_port or p.port))),
    fault("scheme in upper case", "ENV-006", outward=valued(lambda n, v: v.upper() if _is_url(v) else v)),
    fault(
        "scheme of the application",
        "ENV-006",
        outward=valued(lambda n, v: v.replace("tcp://", "http://")),
    ),
    fault("dashes stay", "ENV-007", outward=_upper_case),
    fault("names in lower case", "ENV-001", "ENV-013", outward=renamed(str.lower)),
    fault("ports without names", "ENV-001", inward=each_port(lambda p: evolve(p, name=""))),
    fault("names for all ports", "ENV-004", inward=each_port(lambda p: evolve(p, name=p.name or "main"))),
    fault(
        "port variable is a number",
        "ENV-035",
        outward=valued(lambda n, v: v.rpartition(":")[2] if re.fullmatch(r"[A-Z0-9]+_PORT", n) else v),
    ),
    fault(
        "one protocol for each number",
        "ENV-025",
        "ENV-001",
        outward=valued(lambda n, v: None if re.search(r"_PORT_\d+_UDP", n) else v),
    ),
    fault("headless too", "ENV-011", inward=each_service(_with_address)),
    fault("ClusterIP only", "ENV-011", inward=only(lambda _, s: s.spec.type == "ClusterIP")),
    fault(
        "only with endpoints",
        "ENV-012",
        inward=only(
            lambda c, s: any(item.metadata.namespace == s.metadata.namespace for item in c.endpoint_slices)
        ),
    ),
    fault("only with a selector", "ENV-012", inward=only(lambda _, s: s.spec.selector is not None)),
    fault("all namespaces", "ENV-013", inward=_everywhere),
    fault(
        "the API server's Service as any other",
        "ENV-014",
        "ENV-019",
        inward=only(lambda _, s: (s.metadata.namespace, s.metadata.name) != API_SERVER),
    ),
    fault("the API server's Service always", "ENV-015", inward=_without_defaults),
    fault(
        "links for all",
        "ENV-019",
        inward=each_pod(lambda p: evolve(p, spec=evolve(p.spec, enable_service_links=True))),
    ),
    fault(
        "links for none",
        "ENV-013",
        inward=each_pod(lambda p: evolve(p, spec=evolve(p.spec, enable_service_links=False))),
    ),
    fault("the future", "ENV-ORDER-002", inward=_created(-1)),
    fault("since the pod was created", "ENV-ORDER-001", inward=each_pod(_started_with_the_pod)),
    fault("Services first", "ENV-026", "ENV-027", "ENV-028", outward=_services_first),
    fault(
        "first entry of a name",
        "ENV-029",
        inward=each_container(lambda c: evolve(c, env=c.env[::-1])),
    ),
    fault(
        "first source of a name",
        "ENV-029",
        inward=each_container(lambda c: evolve(c, env_from=c.env_from[::-1])),
    ),
    fault(
        "no prefix",
        "ENV-028",
        "ENV-029",
        inward=each_container(lambda c: evolve(c, env_from=tuple(evolve(s, prefix="") for s in c.env_from))),
    ),
    fault("no sources", "ENV-028", "ENV-029", inward=each_container(lambda c: evolve(c, env_from=()))),
    fault(
        "no empty values",
        "ENV-027",
        inward=each_container(lambda c: evolve(c, env=tuple(v for v in c.env if v.value or v.value_from))),
    ),
    fault(
        "no ConfigMaps",
        "ENV-030",
        inward=lambda cluster: evolve(cluster, config_maps=()),
    ),
    fault("mixed winners", "ENV-037", outward=_mixed_winners),
    fault("no expansion", "ENV-EXP-001", inward=_expanding(lambda text: text.replace("$", "$$"))),
    fault("dollars stay", "ENV-EXP-006", inward=_expanding(lambda text: text.replace("$$", "$$$$"))),
    fault(
        "unknown references vanish",
        "ENV-EXP-005",
        inward=_expanding(lambda text: text.replace("$(B)", "").replace("$(NO_SUCH)", "")),
    ),
)
"""Each with the requirements of which at least one has to be named in what is reported."""
