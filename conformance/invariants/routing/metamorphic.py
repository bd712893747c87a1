# SPDX-License-Identifier: Apache-2.0
"""Changes that mean nothing to a proxy change no decision."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, asked
from conformance.invariants.routing.related import (
    change_services,
    change_slices,
    compare,
    decide_again,
    in_state,
    unchanged,
)
from reference.frozenmap import FrozenMap
from reference.objects import EndpointSlice, ObjectMeta, Service, ServicePort, ServiceSpec

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
    requirements=("SYNC-04", "SLICE-020"),
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
    """Slices that list again what other slices of the same Service list change nothing."""
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
    every = (*case.cluster.endpoint_slices, *copies)
    unchanged(case, evolve(case.cluster, endpoint_slices=every), "SYNC-04")


_UNRELATED = Service(
    ObjectMeta(name="unrelated", namespace="default", uid="unrelated"),
    ServiceSpec(
        type="NodePort",
        ports=(ServicePort(80, "http", "TCP", 80, 32600),),
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
    """Another Service, at an address and a node port of its own, changes nothing for the others, neither
    when it comes nor when it goes.
    """
    cluster = case.cluster
    items = [
        item
        for item in asked(case)
        if item.flow.ip != _UNRELATED.spec.cluster_ip and item.flow.port != _UNRELATED.spec.ports[0].node_port
    ]
    if not items:
        return
    more = in_state(case, evolve(cluster, services=(_UNRELATED, *cluster.services)))
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
    """A label that means nothing to a proxy, on Services and slices, changes no decision."""
    more = FrozenMap({"example.com/note": "x"})

    def labelled(meta: ObjectMeta) -> ObjectMeta:
        return evolve(meta, labels=meta.labels | more)

    cluster = change_services(case.cluster, lambda item: evolve(item, metadata=labelled(item.metadata)))
    cluster = change_slices(cluster, lambda item: evolve(item, metadata=labelled(item.metadata)))
    unchanged(case, cluster, "SYNC-02")


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
