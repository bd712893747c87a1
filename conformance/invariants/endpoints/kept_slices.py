# SPDX-License-Identifier: Apache-2.0
"""What slices say that are there already, once their Service has become another."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    endpoints_text,
    hints_of,
    hints_text,
    is_managed,
    said,
    slices_of,
)
from conformance.invariants.endpoints.looks import Look, broken, looks
from conformance.questions import turn_of
from conformance.questions.endpoints import services
from reference.endpoints import with_managed_slices
from reference.endpoints.hints import PREFER_SAME_NODE
from reference.endpoints.membership import is_serving
from reference.endpoints.syncing import identity, is_own
from reference.objects import HEADLESS_LABEL, Cluster, EndpointSlice, Pod, PodCondition, Service


def _kept(look: Look) -> Iterator[tuple[str, EndpointSlice, EndpointSlice, EndpointSlice]]:
    """The slices that stay: as they were, as they should be, and as they are."""
    for name, before in look.own():
        if look.stays(name) and name in look.got:
            yield name, before, look.wanted[name], look.got[name]


@invariant(
    "endpoints.headless-label-goes",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-017",),
    asks=("synced_slices",),
    classes=("no longer headless",),
)
def headless_label_goes(case: Case) -> None:
    """No slice says that its Service is headless once it is not."""
    for look in looks(case):
        for _, *pieces in _kept(look):
            was, wanted, got = (HEADLESS_LABEL in piece.metadata.labels for piece in pieces)
            if wanted:
                continue
            case.judged(*(["no longer headless"] if was else []))
            if got:
                broken(case, "SLICE-017", look, expected=f"no label {HEADLESS_LABEL}", got="a slice with it")


@invariant(
    "endpoints.headless-label-comes",
    kind=Kind.METAMORPHIC,
    requirements=("EP-023",),
    asks=("synced_slices",),
    classes=("headless now",),
)
def headless_label_comes(case: Case) -> None:
    """Every slice of a headless Service says so, also one that is from before it was headless."""
    for look in looks(case):
        for _, *pieces in _kept(look):
            was, wanted, got = (HEADLESS_LABEL in piece.metadata.labels for piece in pieces)
            if not wanted:
                continue
            case.judged(*([] if was else ["headless now"]))
            if not got:
                broken(case, "EP-023", look, expected=f"the label {HEADLESS_LABEL}", got="a slice without it")


@invariant(
    "endpoints.hints-of-kept-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-023", "SLICE-026"),
    asks=("synced_slices",),
    classes=("hints now", "no longer hints"),
)
def hints_of_kept_slices(case: Case) -> None:
    """Endpoints in a slice that stays have the hints that the Service asks for now."""
    for look in looks(case):
        for _, *pieces in _kept(look):
            was, wanted, got = (
                {identity(endpoint): hints_of(endpoint) for endpoint in piece.endpoints} for piece in pieces
            )
            for endpoint in was.keys() & wanted.keys() & got.keys():
                changed = was[endpoint] != wanted[endpoint]
                hinted = wanted[endpoint] is not None
                case.judged(*(["hints now" if hinted else "no longer hints"] if changed else []))
                if wanted[endpoint] != got[endpoint]:
                    expected, found = (hints_text(of[endpoint]) for of in (wanted, got))
                    broken(case, "SLICE-023" if hinted else "SLICE-026", look, expected=expected, got=found)


# -- generated clusters, and the slices that they had ---------------------------------------

_MOST = (1, 2, 3, 100)
"""How many endpoints a slice may have, one after the other."""
_OLD_PORT = 9090


def _earlier(cluster: Cluster, turn: int) -> Cluster:
    """What the cluster may have been: some pods were not there or in another state, others had the place of
    those that are; some Services had other ports, or asked for other hints.
    """
    pods = [
        was
        for index, pod in enumerate(cluster.pods, start=turn)
        if (was := (None, _in_another_state(pod), _another(pod), pod)[index % 4])
    ]
    changed = (_with_other_ports, _with_other_hints, lambda service: service)
    return evolve(
        cluster,
        pods=tuple(pods),
        services=tuple(
            changed[index % 3](service) for index, service in enumerate(cluster.services, start=turn)
        ),
    )


def _in_another_state(pod: Pod) -> Pod:
    ready = PodCondition("Ready", "False" if is_serving(pod) else "True")
    return evolve(pod, status=evolve(pod.status, conditions=(ready,)))


def _another(pod: Pod) -> Pod:
    name = f"{pod.metadata.name}-before"
    return evolve(pod, metadata=evolve(pod.metadata, name=name, uid=f"{pod.metadata.uid}-before"))


def _with_other_ports(service: Service) -> Service:
    ports = tuple(evolve(port, target_port=_OLD_PORT) for port in service.spec.ports)
    return evolve(service, spec=evolve(service.spec, ports=ports))


def _with_other_hints(service: Service) -> Service:
    wanted = None if service.spec.traffic_distribution else PREFER_SAME_NODE
    return evolve(service, spec=evolve(service.spec, traffic_distribution=wanted))


@invariant(
    "endpoints.slices-of-an-earlier-state",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-006",),
    asks=("endpoint_slices", "synced_slices"),
    classes=("endpoints", "no endpoints"),
)
def slices_of_an_earlier_state(case: Case) -> None:
    """Whatever its slices said before, a Service's slices say in the end what new ones would say."""
    turn = turn_of(case.cluster)
    settings = evolve(case.cluster.settings, max_endpoints_per_slice=_MOST[turn % len(_MOST)])
    cluster = evolve(case.cluster, settings=settings)
    slices = with_managed_slices(_earlier(cluster, turn)).endpoint_slices
    variant = case.variant(evolve(case.example, cluster=evolve(cluster, endpoint_slices=slices)))
    names = services(cluster)
    new, synced = (variant.ask(operation, names) for operation in ("endpoint_slices", "synced_slices"))
    for service, name, wanted, got in zip(cluster.services, names, new, synced, strict=True):
        if not is_managed(service) or service.metadata.deletion_timestamp is not None:
            continue
        expected = said(wanted, of=service)
        after = said((piece for piece in got if is_own(piece)), of=service)
        case.judged("endpoints" if expected else "no endpoints")
        if expected != after:
            case.fail(
                "SLICE-006",
                question=f"{slices_of(name)}, which had others",
                expected=endpoints_text(expected.elements()),
                got=endpoints_text(after.elements()),
                because=("SLICE-006",),
            )
