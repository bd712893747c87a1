# SPDX-License-Identifier: Apache-2.0
"""What kube-proxy makes of rarer objects: added ones that mean nothing, and ones that win over others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import (
    ROUTE,
    Asked,
    Served,
    ask,
    served,
    shown,
    table,
    texts,
)
from conformance.invariants.routing.fresh import fresh, sibling
from conformance.invariants.routing.kube_proxy import differs_by_mode, judge_parity
from conformance.invariants.routing.related import (
    change_services,
    decide_again,
    in_state,
    some_service,
    unchanged,
)
from conformance.questions import turn_of
from conformance.questions.routing import internal_ip, unlabelled_pod_ip
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Node,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Backend, Client, ClientKind, Flow, Outcome
from reference.routing import Destination
from reference.routing.addresses import IPV4, family_of
from reference.routing.decision import ranges_for

_CLASSES = ("forwarded",)
_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"


def _of(service: Service) -> Callable[[Asked], bool]:
    return lambda item: isinstance(item, Served) and item.match.service is service


def _more(item: EndpointSlice, suffix: str, **changes: Any) -> EndpointSlice:
    """A further slice of the same Service."""
    meta = item.metadata
    named = evolve(meta, name=f"{meta.name}-{suffix}", uid=f"{meta.uid}-{suffix}")
    return evolve(item, metadata=named, **changes)


def _slices_of(cluster: Cluster, service: Service) -> list[EndpointSlice]:
    meta = service.metadata
    return [
        item
        for item in cluster.endpoint_slices
        if item.metadata.namespace == meta.namespace
        and item.metadata.labels.get(SERVICE_NAME_LABEL) == meta.name
    ]


@invariant(
    "routing.slice-ports-without-a-number-mean-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("RT-006",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=_CLASSES,
)
def no_number(case: Case) -> None:
    """Endpoints of a slice whose ports have no number are none of the Service's, not even at its own."""
    service = some_service(case)
    if service is None:
        return
    slices = _slices_of(case.cluster, service)
    if not slices:
        return
    first = slices[turn_of(case.cluster) % len(slices)]
    ports = tuple(EndpointPort(port.name, None, port.protocol) for port in service.spec.ports)
    node = case.cluster.nodes[0].metadata.name
    other = Endpoint((fresh(248, 9, first.address_type),), EndpointConditions(ready=True), node_name=node)
    more = _more(first, "without-number", ports=ports, endpoints=(other,))
    every = (more, *case.cluster.endpoint_slices)
    unchanged(case, evolve(case.cluster, endpoint_slices=every), "RT-006", only=_of(service))


@invariant(
    "routing.a-copy-that-terminates-does-not-count",
    kind=Kind.METAMORPHIC,
    requirements=("RT-007",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=_CLASSES,
)
def terminating_copies(case: Case) -> None:
    """Where another slice lists an endpoint once more, but as one that terminates, the entry that does
    not terminate counts, whichever slice comes first.
    """
    service = some_service(case)
    if service is None:
        return
    ending = EndpointConditions(False, True, True)
    copies = tuple(
        _more(
            item,
            "ending",
            endpoints=tuple(
                evolve(each, conditions=ending)
                for each in item.endpoints
                if each.conditions.terminating is not True
            ),
        )
        for item in _slices_of(case.cluster, service)
    )
    slices = case.cluster.endpoint_slices
    every = (*copies, *slices) if turn_of(case.cluster) % 2 else (*slices, *copies)
    unchanged(case, evolve(case.cluster, endpoint_slices=every), "RT-007", only=_of(service))


@invariant(
    "routing.an-annotation-restricts-no-sources",
    kind=Kind.METAMORPHIC,
    requirements=("LB-008",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=_CLASSES,
)
def annotation(case: Case) -> None:
    """The old annotation for source ranges, which is for those who provide load balancers, keeps nobody
    out at a node.
    """
    note = FrozenMap({_RANGES_ANNOTATION: "192.0.2.0/24"})

    def annotated(service: Service) -> Service:
        meta = service.metadata
        return evolve(service, metadata=evolve(meta, annotations=meta.annotations | note))

    service = some_service(case, lambda found: found.spec.type == "LoadBalancer")
    if service is None:
        return
    changed = change_services(case.cluster, lambda each: annotated(each) if each is service else each)
    unchanged(case, changed, "LB-008", only=_of(service))


@invariant(
    "routing.addresses-of-services-come-before-node-ports",
    kind=Kind.METAMORPHIC,
    requirements=("RT-025",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def before_node_ports(case: Case) -> None:
    """Where an external IP is a node's address, and its port the node port of another Service, it is the
    external IP that counts.
    """
    items = [item for item in served(case) if item.destination is Destination.NODE_PORT]
    if not items:
        return
    item = items[turn_of(case.cluster) % len(items)]
    flow = item.flow
    family = family_of(flow.ip)
    cluster_ip = {IPV4: "10.96.6.6"}.get(family, "fd00:10:96::606")
    meta = ObjectMeta(name="before-all", namespace="default", uid="before-all")
    port = ServicePort(flow.port, "", flow.protocol, 80)
    other = Service(
        meta,
        ServiceSpec(
            type="ClusterIP",
            ports=(port,),
            cluster_ip=cluster_ip,
            cluster_ips=(cluster_ip,),
            ip_families=(family,),
            ip_family_policy="SingleStack",
            external_ips=(flow.ip,),
            external_traffic_policy="Cluster",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )
    node = next(each for each in case.cluster.nodes if each.metadata.name == item.place.node.name)
    own = unlabelled_pod_ip(node, family)
    backend = Backend(sibling(own, 249) if own else fresh(249, 9, family), 8080)
    piece = EndpointSlice(
        metadata=evolve(meta, name="before-all-1", labels=FrozenMap({SERVICE_NAME_LABEL: meta.name})),
        address_type=family,
        endpoints=(Endpoint((backend.ip,), EndpointConditions(ready=True), node_name=node.metadata.name),),
        ports=(EndpointPort("", backend.port, flow.protocol),),
    )
    cluster = case.cluster
    changed = evolve(
        cluster,
        services=(*cluster.services, other) if turn_of(cluster) % 2 else (other, *cluster.services),
        endpoint_slices=(*cluster.endpoint_slices, piece),
    )
    related = in_state(case, changed)
    found = [each for each in ask(related, [flow]) if isinstance(each, Served)]
    judge_parity(related, found, lambda each: each.match.service is other, lambda *_: "RT-025")


@invariant(
    "routing.node-ports-of-other-nodes-are-theirs",
    kind=Kind.AGREEMENT,
    requirements=("NP-014",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward", "drop"),
)
def at_other_nodes(case: Case) -> None:
    """What a client in the cluster sends to a node port of another node is decided on at that node, by
    its endpoints and its zone.
    """
    judge_parity(
        case,
        served(case),
        lambda item: (
            item.destination is Destination.NODE_PORT
            and item.place.is_inside
            and item.place.node.name != item.place.own.name
        ),
        lambda *_: "NP-014",
    )


@invariant(
    "routing.a-load-balancer-may-reach-itself-by-way-of-a-node",
    kind=Kind.AGREEMENT,
    requirements=("LB-009",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("let in", "kept out"),
)
def itself(case: Case) -> None:
    """A packet that comes from the very load balancer's address is let in where the source ranges let
    the node in.
    """
    flows = [
        Flow(Client(ClientKind.NODE, node.metadata.name, entry.ip), entry.ip, port.port, port.protocol)
        for service in case.cluster.services
        if service.spec.load_balancer_source_ranges
        for entry in service.status.load_balancer.ingress
        if entry.ip and ranges_for(service, entry.ip)
        for port in service.spec.ports
        # One node at a time has the address, as its own.
        for node in case.cluster.nodes[turn_of(case.cluster) % max(1, len(case.cluster.nodes)) :][:1]
        if internal_ip(node, family_of(entry.ip)) is not None
    ]
    for item in ask(case, flows):
        if not isinstance(item, Served) or not item.place.sets.has_any:
            continue
        denied = "LB-006" in item.expected.rules
        case.judged("kept out" if denied else "let in")
        if (item.got.outcome is Outcome.DROP) != (item.expected.outcome is Outcome.DROP):
            case.fail(
                "LB-009",
                question=item.text,
                expected=shown(item.expected),
                got=shown(item.got),
                because=item.expected.rules,
            )


# -- what tells pods, and where a node is --------------------------------------------------


@invariant(
    "routing.pods-are-told-by-the-first-range",
    kind=Kind.METAMORPHIC,
    requirements=("RT-027", "ETP-016"),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("no range", "another range first"),
)
def pod_ranges(case: Case) -> None:
    """Without a range of pods, or with another one of their family before it, pods are taken for clients
    outside: bound by external policy Local, and masqueraded to cluster IPs only in the latter case.
    """
    observed = not case.supports("route")
    pods = [item for item in served(case) if item.flow.client.kind is ClientKind.POD]
    settings = case.cluster.settings
    none = bool(turn_of(case.cluster) % 2)
    # kube-proxy itself refuses to start with two ranges of one family.
    behind = () if observed else settings.pod_cidrs
    ranges = () if none else ("10.200.0.0/16", "fd00:10:200::/56", *behind)
    changed = evolve(case.cluster, settings=evolve(settings, pod_cidrs=ranges))
    related = case.variant(evolve(case.example, cluster=changed))
    expected = table(related)
    for item, got in zip(pods, decide_again(related, pods), strict=True):
        wanted = expected.decide(item.flow)
        if wanted.outcome is not Outcome.FORWARD and "NOEP-005" not in wanted.rules:
            continue
        if observed and (differs_by_mode(item) or expected.is_answered_past_the_node(item.flow)):
            continue
        case.judged("no range" if none else "another range first")
        bound = item.destination is not Destination.CLUSTER_IP
        members = got.backends == wanted.backends if item.complete else got.backends <= wanted.backends
        same = got.outcome is wanted.outcome and members
        if bound and not same:
            case.fail(
                "ETP-016" if none else "RT-027",
                question=f"{item.text}, with the pod ranges {', '.join(ranges) or 'none'}",
                expected=shown(wanted),
                got=shown(got),
                because=wanted.rules,
            )
        if not same or got.masqueraded is None or item.flow.client.ip in item.place.node.addresses:
            continue
        masqueraded = (wanted.masqueraded or frozenset()) & got.backends
        if got.masqueraded != masqueraded:
            case.fail(
                "RT-027",
                question=f"{item.text}, with the pod ranges {', '.join(ranges) or 'none'}",
                expected=f"a node's address is seen by {texts(masqueraded)}, the pod's by others",
                got=f"a node's address is seen by {texts(got.masqueraded)}",
                because=wanted.rules,
            )


@invariant(
    "routing.a-node-may-move-to-another-zone",
    kind=Kind.METAMORPHIC,
    requirements=("TOPO-015",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=("forward",),
)
def other_zone(case: Case) -> None:
    """When nothing but the zones of nodes changes, hints are heeded for the new zones."""
    others = {"zone-a": "zone-b", "zone-b": "zone-a", None: "zone-a"}

    def moved(node: Node) -> Node:
        zone = others.get(node.metadata.labels.get(ZONE_LABEL), "zone-a")
        labels = node.metadata.labels | FrozenMap({ZONE_LABEL: zone or ""})
        return evolve(node, metadata=evolve(node.metadata, labels=labels))

    hinted = [
        item
        for item in served(case)
        if any(endpoint.zone_hints or endpoint.node_hints for endpoint in item.place.sets.endpoints)
    ]
    if not hinted:
        return
    related = in_state(case, evolve(case.cluster, nodes=tuple(map(moved, case.cluster.nodes))))
    items = [each for each in ask(related, [item.flow for item in hinted]) if isinstance(each, Served)]
    judge_parity(related, items, lambda item: item.expected.outcome is Outcome.FORWARD, lambda *_: "TOPO-015")
