# SPDX-License-Identifier: Apache-2.0
"""What comes, goes and changes: the decisions follow the present state, whatever was before."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, Served, ask, asked, shown
from conformance.invariants.routing.blame import row
from conformance.invariants.routing.fresh import other_cluster_ip
from conformance.invariants.routing.related import (
    compare,
    decide_again,
    gone,
    in_state,
    of_service,
    right_in,
    some_service,
)
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_PROXY_NAME_LABEL,
    Cluster,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServiceStatus,
)
from reference.questions import Outcome
from reference.routing import Destination


def _freed(item: Asked, otherwise: str) -> str:
    """The row by which an address is no longer served."""
    return "NP-015" if isinstance(item, Served) and item.destination is Destination.NODE_PORT else otherwise


def _replaced(cluster: Cluster, old: Service, *new: Service) -> Cluster:
    """The cluster with one Service replaced, or without it."""
    return evolve(
        cluster,
        services=tuple(
            item for service in cluster.services for item in (new if service is old else (service,))
        ),
    )


def _others_unchanged(case: Case, related: Case, served_here: Sequence[Served], requirement: str) -> None:
    """What is not for the changed Service is decided as before."""
    flows = {item.flow for item in served_here}
    others = [item for item in asked(case) if item.flow not in flows]
    compare(case, others, decide_again(related, others), requirement)


@invariant(
    "routing.a-deleted-service-is-no-longer-served",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-08", "NP-015"),
    asks=ROUTE,
    classes=("gone",),
)
def deleted(case: Case) -> None:
    """Once a Service is deleted, packets to any of its addresses reach no endpoint, and nothing changes
    for the other Services.
    """
    service = some_service(case)
    if service is None:
        return
    items = of_service(case, service)
    related = in_state(case, _replaced(case.cluster, service))
    gone(case, related, items, lambda item, _: _freed(item, "SYNC-08"), "the Service was deleted")
    _others_unchanged(case, related, items, "SYNC-08")


@invariant(
    "routing.a-service-given-to-another-proxy-is-no-longer-served",
    kind=Kind.METAMORPHIC,
    requirements=("HEADLESS-005",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("gone",),
)
def given_away(case: Case) -> None:
    """A Service that gets the label service.kubernetes.io/service-proxy-name is served no longer."""
    service = some_service(case)
    if service is None:
        return
    label = FrozenMap({SERVICE_PROXY_NAME_LABEL: ""})
    labelled = evolve(service, metadata=_labelled(service.metadata, label))
    related = in_state(case, _replaced(case.cluster, service, labelled))
    gone(case, related, of_service(case, service), "HEADLESS-005", "the Service got the label")


def _labelled(meta: ObjectMeta, more: FrozenMap[str, str]) -> ObjectMeta:
    return evolve(meta, labels=meta.labels | more)


@invariant(
    "routing.a-recreated-service-is-served-at-its-new-address",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-09",),
    asks=ROUTE,
    classes=("gone", "moved"),
)
def recreated(case: Case) -> None:
    """A Service that is created again with another cluster IP is served there, by the slices that
    stayed, and no longer at the old one.
    """
    service = some_service(case)
    if service is None:
        return
    old = service.spec.cluster_ip
    new = other_cluster_ip(old)
    spec = evolve(service.spec, cluster_ip=new, cluster_ips=(new, *service.spec.cluster_ips[1:]))
    items = [item for item in of_service(case, service) if item.flow.ip == old]
    related = in_state(case, _replaced(case.cluster, service, evolve(service, spec=spec)))
    gone(case, related, items, "SYNC-09", f"the Service moved from {old} to {new}")
    for item in ask(related, [evolve(item.flow, ip=new) for item in items]):
        if item.allowed is None:
            continue
        case.judged("moved")
        if not item.is_right:
            case.fail("SYNC-09", question=item.text, expected=item.wanted, got=shown(item.got))


@invariant(
    "routing.a-removed-port-is-no-longer-served",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-10",),
    asks=ROUTE,
    classes=("gone", "forwarded"),
)
def removed_port(case: Case) -> None:
    """Once a port is taken from a Service, packets to it reach no endpoint, and the Service's other ports
    are served as before.
    """
    service = some_service(case, lambda found: len(found.spec.ports) > 1)
    if service is None:
        return
    left = service.spec.ports[:-1]
    items = [item for item in of_service(case, service) if item.match.port is service.spec.ports[-1]]
    changed = evolve(service, spec=evolve(service.spec, ports=left))
    related = in_state(case, _replaced(case.cluster, service, changed))
    gone(case, related, items, "SYNC-10", "the port was removed")
    _others_unchanged(case, related, items, "SYNC-10")


@invariant(
    "routing.a-service-becomes-what-its-type-says",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-11", "NP-015"),
    asks=ROUTE,
    classes=("gone", "forwarded"),
)
def retyped(case: Case) -> None:
    """A Service that is made a plain one of type ClusterIP is no longer served at node ports and load
    balancers' addresses, and at its cluster IP it is served as before.
    """
    service = some_service(case, lambda found: found.spec.type in ("NodePort", "LoadBalancer"))
    if service is None:
        return
    spec = evolve(
        service.spec,
        type="ClusterIP",
        ports=tuple(evolve(port, node_port=0) for port in service.spec.ports),
        external_ips=(),
        external_traffic_policy="",
        health_check_node_port=0,
        load_balancer_source_ranges=(),
        allocate_load_balancer_node_ports=None,
    )
    plain = evolve(service, spec=spec, status=ServiceStatus(LoadBalancerStatus()))
    items = of_service(case, service)
    outer = [item for item in items if item.destination is not Destination.CLUSTER_IP]
    related = in_state(case, _replaced(case.cluster, service, plain))
    gone(
        case,
        related,
        outer,
        lambda item, _: _freed(item, "SYNC-11"),
        "the type became ClusterIP",
    )
    _others_unchanged(case, related, outer, "SYNC-11")


@invariant(
    "routing.an-external-name-is-not-intercepted",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-11", "HEADLESS-003"),
    asks=ROUTE,
    classes=("gone",),
)
def external_name(case: Case) -> None:
    """A Service that is made one of type ExternalName is served at none of its former addresses."""
    service = some_service(case)
    if service is None:
        return
    spec = evolve(
        service.spec,
        type="ExternalName",
        external_name="my.database.example.com",
        cluster_ip="",
        cluster_ips=(),
        ip_families=(),
        ip_family_policy=None,
        ports=tuple(evolve(port, node_port=0) for port in service.spec.ports),
        # These stay, and mean nothing.
        external_ips=service.spec.external_ips,
        external_traffic_policy="",
        internal_traffic_policy=None,
        session_affinity="None",
        session_affinity_config=None,
        health_check_node_port=0,
        load_balancer_source_ranges=(),
        allocate_load_balancer_node_ports=None,
        traffic_distribution=None,
    )
    name = evolve(service, spec=spec, status=ServiceStatus(LoadBalancerStatus()))
    related = in_state(case, _replaced(case.cluster, service, name))
    gone(
        case,
        related,
        of_service(case, service),
        lambda item, _: "HEADLESS-003" if item.flow.ip in spec.external_ips else "SYNC-11",
        "the Service became an external name",
    )


@invariant(
    "routing.endpoints-come-and-go",
    kind=Kind.METAMORPHIC,
    requirements=("NOEP-009",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("gone", "forwarded"),
)
def come_and_go(case: Case) -> None:
    """With the last endpoint gone nothing is forwarded, and once endpoints are back everything is as it
    was before.
    """
    items = asked(case)
    empty = in_state(case, evolve(case.cluster, endpoint_slices=()))
    for item in ask(empty, [item.flow for item in items if item.place is not None]):
        case.judged("gone")
        if item.got.outcome is Outcome.FORWARD:
            case.fail(
                "NOEP-009",
                question=f"{item.text}, with every endpoint gone",
                expected="not forwarded",
                got=shown(item.got),
            )
    compare(case, items, decide_again(empty.moved(case.cluster), items), "NOEP-009")


@invariant(
    "routing.an-endpoint-that-stops-being-ready-is-left-out",
    kind=Kind.METAMORPHIC,
    requirements=("TERM-001", "RT-009", "TERM-002", "TERM-003"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=("forwarded",),
)
def stops(case: Case) -> None:
    """Once the first endpoint of each slice terminates and is not ready, connections go to the others,
    and to it only where no ready one is left.
    """
    slices = tuple(
        evolve(
            item,
            endpoints=tuple(
                evolve(
                    endpoint,
                    conditions=evolve(endpoint.conditions, ready=False, serving=True, terminating=True),
                )
                if place == 0
                else endpoint
                for place, endpoint in enumerate(item.endpoints)
            ),
        )
        for item in case.cluster.endpoint_slices
    )
    changed = evolve(case.cluster, endpoint_slices=slices)
    right_in(case, changed, lambda item, _: _stopped(changed, item))


_STOPPED = ("TERM-001", "RT-009", "TERM-002", "TERM-003")


def _stopped(cluster: Cluster, item: Asked) -> str:
    """The row that a wrong set breaks once endpoints terminate."""
    return row(cluster, item, _STOPPED, "TERM-001") if isinstance(item, Served) else "TERM-001"
