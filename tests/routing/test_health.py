# SPDX-License-Identifier: Apache-2.0
"""Health check node ports: who answers, what, and what does not matter."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.objects import (
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
)
from reference.questions import HealthCheck, HealthCheckAnswer, NamespacedName
from reference.routing import compile, health_check
from tests.routing.objects import (
    BOTH,
    DRAINING,
    POD_A,
    POD_B,
    UNREADY,
    cluster,
    endpoint,
    piece,
    service,
)

LOCAL = service(external="Local")
WEB = NamespacedName("default", "web")


def _asked(made: Cluster, node: str = "node-a", port: int = 30900) -> HealthCheckAnswer:
    answer = health_check(made, HealthCheck(node, port))
    assert compile(made).health_check(HealthCheck(node, port)) == answer
    return answer


A2 = "10.244.0.3"
COUNTS: list[tuple[str, tuple[EndpointSlice, ...], int]] = [
    ("one here, one elsewhere", (piece(*BOTH),), 1),
    ("two here", (piece(endpoint(POD_A), endpoint(A2)),), 2),
    ("elsewhere only", (piece(endpoint(POD_B, "node-b")),), 0),
    ("no slice", (), 0),
    ("not ready", (piece(endpoint(POD_A, conditions=UNREADY)),), 0),
    ("draining", (piece(endpoint(POD_A, conditions=DRAINING)),), 0),
    (
        "ready while it terminates",
        (piece(endpoint(POD_A, conditions=EndpointConditions(True, True, True))),),
        1,
    ),
    ("listed twice", (piece(endpoint(POD_A)), piece(endpoint(POD_A), name="web-2")), 1),
    (
        "one address, two ports",
        (piece(endpoint(POD_A), ports=(EndpointPort("http", 81), EndpointPort("http", 82))),),
        1,
    ),
    ("no node name", (piece(endpoint(POD_A, None)),), 0),
    ("hinted away", (piece(endpoint(POD_A, zones=("zone-b",), nodes=("node-b",))),), 1),
]


@pytest.mark.parametrize(("slices", "count"), [case[1:] for case in COUNTS], ids=[case[0] for case in COUNTS])
def test_counts(slices: tuple[EndpointSlice, ...], count: int) -> None:
    """Addresses of ready endpoints on the node are counted, and decide (HC-003, HC-004, HC-005, TERM-011)."""
    expected = HealthCheckAnswer(200 if count else 503, count, WEB)
    assert _asked(cluster(LOCAL, endpoint_slices=slices)) == expected


def test_ports_are_counted_together() -> None:
    """A pod behind two ports counts once, and an endpoint of any port counts (HC-004)."""
    ports = (ServicePort(80, "http", "TCP", 8080), ServicePort(443, "https", "TCP", 8443))
    both = piece(endpoint(POD_A), ports=(EndpointPort("http", 8080), EndpointPort("https", 8443)))
    one = piece(endpoint(A2), name="web-2", ports=(EndpointPort("https", 8443),))
    made = cluster(service(external="Local", ports=ports), slices=(both, one))
    assert _asked(made) == HealthCheckAnswer(200, 2, WEB)


def test_every_node_answers() -> None:
    """Each node answers for itself, with endpoints or without (HC-002)."""
    made = cluster(LOCAL, slices=(piece(endpoint(POD_A)),))
    assert [_asked(made, node).status for node in ("node-a", "node-b", "no-node")] == [200, 503, 0]


UNCHECKED: dict[str, Service] = {
    "policy Cluster": service(health_check_node_port=30900),
    "node port": service(external="Local", type="NodePort"),
    "no number": service(external="Local", health_check_node_port=0),
    "another proxy's": service(external="Local", labels={SERVICE_PROXY_NAME_LABEL: ""}),
}


@pytest.mark.parametrize("made", UNCHECKED.values(), ids=UNCHECKED)
def test_nobody_listens(made: Service) -> None:
    """Without the need for it, and for another proxy's Service, there is no port (HC-001, HEADLESS-004)."""
    assert _asked(cluster(made)) == HealthCheckAnswer(0)


def test_another_port() -> None:
    """Nobody listens on another number."""
    assert _asked(cluster(LOCAL), port=30901) == HealthCheckAnswer(0)


def test_what_does_not_matter() -> None:
    """Internal policy, source ranges and affinity change no count (HC-010)."""
    spec = evolve(service(external="Local", affinity=60, internal="Local").spec)
    changed = evolve(LOCAL, spec=evolve(spec, load_balancer_source_ranges=("192.0.2.0/24",)))
    assert _asked(cluster(changed)) == _asked(cluster(LOCAL))
