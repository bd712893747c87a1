# SPDX-License-Identifier: Apache-2.0
"""What becomes of Services that are there from the start, and of how their addresses are written.

The sessions are made here (`existing_lists`) and are the same for every input but for
which of them get their turn; an API server into which no Services can be put is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports import existing_lists as lists
from conformance.invariants.ports.endpoint_lists import kept_endpoints
from conformance.invariants.ports.endpoint_requests import answered, judge_causes
from conformance.invariants.ports.endpoint_requests import judge_admission as judge_endpoints
from conformance.invariants.ports.timeline import Step
from conformance.invariants.ports.turns import judge_admission, judge_grant, steps_in_turn
from reference.objects import Service
from reference.questions import ApiSession, Verb

MOST_SESSIONS = 24
"""How many get their turn with one input."""


def _steps(case: Case, name: str, sessions: Callable[[], Sequence[ApiSession]]) -> Iterator[tuple[Step, str]]:
    """The requests that are decided, each with what is asked."""
    for step in steps_in_turn(case, name, sessions, most=MOST_SESSIONS):
        if not step.expectation.is_open:
            yield step, f"{step}{_addresses(step)}"


def _addresses(step: Step) -> str:
    """How the addresses are written, before and now."""
    if step.request.verb is Verb.DELETE:
        return ""
    before = f" of a Service with {_written(step.old)}" if step.old is not None else ""
    return f", {_written(step.request.service)}{before}"


def _written(service: Service) -> str:
    spec = service.spec
    ingress = [entry.ip for entry in service.status.load_balancer.ingress]
    parts = {
        "clusterIPs": list(spec.cluster_ips),
        "ipFamilies": list(spec.ip_families),
        "externalIPs": list(spec.external_ips),
        "loadBalancerSourceRanges": list(spec.load_balancer_source_ranges),
        "status": ingress,
        "annotations": [f"{key}={value}" for key, value in service.metadata.annotations.items()],
    }
    return ", ".join(f"{name} {values}" for name, values in parts.items() if values) or "no addresses"


def _rules(step: Step) -> tuple[str, ...]:
    rejected = step.expectation.rejected
    return rejected.rules if rejected is not None else ()


@invariant(
    "ports.stored-addresses-stay",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-074", "ALLOC-009", "ALLOC-029"),
    asks=("admit",),
    features=("existing-objects",),
    classes=("granted", "refused"),
)
def stored_addresses_stay(case: Case) -> None:
    """An address or range that a Service has is taken as it is written, however strict the server is with
    new ones; and what Services have from the start is theirs until they are deleted.
    """
    for step, question in _steps(case, "ports.kept-addresses", lists.kept_addresses):
        rules = _rules(step)
        case.judged("refused" if rules else "granted")
        row = rules[0] if rules else "VAL-074"
        judge_admission(case, step, row, question=question, because=rules or ("VAL-074",))
        _judge_kept(case, step, question)


def _judge_kept(case: Case, step: Step, question: str) -> None:
    """What is stored afterwards is what was sent."""
    accepted, got = step.accepted, step.response.service
    if accepted is None or accepted.service is None or got is None or step.request.verb is Verb.CREATE:
        return
    if _written(accepted.service) != _written(got):
        expected, found = _written(accepted.service), _written(got)
        case.fail("VAL-074", question=question, expected=expected, got=found, because=("VAL-074",))


@invariant(
    "ports.stored-addresses-are-not-added",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-049", "VAL-057", "VAL-058", "VAL-071", "VAL-074"),
    asks=("admit",),
    features=("existing-objects", "strict-addresses"),
    classes=("granted", "refused"),
)
def stored_addresses_are_not_added(case: Case) -> None:
    """An address or range with leading zeros, of IPv4 written as IPv6, or with host bits set is refused in a
    field that did not have it before, although another has it or had it once.
    """
    for step, question in _steps(case, "ports.new-addresses", lists.new_addresses):
        rules = _rules(step)
        case.judged("refused" if rules else "granted")
        row = next((rule for rule in rules if rule != "VAL-046"), "VAL-074")
        judge_admission(case, step, row, question=question, because=(*rules, "VAL-074"))


@invariant(
    "ports.strict-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-039", "VAL-049", "VAL-057", "VAL-058", "VAL-071"),
    asks=("admit",),
    features=("strict-addresses",),
    classes=("granted", "refused"),
)
def strict_addresses(case: Case) -> None:
    """A new Service or status has no address or range with leading zeros, of IPv4 written as IPv6, or with
    host bits set; capital letters and zeros that could be left out of IPv6 are allowed.
    """
    for step, question in _steps(case, "ports.lenient-addresses", lists.lenient_addresses):
        rules = _rules(step)
        case.judged("refused" if rules else "granted")
        row = rules[0] if rules else "VAL-049"
        judge_admission(case, step, row, question=question, because=rules or (row,))


@invariant(
    "ports.stored-endpoints-stay",
    kind=Kind.METAMORPHIC,
    requirements=("VAL-005", "VAL-074", "VAL-078"),
    asks=("admit_endpoints",),
    features=("existing-objects",),
    classes=("granted", "refused"),
)
def stored_endpoints_stay(case: Case) -> None:
    """Endpoints that an update leaves as they are may have addresses as only older servers took them."""
    for each in answered(case, "ports.kept-endpoints", kept_endpoints):
        case.judged("granted" if each.admission.may_be_granted else "refused")
        judge_endpoints(case, each, "VAL-074")
        judge_causes(case, each)


@invariant(
    "ports.stacks-stay",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-029", "ALLOC-042", "ALLOC-044"),
    asks=("admit",),
    features=("dual-stack", "existing-objects"),
    classes=(
        "one family, now two",
        "two families, now one",
        "another family",
        "the same families",
        "given up",
    ),
)
def stacks_stay(case: Case) -> None:
    """A Service that prefers two families keeps the addresses and families that it has when the cluster has
    others now, whatever else an update changes, until an update says what to give up.
    """
    for step, asked in _steps(case, "ports.other-stacks", lists.other_stacks):
        old, spec = step.old, step.request.service.spec
        question = f"{asked}, in a cluster of {', '.join(step.session.settings.service_cidrs)} now"
        if step.request.verb is not Verb.UPDATE or old is None:
            judge_grant(case, step, "ALLOC-029", question=question, because=("ALLOC-029",))
            continue
        row = "ALLOC-044" if spec.ip_family_policy == old.spec.ip_family_policy else "ALLOC-042"
        if row == "ALLOC-042" and step.expectation.rejected is not None:
            continue  # the family that would be left is none of the cluster's (ALLOC-040)
        case.judged(_met(step, old) if row == "ALLOC-044" else "given up")
        judge_grant(case, step, row, question=question, because=(row,))
        accepted, got = step.accepted, step.response.service
        if accepted is None or accepted.service is None or got is None:
            continue
        for field in ("cluster_ips", "ip_families", "ip_family_policy"):
            expected, found = getattr(accepted.service.spec, field), getattr(got.spec, field)
            if expected != found:
                case.fail(
                    row,
                    question=f"{field} after {question}",
                    expected=expected,
                    got=found,
                    because=(row,),
                )


def _met(step: Step, old: Service) -> str:
    had = {":" in ip for ip in old.spec.cluster_ips if ip != "None"} or {
        family == "IPv6" for family in old.spec.ip_families
    }
    now = {":" in cidr for cidr in step.session.settings.service_cidrs}
    if had == now:
        return "the same families"
    if len(had) == len(now):
        return "another family"
    return "one family, now two" if len(had) < len(now) else "two families, now one"
