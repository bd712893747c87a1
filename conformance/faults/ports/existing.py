# SPDX-License-Identifier: Apache-2.0
"""API servers that treat what is there from the start wrongly, or take addresses as older servers do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from attrs import evolve

from conformance.faults.base import Fault, Faulty, register, replaced, replaces
from reference.objects import Endpoints, EndpointSlice, Service, ServiceStatus
from reference.ports import (
    addresses,
    admission,
    allocation,
    endpoint_requests,
    endpoint_slices,
    endpoint_subsets,
    families,
    server,
    status,
    transitions,
)
from reference.ports.addresses import IPV4, Address, Prefix, parse_legacy_ip
from reference.ports.changes import with_spec
from reference.ports.pools import Allocations
from reference.ports.rejections import Violation

_external_ip_violations = admission._external_ip_violations
_source_range_violations = admission._source_range_violations
_annotation_violations = admission._source_range_annotation_violations
_family_violations = families.family_violations
_with_families = families.with_families
_status_violations = status.status_violations
_slice_violations = endpoint_slices.slice_violations
_subset_violations = endpoint_subsets.subset_violations
_held = allocation.held
_cluster_ips_of = allocation.cluster_ips_of
_spec_violations = admission.spec_violations


# -- what was stored is looked at again --------------------------------------------------


@replaces(admission, "_external_ip_violations", "VAL-074")
def external_ips_looked_at_again(ips: tuple[str, ...], known: Collection[str]) -> Iterator[Violation]:
    """An external IP that is written as older servers took it keeps a Service from being changed."""
    return _external_ip_violations(ips, ())


@replaces(admission, "_source_range_violations", "VAL-074")
def source_ranges_looked_at_again(service: Service, old: Service | None) -> Iterator[Violation]:
    """A source range that is written as older servers took it keeps a Service from being changed."""
    return _source_range_violations(service, None)


@replaces(admission, "_source_range_annotation_violations", "VAL-074")
def annotations_looked_at_again(service: Service, old: Service | None) -> Iterator[Violation]:
    """Source ranges in the annotation are looked at in every update."""
    return _annotation_violations(service, None)


@replaces(families, "family_violations", "VAL-074")
def cluster_ips_looked_at_again(service: Service, *, old: Service | None) -> tuple[Violation, ...]:
    """A cluster IP that is written as older servers took it keeps a Service from being changed."""
    return _family_violations(service, old=None)


@replaces(server, "status_violations", "VAL-074")
def published_addresses_looked_at_again(service: Service, old: Service) -> tuple[Violation, ...]:
    """A published address that is written as older servers took it has to be written anew."""
    return _status_violations(service, evolve(old, status=ServiceStatus()))


@replaces(endpoint_requests, "slice_violations", "VAL-074")
def slices_looked_at_again(piece: EndpointSlice, old: EndpointSlice | None) -> tuple[Violation, ...]:
    """An update of a slice looks at endpoints that stay."""
    return _slice_violations(piece, old and evolve(old, endpoints=()))


@replaces(endpoint_requests, "subset_violations", "VAL-074")
def subsets_looked_at_again(item: Endpoints, old: Endpoints | None) -> tuple[Violation, ...]:
    """An update of an Endpoints object looks at subsets that stay."""
    return _subset_violations(item, None)


# -- or not looked at enough -------------------------------------------------------------


@replaces(endpoint_requests, "slice_violations", "VAL-078")
def ports_of_unchanged_slices_not_looked_at(
    piece: EndpointSlice, old: EndpointSlice | None
) -> tuple[Violation, ...]:
    """Where the endpoints stay, nothing of a slice is looked at."""
    return () if old and old.endpoints == piece.endpoints else _slice_violations(piece, old)


@replaces(endpoint_requests, "subset_violations", "VAL-005")
def labels_of_unchanged_endpoints_not_looked_at(
    item: Endpoints, old: Endpoints | None
) -> tuple[Violation, ...]:
    """Where the subsets stay, nothing of an Endpoints object is looked at."""
    return () if old and old.subsets == item.subsets else _subset_violations(item, old)


@replaces(transitions, "spec_violations", "VAL-074")
def addresses_of_other_fields_are_known(service: Service, *, old: Service | None) -> Iterator[Violation]:
    """An address that a Service has in one field may be written as it is into any other."""
    if old is not None:
        spec = old.spec
        ingress = (entry.ip for entry in old.status.load_balancer.ingress)
        old = with_spec(old, external_ips=(*spec.external_ips, *spec.cluster_ips, *ingress))
    return _spec_violations(service, old=old)


# -- what is held --------------------------------------------------------------------------


@replaces(server, "held", "ALLOC-029")
def no_cluster_ips_held_at_the_start(services: Iterable[Service], state: Allocations) -> Allocations:
    """The cluster IPs that Services have from the start are given to others."""
    return evolve(_held(services, state), cluster_ips=state.cluster_ips)


@replaces(server, "held", "ALLOC-009")
def no_node_ports_held_at_the_start(services: Iterable[Service], state: Allocations) -> Allocations:
    """The node ports that Services have from the start are given to others."""
    return evolve(_held(services, state), node_ports=state.node_ports)


@replaces(allocation, "cluster_ips_of", "ALLOC-029")
def unusual_cluster_ips_not_held(service: Service) -> frozenset[Address]:
    """A cluster IP that is written as older servers took it is given to others."""
    strict = tuple(text for text in service.spec.cluster_ips if addresses.parse_ip(text) is not None)
    return _cluster_ips_of(with_spec(service, cluster_ips=strict))


# -- other stacks ----------------------------------------------------------------------------


@replaces(families, "keeps_families", "ALLOC-044")
def second_family_added_by_any_update(old: Service, new: Service) -> bool:
    """A Service that prefers two families gets the second with any update, once the cluster has it."""
    return False


@replaces(server, "with_families", "ALLOC-044")
def second_family_taken_by_any_update(
    service: Service, state: Allocations, *, old: Service | None
) -> Service:
    """A Service that prefers two families loses one with any update, once the cluster has it no more."""
    made = _with_families(service, state, old=old)
    kept = tuple(family for family in made.spec.ip_families if family in state.families)
    return with_spec(made, ip_families=kept)


# -- addresses as older servers take them ------------------------------------------------------


def _parse_lenient_cidr(text: str) -> Prefix | None:
    """A CIDR with leading zeros, host bits, or IPv4 written as IPv6 is one."""
    address, _, length = text.partition("/")
    known = parse_legacy_ip(address)
    if known is None or not length.isdigit():
        return None
    bits = (32 if known.family == IPV4 and ":" not in address else 128) - int(length)
    return Prefix(known.family, known.value, bits) if bits >= 0 else None


def _lenient(
    name: str, sentence: str, breaks: Sequence[str], targets: Sequence[tuple[ModuleType, str, Any]]
) -> None:
    class Lenient(Faulty):
        def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
            with ExitStack() as stack:
                for target, function, replacement in targets:
                    stack.enter_context(replaced(target, function, replacement))
                return super().answer(operation, questions)

    register(Fault(f"ports.{name}", sentence, tuple(breaks), Lenient))


def _without_syntax(service: Service, *, old: Service | None) -> tuple[Violation, ...]:
    """What is wrong with the addresses and families of a Service, however the addresses are written."""
    found = _family_violations(service, old=old)
    return tuple(
        each
        for each in found
        if each.rule != "VAL-039" or not any(map(parse_legacy_ip, service.spec.cluster_ips))
    )


_IP = "parse_ip"
_lenient(
    "lenient-cluster-ips",
    "Cluster IPs may have leading zeros or be IPv4 written as IPv6.",
    ["VAL-039"],
    [
        (families, "family_violations", _without_syntax),
        (admission, "family_violations", _without_syntax),
        (allocation, _IP, parse_legacy_ip),
    ],
)
_lenient(
    "lenient-external-ips",
    "External IPs may have leading zeros or be IPv4 written as IPv6.",
    ["VAL-049"],
    [(admission, _IP, parse_legacy_ip)],
)
_lenient(
    "lenient-published-addresses",
    "Published addresses may have leading zeros or be IPv4 written as IPv6.",
    ["VAL-071"],
    [(status, _IP, parse_legacy_ip)],
)
_lenient(
    "lenient-source-ranges",
    "Source ranges may have host bits or leading zeros or be IPv4 written as IPv6.",
    ["VAL-057", "VAL-058"],
    [(admission, "parse_cidr", _parse_lenient_cidr)],
)
