# SPDX-License-Identifier: Apache-2.0
"""The invariants of endpoints pass every correct controller, and find each fault under its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen

from conformance.areas import Area
from conformance.engine.generation import drawn
from conformance.example import Example
from conformance.faults import all_faults
from conformance.faults.endpoints.changes import each_endpoint
from conformance.invariants.base import Case, Deviation, Invariant, Tally
from conformance.model import answer
from conformance.questions.endpoints import services
from conformance.strategies.clusters import clusters
from reference.endpoints import endpoint_slices, with_managed_slices
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    Container,
    ContainerPort,
    EndpointHints,
    EndpointSlice,
    NamespacedName,
    Service,
    ServicePort,
)
from tests.endpoints.objects import FRONTEND, cluster, pod, service
from tests.planted import Found, faults_of, idle, invariants_of, not_listed, reported
from tests.selftest.golden import reporting

Slices = tuple[EndpointSlice, ...]
Controller = Callable[[Cluster, NamespacedName], Slices]
INVARIANTS = invariants_of(Area.ENDPOINTS)


@frozen
class Asker:
    """Answers each Service by one function of the cluster."""

    controller: Controller

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers; to what is asked besides slices the model's."""
        if operation != "endpoint_slices":
            return answer(example.cluster, operation, questions)
        return [self.controller(example.cluster, question) for question in questions]

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True


HTTP = ServicePort(80, "http", "TCP", "http")
_TWO_NAMES = Container("main", ports=(ContainerPort(53, "http", "UDP"), ContainerPort(8081, "http")))
_SIDECAR = Container("sidecar", ports=(ContainerPort(8083, "http"),), restart_policy="Always")
_SETUP = Container("setup", ports=(ContainerPort(1111, "http"),))


def _cluster() -> Cluster:
    """One cluster with something of everything."""
    state = cluster(
        service(labels={"team": "a"}),
        service(HTTP, ServicePort(81, "same", "TCP", 8080), name="named", publish_not_ready_addresses=True),
        service(HTTP, name="headless", cluster_ip="None", cluster_ips=("None",)),
        service(name="portless", cluster_ip="None", cluster_ips=("None",)),
        service(ServicePort(80, "http", "TCP", 8080, app_protocol="http"), name="app"),
        service(name="near", traffic_distribution="PreferSameZone"),
        service(name="nearer", traffic_distribution="PreferSameNode"),
        service(name="nobody", selector=FrozenMap({"app": "nobody"})),
        service(name="blank", selector=FrozenMap({"app": ""})),
        service(name="by-hand", selector=None),
        service(
            name="outside", type="ExternalName", external_name="a.example", cluster_ip="", ip_families=()
        ),
        service(name="frontend", namespace="shop"),
        pod("a", "10.244.0.2", hostname="host-1", subdomain="headless"),
        pod("b", "10.244.0.3", ready="False"),
        pod("c", "10.244.1.4", deleted=True, node_name="node-b"),
        pod("d", "10.244.1.5", phase="Failed"),
        pod("e", phase="Pending"),
        pod("f", "10.244.0.6", namespace="shop"),
        pod("g", "10.244.0.7", labels={"app": "Frontend"}),
        pod("h", "10.244.0.8", labels={}),
        pod("i", "192.168.0.11", host_network=True),
        pod("j", "192.168.0.11", host_network=True, phase="Pending", containers=(_TWO_NAMES,)),
        pod("k", "10.244.0.9", containers=(Container("main"),), init_containers=(_SETUP,)),
        pod("l", "10.244.0.10", containers=(Container("main"),), init_containers=(_SETUP, _SIDECAR)),
    )
    portless = {"portless": ()}
    return with_managed_slices(
        evolve(
            state,
            services=tuple(
                evolve(item, spec=evolve(item.spec, ports=portless.get(item.metadata.name, item.spec.ports)))
                for item in state.services
            ),
        )
    )


CLUSTER = _cluster()


def deviation(item: Invariant, controller: Controller, state: Cluster) -> Deviation | None:
    """What the invariant finds."""
    try:
        item.check(Case(Example(cluster=state), Asker(controller)))
    except Deviation as error:
        return error
    return None


def broken(controller: Controller) -> dict[str, str]:
    """The invariants that a controller breaks, each with the row that it was told."""
    found = {item.id: deviation(item, controller, CLUSTER) for item in INVARIANTS}
    return {name: error.requirement for name, error in found.items() if error is not None}


def find(state: Cluster, name: NamespacedName) -> Service:
    """The Service of that name."""
    return state.services[services(state).index(name)]


# -- correct controllers -------------------------------------------------------------


def otherwise(state: Cluster, name: NamespacedName) -> Slices:
    """A correct controller that packs one endpoint into a slice, backwards, and names slices at random."""
    return tuple(
        evolve(
            piece,
            metadata=evolve(
                piece.metadata,
                name=f"{name.name}-x{number}y",
                uid="1234",
                annotations=FrozenMap({"when": "now"}),
            ),
            endpoints=part,
            ports=tuple(evolve(port, name=port.name or None) for port in piece.ports[::-1]),
        )
        for piece in endpoint_slices(state, name)[::-1]
        for number, part in enumerate([(one,) for one in piece.endpoints[::-1]] or [()])
    )


def other_uids(state: Cluster, name: NamespacedName) -> Slices:
    """A correct controller of a cluster that gave its objects other UIDs."""
    return each_endpoint(
        endpoint_slices(state, name),
        lambda one: evolve(one, target_ref=one.target_ref and evolve(one.target_ref, uid="other")),
    )


@pytest.mark.parametrize("controller", [endpoint_slices, otherwise, other_uids])
def test_correct_controllers_pass(controller: Controller) -> None:
    """The reference breaks nothing, nor does a controller that differs where it may."""
    assert broken(controller) == {}


def test_every_invariant_judges_something() -> None:
    """In one cluster with everything in it each invariant has comparisons and meets its classes; where
    inputs of its own take turns, in that and some generated ones.
    """
    for item in INVARIANTS:
        tally = Tally()
        of_its_own = "synced_slices" in item.asks or "topology-mode" in item.features
        for example in examples():
            item.check(Case(example, Asker(endpoint_slices), tally=tally))
            if not of_its_own or set(item.classes) <= set(tally.classes):
                break
        assert tally.comparisons, item.id
        assert set(item.classes) <= set(tally.classes), item.id


def test_no_services_no_questions() -> None:
    """A cluster without Services is judged without a word."""
    for item in INVARIANTS:
        assert deviation(item, endpoint_slices, Cluster()) is None, item.id


# -- faults ------------------------------------------------------------------------------


@cache
def examples() -> tuple[Example, ...]:
    """The one cluster, and what a run would judge."""
    made = drawn(clusters(), examples=150, seed_value=5)
    return (Example(cluster=CLUSTER), *(Example(cluster=cluster) for cluster in made))


@cache
def reported_of(name: str) -> Found:
    """What the invariants report of a fault."""
    return reported(all_faults()[name], INVARIANTS, examples())


@pytest.mark.thorough
@pytest.mark.parametrize("name", faults_of(Area.ENDPOINTS))
def test_fault_is_reported(name: str) -> None:
    """Each fault is reported under every row that it breaks, by invariants that list the row."""
    found = reported_of(name)
    assert set(all_faults()[name].breaks) <= set().union(*found.values()), found
    assert not_listed(found) == {}


@pytest.mark.thorough
def test_every_invariant_reports_a_fault() -> None:
    """No invariant is idle: of each there is a fault that it reports, most in the self-test's matrix."""
    shown: Found = {name: set() for name in reporting()}
    assert idle(Area.ENDPOINTS, [shown], examples()) == set()


def test_empty_hints_are_no_hints() -> None:
    """A hint that names nothing is as good as none."""
    hinted = EndpointHints(for_zones=())

    def controller(state: Cluster, name: NamespacedName) -> Slices:
        return each_endpoint(
            endpoint_slices(state, name), lambda one: one if one.hints else evolve(one, hints=hinted)
        )

    assert broken(controller) == {}


def test_questions_are_all_services() -> None:
    """Every Service is asked about, those without slices included."""
    assert len(services(CLUSTER)) == len(CLUSTER.services)
    assert FRONTEND in services(CLUSTER)
    assert NamespacedName("default", "outside") in services(CLUSTER)
