# SPDX-License-Identifier: Apache-2.0
"""Changes that mean nothing to a proxy change no decision."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, asked
from conformance.invariants.routing.fresh import fresh, number_of
from conformance.invariants.routing.related import (
    change_services,
    change_slices,
    change_specs,
    compare,
    decide_again,
    in_state,
    some_service,
    unchanged,
    unchanged_at_one,
)
from conformance.questions import turn_of
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointSlice,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)

_CLASSES = ("forwarded",)


@invariant(
    "routing.listing-order-does-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-02",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def order(case: Case) -> None:
    """The order in which objects are listed decides nothing."""
    cluster = case.cluster
    reverse = evolve(
        cluster,
        services=cluster.services[::-1],
        endpoint_slices=tuple(
            evolve(item, endpoints=item.endpoints[::-1]) for item in cluster.endpoint_slices[::-1]
        ),
        nodes=cluster.nodes[::-1],
        pods=cluster.pods[::-1],
    )
    unchanged(case, reverse, "SYNC-02")


@invariant(
    "routing.a-slice-may-be-split",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-04",),
    asks=ROUTE,
    classes=_CLASSES,
)
def split(case: Case) -> None:
    """Spreading the endpoints of a slice over several slices of the same Service changes nothing."""
    pieces: list[EndpointSlice] = []
    for item in case.cluster.endpoint_slices:
        if len(item.endpoints) < 2:
            pieces.append(item)
            continue
        for index, endpoint in enumerate(item.endpoints):
            meta = evolve(
                item.metadata, name=f"{item.metadata.name}-{index}", uid=f"{item.metadata.uid}-{index}"
            )
            pieces.append(evolve(item, metadata=meta, endpoints=(endpoint,)))
    unchanged(case, evolve(case.cluster, endpoint_slices=tuple(pieces)), "SYNC-04")


@invariant(
    "routing.a-repeated-endpoint-counts-once",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-04", "SLICE-020"),
    asks=ROUTE,
    classes=_CLASSES,
)
def repeated(case: Case) -> None:
    """Slices that list again what other slices of the same Service list change nothing, neither when
    they come nor when they go.
    """
    copies = tuple(
        evolve(
            item,
            metadata=evolve(
                item.metadata, name=f"{item.metadata.name}-again", uid=f"{item.metadata.uid}-again"
            ),
            endpoints=item.endpoints[::-1],
        )
        for item in case.cluster.endpoint_slices
    )
    items = asked(case)
    if not copies or not items:
        return
    every = (*case.cluster.endpoint_slices, *copies)
    more = in_state(case, evolve(case.cluster, endpoint_slices=every))
    compare(case, items, decide_again(more, items), "SLICE-020")
    compare(case, items, decide_again(more.moved(case.cluster), items), "SYNC-04")


_UNRELATED = Service(
    ObjectMeta(name="unrelated", namespace="default", uid="unrelated"),
    ServiceSpec(
        type="NodePort",
        ports=(ServicePort(8765, "http", "TCP", 80, 32600),),
        cluster_ip="10.96.0.199",
        cluster_ips=("10.96.0.199",),
        ip_families=("IPv4",),
        ip_family_policy="SingleStack",
        external_traffic_policy="Local",
        internal_traffic_policy="Local",
        session_affinity="None",
    ),
)


@invariant(
    "routing.an-unrelated-service-changes-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("RT-028", "SYNC-02"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def unrelated(case: Case) -> None:
    """Another Service, at a port of its own of addresses that it shares with others, changes nothing for
    them, neither when it comes nor when it goes.
    """
    cluster = case.cluster
    shared = dict.fromkeys(ip for service in cluster.services for ip in service.spec.external_ips)
    other = evolve(_UNRELATED, spec=evolve(_UNRELATED.spec, external_ips=tuple(shared)))
    numbers = {number for port in other.spec.ports for number in (port.port, port.node_port)}
    items = [
        item
        for item in asked(case)
        if item.flow.ip != other.spec.cluster_ip and item.flow.port not in numbers
    ]
    if not items:
        return
    more = in_state(case, evolve(cluster, services=(other, *cluster.services)))
    compare(case, items, decide_again(more, items), "RT-028")
    compare(case, items, decide_again(more.moved(case.cluster), items), "SYNC-02")


@invariant(
    "routing.labels-of-a-service-change-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-02",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def labels(case: Case) -> None:
    """A label or an annotation that means nothing to a proxy, be it on Services alone or on slices
    alone, changes no decision.
    """
    more = FrozenMap({"example.com/note": "x"})

    def labelled(meta: ObjectMeta) -> ObjectMeta:
        return evolve(meta, labels=meta.labels | more, annotations=meta.annotations | more)

    if turn_of(case.cluster) % 2:
        changed = change_slices(case.cluster, lambda item: evolve(item, metadata=labelled(item.metadata)))
    else:
        changed = change_services(case.cluster, lambda item: evolve(item, metadata=labelled(item.metadata)))
    unchanged(case, changed, "SYNC-02")


@invariant(
    "routing.traffic-distribution-is-for-the-controller",
    kind=Kind.METAMORPHIC,
    requirements=("TOPO-001",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=_CLASSES,
)
def distribution(case: Case) -> None:
    """Another traffic distribution changes no decision as long as the hints in the slices are the same."""

    def turned(spec: ServiceSpec) -> ServiceSpec:
        other = None if spec.traffic_distribution else "PreferSameZone"
        return spec if spec.type == "ExternalName" else evolve(spec, traffic_distribution=other)

    unchanged_at_one(case, change_specs(case.cluster, turned), "TOPO-001")


@invariant(
    "routing.further-addresses-mean-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("RT-005",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def further_addresses(case: Case) -> None:
    """An endpoint that gets a second address is still reached at its first one alone."""

    def more(endpoint: Endpoint, family: str) -> Endpoint:
        second = fresh(246, number_of(endpoint.addresses[0]), family)
        return evolve(endpoint, addresses=(*endpoint.addresses, second))

    service = some_service(case)
    name = service.metadata.name if service else ""

    def longer(item: EndpointSlice) -> EndpointSlice:
        if item.metadata.labels.get(SERVICE_NAME_LABEL) != name:
            return item
        return evolve(item, endpoints=tuple(more(each, item.address_type) for each in item.endpoints))

    unchanged_at_one(case, change_slices(case.cluster, longer), "RT-005")


@invariant(
    "routing.a-namespace-may-be-renamed",
    kind=Kind.METAMORPHIC,
    requirements=("RT-002",),
    asks=ROUTE,
    classes=_CLASSES,
)
def renamed(case: Case) -> None:
    """Calling a namespace by another name, everywhere, changes no decision."""
    cluster = case.cluster
    # The API server's own Service has to stay where it is.
    old = next(
        (item.metadata.namespace for item in cluster.services if item.metadata.namespace != "default"), None
    )
    if old is None:
        return

    def rename(meta: ObjectMeta) -> ObjectMeta:
        return evolve(meta, namespace="renamed") if meta.namespace == old else meta

    changed = evolve(
        cluster,
        namespaces=tuple(
            evolve(item, metadata=evolve(item.metadata, name="renamed"))
            if item.metadata.name == old
            else item
            for item in cluster.namespaces
        ),
        pods=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.pods),
        services=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.services),
        config_maps=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.config_maps),
        endpoint_slices=tuple(
            evolve(item, metadata=rename(item.metadata)) for item in cluster.endpoint_slices
        ),
    )
    # A client that names its pod would have to be renamed too.
    unchanged(
        case,
        changed,
        "RT-002",
        only=lambda item: item.flow.client.pod is None or item.flow.client.pod.namespace != old,
    )
