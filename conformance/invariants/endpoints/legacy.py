# SPDX-License-Identifier: Apache-2.0
"""Agreement with the reference on legacy Endpoints objects, one aspect at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from attrs import evolve, frozen

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import pods_by_name
from conformance.questions import spread, turn_of
from reference.endpoints import legacy_endpoints
from reference.endpoints.legacy import MAX_ADDRESSES, OVER_CAPACITY
from reference.frozenmap import FrozenMap
from reference.objects import (
    LEGACY_MANAGED_BY_LABEL,
    Cluster,
    Container,
    ContainerPort,
    EndpointAddress,
    Endpoints,
    NamespacedName,
    ObjectMeta,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
    SubsetPort,
)

Offered = tuple[str, str, SubsetPort | None, bool]
"""An address, the uid of its pod, a port, and whether it is ready."""


@frozen(eq=False)
class Asked:
    """A Service, the object that there is, and the one that there should be."""

    service: Service
    got: Endpoints | None
    expected: Endpoints | None

    @property
    def question(self) -> str:
        """What was asked, for people."""
        metadata = self.service.metadata
        return f"Endpoints of {metadata.namespace}/{metadata.name}"


def _asked(case: Case) -> list[Asked]:
    return case.memo("endpoints.legacy", lambda: list(_ask(case)))


def _ask(case: Case) -> Iterator[Asked]:
    cluster = case.cluster
    names = [NamespacedName(item.metadata.namespace, item.metadata.name) for item in cluster.services]
    if not names:
        return
    for service, name, got in zip(cluster.services, names, case.ask("endpoints", names), strict=True):
        yield Asked(service, got[0] if got else None, legacy_endpoints(cluster, name))


def _both(case: Case) -> Iterator[tuple[Asked, Endpoints, Endpoints]]:
    """Each Service that has an object and should have one."""
    for item in _asked(case):
        if item.got is not None and item.expected is not None:
            yield item, item.got, item.expected


def _uid(address: EndpointAddress) -> str:
    return address.target_ref.uid if address.target_ref else ""


def _port(port: SubsetPort) -> SubsetPort:
    return evolve(port, protocol=port.protocol or "TCP")


def offered(item: Endpoints) -> frozenset[Offered]:
    """What an object says, however it is packed."""
    return frozenset(
        (address.ip, _uid(address), port, ready)
        for subset in item.subsets
        for port in (tuple(map(_port, subset.ports)) or (None,))
        for addresses, ready in ((subset.addresses, True), (subset.not_ready_addresses, False))
        for address in addresses
    )


def _text(some: Iterable[Offered]) -> str:
    shown = sorted(
        f"{ip}{f':{port.port} ({port.name})' if port else ''}{'' if ready else ' not ready'}"
        for ip, _, port, ready in some
    )
    return ", ".join(shown) or "no addresses"


@invariant(
    "endpoints.legacy-objects",
    kind=Kind.AGREEMENT,
    requirements=("EP-025", "EP-029", "SEL-004", "SEL-006"),
    asks=("endpoints",),
    classes=("written", "not written"),
)
def legacy_objects(case: Case) -> None:
    """A Service with a selector has an Endpoints object of its name, with its labels; no other has one."""
    for item in _asked(case):
        case.judged("written" if item.expected else "not written")
        got, expected, metadata = item.got, item.expected, item.service.metadata
        if (got is None) != (expected is None):
            unmanaged = "EP-025" if item.service.spec.type == "ExternalName" else "SEL-004"
            empty = expected is not None and not expected.subsets
            row = unmanaged if expected is None else "SEL-006" if empty else "EP-029"
            case.fail(
                row,
                question=item.question,
                expected="an object" if expected else "none",
                got="an object" if got else "none",
                because=(row,),
            )
        if got is None or expected is None:
            continue
        if (got.metadata.namespace, got.metadata.name) != (metadata.namespace, metadata.name):
            case.fail(
                "EP-029",
                question=f"name of the {item.question}",
                expected=f"{metadata.namespace}/{metadata.name}",
                got=f"{got.metadata.namespace}/{got.metadata.name}",
                because=("EP-029",),
            )
        # Older controllers do not say who wrote the object.
        wanted = expected.metadata.labels
        if LEGACY_MANAGED_BY_LABEL not in got.metadata.labels:
            wanted = wanted.without(LEGACY_MANAGED_BY_LABEL)
        if got.metadata.labels != wanted:
            case.fail(
                "EP-029",
                question=f"labels of the {item.question}",
                expected=dict(wanted),
                got=dict(got.metadata.labels),
                because=("EP-029",),
            )


@invariant(
    "endpoints.legacy-addresses",
    kind=Kind.AGREEMENT,
    requirements=("EP-031", "EP-032", "EP-033", "EP-034", "EP-036"),
    asks=("endpoints",),
    classes=("ready", "not ready", "no ports"),
)
def legacy_addresses(case: Case) -> None:
    """The addresses of a Service are one of each pod that is in, ready or not, at each port that resolves."""
    for item, got, expected in _both(case):
        wanted, found = offered(expected), offered(got)
        for _, _, port, ready in wanted:
            case.judged("ready" if ready else "not ready", *([] if port else ["no ports"]))
        if wanted == found:
            continue
        row = _row(case, item, wanted - found, found - wanted)
        case.fail(row, question=item.question, expected=_text(wanted), got=_text(found), because=(row,))


def _row(case: Case, item: Asked, missing: frozenset[Offered], extra: frozenset[Offered]) -> str:
    if not item.service.spec.ports:
        return "EP-036"
    pods = {pod.metadata.uid: pod for pod in pods_by_name(case).values()}
    terminating = [
        pods[uid]
        for _, uid, _, _ in missing | extra
        if uid in pods and pods[uid].metadata.deletion_timestamp is not None
    ]
    if terminating:
        return "EP-031"
    if {offer[:3] for offer in missing} & {offer[:3] for offer in extra}:
        return "EP-033"
    moved = {offer[1:3] for offer in missing} & {offer[1:3] for offer in extra}
    if moved or any(not uid for _, uid, _, _ in extra) or _second_addresses(item, extra):
        return "EP-032"
    if any(not ready for *_, ready in missing):
        return "EP-033"
    known = {node.metadata.name for node in case.cluster.nodes}
    if any(uid in pods and pods[uid].spec.node_name not in known for _, uid, _, _ in missing):
        return "EP-033"
    return "EP-034"


def _second_addresses(item: Asked, extra: frozenset[Offered]) -> bool:
    """Whether a pod that is there as it should be is there with another address too."""
    there = offered(item.expected) if item.expected else frozenset()
    return bool({offer[1:] for offer in extra} & {offer[1:] for offer in there})


@invariant(
    "endpoints.legacy-subsets",
    kind=Kind.AGREEMENT,
    requirements=("EP-035",),
    asks=("endpoints",),
    classes=("subsets",),
)
def legacy_subsets(case: Case) -> None:
    """Ports that the same addresses offer share one subset, in which the addresses are sorted."""
    for item, got, expected in _both(case):
        if offered(got) != offered(expected) or not expected.subsets:
            continue
        case.judged("subsets")
        wanted, found = _packed(expected), _packed(got)
        if wanted != found:
            case.fail(
                "EP-035",
                question=f"subsets of the {item.question}",
                expected=sorted(_subset_text(*subset) for subset in wanted),
                got=sorted(_subset_text(*subset) for subset in found),
                because=("EP-035",),
            )


Packed = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], frozenset[SubsetPort]]


def _packed(item: Endpoints) -> frozenset[Packed]:
    """Subsets by their addresses in order and their ports; the order of subsets and ports is free."""
    return frozenset(
        (
            tuple((address.ip, _uid(address)) for address in subset.addresses),
            tuple((address.ip, _uid(address)) for address in subset.not_ready_addresses),
            frozenset(map(_port, subset.ports)),
        )
        for subset in item.subsets
    )


def _subset_text(
    ready: tuple[tuple[str, str], ...], rest: tuple[tuple[str, str], ...], ports: frozenset[SubsetPort]
) -> str:
    numbers = ", ".join(sorted(f"{port.name} {port.port}/{port.protocol}" for port in ports)) or "no ports"
    return f"{[ip for ip, _ in ready]}, not ready {[ip for ip, _ in rest]}: {numbers}"


@invariant(
    "endpoints.legacy-attributes",
    kind=Kind.AGREEMENT,
    requirements=("EP-040",),
    asks=("endpoints",),
    classes=("hostname", "no hostname"),
)
def legacy_attributes(case: Case) -> None:
    """An address tells its pod, its node and, under its own subdomain, its hostname."""
    for item, got, expected in _both(case):
        wanted = {(address.ip, _uid(address)): address for address in _addresses(expected)}
        for address in _addresses(got):
            other = wanted.get((address.ip, _uid(address)))
            if other is None:
                continue
            case.judged("hostname" if other.hostname else "no hostname")
            # The API leaves out an empty name of a node.
            if evolve(address, node_name=address.node_name or "") != other:
                case.fail(
                    "EP-040",
                    question=f"{item.question}, address {address.ip}",
                    expected=str(other),
                    got=str(address),
                    because=("EP-040",),
                )


def _addresses(item: Endpoints) -> Iterator[EndpointAddress]:
    for subset in item.subsets:
        yield from subset.addresses
        yield from subset.not_ready_addresses


# -- two families -------------------------------------------------------------------------

_FAMILIES = (("IPv4", "IPv6"), ("IPv6", "IPv4"), ("IPv6",), ("IPv4",))


def _with_second_address(pod: Pod, number: int) -> Pod:
    ips = (*pod.status.pod_ips, PodIP(f"fd00:244::{number + 2:x}"))
    return evolve(pod, status=evolve(pod.status, pod_ips=ips)) if pod.status.pod_ips else pod


@invariant(
    "endpoints.legacy-families",
    kind=Kind.METAMORPHIC,
    requirements=("EP-032",),
    asks=("endpoints",),
    features=("dual-stack",),
    classes=("IPv4", "IPv6"),
)
def legacy_families(case: Case) -> None:
    """Of pods with addresses of two families the one of the Service's first family counts, and a pod that
    has none of it is left out.
    """
    turn = turn_of(case.cluster)
    services = tuple(
        evolve(service, spec=evolve(service.spec, ip_families=_FAMILIES[(turn + number) % len(_FAMILIES)]))
        for number, service in enumerate(case.cluster.services)
    )
    pods = tuple(
        _with_second_address(pod, number) if (turn + number) % 3 else pod
        for number, pod in enumerate(case.cluster.pods)
    )
    variant = case.variant(evolve(case.example, cluster=evolve(case.cluster, services=services, pods=pods)))
    for item, got, expected in _both(variant):
        case.judged(item.service.spec.ip_families[0])
        wanted, found = offered(expected), offered(got)
        if wanted != found:
            case.fail(
                "EP-032",
                question=f"{item.question} of the families {', '.join(item.service.spec.ip_families)}",
                expected=_text(wanted),
                got=_text(found),
                because=("EP-032",),
            )


# -- more than there is room for ----------------------------------------------------------

_CROWDS = (
    (MAX_ADDRESSES, 0),
    (MAX_ADDRESSES + 1, 0),
    (MAX_ADDRESSES + 1, 2),
    (MAX_ADDRESSES - 100, 100),
    (MAX_ADDRESSES - 100, 101),
    (MAX_ADDRESSES + 200, 0),
)
"""How many pods are ready, and how many are not."""
_HALVED = _CROWDS[-1]
"""Half of these have the port at another number, so that there are two subsets of one size."""
_CROWD = NamespacedName("crowd", "crowd")


@lru_cache(maxsize=1)
def _crowds() -> tuple[tuple[Cluster, Endpoints], ...]:
    labels = FrozenMap({"app": "crowd"})
    service = Service(
        ObjectMeta(name=_CROWD.name, namespace=_CROWD.namespace, uid="crowd"),
        ServiceSpec(
            type="ClusterIP",
            selector=labels,
            cluster_ip="None",
            cluster_ips=("None",),
            ip_families=("IPv4",),
            ip_family_policy="SingleStack",
            ports=(ServicePort(80, "http", "TCP", "http"),),
        ),
    )

    def pod(number: int, *, ready: bool, port: int) -> Pod:
        name, ip = f"crowd-{number:04}", f"10.250.{number // 250}.{number % 250 + 1}"
        status = PodStatus(
            phase="Running",
            pod_ip=ip,
            pod_ips=(PodIP(ip),),
            conditions=(PodCondition("Ready", "True" if ready else "False"),),
        )
        metadata = ObjectMeta(name=name, namespace=_CROWD.namespace, uid=name, labels=labels)
        container = Container("main", "pause", ports=(ContainerPort(port, "http", "TCP"),))
        return Pod(metadata, PodSpec((container,), node_name="node-a"), status)

    made = []
    for ready, rest in _CROWDS:
        # Those that are not ready come first, so that the order is not what keeps the others.
        states = [False] * rest + [True] * ready
        ports = (8080, 8081) if (ready, rest) == _HALVED else (8080,)
        pods = tuple(
            pod(number, ready=is_ready, port=ports[number % len(ports)])
            for number, is_ready in enumerate(states)
        )
        cluster = Cluster(services=(service,), pods=pods)
        expected = legacy_endpoints(cluster, _CROWD)
        assert expected is not None
        made.append((cluster, expected))
    return tuple(made)


@invariant(
    "endpoints.legacy-capacity",
    kind=Kind.METAMORPHIC,
    requirements=("EP-037", "EP-038"),
    asks=("endpoints",),
)
def legacy_capacity(case: Case) -> None:
    """An Endpoints object has a thousand addresses at most, ready ones first, and says so where it had to
    leave some out.
    """
    crowds = tuple(zip(_crowds(), _CROWDS, strict=True))
    # One at a time: a thousand pods are dear.
    for (cluster, expected), (ready, rest) in spread(crowds, most=1, turn=turn_of(case.cluster)):
        case.judged()
        (answer,) = case.variant(evolve(case.example, cluster=cluster)).ask("endpoints", [_CROWD])
        question = f"Endpoints of a Service with {ready} ready pods and {rest} that are not"
        got = answer[0] if answer else Endpoints(ObjectMeta(name=_CROWD.name))
        mark, wanted_mark = (item.metadata.annotations.get(OVER_CAPACITY) for item in (got, expected))
        if mark != wanted_mark:
            case.fail(
                "EP-037",
                question=f"annotation {OVER_CAPACITY} of the {question}",
                expected=wanted_mark,
                got=mark,
                because=("EP-037",),
            )
        counts, wanted = (
            (sum(ready for *_, ready in offered(item)), sum(not ready for *_, ready in offered(item)))
            for item in (got, expected)
        )
        if counts != wanted:
            row = "EP-037" if sum(counts) != sum(wanted) else "EP-038"
            case.fail(
                row,
                question=question,
                expected=f"{wanted[0]} ready addresses and {wanted[1]} others",
                got=f"{counts[0]} ready addresses and {counts[1]} others",
                because=(row,),
            )
        if offered(got) != offered(expected):
            case.fail(
                "EP-038",
                question=question,
                expected="the first addresses in their order",
                got=f"others, such as {_text(sorted(offered(got) - offered(expected), key=str)[:3])}",
                because=("EP-038",),
            )
