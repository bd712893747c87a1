# SPDX-License-Identifier: Apache-2.0
"""Services that have slices already: what was written for them before, and what is wanted now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement, product

from attrs import evolve, frozen

from reference.endpoints.hints import PREFER_SAME_NODE
from reference.endpoints.membership import IPV4, IPV6
from reference.endpoints.packing import endpoint_of, labels_of, new_slice
from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    MANAGED_BY_LABEL,
    Cluster,
    ClusterSettings,
    Container,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Namespace,
    Node,
    ObjectMeta,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)

MOST = (2, 3, 4)
"""How many endpoints a slice may have, one after the other."""

_PORTS = (ServicePort(80, "http", "TCP", 8080),)
_SLICE_PORTS = (EndpointPort("http", 8080, "TCP"),)
_OTHER_PORTS = (EndpointPort("http", 9090, "TCP"),)


@frozen
class Had:
    """A slice that is there.

    Of its endpoints so many are wanted as they are, wanted but changed since, and
    gone; so many stand for a pod of which another has the address now, and so many
    have had another host name.  `kind` says what is special about the slice.
    """

    kept: int = 0
    changed: int = 0
    gone: int = 0
    kind: str = ""
    replaced: int = 0
    renamed: int = 0

    def states(self) -> tuple[str, ...]:
        """One word for each endpoint."""
        counts = {name: getattr(self, name) for name in ("kept", "changed", "gone", "replaced", "renamed")}
        return tuple(name for name, count in counts.items() for _ in range(count))

    @property
    def staying(self) -> int:
        """How many endpoints stay in it."""
        return self.kept + self.changed

    @property
    def is_touched(self) -> bool:
        """Whether it has to be written whatever comes."""
        changes = self.changed + self.gone + self.replaced + self.renamed
        return bool(changes) or self.kind == OTHER_LABELS

    def __str__(self) -> str:
        counts = Counter(self.states())
        return ", ".join(filter(None, (self.kind, *(f"{n} {name}" for name, n in counts.items())))) or "empty"


@frozen
class Scenario:
    """The slices of a Service, how many pods have come since, and what the Service is now."""

    had: tuple[Had, ...]
    new: int = 0
    now: str = ""

    def __str__(self) -> str:
        had = "; ".join(map(str, self.had)) or "none"
        return f"slices [{had}], {self.new} new pods" + (f", {self.now}" if self.now else "")


OVERFULL = "from when a slice could have more"
OTHER_LABELS = "with other labels"
WITHOUT_ENDPOINTS = ("placeholder", "empty")
KINDS = (
    "of another author",
    "of the mirroring controller",
    "of an older Service",
    "being deleted",
    "of IPv6",
    "of other ports",
    OTHER_LABELS,
    *WITHOUT_ENDPOINTS,
    OVERFULL,
)
WEIGHED = ("", OTHER_LABELS, "empty", OVERFULL)
"""Kinds of slices among which it is chosen for new endpoints."""
NOW = ("ExternalName", "without selector", "being deleted")
HEADLESS = "headless"
NOT_HEADLESS = "no longer headless"
NEAR = "with PreferSameNode"
NOT_NEAR = "no longer with PreferSameNode"
CHANGES = (HEADLESS, NOT_HEADLESS, NEAR, NOT_NEAR)
"""What may have changed of a Service that every slice of it says."""


@lru_cache(maxsize=1)
def scenarios() -> tuple[Scenario, ...]:
    """All scenarios in which it is decided how many endpoints each slice has."""
    plain = [Had(*counts) for counts in product(range(4), range(2), range(3)) if 0 < sum(counts) <= MOST[0]]
    full = [Had(*counts) for counts in ((3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 0, 2), (0, 0, 3), (4, 0, 0))]
    made = [Scenario((), new) for new in range(12)]
    made += [Scenario((one,), new) for one in (*plain, *full) for new in (0, 1, 2, 5)]
    made += [
        Scenario(pair, new)
        for pair in combinations_with_replacement((*plain, *full), 2)
        for new in (0, 1, 2, 3, 7)
    ]
    made += [
        Scenario((Had(kind=kind) if kind in WITHOUT_ENDPOINTS else Had(1, 0, 1, kind), *more), new)
        for kind in KINDS
        for more in ((), (Had(1),), (Had(0, 0, 2),), (Had(0, 1),))
        for new in (0, 1, 4)
    ]
    made += [
        Scenario((Had(kept, replaced=replaced, renamed=1 - replaced), *more), new)
        for kept in (0, 1)
        for replaced in (0, 1)
        for more in ((), (Had(1),), (Had(0, 1, 0),))
        for new in (0, 1)
    ]
    made += [
        Scenario((Had(*counts, OVERFULL), *more), new)
        for counts in ((2, 1, 2), (4, 1, 0), (5, 0, 0), (3, 0, 1))
        for more in ((), (Had(1),), (Had(0, 1),))
        for new in (0, 1, 3)
    ]
    made += [
        Scenario(had, new, now)
        for now in NOW
        for had in ((), (Had(1),), (Had(1, 0, 1),), (Had(0, 0, 2),), (Had(1), Had(1, 0, 1, KINDS[0])))
        for new in (0, 3)
    ]
    return tuple(scenario for scenario in dict.fromkeys(made) if _is_decided(scenario.had))


@lru_cache(maxsize=1)
def scenarios_with_room() -> tuple[Scenario, ...]:
    """Scenarios in which no slice changes, and several have room: for all new pods, or only together."""
    return tuple(
        Scenario(tuple(Had(kept) for kept in pieces), new)
        for new in (1, 2, 3)
        for pieces in ((1, 2), (2, 1), (2, 3), (3, 1), (3, 2), (1, 2, 3))
    )


@lru_cache(maxsize=1)
def scenarios_of_changes() -> tuple[Scenario, ...]:
    """Scenarios in which the Service has changed; without new pods, as it is open which slices they go to."""
    return tuple(
        Scenario(had, now=now)
        for had in ((Had(2),), (Had(1), Had(2)), (Had(1, 0, 1),), (Had(2), Had(1, 1)))
        for now in CHANGES
    )


def _is_decided(had: Sequence[Had]) -> bool:
    """Whether no two slices are alike in what a choice among slices depends on."""
    weighed = [each for each in had if each.kind in WEIGHED]
    touched = [each.staying for each in weighed if each.is_touched and each.staying]
    untouched = [each.staying for each in weighed if not each.is_touched]
    return len(set(touched)) == len(touched) and len(set(untouched)) == len(untouched)


def cluster_of(chosen: Sequence[Scenario], most: int) -> Cluster:
    """A cluster with a Service for each scenario."""
    settings = ClusterSettings(max_endpoints_per_slice=most)
    node = Node(ObjectMeta(name="node-a"))
    cluster = Cluster(settings, (Namespace(ObjectMeta(name="default")),), (node,))
    for number, scenario in enumerate(chosen):
        pods, service, slices = _objects(scenario, number, most)
        cluster = evolve(
            cluster,
            pods=(*cluster.pods, *pods),
            services=(*cluster.services, service),
            endpoint_slices=(*cluster.endpoint_slices, *slices),
        )
    return cluster


def _objects(
    scenario: Scenario, number: int, most: int
) -> tuple[tuple[Pod, ...], Service, tuple[EndpointSlice, ...]]:
    name = f"web-{number}"
    service = _service(name, number, scenario.now)
    selecting = _service(name, number, {NOT_HEADLESS: HEADLESS, NOT_NEAR: NEAR}.get(scenario.now, ""))
    slices = []
    pods: list[Pod] = []
    used = 0
    for index, had in enumerate(scenario.had):
        entries, wanted, used = _entries(selecting, number, had, used, most)
        pods += wanted
        slices.append(_slice(selecting, f"had-{number}-{index}", had.kind, tuple(entries)))
    pods += [_pod(name, number, used + place) for place in range(scenario.new)]
    return tuple(pods), service, tuple(slices)


def _entries(
    service: Service, number: int, had: Had, used: int, most: int
) -> tuple[list[Endpoint], list[Pod], int]:
    """What is in a slice, and those of its pods that are there still."""
    if had.kind in WITHOUT_ENDPOINTS:
        return [], [], used
    entries, pods = [], []
    for state in had.states()[: None if had.kind == OVERFULL else most]:
        pod = _pod(service.metadata.name, number, used)
        used += 1
        endpoint = endpoint_of(pod, service, IPV4, {"node-a": None})
        assert endpoint is not None
        if state == "changed":
            endpoint = evolve(endpoint, conditions=evolve(endpoint.conditions, ready=False, serving=False))
        elif state == "replaced":
            older = evolve(pod, metadata=evolve(pod.metadata, name=f"{pod.metadata.name}-older"))
            endpoint = endpoint_of(older, service, IPV4, {"node-a": None})
            assert endpoint is not None
        elif state == "renamed":
            endpoint = evolve(endpoint, hostname="host-1")
        if had.kind == "of IPv6":
            address = f"fd00:10:244:{number:x}::{used:x}"
            endpoint = evolve(endpoint, addresses=(address,))
        entries.append(endpoint)
        # Pods of slices of another family, or of other authors, are none of the Service's own.
        if state != "gone" and had.kind not in KINDS[:5]:
            pods.append(pod)
    return entries, pods, used


def _slice(service: Service, name: str, kind: str, endpoints: tuple[Endpoint, ...]) -> EndpointSlice:
    made = new_slice(service, 0, IPV6 if kind == "of IPv6" else IPV4, endpoints, _SLICE_PORTS)
    metadata = evolve(made.metadata, name=name, generate_name="", labels=labels_of(service))
    if kind == "placeholder":
        made = evolve(made, ports=())
    elif kind == "of other ports":
        made = evolve(made, ports=_OTHER_PORTS)
    elif kind == "of another author":
        metadata = evolve(metadata, labels=metadata.labels.without(MANAGED_BY_LABEL), owner_references=())
    elif kind == "of the mirroring controller":
        labels = metadata.labels | {MANAGED_BY_LABEL: "endpointslicemirroring-controller.k8s.io"}
        metadata = evolve(metadata, labels=labels, owner_references=())
    elif kind == "of an older Service":
        (owner,) = metadata.owner_references
        metadata = evolve(metadata, owner_references=(evolve(owner, uid="older"),))
    elif kind == "being deleted":
        metadata = evolve(metadata, deletion_timestamp=5)
    elif kind == OTHER_LABELS:
        metadata = evolve(metadata, labels=metadata.labels | {"team": "a"})
    return evolve(made, metadata=metadata)


def _service(name: str, number: int, now: str) -> Service:
    ip = f"10.96.1.{number + 1}"
    spec = ServiceSpec(
        type="ClusterIP",
        selector=FrozenMap({"app": name}),
        ports=_PORTS,
        cluster_ip=ip,
        cluster_ips=(ip,),
        ip_families=(IPV4,),
        ip_family_policy="SingleStack",
    )
    labels = FrozenMap({"tier": "web"})
    metadata = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", labels=labels)
    if now == "ExternalName":
        spec = ServiceSpec(type="ExternalName", external_name="db.example.com")
    elif now == "without selector":
        spec = evolve(spec, selector=None)
    elif now == "being deleted":
        metadata = evolve(metadata, deletion_timestamp=5)
    elif now == HEADLESS:
        spec = evolve(spec, cluster_ip=CLUSTER_IP_NONE, cluster_ips=(CLUSTER_IP_NONE,))
    elif now == NEAR:
        spec = evolve(spec, traffic_distribution=PREFER_SAME_NODE)
    return Service(metadata, spec)


def _pod(service: str, number: int, place: int) -> Pod:
    name = f"{service}-{place}"
    ip = f"10.244.{number}.{place + 1}"
    ready = (PodCondition("Ready", "True"),)
    return Pod(
        ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", labels=FrozenMap({"app": service})),
        PodSpec(node_name="node-a", containers=(Container(name="web"),)),
        PodStatus(phase="Running", pod_ip=ip, pod_ips=(PodIP(ip),), conditions=ready),
    )
