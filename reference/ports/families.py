# SPDX-License-Identifier: Apache-2.0
"""IP families, their policy, and the cluster IPs that go with them.

Source: kubernetes `alloc.go` `initIPFamilyFields`, `validation.go`
`ValidateServiceClusterIPsRelatedFields`.
"""

from __future__ import annotations

from functools import lru_cache

from reference.objects import CLUSTER_IP_NONE, Service, ServiceSpec
from reference.ports.addresses import FAMILIES, other_family, parse_ip, parse_legacy_ip
from reference.ports.changes import with_spec
from reference.ports.defaulting import CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT
from reference.ports.pools import Allocations
from reference.ports.rejections import Refused, Violation

SINGLE_STACK = "SingleStack"
PREFER_DUAL_STACK = "PreferDualStack"
REQUIRE_DUAL_STACK = "RequireDualStack"
POLICIES = (SINGLE_STACK, PREFER_DUAL_STACK, REQUIRE_DUAL_STACK)

_IPS = "spec.clusterIPs"
_POLICY = "spec.ipFamilyPolicy"


def family_violations(service: Service, *, old: Service | None) -> tuple[Violation, ...]:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy on their own (VAL-036 to VAL-044).

    How those cluster IPs are written that `old` has does not matter (VAL-074).
    """
    spec = service.spec
    if spec.type == EXTERNAL_NAME:
        return ()
    known = old.spec.cluster_ips if old else ()
    return _violations(spec.cluster_ip, spec.cluster_ips, spec.ip_families, spec.ip_family_policy, known)


@lru_cache(maxsize=4096)
def _violations(
    ip: str,
    ips: tuple[str, ...],
    families: tuple[str, ...],
    policy: str | None,
    known: tuple[str, ...],
) -> tuple[Violation, ...]:
    found: list[Violation] = []
    if ip and ips[:1] != (ip,):
        found.append(Violation(_IPS, "Invalid", "VAL-036"))
    if not ip and ips:
        found.append(Violation(_IPS, "Invalid", "VAL-037"))
    for index, family in enumerate(families):
        if family not in FAMILIES:
            found.append(Violation(f"spec.ipFamilies[{index}]", "NotSupported", "VAL-043"))
        if family in families[:index]:
            found.append(Violation(f"spec.ipFamilies[{index}]", "Duplicate", "VAL-043"))
    if policy is not None and policy not in POLICIES:
        found.append(Violation(_POLICY, "NotSupported", "VAL-044"))
    malformed = _malformed_ips(ips, known)
    found += malformed
    if len(ips) > 2:
        found.append(Violation(_IPS, "Invalid", "VAL-040"))
    return tuple(found if malformed else [*found, *_mismatched_ips(ips, families)])


def _malformed_ips(ips: tuple[str, ...], known: tuple[str, ...]) -> list[Violation]:
    found = []
    for index, text in enumerate(ips):
        if index == 0 and text == CLUSTER_IP_NONE:
            if len(ips) > 1:
                found.append(Violation(_IPS, "Invalid", "VAL-038"))
        elif (parse_legacy_ip(text) if text in known else parse_ip(text)) is None:
            rule = "VAL-038" if text in ("", CLUSTER_IP_NONE) else "VAL-039"
            found.append(Violation(f"{_IPS}[{index}]", "Invalid", rule))
    return found


def _mismatched_ips(ips: tuple[str, ...], families: tuple[str, ...]) -> list[Violation]:
    """At most one address of each family, and of the family that was said; `None` has none."""
    found = []
    actual = [address.family for text in ips if (address := parse_legacy_ip(text)) is not None]
    if len(set(actual)) < len(actual):
        found.append(Violation(_IPS, "Invalid", "VAL-041"))
    for index, (family, wanted) in enumerate(zip(actual, families, strict=False)):
        if wanted in FAMILIES and family != wanted:
            found.append(Violation(f"{_IPS}[{index}]", "Invalid", "VAL-042"))
    return found


def keeps_families(old: Service, new: Service) -> bool:
    """A PreferDualStack Service that changes none of these fields keeps them (ALLOC-044)."""
    before, after = old.spec, new.spec
    return (
        before.type == after.type
        and after.type in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)
        and after.ip_family_policy == PREFER_DUAL_STACK
        and before.ip_family_policy in (None, PREFER_DUAL_STACK)
        and before.cluster_ips == after.cluster_ips
        and before.ip_families == after.ip_families
    )


def with_families(service: Service, state: Allocations, *, old: Service | None) -> Service:
    """The Service with its policy and families decided (ALLOC-036 to ALLOC-043, VAL-045)."""
    if service.spec.type == EXTERNAL_NAME or (old is not None and keeps_families(old, service)):
        return service
    if violations := family_violations(service, old=old):
        raise Refused.invalid(*violations)
    policy = service.spec.ip_family_policy or _default_policy(service, old)
    found: list[Violation] = []
    if old is not None:
        service, found = _reduced(old, service, policy)
    spec = service.spec
    if policy == SINGLE_STACK and (len(spec.cluster_ips) == 2 or len(spec.ip_families) == 2):
        found.append(Violation(_POLICY, "Invalid", "ALLOC-041"))
    families, inferred = _inferred(spec, state)
    found += inferred
    if found:
        raise Refused.invalid(*found)
    decided = _decided(service, families, policy, state)
    return with_spec(service, ip_family_policy=policy, ip_families=decided)


def _default_policy(service: Service, old: Service | None) -> str:
    if old is not None and old.spec.ip_family_policy is not None:
        return old.spec.ip_family_policy
    return REQUIRE_DUAL_STACK if _is_headless_without_selector(service) else SINGLE_STACK


def _is_headless_without_selector(service: Service) -> bool:
    return service.spec.cluster_ip == CLUSTER_IP_NONE and not service.spec.selector


def _reduced(old: Service, service: Service, policy: str) -> tuple[Service, list[Violation]]:
    """Giving up the second family needs the policy SingleStack (ALLOC-042, VAL-048)."""
    before, after = old.spec, service.spec
    if policy == SINGLE_STACK:
        ips, families = after.cluster_ips, after.ip_families
        ips = ips[:1] if ips == before.cluster_ips else ips
        families = families[:1] if families == before.ip_families else families
        return with_spec(service, cluster_ips=ips, ip_families=families), []
    fewer = len(after.cluster_ips) < len(before.cluster_ips)
    fewer = fewer or 0 < len(after.ip_families) < len(before.ip_families)
    return service, [Violation(_POLICY, "Invalid", "VAL-048")] if fewer else []


def _inferred(spec: ServiceSpec, state: Allocations) -> tuple[tuple[str, ...], list[Violation]]:
    """Families that follow from explicit cluster IPs (ALLOC-038, ALLOC-040)."""
    families = spec.ip_families
    found = []
    for index, text in enumerate(spec.cluster_ips):
        address = parse_legacy_ip(text)
        if address is None:
            break
        if index >= len(families):
            if address.family in state.families:
                families = (*families, address.family)
            else:
                found.append(Violation(f"{_IPS}[{index}]", "Invalid", "ALLOC-040"))
    return families, found


def _decided(service: Service, families: tuple[str, ...], policy: str, state: Allocations) -> tuple[str, ...]:
    default = families or state.families[:1]
    wants_two = policy != SINGLE_STACK and len(default) == 1
    if _is_headless_without_selector(service):  # ALLOC-037: whatever the cluster is
        return (*default, *map(other_family, default)) if wants_two else default
    found = []
    if policy == REQUIRE_DUAL_STACK and len(state.families) < 2:
        found.append(Violation(_POLICY, "Invalid", "ALLOC-039"))
    for index, family in enumerate(families):
        if family not in state.families:
            found.append(Violation(f"spec.ipFamilies[{index}]", "Invalid", "ALLOC-040"))
    if found:
        raise Refused.invalid(*found)
    return (*default, *map(other_family, default)) if wants_two and len(state.families) == 2 else default
