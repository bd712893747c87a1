# SPDX-License-Identifier: Apache-2.0
"""API servers that do not know one rule of validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from conformance.faults.base import Fault, Faulty, register, replaced
from reference.ports import admission, families, server, transitions
from reference.ports.rejections import Violation

_FORGOTTEN = {
    "VAL-001": "any name will do",
    "VAL-004": "any prefix of a name will do",
    "VAL-005": "labels and annotations are not looked at",
    "VAL-006": "the two topology annotations may differ",
    "VAL-007": "a Service that is not headless may have no ports",
    "VAL-008": "several ports need no names",
    "VAL-009": "any port name will do",
    "VAL-010": "port names may repeat",
    "VAL-011": "port numbers have no bounds",
    "VAL-012": "any protocol will do",
    "VAL-013": "target port numbers have no bounds",
    "VAL-014": "any target port name will do",
    "VAL-015": "any application protocol will do",
    "VAL-016": "port and protocol may repeat",
    "VAL-017": "a ClusterIP may have node ports",
    "VAL-022": "any type will do",
    "VAL-023": "a LoadBalancer may be headless",
    "VAL-024": "a NodePort may be headless",
    "VAL-025": "an ExternalName may have a cluster IP",
    "VAL-026": "an ExternalName may have families",
    "VAL-027": "an ExternalName may have a family policy",
    "VAL-028": "an ExternalName needs no name",
    "VAL-029": "any external name will do",
    "VAL-031": "any selector will do",
    "VAL-032": "any session affinity will do",
    "VAL-033": "the affinity's time-out has no bounds",
    "VAL-040": "there may be any number of cluster IPs",
    "VAL-047": "the families may change",
    "VAL-049": "an external IP may be any text",
    "VAL-050": "an external IP may be unspecified",
    "VAL-051": "an external IP may be a loopback address",
    "VAL-052": "an external IP may be link-local",
    "VAL-053": "an external IP may be link-local multicast",
    "VAL-056": "source ranges may stand on any type",
    "VAL-057": "source ranges may be any text",
    "VAL-058": "the annotation with source ranges is not looked at",
    "VAL-059": "allocateLoadBalancerNodePorts may stand on any type",
    "VAL-060": "a load balancer class may stand on any type",
    "VAL-061": "any load balancer class will do",
    "VAL-062": "the load balancer class may change",
    "VAL-064": "an external traffic policy may stand on any type",
    "VAL-065": "any external traffic policy will do",
    "VAL-066": "a health check node port may stand on any Service",
    "VAL-067": "the health check node port may change",
    "VAL-068": "any internal traffic policy will do",
    "VAL-069": "any traffic distribution will do",
}
"""What a server takes that does not know the rule."""

_ALSO = {
    **dict.fromkeys(("VAL-008", "VAL-009", "VAL-010"), ("DNS-SRV-014",)),
    "VAL-014": ("PORT-018",),
    "VAL-029": ("DNS-CNAME-009",),
    "VAL-056": ("TYPE-022",),
}
"""Requirements that say the same of a special case."""

_UNTOLD = {
    **dict.fromkeys(("VAL-036", "VAL-037", "VAL-038", "VAL-041", "VAL-042"), "spec.clusterIPs"),
    "VAL-039": "spec.clusterIPs[0]",
    "VAL-043": "spec.ipFamilies",
    "VAL-044": "spec.ipFamilyPolicy",
}
"""Rules of which allocation depends: a server that does not keep to them says the wrong field."""

_create_violations = admission.create_violations
_update_violations = transitions.update_violations
_family_violations = families.family_violations

Check = Callable[..., tuple[Violation, ...]]


def _plant(name: str, sentence: str, breaks: Sequence[str], changed: Callable[[Check], Check]) -> None:
    """A server whose checks are changed while it answers."""

    class Changed(Faulty):
        def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
            with ExitStack() as stack:
                for target, check in (
                    (server, _create_violations),
                    (server, _update_violations),
                    (families, _family_violations),
                    (admission, _family_violations),
                ):
                    stack.enter_context(replaced(target, check.__name__, changed(check)))
                return super().answer(operation, questions)

    register(Fault(f"ports.{name}", sentence, tuple(breaks), Changed))


def _without(rule: str) -> Callable[[Check], Check]:
    def changed(check: Check) -> Check:
        return lambda *args, **more: tuple(each for each in check(*args, **more) if each.rule != rule)

    return changed


def _elsewhere(rule: str) -> Callable[[Check], Check]:
    def moved(violation: Violation) -> Violation:
        return Violation("spec", violation.reason, rule) if violation.rule == rule else violation

    def changed(check: Check) -> Check:
        return lambda *args, **more: tuple(map(moved, check(*args, **more)))

    return changed


def _first_only(check: Check) -> Check:
    return lambda *args, **more: check(*args, **more)[:1]


for _rule, _what in _FORGOTTEN.items():
    _plant(f"{_rule}-unknown", f"{_what.capitalize()}.", (_rule, *_ALSO.get(_rule, ())), _without(_rule))
for _rule, _field in _UNTOLD.items():
    _plant(f"{_rule}-untold", f"A refusal names spec and not {_field}.", (_rule,), _elsewhere(_rule))
_plant(
    "one-cause-at-a-time",
    "Only the first thing that is wrong with a Service is said.",
    ("VAL-008",),
    _first_only,
)
