# SPDX-License-Identifier: Apache-2.0
"""The invariants of endpoints pass every correct controller, and find each fault under its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen

from conformance.areas import Area
from conformance.example import Example
from conformance.invariants import endpoints as _endpoints  # registers them
from conformance.invariants.base import Case, Deviation, Invariant, registered
from conformance.questions.endpoints import services
from reference.endpoints import endpoint_slices, with_managed_slices
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    Cluster,
    Container,
    ContainerPort,
    Endpoint,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    NamespacedName,
    Pod,
    Service,
    ServicePort,
)
from tests.endpoints.objects import FRONTEND, cluster, pod, service

assert _endpoints

Slices = tuple[EndpointSlice, ...]
Controller = Callable[[Cluster, NamespacedName], Slices]
INVARIANTS = [item for item in registered().values() if item.area is Area.ENDPOINTS]


@frozen
class Asker:
    """Answers each Service by one function of the cluster."""

    controller: Controller

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers."""
        return [self.controller(example.cluster, question) for question in questions]

    def supports(self, operation: str) -> bool:
        """It supports what is asked here."""
        return True


HTTP = ServicePort(80, "http", "TCP", "http")
_TWO_NAMES = Container("main", ports=(ContainerPort(53, "http", "UDP"), ContainerPort(8081, "http")))
_SIDECAR = Container("sidecar", ports=(ContainerPort(8083, "http"),), restart_policy="Always")
_SETUP = Container("setup", ports=(ContainerPort(1111, "http"),))


def _cluster() -> Cluster:
    """One cluster in which every fault below shows."""
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
        lambda one: evolve(one, target_ref=one.target_ref and evolve(one.target_ref, uid="other"))
    )(state, name)


@pytest.mark.parametrize("controller", [endpoint_slices, otherwise, other_uids])
def test_correct_controllers_pass(controller: Controller) -> None:
    """The reference breaks nothing, nor does a controller that differs where it may."""
    assert broken(controller) == {}


def test_every_invariant_judges_something() -> None:
    """In one cluster with everything in it, each invariant has comparisons, and meets its classes."""
    for item in INVARIANTS:
        case = Case(Example(cluster=CLUSTER), Asker(endpoint_slices))
        item.check(case)
        assert case.tally.comparisons, item.id
        assert set(item.classes) <= set(case.tally.classes), item.id


def test_no_services_no_questions() -> None:
    """A cluster without Services is judged without a word."""
    for item in INVARIANTS:
        assert deviation(item, endpoint_slices, Cluster()) is None, item.id


# -- faults ------------------------------------------------------------------------------


def each_endpoint(change: Callable[[Endpoint], Endpoint | None]) -> Controller:
    """The reference with each endpoint changed or left out."""

    def controller(state: Cluster, name: NamespacedName) -> Slices:
        return tuple(
            evolve(piece, endpoints=tuple(new for one in piece.endpoints if (new := change(one)) is not None))
            for piece in endpoint_slices(state, name)
        )

    return controller


def each_slice(change: Callable[[EndpointSlice], EndpointSlice]) -> Controller:
    """The reference with each slice changed."""
    return lambda state, name: tuple(change(piece) for piece in endpoint_slices(state, name))


def each_port(change: Callable[[EndpointPort], EndpointPort]) -> Controller:
    """The reference with each port of each slice changed."""
    return each_slice(lambda piece: evolve(piece, ports=tuple(change(port) for port in piece.ports)))


def each_pod(change: Callable[[Pod], Pod]) -> Controller:
    """The reference, which sees each pod changed."""
    return lambda state, name: endpoint_slices(
        evolve(state, pods=tuple(change(item) for item in state.pods)), name
    )


def each_service(change: Callable[[Service], Service]) -> Controller:
    """The reference, which sees each Service changed."""
    return lambda state, name: endpoint_slices(
        evolve(state, services=tuple(change(item) for item in state.services)), name
    )


def spec_of(**changes: Any) -> Callable[[Service], Service]:
    """A change of a Service's spec."""
    return lambda item: evolve(item, spec=evolve(item.spec, **changes))


def conditions(**changes: bool | None) -> Callable[[Endpoint], Endpoint]:
    """A change of an endpoint's conditions."""
    return lambda one: evolve(one, conditions=evolve(one.conditions, **changes))


def ready_while_terminating(one: Endpoint) -> Endpoint:
    """Copies the pod's readiness without looking at its deletion."""
    return evolve(
        one, conditions=evolve(one.conditions, ready=one.conditions.ready or one.conditions.serving)
    )


def named_by_name_alone(state: Cluster, name: NamespacedName) -> Slices:
    """Resolves named target ports whatever the protocol."""

    def blind(item: Container) -> Container:
        return evolve(item, ports=tuple(evolve(port, protocol="TCP") for port in item.ports))

    return each_pod(
        lambda item: evolve(item, spec=evolve(item.spec, containers=tuple(map(blind, item.spec.containers))))
    )(state, name)


def unresolved_pods_left_out(state: Cluster, name: NamespacedName) -> Slices:
    """As legacy Endpoints do."""
    whole = endpoint_slices(state, name)
    return tuple(evolve(piece, endpoints=piece.endpoints if piece.ports else ()) for piece in whole)


def one_slice_for_all(state: Cluster, name: NamespacedName) -> Slices:
    """The ports of the first pod for all."""
    whole = endpoint_slices(state, name)
    return whole[:1] and (
        evolve(whole[0], endpoints=tuple(one for piece in whole for one in piece.endpoints)),
    )


def everywhere(state: Cluster, name: NamespacedName) -> Slices:
    """Looks for pods in all namespaces."""
    return each_pod(lambda item: evolve(item, metadata=evolve(item.metadata, namespace=name.namespace)))(
        state, name
    )


def twice(state: Cluster, name: NamespacedName) -> Slices:
    """Writes each slice twice."""
    return endpoint_slices(state, name) * 2


def never_empty(state: Cluster, name: NamespacedName) -> Slices:
    """Writes no placeholder."""
    return tuple(piece for piece in endpoint_slices(state, name) if piece.endpoints)


def placeholder_with_ports(state: Cluster, name: NamespacedName) -> Slices:
    """Writes the Service's ports into the placeholder."""
    return each_slice(
        lambda piece: piece if piece.endpoints else evolve(piece, ports=(EndpointPort("", 80, "TCP"),))
    )(state, name)


def first_service_wins(state: Cluster, name: NamespacedName) -> Slices:
    """A pod backs the first Service that selects it, and no other."""
    taken: set[str] = set()
    for other in services(state):
        pieces = endpoint_slices(state, other)
        if other == name:
            return tuple(
                evolve(
                    piece, endpoints=tuple(one for one in piece.endpoints if str(one.target_ref) not in taken)
                )
                for piece in pieces
            )
        taken |= {str(one.target_ref) for piece in pieces for one in piece.endpoints}
    return ()


def with_old_slices(state: Cluster, name: NamespacedName) -> Slices:
    """Takes what is already there for its own."""
    old = tuple(
        piece
        for piece in state.endpoint_slices
        if "foreign" in piece.metadata.name and find(state, name).spec.selector
    )
    return endpoint_slices(state, name) + old


FAULTS: dict[str, tuple[Controller, dict[str, str]]] = {
    "ready while terminating": (
        each_endpoint(ready_while_terminating),
        {
            "endpoints.conditions-agree": "EP-008",
            "endpoints.conditions-are-consistent": "EP-008",
            "endpoints.deletion-of-one-pod": "EP-007",
        },
    ),
    "serving is ready": (
        each_endpoint(
            lambda one: evolve(one, conditions=evolve(one.conditions, serving=one.conditions.ready))
        ),
        {"endpoints.conditions-agree": "EP-006", "endpoints.serving-follows-the-pod": "EP-006"},
    ),
    "terminating is never written": (
        each_endpoint(conditions(terminating=None)),
        {"endpoints.conditions-agree": "EP-010", "endpoints.conditions-are-consistent": "EP-010"},
    ),
    "terminating is always false": (
        each_endpoint(conditions(terminating=False)),
        {"endpoints.conditions-agree": "EP-007", "endpoints.serving-follows-the-pod": "EP-007"},
    ),
    "terminating pods vanish": (
        each_endpoint(lambda one: None if one.conditions.terminating else one),
        {"endpoints.membership-agrees": "EP-005", "endpoints.deletion-of-one-pod": "EP-007"},
    ),
    "not-ready pods vanish": (
        each_endpoint(lambda one: one if one.conditions.serving else None),
        {"endpoints.membership-agrees": "EP-011", "endpoints.readiness-of-one-pod": "EP-006"},
    ),
    "not-ready addresses are not published": (
        each_service(spec_of(publish_not_ready_addresses=False)),
        {
            "endpoints.conditions-agree": "EP-008",
            "endpoints.conditions-are-consistent": "EP-008",
            "endpoints.publishing": "EP-008",
        },
    ),
    "terminal pods are endpoints": (
        each_pod(lambda item: evolve(item, status=evolve(item.status, phase="Running"))),
        {
            "endpoints.membership-agrees": "EP-002",
            "endpoints.never-a-terminal-pod": "EP-002",
            "endpoints.end-of-one-pod": "EP-002",
        },
    ),
    "only running pods are endpoints": (
        each_pod(
            lambda item: (
                evolve(item, metadata=evolve(item.metadata, labels=EMPTY))
                if item.status.phase == "Pending"
                else item
            )
        ),
        {"endpoints.membership-agrees": "EP-004"},
    ),
    "pods of all namespaces": (
        everywhere,
        {"endpoints.membership-agrees": "SEL-007", "endpoints.own-namespace": "SEL-007"},
    ),
    "letter case of labels is ignored": (
        each_pod(
            lambda item: evolve(
                item,
                metadata=evolve(
                    item.metadata,
                    labels=FrozenMap({key: value.lower() for key, value in item.metadata.labels.items()}),
                ),
            )
        ),
        {"endpoints.membership-agrees": "SEL-003"},
    ),
    "an absent label is an empty one": (
        each_pod(
            lambda item: (
                item
                if "app" in item.metadata.labels
                else evolve(item, metadata=evolve(item.metadata, labels=item.metadata.labels | {"app": ""}))
            )
        ),
        {"endpoints.membership-agrees": "SEL-002"},
    ),
    "no selector selects all": (
        each_service(
            lambda item: (
                item if item.spec.selector else spec_of(selector=FrozenMap({"app": "frontend"}))(item)
            )
        ),
        {"endpoints.membership-agrees": "SEL-004", "endpoints.not-managed": "SEL-004"},
    ),
    "the selector of an ExternalName counts": (
        each_service(spec_of(type="ClusterIP", ip_families=("IPv4",))),
        {"endpoints.membership-agrees": "EP-025", "endpoints.not-managed": "EP-025"},
    ),
    "a pod backs one Service": (
        first_service_wins,
        {"endpoints.membership-agrees": "EP-001", "endpoints.unrelated-objects": "SEL-008"},
    ),
    "host name from the pod's name": (
        each_endpoint(lambda one: evolve(one, hostname=one.target_ref.name if one.target_ref else None)),
        {"endpoints.hostname-agrees": "EP-015"},
    ),
    "no zone": (
        each_endpoint(lambda one: evolve(one, zone=None)),
        {"endpoints.place-agrees": "EP-013"},
    ),
    "no targetRef": (
        each_endpoint(lambda one: evolve(one, target_ref=None)),
        {"endpoints.target-reference-agrees": "EP-016"},
    ),
    "addresses of another pod": (
        each_endpoint(lambda one: evolve(one, addresses=("10.244.0.2",))),
        {"endpoints.addresses-are-the-pods-own": "EP-017"},
    ),
    "names resolve whatever the protocol": (
        named_by_name_alone,
        {"endpoints.ports-agree": "PORT-006"},
    ),
    "the Service port for the target port": (
        each_service(
            lambda item: spec_of(
                ports=tuple(evolve(port, target_port=port.port) for port in item.spec.ports)
            )(item)
        ),
        {
            "endpoints.ports-agree": "PORT-003",
            "endpoints.slice-ports-are-the-services": "PORT-003",
            "endpoints.service-port-number": "PORT-025",
        },
    ),
    "sidecars have no ports": (
        each_pod(lambda item: evolve(item, spec=evolve(item.spec, init_containers=()))),
        {"endpoints.ports-agree": "PORT-005"},
    ),
    "init containers have ports": (
        each_pod(
            lambda item: evolve(
                item,
                spec=evolve(
                    item.spec,
                    init_containers=tuple(
                        evolve(one, restart_policy="Always") for one in item.spec.init_containers
                    ),
                ),
            )
        ),
        {"endpoints.ports-agree": "PORT-005"},
    ),
    "pods without ports are left out": (
        unresolved_pods_left_out,
        {"endpoints.membership-agrees": "EP-001"},
    ),
    "one slice for all ports": (one_slice_for_all, {"endpoints.ports-agree": "SLICE-003"}),
    "no appProtocol": (
        each_port(lambda port: evolve(port, app_protocol=None)),
        {"endpoints.ports-agree": "PORT-019", "endpoints.slice-ports-are-the-services": "PORT-019"},
    ),
    "the container port's name": (
        each_port(lambda port: evolve(port, name="main")),
        {"endpoints.ports-agree": "PORT-010", "endpoints.slice-ports-are-the-services": "PORT-010"},
    ),
    "hints for endpoints that are not ready": (
        each_endpoint(lambda one: evolve(one, hints=EndpointHints(for_zones=())) if one.hints else one),
        {"endpoints.hints-agree": "SLICE-022"},
    ),
    "no placeholder": (
        never_empty,
        {"endpoints.at-least-one-slice": "SLICE-010", "endpoints.second-family": "SLICE-010"},
    ),
    "a placeholder with ports": (placeholder_with_ports, {"endpoints.at-least-one-slice": "SLICE-010"}),
    "everything twice": (
        twice,
        {"endpoints.each-endpoint-once": "SLICE-006", "endpoints.many-pods": "SLICE-006"},
    ),
    "only so many endpoints": (
        each_slice(lambda piece: evolve(piece, endpoints=piece.endpoints[:50])),
        {"endpoints.many-pods": "EP-039"},
    ),
    "one family": (
        each_service(lambda item: spec_of(ip_families=item.spec.ip_families[:1])(item)),
        {"endpoints.second-family": "EP-020"},
    ),
    "labels of the Service are not copied": (
        each_service(lambda item: evolve(item, metadata=evolve(item.metadata, labels=EMPTY))),
        {"endpoints.labels": "SLICE-017", "endpoints.service-label": "SLICE-018"},
    ),
    "no headless label": (
        each_slice(
            lambda piece: evolve(
                piece,
                metadata=evolve(
                    piece.metadata, labels=piece.metadata.labels.without("service.kubernetes.io/headless")
                ),
            )
        ),
        {"endpoints.labels": "EP-023"},
    ),
    "another manager": (
        each_slice(
            lambda piece: evolve(
                piece,
                metadata=evolve(
                    piece.metadata,
                    labels=piece.metadata.labels | {"endpointslice.kubernetes.io/managed-by": "me"},
                ),
            )
        ),
        {"endpoints.managed-by": "SLICE-017"},
    ),
    "no owner": (
        each_slice(lambda piece: evolve(piece, metadata=evolve(piece.metadata, owner_references=()))),
        {"endpoints.owner": "SLICE-016"},
    ),
    "an address type of its own": (
        each_slice(lambda piece: evolve(piece, address_type="FQDN")),
        {"endpoints.one-family-in-a-slice": "SLICE-019"},
    ),
    "slices of others are its own": (with_old_slices, {"endpoints.slices-of-others": "SLICE-014"}),
    "pods of nodes that are gone stay": (
        each_service(spec_of(publish_not_ready_addresses=True)),
        {"endpoints.missing-node": "EP-014"},
    ),
}


@cache
def broken_by(name: str) -> dict[str, str]:
    """What a fault breaks."""
    return broken(FAULTS[name][0])


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name: str) -> None:
    """Each fault is found by the invariants that speak of it, under the row that it breaks."""
    found = broken_by(name)
    assert found | FAULTS[name][1] == found


def test_every_deviation_names_a_requirement_of_its_invariant() -> None:
    """Whatever is wrong, the row that is named is one that the invariant lists."""
    rows = {item.id: set(item.requirements) for item in INVARIANTS}
    for name in FAULTS:
        for invariant, requirement in broken_by(name).items():
            assert requirement in rows[invariant], (name, invariant, requirement)


def test_hints_of_endpoints_that_are_not_ready() -> None:
    """A hint where there should be none is found (SLICE-021, SLICE-026)."""
    hinted = each_endpoint(lambda one: evolve(one, hints=EndpointHints(for_zones=())))
    assert "endpoints.hints-of-ready-endpoints" not in broken(hinted)
    zone = CLUSTER.nodes[0].metadata.labels["topology.kubernetes.io/zone"]
    hints = endpoint_slices(CLUSTER, NamespacedName("default", "near"))[0].endpoints[0].hints
    assert hints is not None
    assert hints.for_zones[0].name == zone
    found = broken(each_endpoint(lambda one: evolve(one, hints=hints)))
    assert found["endpoints.hints-of-ready-endpoints"] in ("SLICE-021", "SLICE-026")
    assert found["endpoints.hints-agree"] in ("SLICE-021", "SLICE-026")


def test_questions_are_all_services() -> None:
    """Every Service is asked about, those without slices included."""
    assert len(services(CLUSTER)) == len(CLUSTER.services)
    assert FRONTEND in services(CLUSTER)
    assert NamespacedName("default", "outside") in services(CLUSTER)
