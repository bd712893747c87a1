# SPDX-License-Identifier: Apache-2.0
"""Records of affinity over changes of the cluster, and Services that are asked for as if they were new."""

from __future__ import annotations

from attrs import evolve

from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.routing.asked import Served, ask
from conformance.invariants.routing.records import renew
from reference.objects import Cluster
from reference.questions import Connection, HealthCheck
from reference.routing import AffinityState, compile, health_check
from tests.routing.objects import (
    BOTH,
    NODE_A,
    POD,
    POD_A,
    POD_B,
    VIP,
    backends,
    cluster,
    endpoint,
    flow,
    node,
    piece,
    service,
)

STICKY = service(affinity=60)
MADE = cluster(STICKY, slices=(piece(*BOTH),))
NEXT = Connection(flow(POD), 10)


def kept(after: Cluster) -> AffinityState:
    """The records after a change, where the pod was at its second endpoint before."""
    (second,) = backends(POD_B)
    before = AffinityState().record(compile(MADE), Connection(flow(POD), 0), second)
    return before.synced(compile(after))


def test_records_outlive_a_change_that_does_not_concern_them() -> None:
    """A further endpoint, or another address of the Service, leaves the client where it was (AFF-013)."""
    more = cluster(STICKY, slices=(piece(endpoint("10.244.0.1"), *BOTH),))
    assert kept(more).allowed(compile(more), NEXT).backends == backends(POD_B)


def test_records_of_what_left_are_gone() -> None:
    """Once the endpoint had left, or the affinity was off, the client is free (AFF-009, AFF-012)."""
    for between in (
        cluster(STICKY, slices=(piece(BOTH[0]),)),
        cluster(service(), slices=(piece(*BOTH),)),
        cluster(slices=(piece(*BOTH),), nodes=()),
    ):
        back = kept(between).synced(compile(MADE))
        assert back.allowed(compile(MADE), NEXT).backends == backends(POD_A, POD_B)


def test_a_renewed_service_is_the_same_but_for_name_and_address() -> None:
    """It has the same endpoints at another cluster IP, the same one for an equal cluster."""
    with Session.of(factory=ReferenceAdapter) as session:
        case = Case(Example(cluster=MADE), session)
        (item,) = [each for each in ask(case, [flow(POD)]) if isinstance(each, Served)]
        related, (new,) = renew(case, item)
        again, _ = renew(Case(Example(cluster=cluster(STICKY, slices=(piece(*BOTH),))), session), item)
    assert new.expected.backends == item.expected.backends
    assert new.flow.ip != VIP
    assert new.match.service.metadata.name.startswith("web-")
    assert again.cluster == related.cluster
    other = evolve(MADE, pods=())
    with Session.of(factory=ReferenceAdapter) as session:
        renewed, _ = renew(Case(Example(cluster=evolve(other, nodes=MADE.nodes[:1])), session), item)
    assert renewed.cluster.services[0].metadata.name != new.match.service.metadata.name


def test_health_checks_of_each_family() -> None:
    """Each family counts its own endpoints, and one that the Service lacks is not served (HC-011)."""
    both = service(external="Local", cluster_ips=(VIP, "fd00:96::20"), ip_families=("IPv4", "IPv6"))
    nodes = (node("node-a", NODE_A, more=("fd00:168::11",)),)
    made = cluster(both, slices=(piece(*BOTH),), nodes=nodes)
    single = cluster(service(external="Local"), slices=(piece(*BOTH),), nodes=nodes)
    for where, family, status in ((made, "IPv4", 200), (made, "IPv6", 503), (single, "IPv6", 0)):
        check = HealthCheck("node-a", 30900, family)
        assert health_check(where, check).status == status
        assert compile(where).health_check(check) == health_check(where, check)
