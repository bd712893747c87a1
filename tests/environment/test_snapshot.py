# SPDX-License-Identifier: Apache-2.0
"""Which Services a container is told of."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.environment import environments
from reference.objects import Cluster, Container, PodStatus, Service, ServicePort
from reference.questions import ContainerName
from tests.environment.objects import MAIN, START, outcomes, pod, service, status, variables

HTTPS = ServicePort(443, "https", "TCP")


def api_server(ip: str = "10.96.0.100") -> Service:
    """The Service of the API server."""
    return service("kubernetes", HTTPS, ip=ip, namespace="default", created=0)


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer", ""])
def test_type_is_not_looked_at(kind: str) -> None:
    """Any Service with a cluster IP is in (ENV-011)."""
    web = service("web")
    assert "WEB_SERVICE_HOST" in variables(evolve(web, spec=evolve(web.spec, type=kind)))


@pytest.mark.parametrize("ip", ["", "None"])
def test_without_an_address(ip: str) -> None:
    """A headless or ExternalName Service is out (ENV-011)."""
    assert variables(service("web", ip=ip)) == {}


def test_namespaces() -> None:
    """Services of other namespaces are out, those of `default` too (ENV-013, ENV-014)."""
    found = variables(service("web", namespace="default"), service("db", namespace="other"), api_server())
    assert {name.partition("_")[0] for name in found} == {"KUBERNETES"}


@pytest.mark.parametrize("backwards", [False, True])
def test_another_kubernetes(backwards: bool) -> None:
    """A local `kubernetes` takes the place of the API server's as a whole (ENV-015, ENV-016)."""
    both = (service("kubernetes", ip="10.96.0.5"), api_server())
    found = variables(*(both[::-1] if backwards else both))
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.5"
    assert "KUBERNETES_PORT_443_TCP" not in found


@pytest.mark.parametrize(
    ("local", "links"), [(service("kubernetes", ip="None"), True), (service("kubernetes"), False)]
)
def test_another_kubernetes_that_does_not_count(local: Service, links: bool) -> None:
    """It does not if it is headless, or the pod wants no links (ENV-017)."""
    found = variables(local, api_server(), of=pod(links=links))
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.100"
    assert len(found) == 8


@pytest.mark.parametrize(("links", "count"), [(True, 15), (None, 15), (False, 8)])
def test_links(links: bool | None, count: int) -> None:
    """Without links only the API server's Service is left; the default is true (ENV-018, ENV-019)."""
    assert len(variables(service("web"), api_server(), of=pod(links=links))) == count


@pytest.mark.parametrize(("created", "counts"), [(99, {7}), (100, {0, 7}), (101, {0})])
def test_order(created: int, counts: set[int]) -> None:
    """A Service is seen if it was created before the start; in the same second either may be.

    ENV-ORDER-002, ENV-ORDER-006.
    """
    found = outcomes(service("web", created=created))
    assert {len(item.variables) for item in found} == counts


def test_each_container_by_itself() -> None:
    """Containers of one pod may be told of different Services (ENV-021, ENV-ORDER-005)."""
    both = pod(at=50)
    both = evolve(
        both,
        spec=evolve(both.spec, init_containers=(Container("sidecar", restart_policy="Always"),)),
        status=evolve(both.status, init_container_statuses=(status("sidecar", 10),)),
    )
    cluster = Cluster(pods=(both,), services=(service("web", created=20),))
    names = (MAIN, ContainerName("shop", "pod", "sidecar"))
    assert [len(environments(cluster, name)[0].variables) for name in names] == [7, 0]


@pytest.mark.parametrize(
    "name",
    [
        MAIN,
        ContainerName("shop", "pod", "no-such"),
        ContainerName("shop", "no-such", "main"),
        ContainerName("other", "pod", "main"),
    ],
)
def test_not_started(name: ContainerName) -> None:
    """A container that was not started, or is not there, has no variables but an error."""
    waiting = evolve(pod(), status=PodStatus())
    (only,) = environments(Cluster(pods=(waiting,)), name)
    assert only.error is not None


def test_canonical_is_first() -> None:
    """Of a Service of the very second the canonical outcome sees nothing."""
    first, second = outcomes(service("web", created=START))
    assert not first.variables
    assert second.variables["WEB_PORT"] == "tcp://10.96.0.1:80"
