# SPDX-License-Identifier: Apache-2.0
"""Clusters that differ in what does not matter have the same endpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Said,
    answered,
    endpoints_text,
    said,
)
from reference.frozenmap import FrozenMap
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    NamespacedName,
    ObjectMeta,
    PodIP,
    Service,
    ServiceSpec,
)

UNRELATED = FrozenMap({"unrelated.example.com/label": "value"})


def _identity(entry: Said) -> Said:
    return entry


Row = Callable[[Answered, Counter[Said], Counter[Said]], str]
"""Which row is broken: of a Service's answer, by what was expected and what was got."""


def judge_related(
    case: Case,
    rule: str | Row,
    cluster: Cluster,
    *,
    change: str,
    name: Callable[[NamespacedName], NamespacedName] = lambda name: name,
    expect: Callable[[Answered, Said], Said] = lambda _, entry: entry,
    seen: Callable[[Said], Said] = _identity,
    same_labels: bool = True,
) -> list[tuple[Answered, tuple[EndpointSlice, ...]]]:
    """Judge that in `cluster` each Service has the endpoints that it had, changed as `expect` says.

    Returns each Service with its slices in `cluster`.

    `seen` takes out of both answers what is not compared; `rule` is the row that is
    broken if they differ, or says which one it is.
    """
    items = answered(case)
    variant = case.variant(evolve(case.example, cluster=cluster))
    answers = variant.ask("endpoint_slices", [name(item.name) for item in items])
    for item, got in zip(items, answers, strict=True):
        case.judged("endpoints" if item.found else "no endpoints")
        before = said(item.got, of=item.service)
        expected = _mapped(before, lambda entry, item=item: seen(expect(item, entry)))  # type: ignore[misc]
        after = _mapped(said(got, of=item.service), seen)
        # The labels of slices follow from the Service alone, and how many there
        # are is the controller's choice, but there are some or none as before.
        if after != expected or (same_labels and _labels(got) != _labels(item.got)):
            row = rule if isinstance(rule, str) else rule(item, expected, after)
            case.fail(
                row,
                question=f"{item.question} after {change}",
                expected=_text(expected, item.got),
                got=_text(after, got),
                because=(row,),
            )
    return list(zip(items, answers, strict=True))


def _mapped(counted: Counter[Said], change: Callable[[Said], Said]) -> Counter[Said]:
    made: Counter[Said] = Counter()
    for entry, count in counted.items():
        made[change(entry)] += count
    return made


def _labels(slices: tuple[EndpointSlice, ...]) -> frozenset[object]:
    return frozenset(piece.metadata.labels for piece in slices)


def _text(counted: Counter[Said], slices: tuple[EndpointSlice, ...]) -> str:
    if not slices:
        return "no slices"
    labels = sorted({f"{key}={value}" for piece in slices for key, value in piece.metadata.labels.items()})
    return f"{endpoints_text(counted.elements())}, labelled {', '.join(labels)}"


# -- what does not matter ---------------------------------------------------------------


@invariant(
    "endpoints.listing-order",
    kind=Kind.METAMORPHIC,
    requirements=("EP-001",),
    asks=("endpoint_slices",),
)
def listing_order(case: Case) -> None:
    """The order in which pods, nodes and Services are listed changes no endpoint."""
    cluster = case.cluster
    reordered = evolve(
        cluster, pods=cluster.pods[::-1], nodes=cluster.nodes[::-1], services=cluster.services[::-1]
    )
    judge_related(case, "EP-001", reordered, change="listing everything in reverse order")


@invariant(
    "endpoints.unrelated-pod-label",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-001",),
    asks=("endpoint_slices",),
)
def unrelated_pod_label(case: Case) -> None:
    """A label of pods that no selector mentions changes no endpoint."""
    pods = tuple(
        evolve(pod, metadata=evolve(pod.metadata, labels=pod.metadata.labels | UNRELATED))
        for pod in case.cluster.pods
    )
    judge_related(case, "SEL-001", evolve(case.cluster, pods=pods), change="labelling all pods alike")


@invariant(
    "endpoints.unrelated-objects",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-008",),
    asks=("endpoint_slices",),
)
def unrelated_objects(case: Case) -> None:
    """A pod that no Service selects, and one more Service over the same pods, change no other's endpoints."""
    cluster = case.cluster
    if not cluster.pods or not cluster.services:
        return
    first = cluster.pods[0]
    twin = evolve(
        first,
        metadata=evolve(first.metadata, name="unrelated", uid="unrelated", labels=UNRELATED),
        status=evolve(first.status, pod_ip="10.245.0.1", pod_ips=(PodIP("10.245.0.1"),)),
    )
    # A second Service over the same pods: selection is many-to-many.
    shared = Service(
        ObjectMeta(name="unrelated", namespace=first.metadata.namespace, uid="unrelated"),
        ServiceSpec(
            type="ClusterIP",
            selector=first.metadata.labels or UNRELATED,
            cluster_ip="None",
            cluster_ips=("None",),
            ip_families=("IPv4",),
            ip_family_policy="SingleStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )
    more = evolve(cluster, pods=(twin, *cluster.pods), services=(shared, *cluster.services))
    judge_related(case, "SEL-008", more, change="adding a pod and a Service of their own")


@invariant(
    "endpoints.slices-of-others",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-014",),
    asks=("endpoint_slices",),
)
def slices_of_others(case: Case) -> None:
    """What slices are already there, and who wrote them, changes nothing of what the controller wants."""
    cluster = case.cluster
    foreign = tuple(
        EndpointSlice(
            metadata=ObjectMeta(
                name=f"foreign-{number}",
                namespace=service.metadata.namespace,
                uid=f"foreign-{number}",
                labels=FrozenMap(
                    {SERVICE_NAME_LABEL: service.metadata.name, MANAGED_BY_LABEL: "somebody.example.com"}
                ),
            ),
            address_type="IPv4",
            endpoints=(Endpoint(("10.245.9.9",), EndpointConditions(True, True, False)),),
            ports=(EndpointPort("http", 80, "TCP"),),
        )
        for number, service in enumerate(cluster.services)
    )
    kept = tuple(piece for piece in cluster.endpoint_slices if MANAGED_BY_LABEL not in piece.metadata.labels)
    changed = evolve(cluster, endpoint_slices=kept[1:] + foreign)
    judge_related(case, "SLICE-014", changed, change="replacing slices that others wrote")


@invariant(
    "endpoints.service-annotation",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-018",),
    asks=("endpoint_slices",),
)
def service_annotation(case: Case) -> None:
    """An annotation of a Service changes nothing of its slices, and is not copied to them."""
    services = tuple(
        evolve(
            service,
            metadata=evolve(service.metadata, annotations=service.metadata.annotations | UNRELATED),
        )
        for service in case.cluster.services
    )
    annotated = evolve(case.cluster, services=services)
    for item, got in judge_related(case, "SLICE-018", annotated, change="annotating all Services"):
        copied = [piece for piece in got if set(UNRELATED) & set(piece.metadata.annotations)]
        if copied:
            case.fail(
                "SLICE-018",
                question=f"{item.question} after annotating the Service",
                expected="slices without the annotation",
                got=f"{len(copied)} slices with it",
                because=("SLICE-018",),
            )


def _irregular(ip: str) -> str:
    """The same address as older node agents may have written it."""
    if "." not in ip:
        return ip.upper()
    first, *rest = ip.split(".")
    # The last number has one digit with some and three with others; so has the first.
    return f"::ffff:{ip}" if int(rest[-1]) % 2 else ".".join([first.zfill(3), *rest[:-1], rest[-1].zfill(3)])


@invariant(
    "endpoints.irregular-pod-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("EP-017",),
    asks=("endpoint_slices",),
)
def irregular_pod_addresses(case: Case) -> None:
    """An address that a pod's status spells in an unusual way is published in its canonical form."""
    pods = tuple(
        evolve(
            pod,
            status=evolve(
                pod.status,
                pod_ip=_irregular(pod.status.pod_ip) if pod.status.pod_ip else "",
                pod_ips=tuple(PodIP(_irregular(entry.ip)) for entry in pod.status.pod_ips),
            ),
        )
        for pod in case.cluster.pods
    )
    change = "spelling the addresses of pods in an unusual way"
    for item, got in judge_related(case, "EP-017", evolve(case.cluster, pods=pods), change=change):
        spelt = {address for piece in got for endpoint in piece.endpoints for address in endpoint.addresses}
        usual = {address for entry in item.found for address in entry.addresses}
        if spelt != usual:
            case.fail(
                "EP-017",
                question=f"{item.question} after {change}",
                expected=f"addresses {', '.join(sorted(usual))}",
                got=f"addresses {', '.join(sorted(spelt))}",
                because=("EP-017",),
            )


@invariant(
    "endpoints.service-port-number",
    kind=Kind.METAMORPHIC,
    requirements=("PORT-025",),
    asks=("endpoint_slices",),
)
def service_port_number(case: Case) -> None:
    """The number of a Service port changes nothing of the slices while its target port stays."""
    services = tuple(
        evolve(
            service,
            spec=evolve(
                service.spec,
                ports=tuple(
                    evolve(port, port=port.port + 1000) if port.target_port and port.port < 60000 else port
                    for port in service.spec.ports
                ),
            ),
        )
        for service in case.cluster.services
    )
    judge_related(
        case, "PORT-025", evolve(case.cluster, services=services), change="renumbering Service ports"
    )


@invariant(
    "endpoints.renamed-namespace",
    kind=Kind.METAMORPHIC,
    requirements=("SEL-007",),
    asks=("endpoint_slices",),
)
def renamed_namespace(case: Case) -> None:
    """A namespace that has another name, for all of its objects alike, has the same endpoints."""
    old = next((item.metadata.name for item in case.cluster.namespaces[::-1]), "default")
    if old == "default":
        return  # a cluster without it would be a stranger one
    new = f"{old}-renamed"

    def rename(name: NamespacedName) -> NamespacedName:
        return NamespacedName(new, name.name) if name.namespace == old else name

    judge_related(
        case, "SEL-007", _renamed(case.cluster, old, new), change=f"renaming namespace {old}", name=rename
    )


def _renamed(cluster: Cluster, old: str, new: str) -> Cluster:
    def meta(metadata: ObjectMeta) -> ObjectMeta:
        return evolve(metadata, namespace=new) if metadata.namespace == old else metadata

    return evolve(
        cluster,
        namespaces=tuple(
            evolve(item, metadata=evolve(item.metadata, name=new, labels=FrozenMap()))
            if item.metadata.name == old
            else item
            for item in cluster.namespaces
        ),
        config_maps=tuple(evolve(item, metadata=meta(item.metadata)) for item in cluster.config_maps),
        pods=tuple(evolve(item, metadata=meta(item.metadata)) for item in cluster.pods),
        services=tuple(evolve(item, metadata=meta(item.metadata)) for item in cluster.services),
        endpoint_slices=tuple(
            evolve(item, metadata=meta(item.metadata))
            for item in cluster.endpoint_slices
            if MANAGED_BY_LABEL not in item.metadata.labels
        ),
    )
