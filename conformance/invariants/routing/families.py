# SPDX-License-Identifier: Apache-2.0
"""Two families: each for itself, and none of which the Service lacks."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.features import DUAL_STACK
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, Served, asked, shown, texts
from conformance.invariants.routing.interception import Why, left_alone, missed
from conformance.invariants.routing.related import (
    change_services,
    compare,
    decide_again,
    gone,
    in_state,
    some_service,
    unchanged,
)
from conformance.questions import turn_of
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    ObjectMeta,
    Service,
)
from reference.questions import Outcome
from reference.routing import Destination
from reference.routing.addresses import IPV4, IPV6, family_of
from reference.routing.table import NOT_A_SERVICE

_FEATURES = (DUAL_STACK,)
_CLASSES = ("forwarded",)


@invariant(
    "routing.backends-are-of-the-clients-family",
    kind=Kind.STATED,
    requirements=("DUAL-006",),
    asks=ROUTE,
    features=_FEATURES,
    classes=("IPv4", "IPv6"),
)
def same_family(case: Case) -> None:
    """A client is never sent to an endpoint of another family than that of the address which it uses."""
    for item in asked(case):
        if item.got.outcome is not Outcome.FORWARD:
            continue
        family = family_of(item.flow.ip)
        case.judged(family)
        others = frozenset(each for each in item.got.backends if family_of(each.ip) != family)
        if others:
            case.fail(
                "DUAL-006", question=item.text, expected=f"only endpoints of {family}", got=texts(others)
            )


# -- what a Service lacks ------------------------------------------------------------


def _lacking(case: Case) -> list[Asked]:
    """The flows to addresses in a family that their Service lacks."""
    return [item for item, why in missed(case) if why is Why.OTHER_FAMILY]


@invariant(
    "routing.node-ports-are-of-the-services-families",
    kind=Kind.STATED,
    requirements=("DUAL-003",),
    asks=ROUTE,
    level=Level.CLASS,
    features=_FEATURES,
    classes=("another family's address",),
)
def node_ports(case: Case) -> None:
    """A node port is served at the node's addresses of the Service's own families, and at no other."""
    nodes = {entry.address for node in case.cluster.nodes for entry in node.status.addresses}
    for item in _lacking(case):
        if item.flow.ip in nodes:
            left_alone(case, item, Why.OTHER_FAMILY, "DUAL-003")


@invariant(
    "routing.a-family-that-a-service-lacks-is-not-served",
    kind=Kind.STATED,
    requirements=("DUAL-002", "DUAL-005", "EXT-005"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    features=_FEATURES,
    classes=("another family's address",),
)
def lacking(case: Case) -> None:
    """A Service is at none of its addresses of a family in which it has no cluster IP: neither at external
    IPs, nor at load balancers' addresses, nor at node ports.
    """
    external = {ip for service in case.cluster.services for ip in service.spec.external_ips}
    balanced = {
        entry.ip for service in case.cluster.services for entry in service.status.load_balancer.ingress
    }
    for item in _lacking(case):
        ip = item.flow.ip
        row = "EXT-005" if ip in external else "DUAL-005" if ip in balanced else "DUAL-002"
        left_alone(case, item, Why.OTHER_FAMILY, row)
        # From outside it is the network that refuses or drops what no proxy takes.
        if case.supports("route") and item.got != NOT_A_SERVICE:
            case.fail(row, question=item.text, expected=shown(NOT_A_SERVICE), got=shown(item.got))


# -- each family for itself ------------------------------------------------------------


def _two_families(cluster: Cluster) -> bool:
    return len({item.address_type for item in cluster.endpoint_slices}) > 1


def _none_of(cluster: Cluster, family: str) -> Cluster:
    """The cluster without slices of a family."""
    kept = tuple(item for item in cluster.endpoint_slices if item.address_type != family)
    return evolve(cluster, endpoint_slices=kept)


def _unready(cluster: Cluster, family: str) -> Cluster:
    """The cluster in which no endpoint of a family is of use."""
    conditions = EndpointConditions(False, False, False)

    def worse(item: EndpointSlice) -> EndpointSlice:
        if item.address_type != family:
            return item
        every = tuple(evolve(each, conditions=conditions) for each in item.endpoints)
        return evolve(item, endpoints=every)

    return evolve(cluster, endpoint_slices=tuple(map(worse, cluster.endpoint_slices)))


@invariant(
    "routing.families-are-independent",
    kind=Kind.METAMORPHIC,
    requirements=("DUAL-001",),
    asks=ROUTE,
    level=Level.CLASS,
    features=_FEATURES,
    classes=_CLASSES,
)
def independent(case: Case) -> None:
    """When the endpoints of one family go, or are of no use any more, nothing changes in the other."""
    if not _two_families(case.cluster):
        return
    turn = turn_of(case.cluster)
    family = (IPV4, IPV6)[turn % 2]
    change = (_none_of, _unready)[turn // 2 % 2]
    unchanged(
        case,
        change(case.cluster, family),
        "DUAL-001",
        only=lambda item: family_of(item.flow.ip) != family,
    )


@invariant(
    "routing.slices-of-host-names-are-ignored",
    kind=Kind.METAMORPHIC,
    requirements=("DUAL-004",),
    asks=ROUTE,
    classes=_CLASSES,
)
def host_names(case: Case) -> None:
    """A slice of host names that is added to a Service changes nothing for it."""
    service = some_service(case)
    if service is None:
        return
    ports = next(
        (
            item.ports
            for item in case.cluster.endpoint_slices
            if item.metadata.namespace == service.metadata.namespace
            and item.metadata.labels.get(SERVICE_NAME_LABEL) == service.metadata.name
        ),
        (),
    )
    names = EndpointSlice(
        metadata=ObjectMeta(
            name=f"{service.metadata.name}-by-name",
            namespace=service.metadata.namespace,
            uid="slice-by-name",
            labels=FrozenMap({SERVICE_NAME_LABEL: service.metadata.name}),
        ),
        address_type="FQDN",
        endpoints=(Endpoint(("backend.example.com",), EndpointConditions(ready=True)),),
        ports=ports,
    )
    slices = (names, *case.cluster.endpoint_slices)
    unchanged(
        case,
        evolve(case.cluster, endpoint_slices=slices),
        "DUAL-004",
        only=lambda item: isinstance(item, Served) and item.match.service is service,
    )


@invariant(
    "routing.a-second-family-comes-and-goes",
    kind=Kind.METAMORPHIC,
    requirements=("DUAL-007",),
    asks=ROUTE,
    level=Level.CLASS,
    features=_FEATURES,
    classes=("gone", *_CLASSES),
)
def second_family(case: Case) -> None:
    """A Service that gives up its second family is no longer served in it, and once it has it again it is
    served as before; in its first family nothing changes.
    """
    service = some_service(case, lambda found: len(found.spec.cluster_ips) > 1)
    if service is None:
        return
    second = family_of(service.spec.cluster_ips[1])
    items = [item for item in asked(case) if isinstance(item, Served) and item.match.service is service]
    lost = [
        item
        for item in items
        if family_of(item.flow.ip) == second
        and item.destination in (Destination.CLUSTER_IP, Destination.NODE_PORT)
    ]
    kept = [item for item in asked(case) if family_of(item.flow.ip) != second]
    less = in_state(case, _with_one_family(case.cluster, service))
    gone(case, less, lost, "DUAL-007", "the Service gave up its second family")
    compare(case, kept, decide_again(less, kept), "DUAL-007")
    again = less.moved(case.cluster)
    compare(case, items, decide_again(again, items), "DUAL-007")


def _with_one_family(cluster: Cluster, service: Service) -> Cluster:
    """The cluster in which a Service and its slices are of its first family alone."""
    spec = service.spec
    family = family_of(spec.cluster_ips[0])
    single = evolve(
        service,
        spec=evolve(
            spec,
            cluster_ips=spec.cluster_ips[:1],
            ip_families=(family,),
            ip_family_policy="SingleStack",
        ),
    )
    meta = service.metadata
    slices = tuple(
        item
        for item in cluster.endpoint_slices
        if item.address_type == family
        or item.metadata.namespace != meta.namespace
        or item.metadata.labels.get(SERVICE_NAME_LABEL) != meta.name
    )
    changed = change_services(cluster, lambda each: single if each is service else each)
    return evolve(changed, endpoint_slices=slices)
