# SPDX-License-Identifier: Apache-2.0
"""API servers that take EndpointSlices and legacy Endpoints that they may not, or refuse others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from attrs import evolve

from conformance.faults.base import Fault, Faulty, register, replaced, replaces, says
from reference.objects import Cluster, EndpointPort, Endpoints, EndpointSlice, EndpointSubset, ObjectMeta
from reference.ports import (
    addresses,
    endpoint_addresses,
    endpoint_requests,
    endpoint_slices,
    endpoint_subsets,
)
from reference.ports.addresses import Address, parse_legacy_ip
from reference.ports.rejections import INVALID, Violation
from reference.questions import ApiResponse, Cause, EndpointsRequest
from reference.syntax import is_dns1123_label

_slice_violations = endpoint_slices.slice_violations
_subset_violations = endpoint_subsets.subset_violations
_subset = endpoint_subsets._violations
_ports = endpoint_slices._ports_violations
_is_special = addresses.is_special

Item = EndpointSlice | Endpoints
Found = tuple[Violation, ...]
Change = Callable[[Item, Item | None, Found], Found]


def _plant(name: str, sentence: str, breaks: Sequence[str], change: Change) -> None:
    """A server whose objections to an object are changed: `(object, old, found) -> objections`."""

    class Changed(Faulty):
        def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
            with ExitStack() as stack:
                for check in (_slice_violations, _subset_violations):
                    stack.enter_context(replaced(endpoint_requests, check.__name__, _changed(check)))
                return super().answer(operation, questions)

    def _changed(check: Callable[[Any, Any], Found]) -> Callable[[Any, Any], Found]:
        return lambda item, old: change(item, old, check(item, old))

    register(Fault(f"ports.{name}", sentence, tuple(breaks), Changed))


def objects(*breaks: str) -> Callable[[Change], Change]:
    """A fault that changes what is objected to in an object."""

    def declare(change: Change) -> Change:
        sentence = " ".join((change.__doc__ or "").split())
        _plant(change.__name__.replace("_", "-"), sentence, breaks, change)
        return change

    return declare


def _without(rule: str) -> Change:
    return lambda _, __, found: tuple(each for each in found if each.rule != rule)


_FORGOTTEN = {
    "VAL-075": "an EndpointSlice may have any type of addresses",
    "VAL-076": "endpoints, addresses and hints have no limits",
    "VAL-077": "the address of an endpoint may be any text",
    "VAL-078": "a slice's ports may be anything",
    "VAL-079": "subsets may be anything",
    "VAL-080": "a slice may have any name",
    "VAL-081": "hostnames and nodes may be any text",
    "SLICE-002": "there may be any number of ports",
    "SLICE-019": "the type of addresses may change",
}
for _rule, _what in _FORGOTTEN.items():
    _plant(f"{_rule}-unknown", f"{_what[0].upper()}{_what[1:]}.", (_rule,), _without(_rule))


def _limit(name: str, value: int, sentence: str, *breaks: str) -> None:
    """A server with another limit."""

    class Limited(Faulty):
        def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
            with replaced(endpoint_slices, name, value):
                return super().answer(operation, questions)

    word = name.lower().replace("_", "-")
    register(Fault(f"ports.{word}-{value}", sentence, breaks, Limited))


_limit("MOST_ENDPOINTS", 999, "A slice has fewer than a thousand endpoints.", "VAL-076")
_limit("MOST_ENDPOINTS", 1001, "A slice may have a thousand and one endpoints.", "VAL-076", "SLICE-002")
_limit("MOST_ADDRESSES", 99, "An endpoint has fewer than a hundred addresses.", "VAL-076")
_limit("MOST_ADDRESSES", 101, "An endpoint may have a hundred and one addresses.", "VAL-076")
_limit("MOST_HINTS", 7, "An endpoint has fewer than eight hints.", "VAL-076")
_limit("MOST_HINTS", 9, "An endpoint may have nine hints.", "VAL-076", "SLICE-002")
_limit("MOST_PORTS", 20001, "A slice may have twenty thousand and one ports.", "SLICE-002")
_limit("MOST_PORTS", 99, "A slice has fewer than a hundred ports.", "SLICE-002")


def _of_field(found: Found, *words: str) -> Iterator[Violation]:
    """The objections to none of these fields."""
    for each in found:
        if not any(word in each.field for word in words):
            yield each


@objects("VAL-076")
def node_hints_not_looked_at(_: Item, __: Item | None, found: Found) -> Found:
    """Hints for nodes are stored whatever they are."""
    return tuple(_of_field(found, "forNodes"))


@objects("VAL-076")
def hints_may_repeat(_: Item, __: Item | None, found: Found) -> Found:
    """An endpoint may have the same hint twice."""
    return tuple(each for each in found if each.reason != "Duplicate" or each.rule != "VAL-076")


@objects("VAL-076")
def endpoints_without_addresses(_: Item, __: Item | None, found: Found) -> Found:
    """An endpoint needs no address."""
    return tuple(each for each in found if each.reason != "Required" or each.rule != "VAL-076")


@objects("VAL-077", "VAL-079", "SLICE-019")
def updates_are_not_validated(_: Item, old: Item | None, found: Found) -> Found:
    """What is updated is not looked at."""
    return () if old is not None else found


@objects("SLICE-019")
def fqdn_refused(item: Item, _: Item | None, found: Found) -> Found:
    """FQDN is no type of addresses any more."""
    if isinstance(item, EndpointSlice) and item.address_type == "FQDN":
        return (*found, Violation("addressType", "NotSupported", ""))
    return found


@objects("VAL-078")
def unnamed_ports_may_repeat(item: Item, _: Item | None, found: Found) -> Found:
    """Ports without a name do not count as ports of one name."""

    def is_unnamed(violation: Violation) -> bool:
        if violation.reason != "Duplicate" or not violation.field.startswith("ports["):
            return False
        index = int(violation.field[len("ports[") : violation.field.index("]")])
        return isinstance(item, EndpointSlice) and not item.ports[index].name

    return tuple(each for each in found if not is_unnamed(each))


@replaces(endpoint_slices, "_ports_violations", "VAL-078")
def empty_protocol_is_tcp(ports: tuple[EndpointPort, ...]) -> Iterator[Violation]:
    """A slice's port with an empty protocol is one of TCP."""
    return _ports(tuple(evolve(port, protocol=port.protocol or "TCP") for port in ports))


@replaces(endpoint_slices, "_ports_violations", "VAL-078")
def protocol_is_needed(ports: tuple[EndpointPort, ...]) -> Iterator[Violation]:
    """A slice's port needs a protocol."""
    yield from _ports(ports)
    for index, port in enumerate(ports):
        if port.protocol is None:
            yield Violation(f"ports[{index}].protocol", "Required", "")


@replaces(endpoint_slices, "is_key", "VAL-078")
def any_application_protocol(_: str) -> bool:
    """Any text may be the application protocol of a slice's port."""
    return True


@replaces(endpoint_addresses, "is_special", "VAL-077")
def loopback_endpoints(address: Address) -> bool:
    """An endpoint may have a loopback address."""
    one = parse_legacy_ip("127.0.0.1")
    loopback = one is not None and address.family == one.family and address.value >> 24 == one.value >> 24
    return _is_special(address) and not loopback


@replaces(endpoint_addresses, "is_special", "VAL-077")
def multicast_endpoints(address: Address) -> bool:
    """An endpoint may have a link-local multicast address."""
    multicast = address.value >> (24 if address.family == "IPv4" else 112) in (224, 0xFF02, 0xFF12)
    return _is_special(address) and not multicast


@replaces(endpoint_addresses, "is_special", "VAL-077")
def private_endpoints_refused(address: Address) -> bool:
    """An endpoint may not have a private address."""
    return _is_special(address) or (address.family == "IPv4" and address.value >> 16 == (192 << 8) + 168)


@replaces(endpoint_addresses, "_ip_violations", "VAL-077")
def any_family(kind: str, text: str, path: str, entry: str) -> Iterator[Violation]:
    """A slice may hold addresses of either family."""
    return endpoint_addresses.legacy_address_violations(text, entry)


@replaces(endpoint_addresses, "parse_ip", "VAL-077")
def leading_zeros_in_endpoints(text: str) -> Address | None:
    """Addresses of endpoints may have leading zeros or be IPv4 written as IPv6."""
    return parse_legacy_ip(text)


@replaces(endpoint_addresses, "format_ip", "VAL-077")
def capitals_in_endpoints(family: str, value: int) -> str:
    """Addresses of IPv6 are kept in capital letters."""
    return "capitals"


@replaces(endpoint_addresses, "is_dns1123_subdomain", "VAL-077")
def capitals_in_names(text: str) -> bool:
    """Names of endpoints may have capital letters and any other."""
    return bool(text)


@replaces(endpoint_addresses, "is_dns1123_label", "VAL-077")
def labels_of_any_length(text: str) -> bool:
    """A label of an endpoint's name may have more than 63 characters."""
    return True


@objects("VAL-079")
def ports_of_endpoints_need_no_names(_: Item, __: Item | None, found: Found) -> Found:
    """Of several ports of a subset one may go without a name."""
    return tuple(each for each in found if each.reason != "Required" or ".ports[" not in each.field)


@objects("VAL-079")
def subsets_without_addresses(_: Item, __: Item | None, found: Found) -> Found:
    """A subset needs no address."""
    return tuple(each for each in found if each.reason != "Required" or not each.field.endswith("]"))


@replaces(endpoint_subsets, "is_port_number", "VAL-079")
def port_zero_of_endpoints(number: int) -> bool:
    """A subset's port may have the number 0."""
    return 0 <= number <= 65535


@replaces(endpoint_subsets, "is_port_number", "VAL-079")
def ports_of_endpoints_end_early(number: int) -> bool:
    """A subset's ports end at 65534."""
    return 1 <= number <= 65534


@replaces(endpoint_subsets, "_violations", "VAL-079")
def ready_address_needed(path: str, subset: EndpointSubset) -> Iterator[Violation]:
    """A subset needs a ready address."""
    yield from _subset(path, subset)
    if subset.not_ready_addresses and not subset.addresses:
        yield Violation(path, "Required", "")


@replaces(endpoint_subsets, "_violations", "VAL-079")
def protocol_of_endpoints_needed(path: str, subset: EndpointSubset) -> Iterator[Violation]:
    """A subset's port needs a protocol."""
    yield from _subset(path, subset)
    for index, port in enumerate(subset.ports):
        if not port.protocol:
            yield Violation(f"{path}.ports[{index}].protocol", "Required", "")


@replaces(endpoint_slices, "subdomain_violations", "VAL-080")
def slices_are_named_by_labels(metadata: ObjectMeta) -> Iterator[Violation]:
    """The name of a slice is a single label."""
    if not is_dns1123_label(metadata.name):
        yield Violation("metadata.name", "Invalid", "VAL-080")


@replaces(endpoint_slices, "label_violations", "VAL-005")
def labels_of_slices_not_looked_at(_: ObjectMeta) -> Iterator[Violation]:
    """A slice may have any labels and annotations."""
    return iter(())


@replaces(endpoint_slices, "is_dns1123_label", "VAL-081", "VAL-078")
def dots_in_hostnames(text: str) -> bool:
    """The hostname of an endpoint and the name of a port may have dots."""
    return is_dns1123_label(text.replace(".", "-"))


@replaces(endpoint_subsets, "is_dns1123_subdomain", "VAL-081")
def nodes_are_labels(text: str) -> bool:
    """The node of an address is named by a single label."""
    return is_dns1123_label(text)


def _causes(response: ApiResponse, change: Callable[[Cause], Cause]) -> ApiResponse:
    return evolve(response, causes=tuple(dict.fromkeys(map(change, response.causes))))


@says("VAL-076", "VAL-077", "VAL-081", of=("admit_endpoints",))
def endpoints_without_their_index(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """A refusal does not say which endpoint is wrong."""
    return _causes(
        response,
        lambda cause: Cause("endpoints", cause.reason) if cause.field.startswith("endpoints") else cause,
    )


@says("VAL-078", "VAL-079", of=("admit_endpoints",))
def always_invalid(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """Every field that is wrong is said to be invalid."""
    return _causes(response, lambda cause: Cause(cause.field, "Invalid"))


@says("VAL-075", "SLICE-019", of=("admit_endpoints",))
def nothing_said_of_the_address_type(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """A refusal never names the type of addresses."""
    causes = tuple(cause for cause in response.causes if cause.field != "addressType")
    return evolve(response, causes=causes)


@says("VAL-005", "VAL-080", of=("admit_endpoints",))
def no_causes_for_endpoints(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """A refusal does not say why."""
    return evolve(response, causes=())


@says("VAL-081", of=("admit_endpoints",))
def first_cause_of_endpoints_only(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """Only the first thing that is wrong is said."""
    return evolve(response, causes=response.causes[:1])


@says("VAL-075", of=("admit_endpoints",))
def refused_as_a_bad_request(_: Cluster, __: EndpointsRequest, response: ApiResponse) -> ApiResponse:
    """What is invalid is answered as a request that cannot be read."""
    return evolve(response, code=400) if response.code == INVALID else response
