# SPDX-License-Identifier: Apache-2.0
"""Proportional hints: Services that ask for them by an annotation, and those that seem to.

The nodes, the Services and their pods are made here (`zones`) and are the same for
every input but for which of them get their turn.  Hints are judged by the zones that
the answer itself gives its endpoints.  Where a sum comes so close to a bound that
it matters how numbers are rounded, that is judged apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import hints_of
from conformance.invariants.endpoints.hinted import Look, broken, looks
from conformance.invariants.endpoints.zones import DUAL, SWITCHED, UNROUNDED, WORLDS
from reference.endpoints.hints import (
    DEPRECATED_TOPOLOGY_ANNOTATION,
    TOPOLOGY_MODE_ANNOTATION,
    distribution,
    has_topology_mode_auto,
    hints,
)
from reference.endpoints.topology import Plan, Reason, has_capacity, zone_cpus
from reference.frozenmap import EMPTY
from reference.objects import EndpointHints, Service

FEATURE = "topology-mode"


# -- the annotation ----------------------------------------------------------


@invariant(
    "endpoints.topology-mode",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-027", "SLICE-028"),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE,),
    classes=("on", "off", "beside a distribution"),
)
def topology_mode(case: Case) -> None:
    """The annotation set to Auto or auto asks for proportional hints and overrides trafficDistribution;
    set to anything else it does nothing.
    """
    for look in looks(case, "endpoints.switched", SWITCHED):
        usual = _by_distribution(look)
        got = [found for _, found in look.ready]
        if not has_topology_mode_auto(look.service):
            case.judged("off", *_spellings(look.service))
            if got != usual:
                broken(case, "SLICE-028", look, expected="hints by trafficDistribution alone")
            continue
        case.judged("on", *_spellings(look.service))
        if isinstance(look.allowed, Plan) and not look.has_hints:
            broken(case, "SLICE-027", look)
        if look.service.spec.traffic_distribution:
            case.judged("beside a distribution")
            by_distribution = got == usual or any(found and found.for_nodes for found in got)
            if by_distribution and not look.is_allowed():
                broken(case, "SLICE-027", look)


def _by_distribution(look: Look) -> list[EndpointHints | None]:
    """The hints of the ready endpoints if there were no annotation."""
    plain = evolve(look.service, metadata=evolve(look.service.metadata, annotations=EMPTY))
    wanted = distribution(plain)
    return [
        hints(wanted, ready=True, zone=each.zone or None, node=each.node_name or None)
        for each, _ in look.ready
    ]


def _spellings(service: Service) -> Iterator[str]:
    for key, name in ((TOPOLOGY_MODE_ANNOTATION, "topology-mode"), (DEPRECATED_TOPOLOGY_ANNOTATION, "hints")):
        if key in service.metadata.annotations:
            yield f"{name}: {service.metadata.annotations[key]}"


# -- what is needed ----------------------------------------------------------


@invariant(
    "endpoints.proportional-hints-or-none",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-029",),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE,),
    classes=(Reason.NODES.value, Reason.FEW_ENDPOINTS.value, "hints"),
)
def proportional_hints_or_none(case: Case) -> None:
    """There are no proportional hints at all where a Ready node has no zone or no CPUs, nodes are in one
    zone, there are fewer ready endpoints than zones, or a ready endpoint has no zone; nodes that are not
    Ready or of the control plane, endpoints that are not ready, and how many slices there are do not matter.
    """
    for look in looks(case, "endpoints.zones", WORLDS):
        if isinstance(look.allowed, Reason):
            if look.allowed is Reason.MINIMA:
                continue
            case.judged(look.allowed.value)
            if look.has_hints:
                broken(case, "SLICE-029", look)
        elif not look.is_close and _has_what_does_not_matter(look):
            case.judged("hints")
            if not look.has_hints:
                broken(case, "SLICE-029", look)


def _has_what_does_not_matter(look: Look) -> bool:
    return (
        look.slices > 1
        or not all(map(has_capacity, look.cluster.nodes))
        or not all(each.conditions.ready for each in look.endpoints)
    )


@invariant(
    "endpoints.proportional-hints-by-family",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-029", "SLICE-031"),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE, "dual-stack"),
    classes=("hints", "no hints", "hints of the other family alone"),
)
def proportional_hints_by_family(case: Case) -> None:
    """Each family of a Service gets proportional hints by its own endpoints, or none, whatever the other
    family gets.
    """
    before: Look | None = None
    for look in looks(case, "endpoints.two-families", DUAL):
        planned = isinstance(look.allowed, Plan)
        if look.is_close:
            continue
        if before and before.service is look.service and isinstance(before.allowed, Plan) != planned:
            case.judged("hints of the other family alone")
        before = look
        case.judged("hints" if planned else "no hints")
        if planned is not look.has_hints:
            broken(case, "SLICE-029", look)
        if not look.is_allowed():
            broken(case, "SLICE-031", look)


# -- how many ----------------------------------------------------------------


@invariant(
    "endpoints.zone-minima",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-030",),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE,),
    classes=("fit", "do not fit"),
)
def zone_minima(case: Case) -> None:
    """There are proportional hints if as many endpoints are ready as all zones need, which is for each its
    share of the CPUs less what an endpoint may be overloaded, rounded up; otherwise there are none.
    """
    for look in looks(case, "endpoints.zones", WORLDS):
        if look.is_close or _has_what_does_not_matter(look):
            continue
        if look.allowed is Reason.MINIMA:
            case.judged("do not fit")
            if look.has_hints:
                broken(case, "SLICE-030", look)
        elif isinstance(look.allowed, Plan):
            case.judged("fit")
            if not look.has_hints:
                broken(case, "SLICE-030", look)


@invariant(
    "endpoints.zone-minima-in-floating-point",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-030",),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE,),
    classes=("rounded",),
)
def zone_minima_in_floating_point(case: Case) -> None:
    """What zones need is computed as `share * ready * (1 / 1.2)` in floating point numbers of 64 bits."""
    for look in looks(case, "endpoints.unrounded", UNROUNDED):
        if look.is_close:
            case.judged("rounded")
            if not look.is_allowed():
                broken(case, "SLICE-030", look)


@invariant(
    "endpoints.proportional-hints",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-021", "SLICE-031"),
    asks=("endpoint_slices",),
    level=Level.MAY,
    features=(FEATURE,),
    classes=("own zones", "other zones"),
)
def proportional_hints(case: Case) -> None:
    """Each ready endpoint is hinted to one zone: its own, but for as many as have to be hinted from zones
    with more than their share to zones with less.  Other endpoints have no hints.
    """
    for look in looks(case, "endpoints.zones", WORLDS):
        if look.is_close or isinstance(look.allowed, Reason) or not look.has_hints:
            continue
        case.judged(*_classes(look, look.allowed))
        if any(hints_of(each) for each in look.endpoints if not each.conditions.ready):
            broken(case, "SLICE-021", look, expected="no hints for endpoints that are not ready")
        if not look.is_allowed():
            broken(case, "SLICE-031", look)


def _classes(look: Look, allowed: Plan) -> Iterator[str]:
    if not all(each.conditions.ready for each in look.endpoints):
        yield "not ready"
    yield "other zones" if allowed.gives.zones() else "own zones"
    if allowed.gives.more or allowed.gets.more:
        yield "zones that are alike"
    cpus = zone_cpus(look.cluster.nodes)
    if not isinstance(cpus, Reason) and any(each.zone not in cpus for each, _ in look.ready):
        yield "a zone without CPUs"
