# SPDX-License-Identifier: Apache-2.0
"""What may be written into the status of a Service, and how long it stays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Step
from conformance.invariants.ports.turns import judge_admission, steps_in_turn
from reference.frozenmap import FrozenMap
from reference.objects import (
    ClusterSettings,
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
)
from reference.ports.defaulting import LOAD_BALANCER
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 8
"""How many get their turn with one input."""

_IP, _IPV6, _NAME = "198.51.100.7", "2001:db8::7", "lb.example.com"

STATUSES: tuple[tuple[LoadBalancerIngress, ...], ...] = (
    (),
    (LoadBalancerIngress(_IP),),
    (LoadBalancerIngress(_IP, ip_mode="VIP"),),
    (LoadBalancerIngress(_IP, ip_mode="Proxy"),),
    (LoadBalancerIngress(_IPV6),),
    (LoadBalancerIngress(hostname=_NAME),),
    (LoadBalancerIngress(_IP, _NAME),),
    (
        LoadBalancerIngress(_IP, ip_mode="Proxy"),
        LoadBalancerIngress(_IPV6),
        LoadBalancerIngress(hostname=_NAME),
    ),
    (LoadBalancerIngress("web"),),
    (LoadBalancerIngress("198.51.100"),),
    (LoadBalancerIngress(_IP), LoadBalancerIngress("198.51.100.0/24")),
    (LoadBalancerIngress(hostname=_IP),),
    (LoadBalancerIngress(hostname="198.051.100.007"),),
    (LoadBalancerIngress(hostname="LB.example.com"),),
    (LoadBalancerIngress(hostname="lb_1.example.com"),),
    (LoadBalancerIngress(hostname=_NAME, ip_mode="VIP"),),
    (LoadBalancerIngress(_IP, ip_mode="vip"),),
    (LoadBalancerIngress(_IP, ip_mode=""),),
    (LoadBalancerIngress(_IP), LoadBalancerIngress(_IPV6, ip_mode="Direct")),
)
"""What a load balancer, or somebody else, writes."""

_TYPES = ("LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName")


def _service(kind: str) -> Service:
    spec = ServiceSpec(type=kind, ports=(ServicePort(80, "http", "TCP", 8080),))
    if kind == "ExternalName":
        spec = evolve(spec, ports=(), external_name="db.example.com")
    return Service(ObjectMeta(name="web", namespace="default", uid="web"), spec)


def _changes(service: Service) -> tuple[tuple[ApiRequest, ...], ...]:
    """What comes after: nothing, a change of a label, of the type, and the status taken back."""
    labelled = evolve(service, metadata=evolve(service.metadata, labels=FrozenMap({"team": "a"})))
    return (
        (),
        (ApiRequest(Verb.UPDATE, labelled),),
        (ApiRequest(Verb.UPDATE, _service("NodePort")),),
        (ApiRequest(Verb.UPDATE, _service("ClusterIP")), ApiRequest(Verb.UPDATE, _service("LoadBalancer"))),
        (ApiRequest(Verb.UPDATE, _service("ExternalName")),),
        (ApiRequest(Verb.UPDATE_STATUS, service),),
    )


@lru_cache(maxsize=1)
def sessions() -> tuple[ApiSession, ...]:
    """A Service, its status, and what becomes of it."""
    settings = ClusterSettings()
    made = []
    for kind, ingress in product(_TYPES, STATUSES):
        service = _service(kind)
        published = evolve(service, status=ServiceStatus(LoadBalancerStatus(ingress)))
        status = ApiRequest(Verb.UPDATE_STATUS, published)
        create = ApiRequest(Verb.CREATE, service)
        made += [ApiSession(settings, (create, status, *change)) for change in _changes(service)]
    return tuple(made)


def _steps(case: Case) -> Iterator[Step]:
    return steps_in_turn(case, "ports.status", sessions, most=MOST_SESSIONS)


def _ingress(service: Service) -> str:
    """The addresses of a load balancer as a person would say them."""
    shown = (
        " ".join(filter(None, (entry.ip, entry.hostname, entry.ip_mode and f"({entry.ip_mode})")))
        for entry in service.status.load_balancer.ingress
    )
    return ", ".join(shown) or "none"


@invariant(
    "ports.status-admission",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-070", "VAL-071", "VAL-072", "TYPE-003", "TYPE-009", "TYPE-010", "TYPE-011"),
    asks=("admit",),
    classes=("granted", "refused"),
)
def status_admission(case: Case) -> None:
    """Addresses are published for a LoadBalancer alone, each with a mode, and names without one."""
    for step in _steps(case):
        if step.request.verb is not Verb.UPDATE_STATUS:
            continue
        rejected = step.expectation.rejected
        case.judged("granted" if rejected is None else "refused")
        rules = rejected.rules if rejected is not None else ()
        question = f"{step} with the ingress {_ingress(step.request.service)}"
        row = _row_of(step)
        # Whatever it has to do with, an address could not be published.
        because = rules or tuple(dict.fromkeys((row, "TYPE-003")))
        judge_admission(case, step, rules[0] if rules else row, question=question, because=because)


def _row_of(step: Step) -> str:
    """What an unfounded refusal breaks."""
    ingress = step.request.service.status.load_balancer.ingress
    if any(entry.ip_mode for entry in ingress):
        return "TYPE-010"
    if any(entry.hostname and not entry.ip for entry in ingress):
        return "TYPE-011"
    return "TYPE-009" if ingress and step.request.service.spec.type == LOAD_BALANCER else "TYPE-003"


@invariant(
    "ports.status-stored",
    kind=Kind.METAMORPHIC,
    requirements=("TYPE-003", "TYPE-009", "TYPE-019", "VAL-073"),
    asks=("admit",),
    classes=("published", "kept", "cleared", "never published"),
)
def status_stored(case: Case) -> None:
    """A published address gets the mode VIP unless it says another, stays while the Service is a
    LoadBalancer, whatever an update of it says, and is cleared with any other type.
    """
    for step in _steps(case):
        accepted, got = step.accepted, step.response.service
        if accepted is None or accepted.service is None or got is None:
            continue
        had = step.old is not None and bool(step.old.status.load_balancer.ingress)
        has = bool(accepted.service.status.load_balancer.ingress)
        if step.request.verb is Verb.UPDATE_STATUS:
            met = "published" if has else "cleared" if had else "never published"
            row = "TYPE-009" if has else "TYPE-003"
        else:
            met = "kept" if had and has else "cleared" if had else "never published"
            row = "TYPE-019" if had and not has else "VAL-073"
        case.judged(met)
        if accepted.service.status != got.status:
            case.fail(
                row,
                question=f"status.loadBalancer.ingress after {step}",
                expected=_ingress(accepted.service),
                got=_ingress(got),
                because=(row,),
            )
