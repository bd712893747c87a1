# SPDX-License-Identifier: Apache-2.0
"""Each container has the Services of its own start, by worked examples."""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from conformance.invariants.environment.probes import variables_of
from reference.objects import Container
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
