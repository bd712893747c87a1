# SPDX-License-Identifier: Apache-2.0
"""Related clusters have related decisions."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import Asked, asked, shown
from conformance.observe import decisions
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointSlice,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Decision, Outcome
from reference.routing import Destination

_ROUTE = ("route|connect",)


def _unchanged(
    case: Case, cluster: Cluster, requirement: str, *, only: Callable[[Asked], bool] = lambda _: True
) -> None:
    """The decisions on the flows of the case are the same in `cluster`."""
    items = [item for item in asked(case) if only(item)]
    if not items or cluster == case.cluster:
        return
    related = case.variant(evolve(case.example, cluster=cluster))
    after = decisions(
        related,
        [item.flow for item in items],
        sizes=[len(item.expected.backends) for item in items],
    )
    for item, got in zip(items, after, strict=True):
        case.judged()
        if not _equal(item.got, got):
            case.fail(
                requirement,
                question=f"{item.text}, before and after the change",
                expected=f"{shown(item.got)}, as before",
                got=shown(got),
            )


def _equal(before: Decision, after: Decision) -> bool:
    forwarded = before.outcome is Outcome.FORWARD
    if forwarded != (after.outcome is Outcome.FORWARD):
        return False
    return not forwarded or before.backends == after.backends


def _services(cluster: Cluster, change: Callable[[ServiceSpec], ServiceSpec]) -> Cluster:
    return evolve(
        cluster,
        services=tuple(evolve(item, spec=change(item.spec)) for item in cluster.services),
    )


def _endpoints(cluster: Cluster, change: Callable[[Endpoint], Endpoint]) -> Cluster:
    return evolve(
        cluster,
        endpoint_slices=tuple(
            evolve(item, endpoints=tuple(map(change, item.endpoints))) for item in cluster.endpoint_slices
        ),
    )


@invariant(
    "routing.listing-order-does-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-02", "SYNC-03"),
    asks=_ROUTE,
    level=Level.CLASS,
)
def order(case: Case) -> None:
    """The order in which objects are listed decides nothing."""
    cluster = case.cluster
    _unchanged(
        case,
        evolve(
            cluster,
            services=cluster.services[::-1],
            endpoint_slices=tuple(
                evolve(item, endpoints=item.endpoints[::-1]) for item in cluster.endpoint_slices[::-1]
            ),
            nodes=cluster.nodes[::-1],
            pods=cluster.pods[::-1],
        ),
        "SYNC-02",
    )


@invariant(
    "routing.external-policy-does-not-touch-cluster-ips",
    kind=Kind.METAMORPHIC,
    requirements=("ETP-002", "ITP-009"),
    asks=_ROUTE,
)
def external_policy(case: Case) -> None:
    """Turning external policies from Cluster to Local and back changes nothing at a cluster IP."""

    def flip(spec: ServiceSpec) -> ServiceSpec:
        if not spec.external_traffic_policy:
            return spec
        return evolve(
            spec,
            external_traffic_policy="Cluster" if spec.external_traffic_policy == "Local" else "Local",
            health_check_node_port=0
            if spec.external_traffic_policy == "Local" or spec.type != "LoadBalancer"
            else 31900 + int(spec.cluster_ip.rpartition(".")[2]),
        )

    _unchanged(
        case,
        _services(case.cluster, flip),
        "ETP-002",
        only=lambda item: item.match is not None and item.match.destination is Destination.CLUSTER_IP,
    )


@invariant(
    "routing.internal-policy-does-not-touch-other-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-002", "ITP-006"),
    asks=_ROUTE,
    level=Level.KUBE_PROXY,
)
def internal_policy(case: Case) -> None:
    """Turning internal policies from Cluster to Local and back changes nothing at node ports,
    external IPs and load balancers' addresses.
    """

    def flip(spec: ServiceSpec) -> ServiceSpec:
        if not spec.internal_traffic_policy:
            return spec
        other = "Cluster" if spec.internal_traffic_policy == "Local" else "Local"
        return evolve(spec, internal_traffic_policy=other)

    _unchanged(
        case,
        _services(case.cluster, flip),
        "ITP-006",
        only=lambda item: item.match is not None and item.match.destination is not Destination.CLUSTER_IP,
    )


@invariant(
    "routing.hints-do-not-touch-policy-local",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-008", "TOPO-009"),
    asks=_ROUTE,
    level=Level.CLASS,
)
def hints(case: Case) -> None:
    """Taking all topology hints away changes nothing at a cluster IP under internal policy Local."""
    _unchanged(
        case,
        _endpoints(case.cluster, lambda endpoint: evolve(endpoint, hints=None)),
        "ITP-008",
        only=lambda item: item.match is not None
        and item.match.destination is Destination.CLUSTER_IP
        and item.match.service.spec.internal_traffic_policy == "Local",
    )


@invariant(
    "routing.a-slice-may-be-split",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-04", "SLICE-020"),
    asks=_ROUTE,
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
    _unchanged(case, evolve(case.cluster, endpoint_slices=tuple(pieces)), "SYNC-04")


@invariant(
    "routing.a-repeated-endpoint-counts-once",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-04", "SLICE-020"),
    asks=_ROUTE,
)
def repeated(case: Case) -> None:
    """A slice that lists again what another slice of the Service lists changes nothing."""
    if not case.cluster.endpoint_slices:
        return
    first = case.cluster.endpoint_slices[0]
    copy = evolve(
        first,
        metadata=evolve(first.metadata, name=f"{first.metadata.name}-again", uid=f"{first.metadata.uid}-again"),
    )
    _unchanged(
        case,
        evolve(case.cluster, endpoint_slices=(*case.cluster.endpoint_slices, copy)),
        "SYNC-04",
    )


@invariant(
    "routing.an-unrelated-service-changes-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("RT-028",),
    asks=_ROUTE,
)
def unrelated(case: Case) -> None:
    """Another Service, at an address and a node port of its own, changes nothing for the others."""
    added = Service(
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
    _unchanged(
        case,
        evolve(case.cluster, services=(added, *case.cluster.services)),
        "RT-028",
        only=lambda item: (item.flow.ip, item.flow.port) != ("10.96.0.199", 80) and item.flow.port != 32600,
    )


@invariant(
    "routing.labels-of-a-service-change-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("SYNC-02",),
    asks=_ROUTE,
    level=Level.CLASS,
)
def labels(case: Case) -> None:
    """A label that means nothing to a proxy, on Services and slices, changes no decision."""
    cluster = case.cluster
    more = FrozenMap({"example.com/note": "x"})
    _unchanged(
        case,
        evolve(
            cluster,
            services=tuple(
                evolve(item, metadata=evolve(item.metadata, labels=item.metadata.labels | more))
                for item in cluster.services
            ),
            endpoint_slices=tuple(
                evolve(item, metadata=evolve(item.metadata, labels=item.metadata.labels | more))
                for item in cluster.endpoint_slices
            ),
        ),
        "SYNC-02",
    )


@invariant(
    "routing.a-remote-endpoint-does-not-matter-under-policy-local",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-003", "RT-019"),
    asks=_ROUTE,
)
def remote(case: Case) -> None:
    """An endpoint that is added on no node known changes nothing at a cluster IP under internal
    policy Local, but that dropping and refusing may change places.
    """
    far = Endpoint(("10.245.0.9",), node_name="far-away")
    cluster = case.cluster
    _unchanged(
        case,
        evolve(
            cluster,
            endpoint_slices=tuple(
                evolve(item, endpoints=(*item.endpoints, far))
                if item.metadata.labels.get(SERVICE_NAME_LABEL)
                else item
                for item in cluster.endpoint_slices
            ),
        ),
        "ITP-003",
        only=lambda item: item.match is not None
        and item.match.destination is Destination.CLUSTER_IP
        and item.match.service.spec.internal_traffic_policy == "Local",
    )


@invariant(
    "routing.a-namespace-may-be-renamed",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-007", "RT-002"),
    asks=_ROUTE,
)
def renamed(case: Case) -> None:
    """Calling a namespace by another name, everywhere, changes no decision."""
    cluster = case.cluster

    def rename(meta: ObjectMeta) -> ObjectMeta:
        return evolve(meta, namespace="renamed") if meta.namespace == "shop" else meta

    _unchanged(
        case,
        evolve(
            cluster,
            namespaces=tuple(
                evolve(item, metadata=evolve(item.metadata, name="renamed"))
                if item.metadata.name == "shop"
                else item
                for item in cluster.namespaces
            ),
            pods=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.pods),
            services=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.services),
            config_maps=tuple(evolve(item, metadata=rename(item.metadata)) for item in cluster.config_maps),
            endpoint_slices=tuple(
                evolve(item, metadata=rename(item.metadata)) for item in cluster.endpoint_slices
            ),
        ),
        "RT-002",
        # A client that names its pod would have to be renamed too.
        only=lambda item: item.flow.client.pod is None or item.flow.client.pod.namespace != "shop",
    )
