# SPDX-License-Identifier: Apache-2.0
"""Agreement with the reference on the slices that mirror Endpoints objects written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import canonical
from conformance.questions import turn_of
from reference.endpoints import mirrored
from reference.endpoints.mirroring import LEADER_ANNOTATION, NOT_COPIED, SKIP_MIRROR_LABEL
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    Cluster,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    Labels,
    NamespacedName,
    ObjectMeta,
    ObjectReference,
    Service,
    ServiceSpec,
    SubsetPort,
)

_POD = ObjectReference(kind="Pod", namespace="default", name="db-0", uid="db-0")
_ONE = EndpointAddress("192.0.2.10")
_TWO = EndpointAddress("192.0.2.11", hostname="db-0", node_name="node-a", target_ref=_POD)
_THREE = EndpointAddress("192.0.2.9")
_SIX = EndpointAddress("2001:db8::10")
_DB = SubsetPort(5432, "db", "TCP")
_METRICS = SubsetPort(9187, "metrics", "TCP", "http")
_PLAIN = SubsetPort(5432, protocol="UDP")

SUBSETS: tuple[tuple[EndpointSubset, ...], ...] = (
    (EndpointSubset((_ONE,), ports=(_DB,)),),
    (EndpointSubset((_ONE, _TWO), (_THREE,), (_DB, _METRICS)),),
    (EndpointSubset((), (_ONE,), (_DB,)),),
    (EndpointSubset((_ONE, _SIX), (), (_PLAIN,)),),
    (EndpointSubset((_SIX,), (_TWO,), (_DB,)),),
    (EndpointSubset((_ONE,)),),
    (EndpointSubset((_ONE,), ports=(_DB,)), EndpointSubset((_TWO,), ports=(_METRICS,))),
    (EndpointSubset((_ONE,), ports=(_DB,)), EndpointSubset((_ONE,), ports=(_METRICS,))),
    (EndpointSubset((_ONE,), ports=(_DB,)), EndpointSubset((), (_ONE,), (_DB,))),
    (EndpointSubset((_ONE,), ports=(_DB,)), EndpointSubset((_THREE,), ports=(_DB,))),
    (),
    (
        EndpointSubset(
            tuple(EndpointAddress(f"192.0.{n // 250}.{n % 250}") for n in range(2000, 3001)), (), (_DB,)
        ),
    ),
)
"""What people write."""

METADATA: tuple[tuple[Labels, Labels], ...] = (
    (EMPTY, EMPTY),
    (FrozenMap({"team": "a"}), FrozenMap({"example.com/note": "x"})),
    (FrozenMap({SKIP_MIRROR_LABEL: "true"}), EMPTY),
    (FrozenMap({SKIP_MIRROR_LABEL: "false"}), EMPTY),
    (EMPTY, FrozenMap({LEADER_ANNOTATION: "{}"})),
    (EMPTY, FrozenMap(dict.fromkeys(NOT_COPIED, "x"))),
)
"""Their labels and annotations."""


_BY_HAND = Service(
    ObjectMeta(name="by-hand", namespace="default", uid="by-hand"),
    ServiceSpec(type="ClusterIP", cluster_ip="None", cluster_ips=("None",), ip_families=("IPv4",)),
)


def _objects(cluster: Cluster) -> list[Endpoints]:
    """Objects of the name of each Service, and of no Service's; what they say takes turns."""
    names = [
        NamespacedName(service.metadata.namespace, service.metadata.name) for service in cluster.services
    ]
    own = [names[-1]] * len(METADATA)
    turn = turn_of(cluster)
    made = []
    for number, name in enumerate((*own, NamespacedName("default", "no-service"), *names)):
        labels, annotations = METADATA[number % len(METADATA)]
        metadata = ObjectMeta(
            name=name.name, namespace=name.namespace, uid=name.name, labels=labels, annotations=annotations
        )
        made.append(Endpoints(metadata, SUBSETS[(turn + 2 * number) % len(SUBSETS)]))
    return made


def _asked(case: Case) -> list[tuple[Endpoints, tuple[EndpointSlice, ...], tuple[EndpointSlice, ...]]]:
    def ask() -> list[tuple[Endpoints, tuple[EndpointSlice, ...], tuple[EndpointSlice, ...]]]:
        cluster = evolve(case.cluster, services=(*case.cluster.services, _BY_HAND))
        objects = _objects(cluster)
        answers = case.variant(evolve(case.example, cluster=cluster)).ask("mirrored_slices", objects)
        return [
            (item, tuple(got), mirrored(cluster, item)) for item, got in zip(objects, answers, strict=True)
        ]

    return case.memo("endpoints.mirrored", ask)


def _question(item: Endpoints) -> str:
    metadata = item.metadata
    more = ", ".join(
        f"{key}={value}" for key, value in (*metadata.labels.items(), *metadata.annotations.items())
    )
    return (
        f"slices that mirror Endpoints {metadata.namespace}/{metadata.name}{f' with {more}' if more else ''}"
    )


@invariant(
    "endpoints.mirrored-or-not",
    kind=Kind.METAMORPHIC,
    requirements=("EP-041",),
    asks=("mirrored_slices",),
    classes=("mirrored", "not mirrored"),
)
def mirrored_or_not(case: Case) -> None:
    """What people write into an Endpoints object is mirrored for a Service without a selector, unless a
    label or an annotation says that it is not meant for that.
    """
    for item, got, expected in _asked(case):
        if not item.subsets:
            continue
        case.judged("mirrored" if expected else "not mirrored")
        if bool(got) != bool(expected):
            case.fail(
                "EP-041",
                question=_question(item),
                expected="slices" if expected else "none",
                got=f"{len(got)} slices",
                because=("EP-041",),
            )


Part = tuple[str, frozenset[EndpointPort]]


def _parts(slices: Iterable[EndpointSlice]) -> dict[Part, Counter[Any]]:
    """The endpoints of each family and port set, however many slices there are."""
    parts: dict[Part, Counter[Any]] = {}
    for piece in slices:
        ports = frozenset(
            evolve(port, name=port.name or "", protocol=port.protocol or "TCP") for port in piece.ports
        )
        found = parts.setdefault((piece.address_type, ports), Counter())
        for endpoint in piece.endpoints:
            found[evolve(endpoint, addresses=canonical(endpoint.addresses))] += 1
    # A slice without endpoints says nothing.
    return {part: found for part, found in parts.items() if found}


@invariant(
    "endpoints.mirrored-slices",
    kind=Kind.METAMORPHIC,
    requirements=("EP-042",),
    asks=("mirrored_slices",),
    classes=("ready", "labels"),
)
def mirrored_slices(case: Case) -> None:
    """A mirrored endpoint is ready or not and nothing more is said of it; there are slices of their own for
    each family and port set, with the labels and annotations of the Endpoints object, which owns them.
    """
    for item, got, expected in _asked(case):
        if not got or not expected:
            continue
        case.judged(*_classes(item, expected))
        wanted, found = _parts(expected), _parts(got)
        if wanted != found:
            case.fail(
                "EP-042",
                question=_question(item),
                expected=_text(wanted),
                got=_text(found),
                because=("EP-042",),
            )
        for piece in got:
            for what, have, want in _said(piece, expected[0]):
                if have != want:
                    case.fail(
                        "EP-042",
                        question=f"{what} of the {_question(item)}",
                        expected=want,
                        got=have,
                        because=("EP-042",),
                    )


def _said(piece: EndpointSlice, expected: EndpointSlice) -> Iterator[tuple[str, Any, Any]]:
    yield "labels", dict(piece.metadata.labels), dict(expected.metadata.labels)
    yield "annotations", dict(piece.metadata.annotations), dict(expected.metadata.annotations)
    owners, wanted = (
        [(owner.kind, owner.name, owner.controller) for owner in each.metadata.owner_references]
        for each in (piece, expected)
    )
    yield "owner", owners, wanted


def _classes(item: Endpoints, expected: tuple[EndpointSlice, ...]) -> Iterator[str]:
    if any(subset.addresses for subset in item.subsets):
        yield "ready"
    if any(subset.not_ready_addresses for subset in item.subsets):
        yield "not ready"
    if len(expected) > 1:
        yield "several slices"
    if item.metadata.labels:
        yield "labels"


def _text(parts: dict[Part, Counter[Any]]) -> str:
    shown = []
    for (family, ports), endpoints in parts.items():
        numbers = sorted(f"{port.name} {port.port}/{port.protocol}" for port in ports)
        shown.append(f"{family} {', '.join(numbers) or 'no ports'}: {sorted(map(str, endpoints.elements()))}")
    return "; ".join(sorted(shown)) or "no endpoints"
