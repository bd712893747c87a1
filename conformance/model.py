# SPDX-License-Identifier: Apache-2.0
"""The reference model's own answers to the questions of every operation.

The part of the model that an operation needs is imported when it is first asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from conformance.areas import OPERATIONS
from conformance.errors import unknown
from reference.objects import Cluster

Answering = Callable[[Cluster, Sequence[Any]], list[Any]]


def _select(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference.selectors import evaluate

    return [evaluate(selection) for selection in questions]


def _endpoint_slices(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference.endpoints import endpoint_slices

    return [endpoint_slices(cluster, service) for service in questions]


def _route(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference import routing

    table = routing.compile(cluster)
    return [table.decide(flow) for flow in questions]


def _health_checks(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference import routing

    table = routing.compile(cluster)
    return [table.health_check(check) for check in questions]


def _resolve(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference import dns

    zone = dns.compile(cluster)
    return [zone.resolve(query) for query in questions]


def _resolver_configs(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference import dns

    return [dns.resolver_config(cluster, pod) for pod in questions]


def _environment(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference import environment

    agent = environment.compile(cluster)
    return [agent.environment(container) for container in questions]


def _admit(cluster: Cluster, questions: Sequence[Any]) -> list[Any]:
    from reference.ports import serve

    return [serve(session) for session in questions]


ANSWERS: dict[str, Answering] = {
    "select": _select,
    "endpoint_slices": _endpoint_slices,
    "route": _route,
    "health_checks": _health_checks,
    "resolve": _resolve,
    "resolver_configs": _resolver_configs,
    "environment": _environment,
    "admit": _admit,
}
"""Every operation but `connect`, which picks one of what `route` allows and so needs chance."""


def answer(cluster: Cluster, operation: str, questions: Sequence[Any]) -> list[Any]:
    """The model's answers, one for each question and in order.

    Where several answers are right, the canonical one is given.
    """
    answering = ANSWERS.get(operation)
    if answering is None:
        if operation in OPERATIONS:
            raise ValueError(f"{operation!r} is answered by chance: ask conformance.adapters.reference")
        raise unknown("operation", operation, OPERATIONS)
    return answering(cluster, questions)
