# SPDX-License-Identifier: Apache-2.0
"""What only newer releases of Kubernetes do: relaxed names, and several ranges of cluster IPs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Step, show_response
from conformance.invariants.ports.turns import judge_admission, steps_in_turn
from reference.frozenmap import FrozenMap
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 6
"""How many get their turn with one input."""

RELAXED = ("1web", "0", "2-a", "9" * 63, "4u")
"""Labels of DNS-1123 that are none of DNS-1035."""
RELAXED_PREFIXES = ("1web-", "0", "4-", "2-a", "9" * 63, f"{'9' * 63}-")
"""Beginnings of generated names of the same kind; a dash at the end counts for nothing."""
NEITHER = ("1web.v1", "1Web", "1_web", "-1", "1-", "9" * 64, "1wéb", "1 web")
"""Names that no release takes."""
NEITHER_PREFIXES = ("1web.", "1_web-", "-1", "9" * 64, f"{'9' * 64}-")
"""Beginnings of generated names that no release takes."""


def _sessions(names: Sequence[str]) -> tuple[ApiSession, ...]:
    """A Service of each name, and a change of its labels."""
    spec = ServiceSpec(type="ClusterIP", ports=(ServicePort(80, "http", "TCP", 8080),))
    made = []
    for name in names:
        service = Service(ObjectMeta(name=name, namespace="default", uid="web"), spec)
        labelled = evolve(service, metadata=evolve(service.metadata, labels=FrozenMap({"team": "a"})))
        requests = (ApiRequest(Verb.CREATE, service), ApiRequest(Verb.UPDATE, labelled))
        made.append(ApiSession(ClusterSettings(), requests))
    return tuple(made)


def _generated(prefix: str) -> ApiSession:
    """A Service whose name begins as told; its name is given, too, so that the answer tells nothing new."""
    spec = ServiceSpec(type="ClusterIP", ports=(ServicePort(80, "http", "TCP", 8080),))
    metadata = ObjectMeta(name="web", namespace="default", uid="web", generate_name=prefix)
    return ApiSession(ClusterSettings(), (ApiRequest(Verb.CREATE, Service(metadata, spec)),))


@lru_cache(maxsize=1)
def _relaxed() -> tuple[ApiSession, ...]:
    return (*_sessions(RELAXED), *map(_generated, RELAXED_PREFIXES))


@lru_cache(maxsize=1)
def _neither() -> tuple[ApiSession, ...]:
    named = (evolve(session, requests=session.requests[:1]) for session in _sessions(NEITHER))
    return (*named, *map(_generated, NEITHER_PREFIXES))


def _steps(case: Case) -> Iterator[Step]:
    return steps_in_turn(case, "ports.relaxed-names", _relaxed, most=MOST_SESSIONS)


def _wrong(case: Case, row: str, step: Step, expected: str) -> None:
    case.fail(row, question=str(step), expected=expected, got=show_response(step.response), because=(row,))


@invariant(
    "ports.relaxed-names",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-002",),
    asks=("admit",),
    features=("relaxed-service-names",),
    classes=("granted", "refused"),
)
def relaxed_names(case: Case) -> None:
    """A Service may have any DNS-1123 label for its name, or for the beginning of a generated one, and
    no other name.
    """
    for step in _steps(case):
        if step.request.verb is Verb.CREATE:
            case.judged("granted")
            if not step.granted:
                _wrong(case, "VAL-002", step, "granted")
    for step in steps_in_turn(case, "ports.wrong-names", _neither, most=MOST_SESSIONS):
        case.judged("refused")
        at = "metadata.generateName" if step.request.service.metadata.generate_name else "metadata.name"
        if step.granted or {cause.field for cause in step.response.causes} != {at}:
            _wrong(case, "VAL-002", step, f"refused: {at}: Invalid")


@invariant(
    "ports.names-are-not-looked-at-again",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-003",),
    asks=("admit",),
    features=("relaxed-service-names",),
    classes=("update",),
)
def names_are_not_looked_at_again(case: Case) -> None:
    """A Service that was created under a name which not every server takes can be updated."""
    for step in _steps(case):
        if step.request.verb is Verb.UPDATE and step.old is not None:
            case.judged("update")
            if not step.granted:
                _wrong(case, "VAL-003", step, "granted")


_CIDRS = (
    ("10.96.0.0/30", "10.97.0.0/30"),
    ("10.96.0.0/30", "10.96.0.0/29"),
    ("10.96.0.0/27", "10.97.0.8/30"),
)
_ASKED_FOR = ("", "10.96.0.2", "10.97.0.1", "10.96.0.5", "10.97.0.9", "10.98.0.1", "10.97.0.3")


@lru_cache(maxsize=1)
def _many_cidrs() -> tuple[ApiSession, ...]:
    """More Services than one range has room for, some of which ask for an address."""
    made = []
    for cidrs in _CIDRS:
        settings = ClusterSettings(service_cidrs=cidrs)
        for first, second in product(_ASKED_FOR, repeat=2):
            asked = (first, second, *[""] * 6)
            requests = tuple(
                ApiRequest(Verb.CREATE, _asking(f"web-{number}", ip)) for number, ip in enumerate(asked)
            )
            made.append(ApiSession(settings, requests))
    return tuple(made)


def _asking(name: str, ip: str) -> Service:
    ports = (ServicePort(80, "http", "TCP", 8080),)
    spec = ServiceSpec(type="ClusterIP", ports=ports, cluster_ip=ip, cluster_ips=(ip,) if ip else ())
    return Service(ObjectMeta(name=name, namespace="default", uid=name), spec)


@invariant(
    "ports.several-ranges",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-031",),
    asks=("admit",),
    features=("multiple-service-cidrs",),
    classes=("granted", "refused", "exhausted"),
)
def several_ranges(case: Case) -> None:
    """Cluster IPs come from any range of the family that has one left, and no address is given twice."""
    for step in steps_in_turn(case, "ports.several-ranges", _many_cidrs, most=MOST_SESSIONS):
        rejected, sent = step.expectation.rejected, step.request.service.spec.cluster_ip
        case.judged("granted" if rejected is None else "refused" if sent else "exhausted")
        question = f"{step}, in a cluster of {', '.join(step.session.settings.service_cidrs)}"
        judge_admission(case, step, "ALLOC-031", question=question, because=("ALLOC-031",))
        accepted, got = step.accepted, step.response.service
        if accepted is None or accepted.service is None or got is None:
            continue
        if accepted.service.spec.cluster_ip != got.spec.cluster_ip:
            allowed = " or ".join(str(choice.allowed) for choice in accepted.choices) or sent
            case.fail(
                "ALLOC-031",
                question=f"spec.clusterIP after {question}",
                expected=f"an address of the numbers {allowed}" if accepted.choices else allowed,
                got=got.spec.cluster_ip,
                because=("ALLOC-031",),
            )
