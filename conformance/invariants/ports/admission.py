# SPDX-License-Identifier: Apache-2.0
"""Agreement on what is granted and what is refused, and how a refusal is said.

One invariant for each topic, so that one wrong rule does not hide the others.
"""

from __future__ import annotations

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports import topics
from conformance.invariants.ports.timeline import Step, responses, show_response, steps
from conformance.invariants.ports.unfounded import ROWS_OF_UPDATES, unfounded_update
from reference.ports.defaulting import LOAD_BALANCER
from reference.ports.rejections import CONFLICT, INTERNAL_ERROR, NOT_FOUND
from reference.questions import Verb


@invariant(
    "ports.metadata-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.METADATA.requirements,
    asks=("admit",),
    classes=(topics.METADATA.refused,),
)
def metadata_admission(case: Case) -> None:
    """A Service with a malformed name, label or annotation is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.METADATA)


@invariant(
    "ports.metadata-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.METADATA.with_causes,
    asks=("admit",),
)
def metadata_causes(case: Case) -> None:
    """The refusal of a Service with a malformed name, label or annotation
    names each field and the reason.
    """
    topics.judge_causes(case, topics.METADATA)


@invariant(
    "ports.service-ports-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.PORTS.requirements,
    asks=("admit",),
    classes=(topics.PORTS.refused,),
)
def service_ports_admission(case: Case) -> None:
    """A Service with a wrong port is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.PORTS)


@invariant(
    "ports.service-ports-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.PORTS.with_causes,
    asks=("admit",),
)
def service_ports_causes(case: Case) -> None:
    """The refusal of a Service with a wrong port
    names each field and the reason.
    """
    topics.judge_causes(case, topics.PORTS)


@invariant(
    "ports.type-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.TYPES.requirements,
    asks=("admit",),
    classes=(topics.TYPES.refused,),
)
def type_admission(case: Case) -> None:
    """A Service with a wrong type, external name, selector or affinity is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.TYPES)


@invariant(
    "ports.type-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.TYPES.with_causes,
    asks=("admit",),
)
def type_causes(case: Case) -> None:
    """The refusal of a Service with a wrong type, external name, selector or affinity
    names each field and the reason.
    """
    topics.judge_causes(case, topics.TYPES)


@invariant(
    "ports.cluster-ips-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.CLUSTER_IPS.requirements,
    asks=("admit",),
    classes=(topics.CLUSTER_IPS.refused,),
)
def cluster_ips_admission(case: Case) -> None:
    """A Service with wrong cluster IPs or families is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.CLUSTER_IPS)


@invariant(
    "ports.cluster-ips-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.CLUSTER_IPS.with_causes,
    asks=("admit",),
)
def cluster_ips_causes(case: Case) -> None:
    """The refusal of a Service with wrong cluster IPs or families
    names each field and the reason.
    """
    topics.judge_causes(case, topics.CLUSTER_IPS)


@invariant(
    "ports.traffic-fields-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.TRAFFIC.requirements,
    asks=("admit",),
    classes=(topics.TRAFFIC.refused,),
)
def traffic_fields_admission(case: Case) -> None:
    """A Service with a wrong external IP, source range, load balancer field or traffic policy is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.TRAFFIC)


@invariant(
    "ports.traffic-fields-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.TRAFFIC.with_causes,
    asks=("admit",),
)
def traffic_fields_causes(case: Case) -> None:
    """The refusal of a Service with a wrong external IP, source range, load balancer field or traffic policy
    names each field and the reason.
    """
    topics.judge_causes(case, topics.TRAFFIC)


@invariant(
    "ports.node-ports-admission",
    kind=Kind.AGREEMENT,
    requirements=topics.NODE_PORTS.requirements,
    asks=("admit",),
    classes=(topics.NODE_PORTS.refused,),
)
def node_ports_admission(case: Case) -> None:
    """A Service with a node port that it cannot have is refused,
    and one that keeps to the rules is granted.
    """
    topics.judge_acceptance(case, topics.NODE_PORTS)


@invariant(
    "ports.node-ports-causes",
    kind=Kind.AGREEMENT,
    requirements=topics.NODE_PORTS.with_causes,
    asks=("admit",),
)
def node_ports_causes(case: Case) -> None:
    """The refusal of a Service with a node port that it cannot have
    names each field and the reason.
    """
    topics.judge_causes(case, topics.NODE_PORTS)


@invariant(
    "ports.names-in-use",
    kind=Kind.AGREEMENT,
    requirements=("TYPE-025",),
    asks=("admit",),
    classes=("name in use", "no such Service", "deleted"),
)
def names_in_use(case: Case) -> None:
    """A Service is created only where its name is free, and deleted only where it exists."""
    for step in steps(case):
        expectation = step.expectation
        rejected = expectation.rejected
        codes = rejected.codes if rejected else frozenset()
        if step.request.verb is Verb.UPDATE or not (codes & {CONFLICT, NOT_FOUND} or rejected is None):
            continue
        if CONFLICT in codes:
            case.judged("name in use")
        elif NOT_FOUND in codes:
            case.judged("no such Service")
        elif step.request.verb is Verb.DELETE:
            case.judged("deleted")
        else:
            continue
        if not expectation.allows(granted=step.granted):
            topics.fail_acceptance(case, step, "TYPE-025")


@invariant(
    "ports.status-codes",
    kind=Kind.AGREEMENT,
    requirements=("VAL-019", "ALLOC-009", "ALLOC-029"),
    asks=("admit",),
    classes=("201", "200", "422", "404", "409"),
)
def status_codes(case: Case) -> None:
    """Every request is answered, and the status code says whether an object was created, changed, not
    found, in the way or invalid.
    """
    for session, answers in responses(case):
        if len(answers) != len(session.requests):
            case.fail(
                "ALLOC-009",
                question=f"a session of {len(session.requests)} requests",
                expected=f"{len(session.requests)} answers",
                got=f"{len(answers)} answers",
            )
    for step in steps(case):
        allowed = step.accepted.codes if step.accepted else step.rejected.codes if step.rejected else None
        # A pool that is used up has an invariant of its own.
        if not allowed or INTERNAL_ERROR in allowed:
            continue
        case.judged(*map(str, sorted(allowed)))
        if step.response.code not in allowed:
            case.fail(
                "ALLOC-029" if step.rejected and "ALLOC-029" in step.rejected.rules else "VAL-019",
                question=f"status code of {step}",
                expected=" or ".join(map(str, sorted(allowed))),
                got=show_response(step.response),
            )


@invariant(
    "ports.exhaustion-is-a-server-error",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-010", "ALLOC-022", "ALLOC-030"),
    asks=("admit",),
)
def exhaustion_is_a_server_error(case: Case) -> None:
    """Where no number is left to give, and for any health check node port, the answer is 500."""
    for step in steps(case):
        rejected = step.rejected
        if rejected is None or rejected.code != INTERNAL_ERROR or not rejected.rules:
            continue
        case.judged(rejected.rules[-1])
        if step.response.code not in rejected.codes:
            case.fail(
                rejected.rules[-1],
                question=f"status code of {step}",
                expected=" or ".join(map(str, sorted(rejected.codes))),
                got=show_response(step.response),
                because=rejected.rules,
            )


@invariant(
    "ports.allocation-errors-come-alone",
    kind=Kind.AGREEMENT,
    requirements=("ALLOC-001",),
    asks=("admit",),
    level=Level.SHOULD,
)
def allocation_errors_come_alone(case: Case) -> None:
    """When allocation fails, the refusal says nothing of what else is wrong."""
    for step in steps(case):
        rejected = step.rejected
        if rejected is None or not rejected.is_masked:
            continue
        case.judged("masked")
        if frozenset(step.response.causes) != rejected.given:
            case.fail(
                "ALLOC-001",
                question=f"causes of refusing {step}",
                expected=topics.show_causes(rejected.given),
                got=show_response(step.response),
                because=rejected.rules,
            )


_ROWS_OF_UPDATES = ("VAL-046", "VAL-048", "VAL-056", "VAL-058", "VAL-062", "VAL-067")


def _rule_of_update(step: Step) -> str:
    """The row that refuses an update; validation in general is TYPE-013."""
    rules = step.expectation.rejected.rules if step.expectation.rejected else ()
    return next((rule for rule in rules if rule in _ROWS_OF_UPDATES), "TYPE-013")


def _row_of_update(step: Step) -> str:
    """What the rule means for a Service of this type; or what an unfounded refusal breaks."""
    if step.expectation.rejected is None:
        return unfounded_update(step.response.causes)
    rule, old = _rule_of_update(step), step.old
    if old is not None and rule == "VAL-046":
        headless = "None" in (old.spec.cluster_ip, step.request.service.spec.cluster_ip)
        return "TYPE-023" if headless else "ALLOC-034"
    if old is not None and rule in ("VAL-056", "VAL-058") and old.spec.type == LOAD_BALANCER:
        return "TYPE-022"
    return rule


@invariant(
    "ports.update-admission",
    kind=Kind.AGREEMENT,
    requirements=(
        *ROWS_OF_UPDATES,
        "ALLOC-034",
        "TYPE-022",
        "TYPE-023",
        "VAL-056",
        "VAL-062",
        "VAL-067",
    ),
    asks=("admit",),
    classes=("update granted", "update refused"),
)
def update_admission(case: Case) -> None:
    """An update is refused where it changes what may not change or leaves an invalid Service behind."""
    for step in steps(case):
        rejected = step.expectation.rejected
        if step.request.verb is not Verb.UPDATE or (rejected and NOT_FOUND in rejected.codes):
            continue
        if step.expectation.is_open:
            continue
        case.judged("update refused" if rejected else "update granted")
        if not step.expectation.allows(granted=step.granted):
            topics.fail_acceptance(case, step, _row_of_update(step))


@invariant(
    "ports.update-causes",
    kind=Kind.AGREEMENT,
    requirements=("TYPE-013", "VAL-046", "VAL-056", "VAL-062", "VAL-067"),
    asks=("admit",),
)
def update_causes(case: Case) -> None:
    """The refusal of an update names each field and the reason."""
    for step in steps(case):
        if step.request.verb is Verb.UPDATE and step.rejected is not None:
            topics.judge_causes_of(case, step, _rule_of_update(step))
