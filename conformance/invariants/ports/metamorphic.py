# SPDX-License-Identifier: Apache-2.0
"""Related sessions: what is refused, renamed, reordered, repeated or taken back changes nothing."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.related import Pinned, ask, judge, pinned_sessions
from conformance.invariants.ports.timeline import show_request, show_response
from reference.objects import ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports.rejections import INTERNAL_ERROR
from reference.ports.server import is_granted
from reference.questions import ApiRequest, Verb

_LONGEST_NAME = 63
_NAMESPACES = {"default": "shop", "shop": "default"}


@invariant(
    "ports.a-refused-request-can-be-left-out",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-001", "ALLOC-002", "ALLOC-003"),
    asks=("admit",),
    classes=("left out",),
)
def refused_can_be_left_out(case: Case) -> None:
    """A session without one of its refused requests is answered in the same way."""
    for session, pinned in pinned_sessions(case):
        refused = _refused_one(pinned[:-1])
        if refused is not None:
            rest = [(item.request, item) for index, item in enumerate(pinned) if index != refused]
            row = _row_of_refusal(pinned[refused])
            judge(case, row, session, rest, related="without a refused request", classes=("left out",))


def _refused_one(pinned: list[Pinned]) -> int | None:
    """A refused update rather than a refused creation: there is more that it could leave behind."""
    refused = [index for index, item in enumerate(pinned) if not item.granted]
    updates = [index for index in refused if pinned[index].request.verb is Verb.UPDATE]
    return next(iter(updates or refused), None)


def _row_of_refusal(item: Pinned) -> str:
    """What keeps a refused request from leaving anything behind."""
    if item.request.verb is Verb.UPDATE:
        return "ALLOC-003"
    numbers = ("nodePort", "clusterIPs", "healthCheckNodePort")
    by_allocation = item.response.code == INTERNAL_ERROR or any(
        cause.field.endswith(numbers) for cause in item.response.causes
    )
    return "ALLOC-002" if by_allocation else "ALLOC-001"


@invariant(
    "ports.a-refused-request-takes-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-001",),
    asks=("admit",),
    classes=("put in",),
)
def refused_takes_nothing(case: Case) -> None:
    """A creation that is refused for another reason, put in front of one that asks for the same
    numbers, changes none of the answers.
    """
    for session, pinned in pinned_sessions(case):
        place = _first_with_numbers(pinned)
        if place is None:
            continue
        claim = _claiming(pinned[place].request.service, name="refused", affinity="None at all")
        judge(
            case,
            "ALLOC-001",
            session,
            _with_put_in(pinned, place, [ApiRequest(Verb.CREATE, claim)]),
            related="after a refused creation that asked for its numbers",
            classes=("put in",),
        )


@invariant(
    "ports.a-deleted-service-leaves-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-004",),
    asks=("admit",),
    classes=("put in",),
)
def deleted_leaves_nothing(case: Case) -> None:
    """A Service that is created and deleted again, in front of one that asks for the same numbers,
    changes none of the answers.
    """
    for session, pinned in pinned_sessions(case):
        place = _first_with_numbers(pinned)
        if place is None:
            continue
        claim = _claiming(pinned[place].request.service, name="short-lived", affinity="None")
        passing = [
            ApiRequest(Verb.CREATE, claim),
            ApiRequest(Verb.DELETE, Service(claim.metadata)),
        ]
        judge(
            case,
            "ALLOC-004",
            session,
            _with_put_in(pinned, place, passing),
            related="after a Service with its numbers came and went",
            classes=("put in",),
        )


def _first_with_numbers(pinned: list[Pinned]) -> int | None:
    """The first granted creation with a cluster IP of its own."""
    return next(
        (
            index
            for index, item in enumerate(pinned)
            if item.granted
            and item.request.verb is Verb.CREATE
            and item.request.service.spec.cluster_ip not in ("", "None")
        ),
        None,
    )


def _claiming(service: Service, *, name: str, affinity: str) -> Service:
    """A Service that asks for the same numbers under another name."""
    spec = service.spec
    numbers = dict.fromkeys(port.node_port for port in spec.ports if port.node_port)
    ports = tuple(
        ServicePort(8000 + index, f"port-{index}", node_port=number) for index, number in enumerate(numbers)
    )
    return Service(
        ObjectMeta(name=name, namespace="default"),
        ServiceSpec(
            type="NodePort" if ports else "ClusterIP",
            ports=ports or (ServicePort(8000),),
            cluster_ip=spec.cluster_ip,
            cluster_ips=spec.cluster_ips,
            session_affinity=affinity,
        ),
    )


def _with_put_in(
    pinned: list[Pinned], place: int, requests: list[ApiRequest]
) -> list[tuple[ApiRequest, Pinned | None]]:
    own: list[tuple[ApiRequest, Pinned | None]] = [(item.request, item) for item in pinned]
    return [*own[:place], *((request, None) for request in requests), *own[place:]]


@invariant(
    "ports.names-do-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-011",),
    asks=("admit",),
)
def names_do_not_matter(case: Case) -> None:
    """With all Services renamed and their namespaces swapped, every answer stays the same."""
    for session, pinned in pinned_sessions(case):
        renamed = [(_renamed(item.request), item) for item in pinned]
        judge(case, "ALLOC-011", session, renamed, related="with all names changed")


def _renamed(request: ApiRequest) -> ApiRequest:
    """Only names that are good in any case are changed."""
    metadata = request.service.metadata
    name, namespace = metadata.name, metadata.namespace
    good = name[:1].isalpha() and name.replace("-", "a").isalnum() and name.islower()
    if good and not name.endswith("-") and len(name) + 2 <= _LONGEST_NAME:
        name = f"x-{name}"
    metadata = evolve(metadata, name=name, namespace=_NAMESPACES.get(namespace, namespace))
    return ApiRequest(request.verb, evolve(request.service, metadata=metadata))


@invariant(
    "ports.order-of-creations-does-not-matter",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-009",),
    asks=("admit",),
)
def order_does_not_matter(case: Case) -> None:
    """Two creations that are granted one after the other, all their numbers explicit, are granted in
    the other order too, and nothing after them changes.
    """
    for session, everything in pinned_sessions(case):
        pinned = [item for item in everything if item.granted]
        place = next(
            (
                index
                for index, (one, other) in enumerate(pairwise(pinned))
                if _are_independent_creations(one, other)
            ),
            None,
        )
        if place is not None:
            order = [*pinned[:place], pinned[place + 1], pinned[place], *pinned[place + 2 :]]
            judge(
                case,
                "ALLOC-009",
                session,
                [(item.request, item) for item in order],
                related="without what was refused, and with two creations swapped",
            )


def _are_independent_creations(one: Pinned, other: Pinned) -> bool:
    return one.key != other.key and all(
        item.granted and item.request.verb is Verb.CREATE for item in (one, other)
    )


@invariant(
    "ports.sending-the-same-again-changes-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-033",),
    asks=("admit",),
    classes=("sent again",),
)
def sending_again_changes_nothing(case: Case) -> None:
    """An update with the very object that was created, its numbers left out or not, is granted and
    keeps all numbers.
    """
    for session, pinned in pinned_sessions(case):
        place = next((index for index, item in enumerate(pinned) if _can_be_sent_again(item)), None)
        if place is None:
            continue
        again = ApiRequest(Verb.UPDATE, pinned[place].sent.service)
        related, answers = ask(case, session, [*(item.request for item in pinned[: place + 1]), again])
        if len(answers) != place + 2:
            continue
        case.judged("sent again")
        created, updated = answers[place], answers[place + 1]
        wanted = _show_numbers(created.service)
        if not is_granted(updated) or _show_numbers(updated.service) != wanted:
            case.fail(
                "ALLOC-033",
                question=show_request(related, place + 1),
                expected=f"granted, with the numbers of its creation: {wanted}",
                got=_show_numbers(updated.service) or show_response(updated),
            )


def _can_be_sent_again(item: Pinned) -> bool:
    """Not where one twin gave its number to the other: an update does not share (ALLOC-015)."""
    if not item.granted or item.request.verb is not Verb.CREATE:
        return False
    spec = item.sent.service.spec
    explicit = [bool(port.node_port) for port in spec.ports]
    if spec.type == "ExternalName" and any(explicit):
        return False
    return all(explicit) or not any(explicit)


def _show_numbers(service: Service | None) -> str:
    if service is None:
        return ""
    spec = service.spec
    ports = ", ".join(str(port.node_port) for port in spec.ports)
    return (
        f"cluster IPs {', '.join(spec.cluster_ips)}; node ports {ports}; "
        f"health check node port {spec.health_check_node_port}"
    )
