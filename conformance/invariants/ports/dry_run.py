# SPDX-License-Identifier: Apache-2.0
"""Requests that are to be tried only."""

from __future__ import annotations

from functools import lru_cache

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports import topics
from conformance.invariants.ports.turns import judge_grant, steps_in_turn
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 4
"""How many get their turn with one input."""

# Room for two Services of each kind.
_SETTINGS = ClusterSettings(service_cidrs=("10.96.0.0/30",), node_port_range=(30000, 30001))


def _service(name: str, *, node_port: int = 0, ip: str = "", kind: str = "NodePort") -> Service:
    spec = ServiceSpec(
        type=kind,
        ports=(ServicePort(80, "http", "TCP", 8080, node_port),),
        cluster_ip=ip,
        cluster_ips=(ip,) if ip else (),
    )
    return Service(ObjectMeta(name=name, namespace="default", uid=name), spec)


_TRIED = (
    _service("web"),
    _service("web", node_port=30000),
    _service("web", ip="10.96.0.1"),
    _service("web", node_port=30001, ip="10.96.0.2"),
    _service("web", kind="ClusterIP"),
    _service("web", kind="LoadBalancer"),
)


def _change(service: Service) -> Service:
    """The same as a plain cluster IP, or with a node port."""
    kind = "NodePort" if service.spec.type == "ClusterIP" else "ClusterIP"
    return evolve(_service(service.metadata.name, kind=kind), metadata=service.metadata)


@lru_cache(maxsize=1)
def sessions() -> tuple[ApiSession, ...]:
    """A request that is tried, and others that tell whether anything came of it."""
    made = []
    for service in _TRIED:
        create, update, delete = (
            ApiRequest(verb, body)
            for verb, body in (
                (Verb.CREATE, service),
                (Verb.UPDATE, _change(service)),
                (Verb.DELETE, Service(service.metadata)),
            )
        )
        rivals = tuple(
            ApiRequest(Verb.CREATE, _service(f"rival-{number}", node_port=port, ip=ip))
            for number, (port, ip) in enumerate(((30000, "10.96.0.1"), (30001, "10.96.0.2")))
        )
        stories = (
            (_tried(create), create),
            (_tried(create), *rivals),
            (_tried(create), _tried(create), _tried(create), create),
            (create, _tried(create), rivals[0], rivals[1]),
            (create, _tried(update), *rivals),
            (create, _tried(update), _tried(update), update, *rivals),
            (create, _tried(delete), create, *rivals),
            (create, _tried(delete), delete, *rivals),
            (_tried(delete), _tried(update), create),
        )
        made += [ApiSession(_SETTINGS, story) for story in stories]
    return tuple(made)


def _tried(request: ApiRequest) -> ApiRequest:
    return evolve(request, dry_run=True)


@invariant(
    "ports.dry-runs-change-nothing",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-005",),
    asks=("admit",),
    features=("dry-run",),
    classes=("tried, granted", "tried, refused", "meant, granted", "meant, refused"),
)
def dry_runs_change_nothing(case: Case) -> None:
    """A request that is tried only is granted where it would be, and nothing is stored, taken or released:
    every later request fares as if it had not been there.
    """
    for step in steps_in_turn(case, "ports.dry-run", sessions, most=MOST_SESSIONS):
        tried = "tried" if step.request.dry_run else "meant"
        case.judged(f"{tried}, {'refused' if step.expectation.rejected else 'granted'}")
        # What is tried may be refused for another reason: not all numbers are looked at.
        if not step.expectation.allows(granted=step.granted):
            topics.fail_acceptance(case, step, "ALLOC-005", because=("ALLOC-005",))


_CIDRS = ("10.96.0.0/28", "10.97.0.0/28", "10.98.0.0/28")
_OFTEN = 8
"""How often each address is tried: a server that picks a range at random errs sooner or later."""


@lru_cache(maxsize=1)
def _in_several_ranges() -> tuple[ApiSession, ...]:
    """One address of each range, and one of none, tried again and again."""
    addresses = ("10.96.0.5", "10.97.0.5", "10.98.0.5", "10.99.0.5", "")
    requests = (ApiRequest(Verb.CREATE, _service("web", ip=ip, kind="ClusterIP")) for ip in addresses)
    tried = tuple(map(_tried, requests)) * _OFTEN
    return (ApiSession(ClusterSettings(service_cidrs=_CIDRS), tried),)


@invariant(
    "ports.dry-runs-in-several-ranges",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-005",),
    asks=("admit",),
    features=("dry-run", "multiple-service-cidrs"),
    classes=("granted", "refused"),
)
def dry_runs_in_several_ranges(case: Case) -> None:
    """A request that is tried only is granted for an address of any range of the family, and refused for an
    address of none.
    """
    name = "ports.dry-run-ranges"
    for step in steps_in_turn(case, name, _in_several_ranges, most=MOST_SESSIONS, whole=True):
        rejected = step.expectation.rejected
        case.judged("refused" if rejected else "granted")
        judge_grant(case, step, "ALLOC-005", question=str(step), because=("ALLOC-031", "ALLOC-005"))
