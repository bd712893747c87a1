# SPDX-License-Identifier: Apache-2.0
"""Which EndpointSlices the API server refuses to store.

Source: kubernetes `pkg/apis/discovery/validation/validation.go` and the generated
`pkg/apis/discovery/v1/zz_generated.validations.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reference.objects import Endpoint, EndpointHints, EndpointPort, EndpointSlice
from reference.ports.admission import PROTOCOLS
from reference.ports.endpoint_addresses import ADDRESS_TYPES, slice_address_violations
from reference.ports.metadata import is_key, label_violations, subdomain_violations
from reference.ports.rejections import Standing, Violation, beside
from reference.questions import Cause
from reference.syntax import is_dns1123_label, is_dns1123_subdomain, is_label_value

MOST_ENDPOINTS = 1000
MOST_ADDRESSES = 100
MOST_HINTS = 8
MOST_PORTS = 20000


def slice_violations(piece: EndpointSlice, old: EndpointSlice | None) -> tuple[Violation, ...]:
    """The rules that a slice breaks; `old` is what is stored under its name.

    Endpoints that an update leaves as they are may keep to older rules (VAL-074).
    """
    endpoints = _endpoints_violations(piece.endpoints, piece.address_type)
    unchanged = old is not None and old.endpoints == piece.endpoints
    return (
        *subdomain_violations(piece.metadata),
        *label_violations(piece.metadata),
        *_address_type_violations(piece.address_type, old.address_type if old else piece.address_type),
        *_ports_violations(piece.ports),
        *(beside(endpoints) if unchanged else endpoints),
    )


def _address_type_violations(kind: str, before: str) -> Iterator[Violation]:
    """One of three words, which does not change (VAL-075, SLICE-019)."""
    path = "addressType"
    changed = (Cause(path, "Invalid"),) if kind != before else ()
    reason = "NotSupported" if kind else "Required"
    if kind not in ADDRESS_TYPES:
        yield Violation(path, reason, "VAL-075", instead=changed)
    if kind != before:
        known = () if kind in ADDRESS_TYPES else (Cause(path, reason),)
        yield Violation(path, "Invalid", "SLICE-019", instead=known)


def _ports_violations(ports: Sequence[EndpointPort]) -> Iterator[Violation]:
    """A name that is left out is "", which may stand once, and a protocol that is left out is TCP.

    SLICE-002, VAL-078.
    """
    if len(ports) > MOST_PORTS:
        yield Violation("ports", "TooMany", "SLICE-002")
        return
    names: set[str] = set()
    for index, port in enumerate(ports):
        name, path = port.name or "", f"ports[{index}]"
        if name and not is_dns1123_label(name):
            yield Violation(f"{path}.name", "Invalid", "VAL-078")
        if name in names:
            yield Violation(f"{path}.name", "Duplicate", "VAL-078")
        names.add(name)
        if port.protocol is not None and port.protocol not in PROTOCOLS:
            yield Violation(f"{path}.protocol", "NotSupported", "VAL-078")
        if port.app_protocol is not None and not is_key(port.app_protocol):
            yield Violation(f"{path}.appProtocol", "Invalid", "VAL-078")


def _endpoints_violations(endpoints: Sequence[Endpoint], kind: str) -> tuple[Violation, ...]:
    """At most so many endpoints, and each on its own (VAL-076)."""
    each = (
        violation
        for index, endpoint in enumerate(endpoints)
        for violation in _endpoint_violations(f"endpoints[{index}]", endpoint, kind)
    )
    if len(endpoints) > MOST_ENDPOINTS:
        return (Violation("endpoints", "TooMany", "VAL-076"), *beside(each))
    return tuple(each)


def _endpoint_violations(path: str, endpoint: Endpoint, kind: str) -> Iterator[Violation]:
    """Addresses, node, hostname and hints of an endpoint (VAL-076, VAL-077, VAL-081)."""
    addresses = f"{path}.addresses"
    if not endpoint.addresses:
        yield Violation(addresses, "Required", "VAL-076")
    if len(endpoint.addresses) > MOST_ADDRESSES:
        yield Violation(addresses, "TooMany", "VAL-076")
    for index, text in enumerate(endpoint.addresses):
        yield from slice_address_violations(kind, text, addresses, index)
    if endpoint.node_name is not None and not is_dns1123_subdomain(endpoint.node_name):
        yield Violation(f"{path}.nodeName", "Invalid", "VAL-081")
    if endpoint.hostname is not None and not is_dns1123_label(endpoint.hostname):
        yield Violation(f"{path}.hostname", "Invalid", "VAL-081")
    if endpoint.hints is not None:
        yield from _hints_violations(f"{path}.hints", endpoint.hints)


def _hints_violations(path: str, hints: EndpointHints) -> tuple[Violation, ...]:
    """Zones, and nodes, which only newer servers know (VAL-076, SLICE-002)."""
    zones, nodes = ([hint.name for hint in some] for some in (hints.for_zones, hints.for_nodes))
    of_zones = _names_violations(f"{path}.forZones", zones, is_label_value, Standing.ALWAYS)
    of_nodes = _names_violations(f"{path}.forNodes", nodes, is_dns1123_subdomain, Standing.NEWER)
    return (*of_zones, *(beside(of_nodes) if len(zones) > MOST_HINTS else of_nodes))


def _names_violations(
    path: str, names: Sequence[str], is_name: Callable[[str], bool], standing: Standing
) -> tuple[Violation, ...]:
    """At most so many hints, each of them once."""
    found = []
    for index, name in enumerate(names):
        if name in names[:index]:
            found.append(Violation(f"{path}[{index}].name", "Duplicate", "VAL-076", standing))
        if not is_name(name):
            found.append(Violation(f"{path}[{index}].name", "Invalid", "VAL-076", standing))
    if len(names) > MOST_HINTS:
        return (Violation(path, "TooMany", "VAL-076", standing), *beside(found))
    return tuple(found)
