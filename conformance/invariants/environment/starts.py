# SPDX-License-Identifier: Apache-2.0
"""Each container has the Services of its own start, by worked examples."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from conformance.invariants.environment.probes import variables_of
from reference.environment import after_change
from reference.objects import Cluster, Container, Service
from reference.questions import ContainerName, Environment

_ASKS = ("environment",)
_SPACE = "probed"


@invariant(
    "environment.every-kind-of-container",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-021", "ENV-ORDER-005"),
    asks=_ASKS,
)
def every_kind_of_container(case: Case) -> None:
    """A sidecar, and a container of a pod in the host's network, is told of the same Services as any other
    container, each of those at its own start.
    """
    cluster = case.cluster
    early = probes.service(cluster, _SPACE, "early", 1)
    late = probes.service(cluster, _SPACE, "late", 2, created=probes.LATE - 10)
    sidecar = (Container("sidecar", restart_policy="Always"),)
    related = probes.added(
        cluster,
        services=[early, late],
        pods=[
            probes.pod(cluster, _SPACE, "mixed", 1, init=sidecar, init_at=probes.LATE - 20),
            probes.pod(cluster, _SPACE, "even", 2, init=sidecar),
            probes.pod(cluster, _SPACE, "host-network", 3, host_network=True),
        ],
    )
    everything = {**variables_of(early), **variables_of(late)}
    expected: list[tuple[str, str, str, dict[str, str | None]]] = [
        ("ENV-021", "mixed", "main", {**everything}),
        ("ENV-ORDER-005", "mixed", "sidecar", {**variables_of(early), **dict.fromkeys(variables_of(late))}),
        ("ENV-021", "even", "sidecar", {**everything}),
        ("ENV-021", "host-network", "main", {**everything}),
    ]
    names = [ContainerName(_SPACE, pod, container) for _, pod, container, _ in expected]
    answers = probes.ask(case, "ENV-021", related, names)
    for name, got, (rule, _, _, variables) in zip(names, answers, expected, strict=True):
        probes.expect(case, rule, name, got, variables)


@invariant(
    "environment.restart",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-ORDER-001", "ENV-ORDER-003"),
    asks=_ASKS,
)
def restart(case: Case) -> None:
    """A container that is restarted is told of what was created meanwhile, its neighbour is not, and
    neither is asked how old its pod is.
    """
    cluster = case.cluster
    middle = probes.service(cluster, _SPACE, "meanwhile", 1, created=probes.LATE + 5)
    neighbours = (Container("neighbour", restart_policy="Always"),)
    names = [ContainerName(_SPACE, "probe", name) for name in ("main", "neighbour")]

    def asked(at: int) -> list[Environment]:
        pod = probes.pod(
            cluster, _SPACE, "probe", 1, init=neighbours, at=at, init_at=probes.LATE, created=probes.EARLY
        )
        return probes.ask(case, "ENV-ORDER-001", probes.added(cluster, services=[middle], pods=[pod]), names)

    absent = dict.fromkeys(variables_of(middle))
    before, after = asked(probes.LATE), asked(probes.LATE + 10)
    probes.expect(case, "ENV-ORDER-001", names[0], before[0], absent)
    probes.expect(case, "ENV-ORDER-003", names[0], after[0], variables_of(middle))
    probes.expect(case, "ENV-ORDER-003", names[1], after[1], absent)


@invariant(
    "environment.recreated-service",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-ORDER-009",),
    asks=_ASKS,
    classes=("runs on", "restarted"),
)
def recreated_service(case: Case) -> None:
    """A container that runs on is not told of the new address of a Service that was deleted and made again;
    once it is restarted, it is.
    """
    cluster = case.cluster
    first = probes.service(cluster, _SPACE, "again", 1)
    second = probes.service(cluster, _SPACE, "again", 2, created=probes.LATE + 5)
    name = ContainerName(_SPACE, "probe", "main")

    def state(service: Service, at: int) -> Cluster:
        pod = probes.pod(cluster, _SPACE, name.pod, 1, at=at, created=probes.EARLY)
        return probes.added(cluster, services=[service], pods=[pod])

    before = state(first, probes.LATE)
    names = sorted({*variables_of(first), *variables_of(second)})
    for after, met in (
        (state(second, probes.LATE), "runs on"),
        (state(second, probes.LATE + 10), "restarted"),
    ):
        related = case.variant(Example(cluster=before)).moved(after)
        (got,) = related.ask("environment", [name])
        right = [allowed.canonical() for allowed in after_change(before, after, name)]
        values = [tuple(each.variables.get(variable) for variable in names) for each in right]
        case.judged(met)
        found = tuple(got.variables.get(variable) for variable in names)
        if got.error is not None or found not in values:
            case.fail(
                "ENV-ORDER-009",
                question=f"the variables of Service again in container {name}, which {met}",
                expected=" or ".join(_listed(names, each) for each in values),
                got=got.error or _listed(names, found),
                because=("ENV-ORDER-009",),
            )


def _listed(names: Sequence[str], values: Sequence[str | None]) -> str:
    pairs = [f"{name}={value}" for name, value in zip(names, values, strict=True) if value is not None]
    return ", ".join(pairs) or "none"
