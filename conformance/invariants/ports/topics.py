# SPDX-License-Identifier: Apache-2.0
"""The topics of admission: which rows belong together, and how a creation is judged by them."""

from __future__ import annotations

from attrs import frozen

from conformance.invariants.base import Case
from conformance.invariants.ports.timeline import Step, show_response, steps
from conformance.invariants.ports.unfounded import unfounded
from reference.ports.rejections import CONFLICT, INTERNAL_ERROR, NOT_FOUND
from reference.questions import Cause, Verb

_SAID_BY = {
    "ALLOC-009": "VAL-019",
    "ALLOC-039": "VAL-045",
    "ALLOC-040": "VAL-045",
    "ALLOC-041": "VAL-045",
}
"""The row that says how a refusal by another row is worded."""


@frozen
class Topic:
    """Rows that belong together; those of `without_causes` do not say how a refusal is worded."""

    name: str
    requirements: tuple[str, ...]
    without_causes: tuple[str, ...] = ()

    @property
    def refused(self) -> str:
        """The class of input that this topic is about."""
        return f"{self.name}: refused"

    @property
    def with_causes(self) -> tuple[str, ...]:
        """The rows that say which causes a refusal has."""
        rows = (row for row in self.requirements if row not in self.without_causes)
        return tuple(dict.fromkeys(_SAID_BY.get(row, row) for row in rows))


METADATA = Topic(
    "metadata",
    ("VAL-001", "VAL-004", "VAL-005", "VAL-006"),
)
PORTS = Topic(
    "ports",
    (
        *(f"VAL-{number:03}" for number in range(7, 18)),
        "PORT-001",
        "PORT-013",
        "PORT-014",
        "PORT-015",
        "PORT-017",
        "PORT-018",
        "PORT-019",
        "PORT-020",
        "PORT-022",
        "VAL-021",
    ),
    (
        "VAL-021",
        "PORT-001",
        "PORT-013",
        "PORT-014",
        "PORT-015",
        "PORT-017",
        "PORT-018",
        "PORT-019",
        "PORT-020",
        "PORT-022",
    ),
)
TYPES = Topic(
    "types",
    tuple(f"VAL-{number:03}" for number in range(22, 36)),
    ("VAL-030", "VAL-034", "VAL-035"),
)
CLUSTER_IPS = Topic(
    "cluster IPs",
    (
        *(f"VAL-{number:03}" for number in (*range(36, 40), *range(41, 45))),
        "ALLOC-029",
        "ALLOC-039",
        "ALLOC-040",
        "ALLOC-041",
    ),
)
TRAFFIC = Topic(
    "traffic",
    (
        *(f"VAL-{number:03}" for number in (*range(49, 55), *range(56, 62), *range(63, 67), 68, 69)),
        "TYPE-008",
    ),
    ("VAL-054", "VAL-063", "TYPE-008"),
)
NODE_PORTS = Topic(
    "node ports",
    (
        "VAL-018",
        "VAL-020",
        "ALLOC-009",
        "ALLOC-010",
        "ALLOC-012",
        "ALLOC-013",
        "ALLOC-022",
        "ALLOC-030",
    ),
    without_causes=("VAL-018", "VAL-020", "ALLOC-010", "ALLOC-012", "ALLOC-013", "ALLOC-022", "ALLOC-030"),
)
_BY_RULE = {
    rule: topic
    for topic in (METADATA, PORTS, TYPES, CLUSTER_IPS, TRAFFIC, NODE_PORTS)
    for rule in topic.requirements
}


def _topic(step: Step) -> tuple[Topic, str]:
    """The topic of a creation, and the requirement that is at stake."""
    rejected = step.expectation.rejected
    if rejected is not None and rejected.rules:
        rule = rejected.rules[0]
        if rule == "VAL-014" and _has_target_of_digits(step):
            rule = "PORT-018"
        return (_BY_RULE[rule], rule) if rule in _BY_RULE else (NODE_PORTS, "VAL-018")
    if step.response.code == INTERNAL_ERROR:
        return NODE_PORTS, "ALLOC-010"
    rule = unfounded(step.request.service, step.response.causes) or "VAL-022"
    return _BY_RULE[rule], rule


def _has_target_of_digits(step: Step) -> bool:
    targets = (port.target_port for port in step.request.service.spec.ports)
    return any(isinstance(target, str) and target.isdigit() for target in targets)


def _creations(case: Case) -> list[tuple[Step, Topic, str]]:
    """Creations that are decided by what is sent, with their topic; names in use are another matter."""
    return case.memo(
        "ports.creations",
        lambda: [
            (step, *_topic(step))
            for step in steps(case)
            if step.request.verb is Verb.CREATE and not step.expectation.is_open and not _is_name_in_use(step)
        ],
    )


def _is_name_in_use(step: Step) -> bool:
    rejected = step.expectation.rejected
    return rejected is not None and bool(rejected.codes & {CONFLICT, NOT_FOUND})


def judge_acceptance(case: Case, topic: Topic) -> None:
    """Creations of this topic are refused exactly where the reference refuses them."""
    for step, its_topic, requirement in _creations(case):
        if its_topic is topic or (step.granted and step.accepted is not None):
            expectation = step.expectation
            case.judged(*([topic.refused] if expectation.rejected and its_topic is topic else []))
            if not expectation.allows(granted=step.granted):
                fail_acceptance(case, step, requirement)


def fail_acceptance(case: Case, step: Step, requirement: str, *, because: tuple[str, ...] = ()) -> None:
    """Report a request that was granted and may not be, or the other way round."""
    rejected = step.expectation.rejected
    why = show_causes(rejected.given) or str(rejected.code) if rejected else ""
    case.fail(
        requirement,
        question=str(step),
        expected=f"refused: {why}" if rejected else "granted",
        got=show_response(step.response),
        because=because or (rejected.rules if rejected else ()),
    )


def show_causes(causes: frozenset[Cause]) -> str:
    """Causes as a person would say them."""
    return ", ".join(f"{cause.field}: {cause.reason}" for cause in sorted(causes))


def judge_causes(case: Case, topic: Topic) -> None:
    """A refusal of this topic names its field and its reason."""
    for step, its_topic, requirement in _creations(case):
        if its_topic is topic:
            row = _SAID_BY.get(requirement, requirement)
            judge_causes_of(case, step, row if row in topic.with_causes else topic.with_causes[0])


def judge_causes_of(case: Case, step: Step, requirement: str) -> None:
    """A refusal has the causes that are expected, where any are."""
    rejected = step.rejected
    if rejected is None or not rejected.causes:
        return
    if step.response.code in (CONFLICT, NOT_FOUND, INTERNAL_ERROR) and step.response.code in rejected.codes:
        return
    case.judged()
    got = frozenset(step.response.causes)
    if got not in rejected.causes:
        case.fail(
            requirement,
            question=f"causes of refusing {step}",
            expected=" or ".join(show_causes(causes) for causes in rejected.causes),
            got=show_causes(got) or "no causes",
            because=rejected.rules,
        )
