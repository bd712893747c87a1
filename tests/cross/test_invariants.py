# SPDX-License-Identifier: Apache-2.0
"""The areas of the model agree with each other, and each planted disagreement is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen

import conformance.invariants.cross
from conformance.adapters.reference import ReferenceAdapter
from conformance.areas import Area, Level
from conformance.catalogue import load
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant, registered
from conformance.strategies.clusters import clusters
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Service, ServicePort
from reference.questions import Answer, Backend, Decision, Environment, Outcome, Rcode, Record

assert conformance.invariants.cross  # registers them
INVARIANTS = [item for item in registered().values() if item.area is Area.CROSS]

Change = Callable[[Cluster], Cluster]


def _same(value: Any) -> Any:
    return value


@frozen
class Asker:
    """The model, of which some operations see another cluster or give other answers."""

    sees: tuple[tuple[str, Change], ...] = ()
    says: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    lacks: frozenset[str] = frozenset({"connect"})

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers."""
        seen: Change = dict(self.sees).get(operation, _same)
        said: Callable[[Any], Any] = dict(self.says).get(operation, _same)
        reference = ReferenceAdapter()
        reference.apply(seen(example.cluster))
        return [said(answer) for answer in getattr(reference, operation)(questions)]

    def supports(self, operation: str) -> bool:
        """Everything but what it lacks."""
        return operation not in self.lacks


RIGHT = Asker()
OBSERVED = Asker(lacks=frozenset({"route"}))


@cache
def examples() -> tuple[Example, ...]:
    """What a short run would judge."""
    return tuple(Example(cluster=cluster) for cluster in drawn(clusters(), examples=120, seed_value=11))


def judged(invariant: Invariant, asker: Asker) -> tuple[Deviation | None, Case]:
    """The first deviation, and the case that has counted everything."""
    total = Case(Example(), asker)
    for example in examples():
        case = Case(example, asker, tally=total.tally)
        try:
            invariant.check(case)
        except Deviation as deviation:
            return deviation, case
    return None, total


@pytest.mark.parametrize("asker", [RIGHT, OBSERVED], ids=["decides", "is observed"])
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda item: item.id)
def test_the_model_agrees(invariant: Invariant, asker: Asker) -> None:
    """The model's areas agree, whether routing tells its decisions or makes connections."""
    deviation, case = judged(invariant, asker)
    assert deviation is None
    assert case.tally.comparisons >= 10
    assert set(invariant.classes) <= set(case.tally.classes)


# -- planted disagreements ----------------------------------------------------------


def _each_service(change: Callable[[Service], Service]) -> Change:
    return lambda cluster: evolve(cluster, services=tuple(map(change, cluster.services)))


def _moved(service: Service) -> Service:
    """A Service with another cluster IP than the others see."""
    ip = service.spec.cluster_ip
    if not ip or ip == "None":
        return service
    other = ip.rpartition(".")[0] + ".222"
    return evolve(service, spec=evolve(service.spec, cluster_ip=other, cluster_ips=(other,)))


def _port(change: Callable[[ServicePort], ServicePort]) -> Change:
    return _each_service(
        lambda service: evolve(
            service, spec=evolve(service.spec, ports=tuple(map(change, service.spec.ports)))
        )
    )


def _to_target(port: ServicePort) -> ServicePort:
    return evolve(port, port=port.target_port) if isinstance(port.target_port, int) else port


def _all_ready(cluster: Cluster) -> Cluster:
    return evolve(
        cluster,
        endpoint_slices=tuple(
            evolve(
                item,
                endpoints=tuple(
                    evolve(each, conditions=evolve(each.conditions, ready=True)) for each in item.endpoints
                ),
            )
            for item in cluster.endpoint_slices
        ),
    )


def _first_only(decision: Decision) -> Decision:
    return evolve(decision, backends=frozenset(sorted(decision.backends)[:1]))


def _at_service_port(decision: Decision) -> Decision:
    return evolve(decision, backends=frozenset(Backend(each.ip, 80) for each in decision.backends))


def _never(decision: Decision) -> Decision:
    return Decision(Outcome.DROP) if decision.outcome is Outcome.FORWARD else decision


def _always(decision: Decision) -> Decision:
    if decision.outcome is not Outcome.REJECT:
        return decision
    return Decision(Outcome.FORWARD, frozenset({Backend("10.244.0.99", 8080)}))


def _no_names(answer: Answer) -> Answer:
    return Answer(Rcode.NXDOMAIN)


def _node_address(answer: Answer) -> Answer:
    return evolve(
        answer,
        records=frozenset(
            Record(each.name, each.type, "192.168.0.11") if each.type == "A" else each
            for each in answer.records
        ),
    )


def _urls_of_hosts(environment: Environment) -> Environment:
    changed = {
        name: "10.96.9.9" if name.endswith("_SERVICE_HOST") else value
        for name, value in environment.variables.items()
    }
    return evolve(environment, variables=FrozenMap(changed))


def _swapped(cluster: Cluster) -> Cluster:
    """A controller that mistakes the pods of one namespace for those of another."""
    return evolve(
        cluster,
        pods=tuple(
            evolve(pod, status=evolve(pod.status, pod_ip=f"10.244.7.{index}"))
            if not pod.status.pod_ips
            else evolve(
                pod,
                status=evolve(
                    pod.status,
                    pod_ip=f"10.244.7.{index}",
                    pod_ips=(evolve(pod.status.pod_ips[0], ip=f"10.244.7.{index}"),),
                ),
            )
            for index, pod in enumerate(cluster.pods)
        ),
    )


def _without_node_ports(port: ServicePort) -> ServicePort:
    return evolve(port, node_port=0)


DISAGREEMENTS: tuple[tuple[str, Asker, set[str]], ...] = (
    (
        "DNS has other addresses",
        Asker(sees=(("resolve", _each_service(_moved)),)),
        {"cross.name-to-endpoints", "cross.srv-to-endpoints", "cross.variable-and-name", "cross.short-name"},
    ),
    ("DNS gives nodes", Asker(says=(("resolve", _node_address),)), {"cross.name-to-endpoints"}),
    ("DNS knows no name", Asker(says=(("resolve", _no_names),)), {"cross.name-to-endpoints"}),
    ("SRV has target ports", Asker(sees=(("resolve", _port(_to_target)),)), {"cross.srv-to-endpoints"}),
    (
        "DNS gives what is not ready",
        Asker(sees=(("resolve", _all_ready),)),
        {"cross.headless-name-to-endpoints"},
    ),
    (
        "variables have other addresses",
        Asker(sees=(("environment", _each_service(_moved)),)),
        {"cross.variable-to-endpoints", "cross.variable-and-name"},
    ),
    (
        "variables have target ports",
        Asker(sees=(("environment", _port(_to_target)),)),
        {"cross.variable-to-endpoints"},
    ),
    ("hosts are wrong", Asker(says=(("environment", _urls_of_hosts),)), {"cross.variable-and-name"}),
    (
        "the controller has other addresses",
        Asker(sees=(("endpoint_slices", _swapped),)),
        {"cross.controller-to-backends", "cross.headless-name-to-endpoints"},
    ),
    ("the proxy uses one endpoint", Asker(says=(("route", _first_only),)), {"cross.controller-to-backends"}),
    (
        "the proxy keeps the port",
        Asker(says=(("route", _at_service_port),)),
        {"cross.name-to-endpoints", "cross.variable-to-endpoints", "cross.controller-to-backends"},
    ),
    (
        "the proxy drops everything",
        Asker(says=(("route", _never),)),
        {
            "cross.name-to-endpoints",
            "cross.srv-to-endpoints",
            "cross.variable-to-endpoints",
            "cross.controller-to-backends",
            "cross.node-port-and-cluster-ip",
        },
    ),
    (
        "the proxy forwards without endpoints",
        Asker(says=(("route", _always),)),
        {"cross.name-to-endpoints", "cross.srv-to-endpoints", "cross.controller-to-backends"},
    ),
    (
        "the proxy forwards to what is not ready",
        Asker(sees=(("route", _all_ready),)),
        {"cross.name-to-endpoints"},
    ),
    (
        "the proxy has no node ports",
        Asker(sees=(("route", _port(_without_node_ports)),)),
        {"cross.node-port-and-cluster-ip"},
    ),
    (
        "resolv.conf is of another namespace",
        Asker(says=(("resolver_configs", lambda config: evolve(config, searches=config.searches[1:])),)),
        {"cross.short-name"},
    ),
)


@pytest.mark.parametrize(
    ("asker", "expected"),
    [(asker, expected) for _, asker, expected in DISAGREEMENTS],
    ids=[name for name, _, _ in DISAGREEMENTS],
)
def test_disagreements_are_reported(asker: Asker, expected: set[str]) -> None:
    """Where one area answers otherwise than the others, the invariants between them say so."""
    found = {}
    for invariant in INVARIANTS:
        deviation, _ = judged(invariant, asker)
        if deviation is not None:
            found[invariant.id] = deviation.requirement
            assert deviation.requirement in invariant.requirements, invariant.id
    assert expected <= set(found), found


def test_observed_disagreements_are_reported() -> None:
    """A proxy that is observed is judged by single connections."""

    def elsewhere(seen: Any) -> Any:
        return evolve(seen, backend=Backend("10.244.0.99", 80)) if seen.backend else seen

    asker = Asker(says=(("connect", elsewhere),), lacks=frozenset({"route"}))
    found = {invariant.id for invariant in INVARIANTS if judged(invariant, asker)[0] is not None}
    assert {"cross.name-to-endpoints", "cross.controller-to-backends"} <= found


def test_levels_and_requirements() -> None:
    """Every implementation has to agree with itself, on requirements that exist and can be observed."""
    known = load()
    for invariant in INVARIANTS:
        assert invariant.level in (Level.MUST, Level.CLASS)
        for name in invariant.requirements:
            assert known[name].unobservable is None, (invariant.id, name)


def test_an_empty_cluster() -> None:
    """Nothing is judged, and nothing breaks, where there is nothing."""
    case = Case(Example(), RIGHT)
    for invariant in INVARIANTS:
        invariant.check(case)
    assert case.tally.comparisons == 0
