# SPDX-License-Identifier: Apache-2.0
"""Names made of the addresses of pods, in the three modes of CoreDNS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.probes import NAMESPACE
from conformance.invariants.dns.scenarios import Ask, Look, Scenario, looks
from conformance.invariants.dns.view import Asked, exact, fail, view, worded
from reference.dns import NXDOMAIN, PodRecords, Zone
from reference.objects import DNSServer, ObjectMeta, Pod, PodIP, PodSpec, PodStatus
from reference.questions import Answer, Query

_NAMES_OF_PODS = (
    ("192-0-2-99.default.pod", "A", "DNS-POD-003"),
    ("256-1-1-1.default.pod", "A", "DNS-POD-009"),
    ("1-2-3.default.pod", "AAAA", "DNS-POD-009"),
    ("192-0-2-99.no-such.pod", "A", "DNS-POD-010"),
    ("default.pod", "A", "DNS-POD-011"),
    ("fd00--9.default.pod", "AAAA", "DNS-POD-007"),
    ("fd00--9.default.pod", "A", "DNS-POD-008"),
    ("fd00-1-2--.default.pod", "AAAA", "DNS-POD-007"),
    ("1-2--3.default.pod", "AAAA", "DNS-POD-007"),
    ("192-0-2-99.default.pod", "AAAA", "DNS-POD-008"),
    ("x.192-0-2-99.default.pod", "A", "DNS-POD-013"),
    ("x.y.z.192-0-2-99.default.pod", "A", "DNS-POD-013"),
    ("192-0-2-99.default.pod", "SRV", "DNS-POD-014"),
)
"""Names below the zone, types, and what they are about; 192.0.2.99 is no pod's."""


_MODE_RULES = {
    PodRecords.DISABLED: "DNS-POD-002",
    PodRecords.INSECURE: "DNS-POD-003",
    PodRecords.VERIFIED: "DNS-POD-004",
}


def _allowed(zone: Zone, query: Query, mode: PodRecords, rule: str) -> list[Answer]:
    """The right answers in a mode: before CoreDNS 1.15 only the first address of a pod was known."""
    answer = zone.resolve(query, pods=mode)
    older = rule == "DNS-POD-005" and mode is PodRecords.VERIFIED
    return [answer, NXDOMAIN] if older else [answer]


def _fits(zone: Zone, asked: Asked, mode: PodRecords, rule: str) -> bool:
    """Whether an answer is one of those that are right in a mode."""
    got = exact(zone, asked.answer)
    return any(got == exact(zone, each) for each in _allowed(zone, asked.query, mode, rule))


def _judge_modes(case: Case, zone: Zone, answers: Iterable[tuple[str, Asked]], *classes: str) -> None:
    """Judge that all answers are those of one mode; of the right one, where it is known which."""
    modes = [zone.pods] if zone.pods is not None else list(PodRecords)
    for rule, asked in answers:
        case.judged(*classes)
        right = [mode for mode in PodRecords if _fits(zone, asked, mode, rule)]
        left = [mode for mode in modes if mode in right]
        if not left:
            named = [zone.pods] if zone.pods is not None else list(PodRecords)
            expected = " or ".join(
                f"{mode.value}: {worded(zone.resolve(asked.query, pods=mode))}" for mode in named
            )
            # What is right in another mode is a server that is set up otherwise.
            found = _MODE_RULES[named[0]] if len(named) == 1 and right else rule
            because = tuple(dict.fromkeys((found, rule, *(_MODE_RULES[mode] for mode in named))))
            more = "" if len(named) == 1 else "; the same mode for all names"
            fail(case, found, asked, f"{expected}{more}", because=because)
        modes = left


@invariant(
    "dns.coredns-pod-names",
    kind=Kind.AGREEMENT,
    requirements=(
        "DNS-POD-002",
        "DNS-POD-003",
        "DNS-POD-004",
        "DNS-POD-007",
        "DNS-POD-008",
        "DNS-POD-009",
        "DNS-POD-010",
        "DNS-POD-011",
        "DNS-POD-013",
        "DNS-POD-014",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
)
def coredns_pod_names(case: Case) -> None:
    """Names of pod addresses are all answered in one of the three modes of CoreDNS."""
    seen = view(case)
    zone = seen.zone
    rules = {Query(f"{name}.{zone.name}", kind): rule for name, kind, rule in _NAMES_OF_PODS}
    rules |= {
        Query(
            f"{pod.status.pod_ip.replace('.', '-')}.{pod.metadata.namespace}.pod.{zone.name}", "A"
        ): "DNS-POD-004"
        for pod in case.cluster.pods[:2]
        # Of a terminating pod the answer depends on when the server first saw it.
        if "." in pod.status.pod_ip and pod.metadata.deletion_timestamp is None
    }
    found = seen.ask(case, list(rules))
    _judge_modes(case, zone, zip(rules.values(), found, strict=True))


_FIRST, _SECOND, _ONLY = "10.244.250.1", "fd00:10:244::1", "fd00:10:244::2"
_ENDED = {"Succeeded": "10.244.250.3", "Failed": "10.244.250.4", "Unknown": "10.244.250.5"}


def _pod(name: str, *ips: str, phase: str = "Running") -> Pod:
    return Pod(
        ObjectMeta(name=name, namespace=NAMESPACE, uid=f"probe-{name}"),
        PodSpec(),
        PodStatus(phase=phase, pod_ip=ips[0], pod_ips=tuple(map(PodIP, ips))),
    )


def _asks() -> tuple[Ask, ...]:
    def of(label: str, kind: str, rule: str) -> Ask:
        return Ask(f"{label}.{NAMESPACE}.pod", kind, rule)

    return (
        Ask(f"{NAMESPACE}.pod", "A", "DNS-POD-011"),
        of("10-244-250-1", "A", "DNS-POD-004"),
        of("10-244-250-99", "A", "DNS-POD-004"),
        of("fd00-10-244--2", "AAAA", "DNS-POD-004"),
        of("fd00-10-244--1", "AAAA", "DNS-POD-005"),
        *(of(ip.replace(".", "-"), "A", "DNS-POD-006") for ip in _ENDED.values()),
        of("fd00-10-244-0-0-0-0-2", "AAAA", "DNS-POD-012"),
        of("fd00-10-244--0002", "AAAA", "DNS-POD-012"),
        of("web-0", "A", "DNS-POD-015"),
        of("ended-0", "A", "DNS-POD-015"),
    )


_PODS = (
    _pod("web-0", _FIRST, _SECOND),
    _pod("web-1", _ONLY),
    *(_pod(f"ended-{number}", ip, phase=phase) for number, (phase, ip) in enumerate(_ENDED.items())),
)


@cache
def _any_mode() -> Sequence[Scenario]:
    return (Scenario(name="pods", pods=_PODS, asks=_asks(), dual_stack=True),)


@cache
def _every_mode() -> Sequence[Scenario]:
    return tuple(
        Scenario(
            name=mode.value,
            pods=_PODS,
            asks=_asks(),
            server=DNSServer(pods=mode.value),
            dual_stack=True,
        )
        for mode in PodRecords
    )


_OWN = ("DNS-POD-005", "DNS-POD-006", "DNS-POD-012", "DNS-POD-015")


def _judge_look(case: Case, look: Look) -> None:
    _judge_modes(case, look.view.zone, look.asked(), look.scenario.name)


@invariant(
    "dns.coredns-names-of-pods-by-address",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-POD-002", "DNS-POD-003", "DNS-POD-004", "DNS-POD-011", *_OWN),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dual-stack",),
)
def names_of_pods_by_address(case: Case) -> None:
    """Second addresses, pods that have ended, other spellings of an address and names of pods are all
    answered in one of the three modes of CoreDNS.
    """
    for look in looks(case, "dns.coredns-names-of-pods-by-address", _any_mode, most=1):
        _judge_look(case, look)


@invariant(
    "dns.coredns-modes-of-pods",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-POD-002", "DNS-POD-003", "DNS-POD-004", "DNS-POD-011", *_OWN),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-options", "dual-stack"),
    classes=tuple(mode.value for mode in PodRecords),
)
def modes_of_pods(case: Case) -> None:
    """Names of pods are answered in the mode for which the server is set up."""
    for look in looks(case, "dns.coredns-modes-of-pods", _every_mode, most=2):
        if look.view.zone.pods is not None:
            _judge_look(case, look)
