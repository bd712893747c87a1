# SPDX-License-Identifier: Apache-2.0
"""The invariants of environments pass the model, and report each planted fault."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve

from conformance.areas import Area
from conformance.catalogue import load
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.faults import all_faults
from conformance.invariants.base import Case, Deviation, Invariant, Kind
from conformance.model import Model
from conformance.strategies.clusters import clusters
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Container, EnvVar, ServicePort
from reference.questions import Environment
from tests.environment.objects import config_map, from_map, pod, service
from tests.planted import Found, faults_of, idle, invariants_of, not_listed, reported

INVARIANTS = invariants_of(Area.ENVIRONMENT)


class Agent:
    """A node agent that answers as the model does; a subclass changes what it sees or says."""

    def seen(self, cluster: Cluster) -> Cluster:
        """The cluster that it takes for the true one."""
        return cluster

    def changed(self, answer: Environment) -> Environment:
        """What it answers where the model answers `answer`."""
        return answer

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers."""
        assert operation == "environment"
        return list(map(self.changed, Model(self.seen(example.cluster)).answer(operation, questions)))

    def supports(self, operation: str) -> bool:
        """A node agent answers for environments."""
        return operation == "environment"


RIGHT = Agent()


@cache
def examples() -> tuple[Example, ...]:
    """What a short run would judge."""
    return tuple(Example(cluster=cluster) for cluster in drawn(clusters(), examples=150, seed_value=7))


@cache
def judged(invariant: Invariant, agent: Agent) -> tuple[Deviation | None, Case]:
    """The first deviation, and the case that has counted everything.

    What adds its own objects to a cluster does not depend much on the cluster.
    """
    total = Case(Example(), agent)
    for example in examples()[: 25 if invariant.kind is Kind.METAMORPHIC else None]:
        case = Case(example, agent, tally=total.tally)
        try:
            invariant.check(case)
        except Deviation as deviation:
            return deviation, case
    return None, total


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda item: item.id)
def test_the_model_passes(invariant: Invariant) -> None:
    """The model breaks nothing, and each invariant meets what it is about."""
    deviation, case = judged(invariant, RIGHT)
    assert deviation is None
    assert case.tally.comparisons
    if invariant.kind is Kind.METAMORPHIC:
        assert set(invariant.classes) <= set(case.tally.classes)


@cache
def reported_of(name: str) -> Found:
    """What the invariants report of a fault."""
    return reported(all_faults()[name], INVARIANTS, examples())


@pytest.mark.thorough
@pytest.mark.parametrize("name", faults_of(Area.ENVIRONMENT))
def test_fault_is_reported(name: str) -> None:
    """Each fault is reported under every row that it breaks, by invariants that list the row."""
    found = reported_of(name)
    assert set(all_faults()[name].breaks) <= set().union(*found.values()), found
    assert not_listed(found) == {}


@pytest.mark.thorough
def test_every_invariant_reports_a_fault() -> None:
    """No invariant is idle: of each there is a fault that it reports."""
    assert idle(Area.ENVIRONMENT, map(reported_of, faults_of(Area.ENVIRONMENT)), examples()) == set()


def test_requirements_are_in_the_catalogue() -> None:
    """Invariants name requirements that exist and can be observed."""
    known = load()
    for invariant in INVARIANTS:
        for name in invariant.requirements:
            assert known[name].unobservable is None, (invariant.id, name)


class Extra(Agent):
    """An agent of which every container has one variable more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def changed(self, answer: Environment) -> Environment:
        """With the variable."""
        if answer.error is not None:
            return answer
        return Environment(FrozenMap({**answer.variables, self.name: "anything"}))


@pytest.mark.parametrize("name", ["PATH", "HOSTNAME", "WEBSITE", "A_PORT_OF_CALL"])
def test_what_nothing_explains_is_ignored(name: str) -> None:
    """Variables of the image or the runtime are not looked at."""
    for invariant in INVARIANTS:
        deviation, _ = judged(invariant, Extra(name))
        assert deviation is None, invariant.id


def test_an_error_is_reported() -> None:
    """A container that is not created although it could be is a deviation."""

    class Failing(Agent):
        def changed(self, answer: Environment) -> Environment:
            return Environment(error="no")

    agent = Failing()
    (creation,) = (item for item in INVARIANTS if item.id == "environment.creation-agrees")
    deviation, _ = judged(creation, agent)
    assert deviation is not None
    assert deviation.requirement == "ENV-030"


ODD_CLUSTERS = {
    "empty": Cluster(),
    "no nodes": Cluster(pods=(pod(),), services=(service("web"),)),
    "services alone": Cluster(services=(service("web"), service("kubernetes", namespace="default"))),
    "a Service without ports": Cluster(
        pods=(pod(),),
        services=(evolve(service("web"), spec=evolve(service("web").spec, ports=())),),
    ),
    "a container that cannot be created": Cluster(
        pods=(pod(Container("main", env_from=(from_map("absent"),))),), services=(service("web"),)
    ),
    "names that imitate others": Cluster(
        pods=(pod(),),
        services=(
            service("a", ServicePort(80, "b-service-host", "TCP")),
            service("a-service-port-b", ip="10.96.0.2"),
            service("a-port-80-tcp", ip="10.96.0.3"),
            service("a-service", ip="10.96.0.4"),
            service("kubernetes-service", ip="10.96.0.5"),
            service("kubernetes", ServicePort(443, "https", "TCP"), namespace="default", ip="10.96.0.6"),
        ),
    ),
    "own variables named like Services": Cluster(
        pods=(
            pod(
                Container(
                    "main",
                    env=(EnvVar("WEB_PORT_9_TCP", "x"), EnvVar("WEB_SERVICE_PORT_9", "$(WEB_PORT)")),
                    env_from=(from_map("map", "WEB_"),),
                )
            ),
        ),
        services=(service("web"),),
        config_maps=(config_map("map", {"PORT_80_TCP_ADDR": "mine", "SERVICE_HOST": "mine"}),),
    ),
    "IPv6": Cluster(
        settings=evolve(Cluster().settings, service_cidrs=("fd00::/108",), pod_cidrs=("fd01::/64",)),
        pods=(pod(),),
        services=(service("web", ip="fd00::1"),),
    ),
}


@pytest.mark.parametrize("cluster", ODD_CLUSTERS.values(), ids=ODD_CLUSTERS)
def test_odd_clusters(cluster: Cluster) -> None:
    """The model passes on clusters that are not generated, each outcome that is right included."""

    class Backwards(Agent):
        def seen(self, cluster: Cluster) -> Cluster:
            return evolve(cluster, services=cluster.services[::-1])

    for agent in (RIGHT, Backwards()):
        for invariant in INVARIANTS:
            invariant.check(Case(Example(cluster=cluster), agent))
