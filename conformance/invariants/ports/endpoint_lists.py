# SPDX-License-Identifier: Apache-2.0
"""Requests about EndpointSlices and legacy Endpoints that keep to the rules just so, or break them.

Each list is about one topic: an edited object is to be created, and is an update of the
plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from attrs import evolve

from conformance.invariants.ports.endpoint_edits import (
    ADDRESS_FIELDS,
    ADDRESS_TYPES,
    ADDRESSES,
    ENDPOINT_FIELDS,
    LENIENT,
    LIMITS,
    METADATA,
    NODE_HINTS,
    NOT_CANONICAL,
    ORDINARY,
    SLICE_PORTS,
    SUBSET_ADDRESSES,
    SUBSETS,
    Edit,
    Item,
    edit,
    plain_endpoints,
    plain_slice,
    texts_of,
)
from reference.frozenmap import FrozenMap
from reference.objects import EndpointPort
from reference.questions import EndpointsRequest

Requests = tuple[EndpointsRequest, ...]

_PLAIN: dict[str, Item] = {"slice": plain_slice(), "endpoints": plain_endpoints()}


def _requests(kind: str, edits: tuple[Edit, ...]) -> Iterator[EndpointsRequest]:
    """Each edited object, to be created and as an update of the plain one."""
    before = _PLAIN[kind]
    for one in edits:
        after = one.of(before)
        yield EndpointsRequest(after)
        if after.metadata.name == before.metadata.name:
            yield EndpointsRequest(after, before)


@lru_cache(maxsize=1)
def metadata() -> Requests:
    """Names, labels and annotations."""
    return (*_requests("slice", METADATA), *_requests("endpoints", METADATA))


@lru_cache(maxsize=1)
def address_types() -> Requests:
    """Every type of addresses, and every change of it."""
    made = []
    for kind in ADDRESS_TYPES:
        after = evolve(plain_slice(kind if kind in ADDRESSES else "IPv4"), address_type=kind)
        made += [EndpointsRequest(after), EndpointsRequest(evolve(after, endpoints=()))]
        for before in map(plain_slice, ADDRESSES):
            made.append(EndpointsRequest(after, before))
            made.append(EndpointsRequest(evolve(before, address_type=kind, endpoints=()), before))
    return tuple(made)


@lru_cache(maxsize=1)
def limits() -> Requests:
    """So many endpoints, addresses and hints as there may be, and one more."""
    return tuple(_requests("slice", LIMITS))


@lru_cache(maxsize=1)
def most_ports() -> Requests:
    """More ports than any server takes."""
    ports = tuple(EndpointPort(f"p{number}") for number in range(20001))
    return (EndpointsRequest(evolve(plain_slice(), ports=ports)),)


@lru_cache(maxsize=1)
def node_hints() -> Requests:
    """Hints for nodes."""
    return tuple(_requests("slice", NODE_HINTS))


@lru_cache(maxsize=1)
def addresses() -> Requests:
    """Addresses of each type, the last of an endpoint, and those of legacy Endpoints."""
    made = []
    for kind, (first, _) in ADDRESSES.items():
        before = plain_slice(kind)
        for texts in [(first, text) for text in texts_of(kind)]:
            after = edit("endpoint", addresses=texts).of(before)
            made += [EndpointsRequest(after), EndpointsRequest(after, before)]
    return (*made, *_requests("endpoints", SUBSET_ADDRESSES))


@lru_cache(maxsize=1)
def lenient_addresses() -> Requests:
    """Addresses in forms that only lenient servers take."""
    edits = (edit("endpoint", addresses=("10.1.2.9", text)) for text in LENIENT)
    legacy = (edit(part, ip=text) for part in ("address", "not ready") for text in LENIENT)
    return (*_requests("slice", tuple(edits)), *_requests("endpoints", tuple(legacy)))


@lru_cache(maxsize=1)
def uncanonical_addresses() -> Requests:
    """Addresses of IPv6 in other forms than the canonical one."""
    before = plain_slice("IPv6")
    made = []
    for text in (*NOT_CANONICAL, *ORDINARY["IPv6"]):
        after = edit("endpoint", addresses=("2001:db8::9", text)).of(before)
        made += [EndpointsRequest(after), EndpointsRequest(after, before)]
    return tuple(made)


@lru_cache(maxsize=1)
def kept_endpoints() -> Requests:
    """Updates that leave endpoints as they are, with addresses as only older servers take them."""
    made = []
    labels = edit("metadata", labels=FrozenMap({"team": "a"}))
    for kind, texts in (("IPv4", LENIENT), ("IPv6", NOT_CANONICAL)):
        for text in texts:
            before = edit("endpoint", addresses=(text,)).of(plain_slice(kind))
            changes = (labels, edit("object", ports=()), edit("port", port=9090), edit("port", name="Dns"))
            made += [EndpointsRequest(change.of(before), before) for change in changes]
    for text, part in product(LENIENT, ("address", "not ready")):
        item = edit(part, ip=text).of(plain_endpoints())
        wrong = edit("metadata", labels=FrozenMap({"-": "a"}))
        made += [EndpointsRequest(change.of(item), item) for change in (labels, wrong)]
    return tuple(made)


@lru_cache(maxsize=1)
def slice_ports() -> Requests:
    """Ports of slices."""
    return tuple(_requests("slice", SLICE_PORTS))


@lru_cache(maxsize=1)
def endpoint_fields() -> Requests:
    """Hostnames and nodes."""
    return (*_requests("slice", ENDPOINT_FIELDS), *_requests("endpoints", ADDRESS_FIELDS))


@lru_cache(maxsize=1)
def subsets() -> Requests:
    """Subsets of legacy Endpoints and their ports."""
    return tuple(_requests("endpoints", SUBSETS))


@lru_cache(maxsize=1)
def several() -> Requests:
    """Objects with two edits, of different parts or different fields of one."""
    made = []
    for kind, groups in (
        ("slice", (METADATA, LIMITS, SLICE_PORTS, ENDPOINT_FIELDS)),
        ("endpoints", (METADATA, ADDRESS_FIELDS, SUBSETS, SUBSET_ADDRESSES)),
    ):
        before = _PLAIN[kind]
        for one, other in product(groups, repeat=2):
            pairs = [(a, b) for a, b in product(one, other) if _differ(a, b)]
            made += [EndpointsRequest(b.of(a.of(before))) for a, b in pairs[:: max(1, len(pairs) // 25)]]
    return tuple(made)


@lru_cache(maxsize=1)
def every() -> Requests:
    """All of them, but for the very large ones."""
    single = (
        metadata(),
        address_types(),
        limits()[8:],
        addresses(),
        slice_ports(),
        endpoint_fields(),
        subsets(),
    )
    return (*(request for some in single for request in some), *several())


def _differ(one: Edit, other: Edit) -> bool:
    return one.part != other.part or not one.fields.keys() & other.fields.keys()
