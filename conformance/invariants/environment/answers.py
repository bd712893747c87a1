# SPDX-License-Identifier: Apache-2.0
"""The environments that an implementation answered, beside what the reference allows."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property

from attrs import define

from conformance.invariants.base import Case
from conformance.model import model_of
from conformance.questions.environment import containers
from reference.environment import Linked, NodeAgent, Outcome, started_at
from reference.environment.outcomes import Allowed, same
from reference.objects import Container, Pod
from reference.questions import ContainerName, Environment


@define(eq=False, slots=False)
class Answered:
    """One container: what was got, and of what is right that which comes nearest to it."""

    name: ContainerName
    pod: Pod
    started: int
    got: Environment
    allowed: Allowed
    outcome: Outcome
    known: tuple[Linked, ...]
    """Every Service of the cluster, whether it concerns the container or not."""

    @property
    def question(self) -> str:
        """The question in words."""
        return environment_of(self.name, self.started)

    @property
    def container(self) -> Container:
        """The container itself."""
        return self.allowed.container

    @property
    def failed(self) -> bool:
        """Whether there are no variables to compare, because of an error got or expected."""
        return self.got.error is not None or self.outcome.environment.error is not None

    @property
    def differs(self) -> bool:
        """Whether anything is not as it should be, variables that nothing explains included."""
        return not same(self.got, self.outcome.environment)

    @cached_property
    def own(self) -> Set[str]:
        """The names that the container defines itself."""
        return self.allowed.own_names()

    @cached_property
    def given(self) -> Mapping[str, str]:
        """What the included Services give, whether or not the container defines it itself."""
        given: dict[str, str] = {}
        for service in self.outcome.services:
            given.update(service.variables)
        return given


def environment_of(name: ContainerName, started: int) -> str:
    """What was asked, in words."""
    return f"the variables of container {name}, started at {started}"


def answered(case: Case) -> list[Answered]:
    """Each container with its environment; computed once for a case."""
    return case.memo("environment.answered", lambda: _answered(case))


def asked(case: Case) -> tuple[ContainerName, ...]:
    """The containers that are asked about; worked out once for a case."""
    return case.memo("environment.containers", lambda: containers(case.cluster))


def _answered(case: Case) -> list[Answered]:
    names = asked(case)
    if not names:
        return []
    agent = agent_of(case)
    made = []
    for name, got in zip(names, case.ask("environment", names), strict=True):
        pod = agent.pods[name.namespace, name.pod]
        allowed, started = agent.allowed(name), started_at(pod, name.container)
        assert allowed is not None  # only containers that were started are asked about
        assert started is not None
        made.append(Answered(name, pod, started, got, allowed, allowed.nearest(got), agent.services))
    return made


def agent_of(case: Case) -> NodeAgent:
    """The reference's view of the cluster."""
    return model_of(case.cluster).environment


def shown(value: str | None) -> str:
    """The value of a variable in words."""
    return "not set" if value is None else repr(value)
