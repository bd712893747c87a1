# SPDX-License-Identifier: Apache-2.0
"""Where several environments are right, each of them is accepted and no mixture."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.questions.environment import containers
from conformance.strategies.clusters import clusters
from reference.environment import allowed, environments
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Container, EnvVar, Service, ServicePort
from reference.questions import Environment
from tests.environment.objects import MAIN, START, pod, service

NAMED = (ServicePort(80, "80-tcp", "TCP"), ServicePort(81, "81-tcp", "TCP"))
PLAIN = (ServicePort(80, "a", "TCP"), ServicePort(81, "b", "TCP"))
X = service("x", *NAMED, ip="10.96.0.1")
X_SERVICE = service("x-service", *PLAIN, ip="10.96.0.2")
X_LINK = service("x-port-80-tcp", *PLAIN, ip="10.96.0.3")


def _all(*services: Service, container: Container | None = None) -> tuple[Environment, ...]:
    return environments(Cluster(services=services, pods=(pod(container),)), MAIN)


def _difference(got: Environment, *services: Service, container: Container | None = None) -> str | None:
    right = allowed(Cluster(services=services, pods=(pod(container),)), MAIN)
    assert right is not None
    return right.accepts(got)


def test_two_winners() -> None:
    """Of two Services that collide either wins, on all names (ENV-036, ENV-037)."""
    first, second = _all(X, X_SERVICE)
    names = ("X_SERVICE_PORT", "X_SERVICE_PORT_80_TCP", "X_SERVICE_PORT_81_TCP")
    assert [first.variables[name] for name in names] == [
        "tcp://10.96.0.2:80",
        "tcp://10.96.0.2:80",
        "tcp://10.96.0.2:81",
    ]
    assert [second.variables[name] for name in names] == ["80", "80", "81"]


def test_a_mixture_is_wrong() -> None:
    """Some names of the one winner and some of the other are no right outcome (ENV-037)."""
    first, second = _all(X, X_SERVICE)
    mixed = first.variables | {"X_SERVICE_PORT": second.variables["X_SERVICE_PORT"]}
    assert _difference(Environment(mixed), X, X_SERVICE) is not None


def test_three_services() -> None:
    """Of three Services each pair has its own winner, and all of the outcomes are accepted."""
    found = _all(X, X_SERVICE, X_LINK)
    assert len(found) == 4
    assert [_difference(item, X, X_SERVICE, X_LINK) for item in found] == [None] * 4


def test_with_the_api_server() -> None:
    """`kubernetes-service` may turn KUBERNETES_SERVICE_PORT into a URL (ENV-038)."""
    api_server = service("kubernetes", ServicePort(443, "https", "TCP"), namespace="default")
    found = _all(api_server, service("kubernetes-service", ip="10.96.0.9"))
    assert {item.variables["KUBERNETES_SERVICE_PORT"] for item in found} == {"443", "tcp://10.96.0.9:80"}


def test_a_winner_that_shows_in_a_reference_alone() -> None:
    """Where the container hides the name itself, what it made of it tells who won."""
    container = Container(
        "main", env=(EnvVar("SEEN", "$(X_SERVICE_PORT)"), EnvVar("X_SERVICE_PORT", "hidden"))
    )
    services = (service("x"), service("x-service", ip="10.96.0.2"))
    found = _all(*services, container=container)
    assert [item.variables["SEEN"] for item in found] == ["tcp://10.96.0.2:80", "80"]
    assert [_difference(item, *services, container=container) for item in found] == [None, None]


def test_a_service_that_shows_in_nothing_but_a_reference() -> None:
    """A Service of the very second may be seen even if the container defines all of its names itself."""
    late = service("x", created=START)
    names = [f"X_PORT{rest}" for rest in ("", "_80_TCP", "_80_TCP_PROTO", "_80_TCP_PORT", "_80_TCP_ADDR")]
    container = Container(
        "main",
        env=(
            EnvVar("SEEN", "$(X_SERVICE_HOST)"),
            *(EnvVar(name, "mine") for name in ("X_SERVICE_HOST", "X_SERVICE_PORT", *names)),
        ),
    )
    found = _all(late, container=container)
    assert {item.variables["SEEN"] for item in found} == {"$(X_SERVICE_HOST)", "10.96.0.1"}
    assert [_difference(item, late, container=container) for item in found] == [None, None]


def test_two_kubernetes_of_the_very_second() -> None:
    """A local `kubernetes` of the very second leaves both outcomes open, and no third."""
    api_server = service("kubernetes", ServicePort(443, "https", "TCP"), namespace="default", created=0)
    local = service("kubernetes", ip="10.96.0.5", created=START)
    found = _all(api_server, local)
    assert {item.variables["KUBERNETES_SERVICE_HOST"] for item in found} == {"10.96.0.1", "10.96.0.5"}
    assert [_difference(item, api_server, local) for item in found] == [None, None]
    both = Environment(found[0].variables | found[1].variables)
    assert _difference(both, api_server, local) is not None


def test_half_of_a_service_of_the_very_second() -> None:
    """A Service is seen as a whole or not at all."""
    late = service("x", created=START)
    half = Environment(FrozenMap({"X_SERVICE_HOST": "10.96.0.1"}))
    assert _difference(half, late) == "X_PORT: expected 'tcp://10.96.0.1:80', got that it is not set"


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (Environment(error="broken"), "variables expected, got the error 'broken'"),
        (Environment(), "X_PORT: expected 'tcp://10.96.0.1:80', got that it is not set"),
    ],
)
def test_first_difference(got: Environment, expected: str) -> None:
    """What is wrong is said in words."""
    assert _difference(got, service("x")) == expected


def test_many_services_are_no_trouble() -> None:
    """Fifty Services of the very second and twenty colliding pairs are judged at once."""
    services = [service(f"late-{index}", created=START) for index in range(50)]
    for index in range(20):
        services += [service(f"p{index}", ip="10.96.1.1"), service(f"p{index}-service", ip="10.96.1.2")]
    cluster = Cluster(services=tuple(services), pods=(pod(),))
    right = allowed(cluster, MAIN)
    assert right is not None
    first, *others = environments(cluster, MAIN)
    assert len(others) == 63
    assert right.accepts(first) is None
    assert all(right.accepts(other) is None for other in others[::9])
    wrong = Environment(first.variables | {"P0_SERVICE_HOST": "10.9.9.9"})
    assert right.accepts(wrong) == "P0_SERVICE_HOST: expected '10.96.1.1', got '10.9.9.9'"


@given(clusters(), st.data())
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
def test_every_outcome_is_accepted(cluster: Cluster, data: st.DataObject) -> None:
    """Of a generated cluster every right outcome is accepted, and none with a variable changed."""
    for name in containers(cluster):
        right = allowed(cluster, name)
        assert right is not None
        found = environments(cluster, name)
        assert found[0] == right.canonical()
        for environment in found:
            assert right.accepts(environment) is None
            if environment.variables:
                changed = data.draw(st.sampled_from(sorted(environment.variables)))
                wrong = Environment(environment.variables | {changed: "wrong"})
                assert right.accepts(wrong) is not None
