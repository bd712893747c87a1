# SPDX-License-Identifier: Apache-2.0
"""The model answers every operation, and the reference adapter picks from what it allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from conformance.adapters.reference import ReferenceAdapter, adapter
from conformance.areas import OPERATIONS
from conformance.errors import UsageError
from conformance.model import ANSWERS, Model, answer
from conformance.questions import routing as routing_questions
from conformance.smoke_inputs import QUESTIONS, SMALL
from conformance.strategies.clusters import clusters
from reference.frozenmap import FrozenMap
from reference.objects import (
    ClientIPConfig,
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Node,
    NodeAddress,
    NodeStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    SessionAffinityConfig,
)
from reference.questions import Client, ClientKind, Connection, Flow, Outcome


def test_every_operation() -> None:
    """There is an answer of the right type for every operation but `connect`."""
    assert set(ANSWERS) == set(OPERATIONS) - {"connect"}
    for name, operation in OPERATIONS.items():
        if name == "connect":
            continue
        questions = _questions(name)
        answers = answer(SMALL.cluster, name, questions)
        assert len(answers) == len(questions) > 0
        for each in answers:
            many = each if operation.answers_many else (each,)
            assert all(isinstance(item, operation.answer) for item in many)


def _questions(operation: str) -> Sequence[Any]:
    return tuple(QUESTIONS[operation])


def test_connect_is_not_answered() -> None:
    """`connect` needs chance, so the model refuses it and says who answers."""
    with pytest.raises(ValueError, match=r"conformance\.adapters\.reference"):
        answer(Cluster(), "connect", ())


def test_an_unknown_operation() -> None:
    """An unknown operation is refused with the closest name."""
    with pytest.raises(UsageError, match="did you mean 'resolve'"):
        answer(Cluster(), "reslove", ())


def test_factory() -> None:
    """The module's `adapter` makes reference adapters."""
    made = adapter()
    assert isinstance(made, ReferenceAdapter)
    assert made.seed == 0


@given(clusters())
@settings(derandomize=True, deadline=None, database=None, max_examples=25)
def test_connections_are_allowed(cluster: Cluster) -> None:
    """Each connection meets the outcome and one of the backends that the model decides."""
    reference = ReferenceAdapter()
    reference.apply(cluster)
    flows = routing_questions.flows(cluster)
    decisions = Model(cluster).answer("route", flows)
    connections = [Connection(flow, source_port=index) for index, flow in enumerate(flows)]
    nodes = {entry.address for node in cluster.nodes for entry in node.status.addresses}
    for flow, decision, seen in zip(flows, decisions, reference.connect(connections), strict=True):
        assert seen.outcome is decision.outcome
        assert (seen.backend in decision.backends) is (seen.outcome is Outcome.FORWARD)
        if seen.backend is not None and decision.masqueraded is not None:
            sources = nodes if seen.backend in decision.masqueraded else {flow.client.ip}
            assert seen.source_ip in sources


# -- choice --------------------------------------------------------------------

CLIENT = Client(ClientKind.POD, "node", "10.244.0.9")


def _cluster(*, affinity: int | None = None) -> Cluster:
    """One Service with four endpoints."""
    service = Service(
        ObjectMeta(name="web", namespace="default"),
        ServiceSpec(
            type="ClusterIP",
            ports=(ServicePort(80, "", "TCP", 8080),),
            cluster_ip="10.96.0.1",
            cluster_ips=("10.96.0.1",),
            ip_families=("IPv4",),
            session_affinity="ClientIP" if affinity else "None",
            session_affinity_config=(SessionAffinityConfig(ClientIPConfig(affinity)) if affinity else None),
        ),
    )
    slices = EndpointSlice(
        ObjectMeta(name="web", namespace="default", labels=FrozenMap({"kubernetes.io/service-name": "web"})),
        "IPv4",
        tuple(Endpoint((f"10.244.0.{host}",), node_name="node") for host in range(10, 14)),
        (EndpointPort("", 8080, "TCP"),),
    )
    node = Node(ObjectMeta(name="node"), status=NodeStatus((NodeAddress("InternalIP", "192.168.0.1"),)))
    return Cluster(nodes=(node,), services=(service,), endpoint_slices=(slices,))


def _backends(reference: ReferenceAdapter, times: Sequence[int]) -> list[str]:
    flow = Flow(CLIENT, "10.96.0.1", 80)
    connections = [Connection(flow, at, source_port=index) for index, at in enumerate(times)]
    return [seen.backend.ip if seen.backend else "" for seen in reference.connect(connections)]


def test_choice_is_even_and_repeats() -> None:
    """All endpoints are picked about as often, and the same ones again after the state was applied anew."""
    reference = ReferenceAdapter()
    reference.apply(_cluster())
    first = _backends(reference, [0] * 400)
    count = Counter(first)
    assert len(count) == 4
    assert min(count.values()) > 60
    reference.restart()
    assert _backends(reference, [0] * 400) != first
    reference.apply(_cluster())
    assert _backends(reference, [0] * 400) == first
    other = ReferenceAdapter(seed=1)
    other.apply(_cluster())
    assert _backends(other, [0] * 400) != first


def test_affinity() -> None:
    """With affinity a client keeps its backend until the time-out, from batch to batch and over updates."""
    reference = ReferenceAdapter()
    reference.apply(_cluster(affinity=60))
    near = _backends(reference, [index * 50 for index in range(30)])
    assert len(set(near)) == 1
    assert _backends(reference, [0]) == near[:1]
    reference.update(_cluster(affinity=60))
    assert _backends(reference, [0]) == near[:1]
    far = _backends(reference, [index * 1000 for index in range(30)])
    assert len(set(far)) == 4


def test_a_subclass_decides() -> None:
    """A faulty implementation is made by overriding one method."""

    class First(ReferenceAdapter):
        def pick(self, backends: Sequence[Any]) -> Any:
            return backends[0]

    reference = First()
    reference.apply(_cluster())
    assert set(_backends(reference, [0] * 20)) == {"10.244.0.10"}


def test_update_replaces_the_state() -> None:
    """After an update the new state is asked about."""
    reference = ReferenceAdapter()
    reference.apply(_cluster())
    reference.update(Cluster())
    assert reference.cluster == Cluster()
    assert reference.connect([Connection(Flow(CLIENT, "10.96.0.1", 80))])[0].outcome is Outcome.NOT_A_SERVICE
