# SPDX-License-Identifier: Apache-2.0
"""The reference model's own answers to the questions of every operation.

The part of the model that an operation needs is imported when it is first asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from conformance.areas import OPERATIONS
from conformance.errors import unknown
from reference.objects import Cluster

if TYPE_CHECKING:
    from reference.dns import Zone
    from reference.environment import NodeAgent
    from reference.routing import RoutingTable


class Model:
    """The model of one cluster; what is compiled for an area is compiled once, when it is needed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @cached_property
    def routing(self) -> RoutingTable:
        """The routing table."""
        from reference import routing

        return routing.compile(self.cluster)

    @cached_property
    def dns(self) -> Zone:
        """The DNS zone."""
        from reference import dns

        return dns.compile(self.cluster)

    @cached_property
    def environment(self) -> NodeAgent:
        """The node agent's view."""
        from reference import environment

        return environment.compile(self.cluster)

    def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers, one for each question and in order; of several right ones the canonical one."""
        answering = ANSWERS.get(operation)
        if answering is None:
            if operation in OPERATIONS:
                raise ValueError(f"{operation!r} is answered by chance: ask conformance.adapters.reference")
            raise unknown("operation", operation, OPERATIONS)
        return answering(self, questions)


_RECENT: deque[Model] = deque(maxlen=4)


def model_of(cluster: Cluster) -> Model:
    """The model of this very cluster object, made once while it is among the last few asked for.

    The judge and the embedded adapter then share what is compiled, which depends on
    nothing but the cluster.
    """
    for model in _RECENT:
        if model.cluster is cluster:
            return model
    model = Model(cluster)
    _RECENT.append(model)
    return model


def _select(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.selectors import evaluate

    return [evaluate(selection) for selection in questions]


def _endpoint_slices(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.endpoints import endpoint_slices

    return [endpoint_slices(model.cluster, service) for service in questions]


def _endpoints(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.endpoints import legacy_endpoints

    wanted = (legacy_endpoints(model.cluster, service) for service in questions)
    return [() if item is None else (item,) for item in wanted]


def _synced_slices(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.endpoints import synced

    return [synced(model.cluster, name) for name in questions]


def _mirrored_slices(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.endpoints import mirrored

    return [mirrored(model.cluster, item) for item in questions]


def _route(model: Model, questions: Sequence[Any]) -> list[Any]:
    table = model.routing
    return [table.decide(flow) for flow in questions]


def _health_checks(model: Model, questions: Sequence[Any]) -> list[Any]:
    table = model.routing
    return [table.health_check(check) for check in questions]


def _resolve(model: Model, questions: Sequence[Any]) -> list[Any]:
    from conformance.questions import turn_of
    from reference.dns import PodRecords, message

    # Where nobody says which, all modes of names of pods are allowed: the embedded
    # implementation takes each in turn.
    zone = model.dns
    modes = [zone.pods] if zone.pods is not None else list(PodRecords)
    mode = modes[turn_of(model.cluster) % len(modes)]
    return [message(zone, query, zone.resolve(query, pods=mode)) for query in questions]


def _resolver_configs(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.dns import resolver_config

    return [resolver_config(model.cluster, pod) for pod in questions]


def _environment(model: Model, questions: Sequence[Any]) -> list[Any]:
    agent = model.environment
    return [agent.environment(container) for container in questions]


def _admit(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.ports import serve

    return [serve(session) for session in questions]


def _admit_endpoints(model: Model, questions: Sequence[Any]) -> list[Any]:
    from reference.ports import answer_endpoints

    return [answer_endpoints(request) for request in questions]


ANSWERS: dict[str, Callable[[Model, Sequence[Any]], list[Any]]] = {
    "select": _select,
    "endpoint_slices": _endpoint_slices,
    "endpoints": _endpoints,
    "mirrored_slices": _mirrored_slices,
    "synced_slices": _synced_slices,
    "route": _route,
    "health_checks": _health_checks,
    "resolve": _resolve,
    "resolver_configs": _resolver_configs,
    "environment": _environment,
    "admit": _admit,
    "admit_endpoints": _admit_endpoints,
}
"""Every operation but `connect`, which picks one of what `route` allows and so needs chance."""


def answer(cluster: Cluster, operation: str, questions: Sequence[Any]) -> list[Any]:
    """The model's answers to questions about a cluster; see `Model.answer`."""
    return Model(cluster).answer(operation, questions)
