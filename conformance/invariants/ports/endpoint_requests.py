# SPDX-License-Identifier: Apache-2.0
"""Which EndpointSlices and legacy Endpoints objects are taken, and how a refusal is said.

The objects are made here (`endpoint_lists`) and are the same for every input but for
which of them get their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from attrs import frozen

from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports import endpoint_lists as lists
from conformance.invariants.ports.timeline import show_response
from conformance.invariants.ports.topics import show_causes
from conformance.invariants.ports.turns import turn_of_case
from conformance.questions import spread
from reference.ports.endpoint_requests import Admission, admission_of
from reference.ports.rejections import INVALID
from reference.ports.server import is_granted
from reference.questions import ApiResponse, EndpointsRequest

MOST_REQUESTS = 40
"""How many get their turn with one input."""
MOST_LARGE_REQUESTS = 16
"""The same of a list in which some are large."""

Pairs = Sequence[tuple[EndpointsRequest, Admission]]


@frozen(eq=False)
class Answered:
    """A request, its answer, and what may be answered."""

    request: EndpointsRequest
    response: ApiResponse
    admission: Admission

    @property
    def granted(self) -> bool:
        """Whether the object was taken."""
        return is_granted(self.response)

    @property
    def rule(self) -> str:
        """The requirement by which it is refused, if it is."""
        return next(iter(self.admission.rules), "")

    def __str__(self) -> str:
        item, verb = self.request.object, "update" if self.request.old else "create"
        metadata = item.metadata
        return f"{verb} {type(item).__name__} {metadata.namespace}/{metadata.name or metadata.generate_name}"


def answered(
    case: Case, name: str, requests: Callable[[], Sequence[EndpointsRequest]], *, most: int = MOST_REQUESTS
) -> Iterator[Answered]:
    """What is answered to `most` of the requests, which differ from input to input.

    `name` is that of the list; a reproducer of it has its requests judged instead.
    """
    given = case.example.list
    if given and given != name:
        return
    pairs: Pairs = (
        [(request, admission_of(request)) for request in case.example.endpoint_requests]
        if given
        else spread(_with_admission(requests), most=most, turn=turn_of_case(case))
    )
    if not pairs:
        return
    responses = case.ask_again("admit_endpoints", [request for request, _ in pairs])
    for (request, admission), response in zip(pairs, responses, strict=True):
        case.shows = Example(endpoint_requests=(request,), list=name)
        yield Answered(request, response, admission)
    case.shows = None


@lru_cache(maxsize=64)
def _with_admission(requests: Callable[[], Sequence[EndpointsRequest]]) -> Pairs:
    """A list with what may be answered, which is worked out once."""
    return [(request, admission_of(request)) for request in requests()]


def judge_admission(
    case: Case, each: Answered, row: str, *, also: tuple[str, ...] = (), newer: bool = False
) -> None:
    """It is granted or refused as it may be, with the code that says so.

    `row` is what a refusal without a reason breaks, `also` what is broken besides.  A
    `newer` server refuses what older ones take.
    """
    admission = each.admission
    may_be_granted = not admission.may_be_refused if newer else admission.may_be_granted
    may_be = may_be_granted if each.granted else admission.may_be_refused
    code = admission.code if each.granted else INVALID
    if may_be and each.response.code == code:
        return
    causes = show_causes(frozenset(admission.causes))
    case.fail(
        each.rule or row,
        question=str(each),
        expected=f"{admission.code}" if may_be_granted else f"{INVALID} ({causes})",
        got=show_response(each.response),
        because=(*(admission.rules or (row,)), *also),
    )


def judge_causes(case: Case, each: Answered) -> None:
    """A refusal that may be one names what is wrong."""
    admission = each.admission
    if each.granted or not admission.may_be_refused:
        return
    if not admission.are_causes(frozenset(each.response.causes)):
        case.fail(
            each.rule,
            question=f"causes of refusing to {each}",
            expected=show_causes(frozenset(admission.causes)),
            got=show_response(each.response),
            because=admission.rules,
        )


def _judge(
    case: Case,
    name: str,
    requests: Callable[[], Sequence[EndpointsRequest]],
    row: str,
    *,
    also: tuple[str, ...] = (),
    most: int = MOST_REQUESTS,
) -> None:
    """Judge the requests of a topic that have their turn, but for those on which servers may differ."""
    for each in answered(case, name, requests, most=most):
        if each.admission.may_be_granted is not each.admission.may_be_refused:
            case.judged("granted" if each.admission.may_be_granted else "refused")
            judge_admission(case, each, row, also=also)


def _judge_newer(case: Case, name: str, requests: Callable[[], Sequence[EndpointsRequest]], row: str) -> None:
    """Judge the requests of a topic as newer servers answer them, causes included."""
    for each in answered(case, name, requests):
        case.judged("refused" if each.admission.may_be_refused else "granted")
        judge_admission(case, each, row, newer=True)
        judge_causes(case, each)


@invariant(
    "ports.endpoints-metadata",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-005", "VAL-080"),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def endpoints_metadata(case: Case) -> None:
    """The name of an EndpointSlice or of an Endpoints object is a DNS subdomain, its labels and annotations
    have their syntax, and nothing else is refused for them.
    """
    _judge(case, "ports.endpoints-metadata", lists.metadata, "VAL-080")


@invariant(
    "ports.slice-address-types",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-075", "SLICE-019"),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def slice_address_types(case: Case) -> None:
    """The address type of an EndpointSlice is IPv4, IPv6 or FQDN and never changes."""
    _judge(case, "ports.slice-address-types", lists.address_types, "SLICE-019")


@invariant(
    "ports.slice-limits",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-076", "SLICE-002"),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def slice_limits(case: Case) -> None:
    """An EndpointSlice has at most 1000 endpoints, an endpoint 1 to 100 addresses and at most 8 hints for
    zones, which are labels and do not repeat.
    """
    most = MOST_LARGE_REQUESTS
    _judge(case, "ports.slice-limits", lists.limits, "VAL-076", also=("SLICE-002",), most=most)


@invariant(
    "ports.most-slice-ports",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-002",),
    asks=("admit_endpoints",),
    classes=("refused",),
)
def most_slice_ports(case: Case) -> None:
    """An EndpointSlice of more than 20000 ports is refused."""
    _judge(case, "ports.most-slice-ports", lists.most_ports, "SLICE-002")


@invariant(
    "ports.node-hints",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-076", "SLICE-002"),
    asks=("admit_endpoints",),
    features=("node-hints",),
    classes=("granted", "refused"),
)
def node_hints(case: Case) -> None:
    """An endpoint has at most 8 hints for nodes, which are DNS subdomains and do not repeat."""
    for each in answered(case, "ports.node-hints", lists.node_hints):
        case.judged("refused" if each.admission.may_be_refused else "granted")
        judge_admission(case, each, "VAL-076", also=("SLICE-002",), newer=True)
        judge_causes(case, each)


@invariant(
    "ports.endpoint-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-077",),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def endpoint_addresses(case: Case) -> None:
    """An address of an endpoint is of its slice's type, and none that is unspecified, loopback or
    link-local.
    """
    _judge(case, "ports.endpoint-addresses", lists.addresses, "VAL-077")


@invariant(
    "ports.lenient-endpoint-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-077",),
    asks=("admit_endpoints",),
    features=("strict-addresses",),
    classes=("refused",),
)
def lenient_endpoint_addresses(case: Case) -> None:
    """An address of an endpoint has no leading zeros and is not IPv4 written as IPv6."""
    _judge_newer(case, "ports.lenient-endpoint-addresses", lists.lenient_addresses, "VAL-077")


@invariant(
    "ports.canonical-endpoint-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-077",),
    asks=("admit_endpoints",),
    features=("canonical-endpoint-addresses",),
    classes=("granted", "refused"),
)
def canonical_endpoint_addresses(case: Case) -> None:
    """An IPv6 address of an EndpointSlice is in its canonical form."""
    _judge_newer(case, "ports.canonical-endpoint-addresses", lists.uncanonical_addresses, "VAL-077")


@invariant(
    "ports.slice-ports",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-078",),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def slice_ports(case: Case) -> None:
    """The names of a slice's ports are labels or empty and do not repeat; a protocol is TCP, which it is if
    left out, UDP or SCTP.
    """
    _judge(case, "ports.slice-ports", lists.slice_ports, "VAL-078")


@invariant(
    "ports.endpoint-hostnames-and-nodes",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-081",),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def endpoint_hostnames_and_nodes(case: Case) -> None:
    """The hostname of an endpoint is a label, and its node's name a DNS subdomain."""
    _judge(case, "ports.endpoint-hostnames-and-nodes", lists.endpoint_fields, "VAL-081")


@invariant(
    "ports.endpoints-subsets",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-079",),
    asks=("admit_endpoints",),
    classes=("granted", "refused"),
)
def endpoints_subsets(case: Case) -> None:
    """A subset of an Endpoints object has an address, its ports have numbers from 1 to 65535 and, where
    there are several, names.
    """
    _judge(case, "ports.endpoints-subsets", lists.subsets, "VAL-079")


@invariant(
    "ports.endpoints-causes",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-005", "VAL-075", "SLICE-019", *(f"VAL-0{number}" for number in range(76, 82))),
    asks=("admit_endpoints",),
    classes=("one reason", "several reasons"),
)
def endpoints_causes(case: Case) -> None:
    """The refusal of an EndpointSlice or of an Endpoints object names each field that is wrong and the
    reason.
    """
    for each in answered(case, "ports.endpoints-causes", lists.every, most=2 * MOST_REQUESTS):
        if not each.admission.may_be_granted:
            case.judged("several reasons" if len(each.admission.causes) > 1 else "one reason")
            judge_causes(case, each)
