# SPDX-License-Identifier: Apache-2.0
"""Two clusters that are related, and so are the answers of their servers."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Asked, Topic, asked_in_words, view, worded
from reference.dns import facts_of
from reference.dns.index import Kind as Published
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Cluster,
    EndpointConditions,
    EndpointSlice,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Query, Rcode

UNRELATED = "unrelated"
UNRELATED_IP = "10.96.255.77"


def _same(
    case: Case,
    rules: tuple[str, ...],
    cluster: Cluster,
    *,
    applies: Callable[[Asked], bool] = lambda _: True,
    label: str = "",
) -> None:
    """Judge that the related cluster's answers are those of the case."""
    asked = [each for each in view(case).asked if applies(each)]
    if not asked:
        return
    other = case.moved(cluster)
    answers = other.ask("resolve", [each.query for each in asked])
    for before, after in zip(asked, answers, strict=True):
        case.judged(*((label,) if label else ()))
        if after.rcode is not before.answer.rcode or facts_of(after) != before.facts:
            case.fail(
                rules[0],
                question=asked_in_words(before.query),
                expected=f"as before the change: {worded(before.answer)}",
                got=worded(after),
                because=rules,
            )


@invariant(
    "dns.letter-case",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-META-004",),
    asks=("resolve",),
)
def letter_case(case: Case) -> None:
    """The letter case of a query changes nothing but the letter case of the answer."""
    asked = view(case).asked
    answers = case.ask("resolve", [Query(each.query.name.upper(), each.query.type) for each in asked])
    for before, after in zip(asked, answers, strict=True):
        case.judged()
        if after.rcode is not before.answer.rcode or facts_of(after) != before.facts:
            case.fail(
                "DNS-META-004",
                question=f"{before.query.type} {before.query.name.upper()}",
                expected=f"as in lower case: {worded(before.answer)}",
                got=worded(after),
                because=("DNS-META-004",),
            )


@invariant(
    "dns.listing-order",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-HEADLESS-023",),
    asks=("resolve",),
)
def listing_order(case: Case) -> None:
    """The order in which objects, endpoints and ports are listed changes no answer."""
    cluster = case.cluster
    slices = tuple(
        evolve(piece, endpoints=piece.endpoints[::-1], ports=piece.ports[::-1])
        for piece in cluster.endpoint_slices[::-1]
    )
    changed = evolve(
        cluster,
        namespaces=cluster.namespaces[::-1],
        services=cluster.services[::-1],
        endpoint_slices=slices,
    )
    _same(case, ("DNS-HEADLESS-023",), changed)


@invariant(
    "dns.split-slices",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-HEADLESS-023",),
    asks=("resolve",),
)
def split_slices(case: Case) -> None:
    """Endpoints that are spread over more slices are published all the same."""
    pieces: list[EndpointSlice] = []
    for piece in case.cluster.endpoint_slices:
        if len(piece.endpoints) < 2:
            pieces.append(piece)
            continue
        named = evolve(piece.metadata, name=f"{piece.metadata.name}-rest", uid=f"{piece.metadata.uid}-rest")
        pieces.append(evolve(piece, endpoints=piece.endpoints[:1]))
        pieces.append(evolve(piece, metadata=named, endpoints=piece.endpoints[1:]))
    if len(pieces) > len(case.cluster.endpoint_slices):
        _same(case, ("DNS-HEADLESS-023",), evolve(case.cluster, endpoint_slices=tuple(pieces)))


@invariant(
    "dns.endpoints-do-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-002", "DNS-NEG-014"),
    asks=("resolve",),
)
def endpoints_do_not_matter(case: Case) -> None:
    """The address of a Service with a cluster IP is the same with no ready endpoint."""
    slices = tuple(
        evolve(
            piece,
            endpoints=tuple(
                evolve(endpoint, conditions=EndpointConditions(False, False, False))
                for endpoint in piece.endpoints
            ),
        )
        for piece in case.cluster.endpoint_slices
    )
    _same(
        case,
        ("DNS-A-002", "DNS-NEG-014"),
        evolve(case.cluster, endpoint_slices=slices),
        applies=lambda asked: asked.is_of(Topic.SERVICE, Published.CLUSTER_IP),
    )


@invariant(
    "dns.unrelated-service",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-001", "DNS-HEADLESS-001"),
    asks=("resolve",),
)
def unrelated_service(case: Case) -> None:
    """A Service that is added changes no answer about another."""
    namespace = next((item.metadata.name for item in case.cluster.namespaces), None)
    if namespace is None:
        return
    added = Service(
        ObjectMeta(name=UNRELATED, namespace=namespace, uid=UNRELATED),
        ServiceSpec(
            type="ClusterIP",
            ports=(ServicePort(80, "http", "TCP", 80),),
            cluster_ip=UNRELATED_IP,
            cluster_ips=(UNRELATED_IP,),
            ip_families=("IPv4",),
            ip_family_policy="SingleStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )
    _same(
        case,
        ("DNS-A-001", "DNS-HEADLESS-001"),
        evolve(case.cluster, services=(*case.cluster.services, added)),
        # What exists above a Service may begin to exist with it.
        applies=lambda asked: asked.topic is not Topic.BRANCH,
    )


@invariant(
    "dns.deleted-service",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-011",),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("address", "external name"),
)
def deleted_service(case: Case) -> None:
    """A Service that is deleted with its EndpointSlices no longer has a record."""
    seen = view(case)
    gone = next((each for each in seen.zone.index.services.values() if each.own_entries), None)
    if gone is None:
        return
    meta = gone.service.metadata
    cluster = evolve(
        case.cluster,
        services=tuple(each for each in case.cluster.services if each is not gone.service),
        endpoint_slices=tuple(each for each in case.cluster.endpoint_slices if each not in gone.slices),
    )
    external = gone.kind is Published.EXTERNAL_NAME
    query = Query(f"{meta.name}.{meta.namespace}.svc.{seen.zone.name}", "CNAME" if external else "A")
    (before,) = case.ask("resolve", [query])
    (after,) = case.moved(cluster).ask("resolve", [query])
    case.judged("external name" if external else "address")
    if after.records or after.rcode is not Rcode.NXDOMAIN:
        case.fail(
            "DNS-A-011",
            question=asked_in_words(query),
            expected=f"NXDOMAIN, as the Service was deleted; before: {worded(before)}",
            got=worded(after),
            because=("DNS-A-011",),
        )


@invariant(
    "dns.leading-digit",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-A-007",),
    asks=("resolve",),
)
def leading_digit(case: Case) -> None:
    """A Service whose name begins with a digit resolves like any other."""
    service = next(
        (
            each
            for each in view(case).zone.index.services.values()
            if each.kind is Published.CLUSTER_IP and not each.service.metadata.name[0].isdigit()
        ),
        None,
    )
    if service is None:
        return
    old = service.service.metadata
    name = f"1{old.name}"

    def renamed(piece: EndpointSlice) -> EndpointSlice:
        meta = piece.metadata
        if meta.namespace != old.namespace or meta.labels.get(SERVICE_NAME_LABEL) != old.name:
            return piece
        labels = FrozenMap({**meta.labels, SERVICE_NAME_LABEL: name})
        return evolve(piece, metadata=evolve(meta, labels=labels))

    cluster = evolve(
        case.cluster,
        services=tuple(
            evolve(each, metadata=evolve(old, name=name)) if each is service.service else each
            for each in case.cluster.services
        ),
        endpoint_slices=tuple(map(renamed, case.cluster.endpoint_slices)),
    )
    suffix = f"{old.namespace}.svc.{view(case).zone.name}"
    before = case.ask("resolve", [Query(f"{old.name}.{suffix}", "A")])[0]
    other = case.variant(evolve(case.example, cluster=cluster))
    after = other.ask("resolve", [Query(f"{name}.{suffix}", "A")])[0]
    case.judged()
    if {fact.data for fact in facts_of(after)} != {fact.data for fact in facts_of(before)}:
        case.fail(
            "DNS-A-007",
            question=f"A {name}.{suffix}",
            expected=f"the addresses of {old.name} before it was renamed: {worded(before)}",
            got=worded(after),
            because=("DNS-A-007",),
        )
