# SPDX-License-Identifier: Apache-2.0
"""Session affinity: time lines of connections, and what each may get."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.objects import Cluster, ServicePort, SessionAffinityConfig
from reference.questions import Backend, Client, ClientKind, Connection, Flow
from reference.routing import AffinityState, RoutingTable, compile
from reference.routing.affinity import timeout
from tests.routing.objects import (
    BOTH,
    DRAINING,
    EXTERNAL_IP,
    LB_IP,
    NODE_A,
    NODE_B,
    OUTSIDE,
    POD,
    POD_A,
    POD_B,
    VIP,
    backends,
    cluster,
    endpoint,
    flow,
    piece,
    service,
)

ALL = backends(POD_A, POD_B)
A, B = Backend(POD_A, 8080), Backend(POD_B, 8080)
STICKY = cluster(service(affinity=100))


class TimeLine:
    """Connections to one table, one after the other."""

    def __init__(self, made: Cluster = STICKY) -> None:
        self.table: RoutingTable = compile(made)
        self.state = AffinityState()

    def change(self, made: Cluster) -> TimeLine:
        """Another state of the cluster, with the records kept."""
        self.table = compile(made)
        return self

    def allowed(self, at: int, asked: Flow, *, source_port: int = 1000) -> frozenset[Backend]:
        """What a connection may get."""
        return self.state.allowed(self.table, Connection(asked, at, source_port)).backends

    def got(self, at: int, asked: Flow, backend: Backend) -> TimeLine:
        """A connection got `backend`."""
        self.state = self.state.record(self.table, Connection(asked, at), backend)
        return self


def test_the_first_connection_is_free() -> None:
    """A client without a record may get any member."""
    assert TimeLine().allowed(0, flow(POD)) == ALL


def test_a_record_pins_its_client() -> None:
    """Further connections get the recorded backend, from any source port (AFF-002, AFF-003)."""
    line = TimeLine().got(0, flow(POD), B)
    assert line.allowed(1, flow(POD), source_port=1) == {B}
    assert line.allowed(1, flow(POD), source_port=2) == {B}


@pytest.mark.parametrize(("at", "expected"), [(0, {B}), (99, {B}), (101, ALL), (5000, ALL)])
def test_a_record_ends(at: int, expected: frozenset[Backend]) -> None:
    """A record lives for the time-out after the last connection (AFF-007)."""
    assert TimeLine().got(0, flow(POD), B).allowed(at, flow(POD)) == expected


def test_each_connection_restarts_the_timer() -> None:
    """The timer is sliding (AFF-007)."""
    line = TimeLine().got(0, flow(POD), B).got(90, flow(POD), B)
    assert line.allowed(180, flow(POD)) == {B}
    assert line.allowed(191, flow(POD)) == ALL


def test_a_new_pick_replaces_the_record() -> None:
    """After the time-out another member may be picked, and is kept then."""
    assert TimeLine().got(0, flow(POD), B).got(200, flow(POD), A).allowed(250, flow(POD)) == {A}


def test_clients_are_told_by_their_address() -> None:
    """Another client is free, and one behind the same address is not (AFF-003, AFF-014)."""
    line = TimeLine().got(0, flow(POD), B)
    assert line.allowed(1, flow(evolve(POD, ip="10.244.0.77"))) == ALL
    assert line.allowed(1, flow(evolve(POD, pod=None))) == {B}


def test_addresses_of_a_service_port_share_a_record() -> None:
    """Cluster IP, external IP, load balancer's address and node port lead to one backend (AFF-005)."""
    line = TimeLine().got(0, flow(POD, VIP), B)
    for ip, port in ((EXTERNAL_IP, 80), (LB_IP, 80), (NODE_A, 30100)):
        assert line.allowed(1, flow(POD, ip, port)) == {B}


def test_nodes_have_their_own_records() -> None:
    """The same client through another node is free (AFF-006)."""
    line = TimeLine().got(0, flow(OUTSIDE, NODE_A, 30100), B)
    assert line.allowed(1, flow(OUTSIDE, NODE_A, 30100)) == {B}
    assert line.allowed(1, flow(OUTSIDE, NODE_B, 30100)) == ALL
    assert line.allowed(1, flow(evolve(OUTSIDE, node="node-b"), LB_IP)) == ALL


def test_service_ports_have_their_own_records() -> None:
    """Another port of the Service is free, also one of the same number (AFF-004)."""
    ports = (ServicePort(80, "http", "TCP", 8080), ServicePort(80, "http-udp", "UDP", 8080))
    slices = tuple(
        piece(
            *BOTH, name=port.name, ports=(evolve(piece().ports[0], name=port.name, protocol=port.protocol),)
        )
        for port in ports
    )
    line = TimeLine(cluster(service(affinity=100, ports=ports), slices=slices)).got(0, flow(POD), B)
    assert line.allowed(1, flow(POD)) == {B}
    assert line.allowed(1, flow(POD, protocol="UDP")) == ALL


def test_an_endpoint_that_left_is_let_go() -> None:
    """A backend that is gone, not ready or draining beside a ready one is not waited for (AFF-008)."""
    for left in ((endpoint(POD_A),), (endpoint(POD_A), endpoint(POD_B, "node-b", DRAINING))):
        line = TimeLine().got(0, flow(POD), B)
        assert line.change(cluster(service(affinity=100), slices=(piece(*left),))).allowed(1, flow(POD)) == {
            A
        }


def test_more_endpoints_do_not_matter() -> None:
    """A record is kept while endpoints are added (AFF-013)."""
    more = cluster(service(affinity=100), slices=(piece(*BOTH, endpoint("10.244.0.9")),))
    assert TimeLine().got(0, flow(POD), B).change(more).allowed(1, flow(POD)) == {B}


def test_policies_go_before_records() -> None:
    """A record for a remote backend counts for nothing where only local ones are allowed (AFF-010)."""
    made = cluster(service(affinity=100, internal="Local"))
    line = TimeLine(made).got(0, flow(POD, LB_IP), B)
    assert line.allowed(1, flow(POD, LB_IP)) == {B}
    assert line.allowed(1, flow(POD, VIP)) == {A}


def test_affinity_switched_off() -> None:
    """Without affinity records count for nothing, and none are made (AFF-012)."""
    line = TimeLine().got(0, flow(POD), B).change(cluster())
    assert line.allowed(1, flow(POD)) == ALL
    fresh = TimeLine(cluster()).got(0, flow(POD), B)
    assert fresh.state == AffinityState()


def test_the_source_address_goes_with_the_backend() -> None:
    """A narrowed decision says of the one backend alone which address it sees."""
    line = TimeLine().got(0, flow(POD, LB_IP), B)
    decision = line.state.allowed(line.table, Connection(flow(POD, LB_IP), 1))
    assert decision.masqueraded == frozenset({B})
    assert decision.rules[-1] == "AFF-002"


def test_what_is_not_forwarded() -> None:
    """Flows that are for no Service, or find no endpoint, are decided as ever and recorded nowhere."""
    line = TimeLine(cluster(service(affinity=100), slices=()))
    assert line.allowed(0, flow(POD)) == frozenset()
    assert line.got(0, flow(POD, VIP, 81), B).state == AffinityState()


def test_many_records() -> None:
    """Records of many clients are independent, and the state is a value."""
    line = TimeLine()
    clients = [Client(ClientKind.POD, "node-a", f"10.244.0.{index}") for index in range(20, 60)]
    before = line.state
    for index, client in enumerate(clients):
        line.got(0, flow(client), (A, B)[index % 2])
    assert before == AffinityState()
    assert [line.allowed(1, flow(client)) for client in clients] == [{A}, {B}] * 20


def test_timeouts() -> None:
    """The time-out is the Service's, three hours unless it says otherwise (AFF-001)."""
    assert timeout(service(affinity=60).spec) == 60
    assert timeout(service().spec) is None
    without = evolve(service(affinity=60).spec, session_affinity_config=None)
    assert timeout(without) == 10800
    assert timeout(evolve(without, session_affinity_config=SessionAffinityConfig())) == 10800
