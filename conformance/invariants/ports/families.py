# SPDX-License-Identifier: Apache-2.0
"""Services of two IP families: which they are given, and what an update may do to the second one.

The sessions are made here and are the same for every input but for which of them
get their turn; an API server without a second family is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.timeline import Step
from conformance.invariants.ports.turns import judge_causes, judge_code, judge_grant, steps_in_turn
from reference.frozenmap import FrozenMap
from reference.objects import CLUSTER_IP_NONE, ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.ports.defaulting import EXTERNAL_NAME
from reference.ports.families import PREFER_DUAL_STACK, REQUIRE_DUAL_STACK, SINGLE_STACK
from reference.ports.server import Server, answer
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 96
"""How many get their turn with one input."""

_V4, _V6 = "10.96.0.0/27", "fd00:10:96::/123"
_SETTINGS = ((_V4, _V6), (_V6, _V4), (_V4,), (_V6,))
_IPV4, _IPV6, _OTHER_IPV4, _OTHER_IPV6 = "10.96.0.5", "fd00:10:96::5", "10.96.0.6", "fd00:10:96::6"

Fields = dict[str, Any]


def _ips(*ips: str, **more: Any) -> Fields:
    return {"cluster_ip": ips[0], "cluster_ips": ips, **more}


_SELECTING = {"selector": FrozenMap({"app": "web"})}
_POLICIES = (None, SINGLE_STACK, PREFER_DUAL_STACK, REQUIRE_DUAL_STACK)
_FAMILIES = ((), ("IPv4",), ("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4"))

BODIES: tuple[Fields, ...] = (
    *({"ip_family_policy": policy, "ip_families": some} for policy, some in product(_POLICIES, _FAMILIES)),
    *(
        _ips(*ips, ip_family_policy=policy)
        for policy in _POLICIES
        for ips in ((_IPV4,), (_IPV6,), (_IPV4, _IPV6), (_IPV6, _IPV4))
    ),
    *(
        {**_ips(CLUSTER_IP_NONE, ip_family_policy=policy, ip_families=some), **selecting}
        for policy in _POLICIES
        for some in ((), ("IPv6",))
        for selecting in ({}, _SELECTING)
    ),
    _ips(_IPV4, ip_family_policy=PREFER_DUAL_STACK, ip_families=("IPv4", "IPv6")),
    _ips(_IPV4, ip_family_policy=PREFER_DUAL_STACK, ip_families=("IPv6", "IPv4")),
    _ips(_IPV4, _IPV6, ip_family_policy=PREFER_DUAL_STACK, ip_families=("IPv4",)),
    _ips(_IPV4, _OTHER_IPV4, ip_family_policy=PREFER_DUAL_STACK),
    _ips(_IPV4, _IPV6, _OTHER_IPV4, ip_family_policy=PREFER_DUAL_STACK),
    _ips(_IPV4, _IPV6, "web", ip_family_policy=PREFER_DUAL_STACK),
    _ips(CLUSTER_IP_NONE, _IPV6, ip_family_policy=PREFER_DUAL_STACK),
    _ips(_IPV4, CLUSTER_IP_NONE, ip_family_policy=PREFER_DUAL_STACK),
    _ips(_IPV4, "", ip_family_policy=PREFER_DUAL_STACK),
    _ips(_IPV4, "web", ip_family_policy=PREFER_DUAL_STACK),
    {"cluster_ip": _IPV4, "cluster_ips": (_IPV6, _IPV4), "ip_family_policy": PREFER_DUAL_STACK},
    {"cluster_ips": (_IPV4, _IPV6), "ip_family_policy": PREFER_DUAL_STACK},
    # The ends of the ranges (ALLOC-026).
    *(
        _ips(ip, ip_family_policy=SINGLE_STACK)
        for ip in (*("10.96.0.0", "10.96.0.31"), *("fd00:10:96::", "fd00:10:96::1f", "fd00:10:96::20"))
    ),
    {"type": EXTERNAL_NAME, "external_name": "db.example.com", "ports": ()},
)
"""What a new Service says of its addresses."""

EDITS: tuple[Fields, ...] = (
    {},
    *({"ip_family_policy": policy} for policy in _POLICIES),
    {"ip_family_policy": SINGLE_STACK, "cluster_ips": 1, "ip_families": 1},
    {"ip_family_policy": SINGLE_STACK, "ip_families": 1},
    {"ip_family_policy": SINGLE_STACK, "cluster_ips": 1},
    {"ip_family_policy": SINGLE_STACK, "ip_families": -1},
    {"cluster_ips": 1},
    {"ip_families": 1},
    {"cluster_ips": 1, "ip_families": 1},
    {"ip_families": -1},
    {"cluster_ips": -1},
    {"cluster_ips": -1, "ip_families": -1},
    {"ip_family_policy": PREFER_DUAL_STACK, "cluster_ips": 1, "ip_families": 1},
    {"ip_family_policy": REQUIRE_DUAL_STACK, "ip_families": ("IPv4", "IPv6")},
    {"ip_family_policy": REQUIRE_DUAL_STACK, "ip_families": ("IPv6", "IPv4")},
    {"ip_family_policy": REQUIRE_DUAL_STACK, "cluster_ips": _OTHER_IPV6},
    {"ip_family_policy": REQUIRE_DUAL_STACK, "cluster_ips": _OTHER_IPV4},
    {"cluster_ips": _OTHER_IPV6},
    {"cluster_ip": "", "cluster_ips": (), "ip_families": (), "ip_family_policy": None},
    {"cluster_ip": "", "cluster_ips": (), "ip_families": (), "ip_family_policy": PREFER_DUAL_STACK},
    {"cluster_ip": "", "cluster_ips": (), "ip_families": (), "ip_family_policy": SINGLE_STACK},
    _ips(CLUSTER_IP_NONE),
    _ips(_OTHER_IPV4),
    _ips(_OTHER_IPV4, _OTHER_IPV6),
    {"type": "NodePort"},
    {"type": EXTERNAL_NAME, "external_name": "db.example.com"},
    {
        "type": EXTERNAL_NAME,
        "external_name": "db.example.com",
        "cluster_ip": "",
        "cluster_ips": (),
        "ip_families": (),
        "ip_family_policy": None,
    },
    {"type": "ClusterIP", "ip_family_policy": PREFER_DUAL_STACK},
    {"type": "ClusterIP", "ip_families": ("IPv6",)},
    {"type": "ClusterIP", **_ips(_OTHER_IPV6)},
)
"""What an update changes.  Of a list, 1 keeps the first entry, -1 turns it round, and a text takes the
place of the second entry.
"""


def _service(name: str, fields: Fields) -> Service:
    spec: Fields = {"type": "ClusterIP", "ports": (ServicePort(80, "http", "TCP", 8080),), **fields}
    return Service(ObjectMeta(name=name, namespace="default", uid=name), ServiceSpec(**spec))


def _edited(spec: ServiceSpec, edit: Fields) -> ServiceSpec:
    made: Fields = {}
    for name, value in edit.items():
        have = getattr(spec, name)
        if name in ("cluster_ips", "ip_families"):
            changed: dict[Any, Any] = {1: have[:1], -1: have[::-1]}
            if isinstance(value, str):
                made[name] = (*have[:1], value)
            else:
                made[name] = changed.get(value, value)
        else:
            made[name] = value
    if isinstance(edit.get("cluster_ips"), int) and made["cluster_ips"]:
        made["cluster_ip"] = made["cluster_ips"][0]
    return evolve(spec, **made)


@lru_cache(maxsize=1)
def _sessions() -> tuple[ApiSession, ...]:
    """A Service, a change of what was stored of it, and others that ask for its addresses.

    The change is made to what is stored, as users edit what they read; but for
    addresses that the server chose, which are left out.
    """
    made = []
    for cidrs, body in product(_SETTINGS, BODIES):
        settings = ClusterSettings(service_cidrs=cidrs)
        create = ApiRequest(Verb.CREATE, _service("web", body))
        families = {":" in cidr for cidr in cidrs}
        rivals = tuple(
            ApiRequest(Verb.CREATE, _service(f"rival-{number}", _ips(ip)))
            for number, ip in enumerate((_IPV4, _IPV6))
            if (":" in ip) in families
        )
        stored = answer(Server(settings), create)[0].service
        if stored is None:
            made.append(ApiSession(settings, (create, *rivals)))
            continue
        if stored.spec.cluster_ips != body.get("cluster_ips", ()):
            stored = evolve(stored, spec=evolve(stored.spec, cluster_ip="", cluster_ips=()))
        for edit in EDITS:
            update = ApiRequest(Verb.UPDATE, evolve(stored, spec=_edited(stored.spec, edit)))
            made.append(ApiSession(settings, (create, update, *rivals)))
    return tuple(made)


def _steps(case: Case) -> Iterator[Step]:
    """What is answered in the sessions that have their turn."""
    return steps_in_turn(case, "ports.families", _sessions, most=MOST_SESSIONS)


def _shown(step: Step) -> str:
    spec = step.request.service.spec
    cidrs = ", ".join(step.session.settings.service_cidrs)
    return (
        f"{step}, clusterIPs {list(spec.cluster_ips)}, ipFamilies {list(spec.ip_families)}, "
        f"ipFamilyPolicy {spec.ip_family_policy}, in a cluster of {cidrs}"
    )


ADMISSION = (
    "VAL-036",
    "VAL-037",
    "VAL-038",
    "VAL-039",
    "VAL-040",
    "VAL-041",
    "VAL-042",
    "VAL-045",
    "VAL-046",
    "VAL-047",
    "VAL-048",
    "ALLOC-029",
    "ALLOC-039",
    "ALLOC-040",
    "ALLOC-041",
)


STORED = (
    "ALLOC-033",
    "ALLOC-036",
    "ALLOC-037",
    "ALLOC-038",
    "ALLOC-042",
    "ALLOC-043",
    "TYPE-014",
    "TYPE-015",
)


@invariant(
    "ports.two-families-admission",
    kind=Kind.METAMORPHIC,
    requirements=(*ADMISSION, *STORED, "TYPE-013"),
    asks=("admit",),
    features=("dual-stack",),
    classes=("granted", "refused"),
)
def two_families_admission(case: Case) -> None:
    """Cluster IPs, families and their policy have to agree with one another and with the cluster, and the
    first of each does not change.
    """
    for step in _steps(case):
        if step.expectation.is_open:
            continue
        case.judged("refused" if step.expectation.rejected else "granted")
        row, because = _rules_of_admission(step)
        judge_grant(case, step, row, question=_shown(step), because=because)
        judge_causes(case, step, row, question=_shown(step), because=because)


@invariant(
    "ports.two-families-status-codes",
    kind=Kind.METAMORPHIC,
    requirements=ADMISSION,
    asks=("admit",),
    features=("dual-stack",),
    classes=("refused",),
)
def two_families_status_codes(case: Case) -> None:
    """A Service whose addresses, families and policy do not agree is refused as invalid."""
    for step in _steps(case):
        if step.expectation.is_open or step.rejected is None:
            continue
        case.judged("refused")
        row, because = _rules_of_admission(step)
        judge_code(case, step, row, question=_shown(step), because=because)


def _rules_of_admission(step: Step) -> tuple[str, tuple[str, ...]]:
    """The requirement that a wrong answer breaks, and why."""
    expectation = step.expectation
    rules = expectation.rejected.rules if expectation.rejected is not None else ()
    row = next((rule for rule in rules if rule in ADMISSION), "TYPE-013")
    if expectation.accepted is not None and expectation.accepted.service is not None:
        row, _ = _rule_of_stored(step, expectation.accepted.service.spec)
    return row, (*rules, *(("VAL-045",) if row.startswith("ALLOC-04") else ()))


@invariant(
    "ports.two-families-stored",
    kind=Kind.METAMORPHIC,
    requirements=("ALLOC-039", *STORED),
    asks=("admit",),
    features=("dual-stack",),
    classes=("first family", "second family", "second family given up", "second family added"),
)
def two_families_stored(case: Case) -> None:
    """A Service has one address of each of its families in their order; an update adds the second or gives
    it up, and leaves the first alone.
    """
    for step in _steps(case):
        accepted, got = step.accepted, step.response.service
        if accepted is None or accepted.service is None or got is None:
            continue
        expected, spec = accepted.service.spec, got.spec
        rule, met = _rule_of_stored(step, expected)
        case.judged(*met)
        for field, wanted, found in (
            ("clusterIP", expected.cluster_ip, spec.cluster_ip),
            ("clusterIPs", expected.cluster_ips, spec.cluster_ips),
            ("ipFamilies", expected.ip_families, spec.ip_families),
            ("ipFamilyPolicy", expected.ip_family_policy, spec.ip_family_policy),
        ):
            if (wanted or None) != (found or None):
                case.fail(
                    rule,
                    question=f"spec.{field} after {_shown(step)}",
                    expected=wanted,
                    got=found,
                    because=(rule, "ALLOC-036") if field == "ipFamilyPolicy" else (rule,),
                )


def _rule_of_stored(step: Step, expected: ServiceSpec) -> tuple[str, tuple[str, ...]]:
    sent = step.request.service.spec
    count = len(expected.ip_families)
    met = ("first family", "second family")[:count]
    if step.request.verb is Verb.CREATE or step.old is None:
        if sent.cluster_ip == CLUSTER_IP_NONE and not sent.selector:
            return "ALLOC-037", met
        if sent.ip_family_policy in (PREFER_DUAL_STACK, REQUIRE_DUAL_STACK):
            return "ALLOC-039", met
        return ("ALLOC-038" if sent.cluster_ip and not sent.ip_families else "ALLOC-036"), met
    before = step.old.spec
    if before.type == EXTERNAL_NAME and expected.type != EXTERNAL_NAME:
        return "TYPE-015", met
    if expected.type == EXTERNAL_NAME:
        return "TYPE-014", met
    if len(before.ip_families) > count:
        return "ALLOC-042", (*met, "second family given up")
    if len(before.ip_families) < count:
        return "ALLOC-043", (*met, "second family added")
    return "ALLOC-033", met
