# SPDX-License-Identifier: Apache-2.0
"""What becomes of slices that are there: which endpoints they hold afterwards, and which of them go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

from attrs import frozen

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import Port, port_set, ports_text, words
from conformance.invariants.endpoints.looks import Look, broken, identities, looks, shown
from reference.endpoints.syncing import identity, is_owned
from reference.objects import HEADLESS_LABEL, EndpointSlice


@invariant(
    "endpoints.endpoints-stay-in-their-slice",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-007", "SLICE-013"),
    asks=("synced_slices",),
    classes=("kept", "changed"),
)
def endpoints_stay_in_their_slice(case: Case) -> None:
    """An endpoint that is wanted still, changed or not, stays in the slice in which it is."""
    for look in looks(case):
        for name, piece in look.own():
            if not look.stays(name):
                continue
            kept = identities(piece) & identities(look.wanted[name])
            case.judged("kept", *(("changed",) if _changed(piece, look.wanted[name]) else ()))
            left = identities(look.got[name]) if name in look.got else set()
            if kept <= left:
                continue
            row = "SLICE-013" if kept - left <= _changed(piece, look.wanted[name]) else "SLICE-007"
            got = shown(look.got[name]) if name in look.got else "no such slice"
            broken(case, row, look, expected=f"{name} keeps its {len(kept)} endpoints", got=got)


def _changed(before: EndpointSlice, after: EndpointSlice) -> set[object]:
    """The endpoints that are still there, but are written otherwise."""
    was = {identity(endpoint): endpoint for endpoint in before.endpoints}
    return {
        identity(endpoint)
        for endpoint in after.endpoints
        if identity(endpoint) in was and was[identity(endpoint)] != endpoint
    }


@invariant(
    "endpoints.new-endpoints-change-few-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-005", "SLICE-006", "SLICE-007", "SLICE-008"),
    asks=("synced_slices",),
    classes=("from nothing", "with slices", "room in two slices"),
)
def new_endpoints_change_few_slices(case: Case) -> None:
    """New endpoints go into slices that change anyway while these have room; of those that would not change
    at most one gets any; where no slice stays, all new ones are full but for one.
    """
    for look in looks(case):
        if not look.is_kept_up:
            continue
        stay = {name for name, _ in look.own() if look.stays(name)}
        touched = {name for name in stay if _changes(look, name)}
        gained = {
            name: new
            for name in look.got.keys() - look.foreign
            if (new := len(identities(look.got[name]) - _had(look, name)))
        }
        case.judged("with slices" if stay else "from nothing")
        room = [name for name in stay - touched if len(look.before[name].endpoints) < look.most]
        if len(room) > 1 and gained.keys() - stay:
            case.judged("room in two slices")
        for name in sorted(gained):
            if len(look.got[name].endpoints) > look.most:
                got = f"{len(look.got[name].endpoints)} in {name}"
                broken(case, "SLICE-006", look, expected=f"at most {look.most} endpoints", got=got)
        if not stay:
            _judge_sizes(case, look)
        # One that has lost all of its endpoints changes as well, if it is not deleted.
        emptied = {name for name, piece in look.own() if piece.endpoints} - stay
        if gained.keys() - touched - emptied:
            for name in sorted(touched & look.got.keys()):
                if len(look.got[name].endpoints) < look.most:
                    expected = f"new endpoints in {name} first, which changes anyway"
                    got = f"{len(look.got[name].endpoints)} endpoints there, and new ones elsewhere"
                    broken(case, "SLICE-007", look, expected=expected, got=got)
        if len(several := gained.keys() & (stay - touched)) > 1:
            expected = "new endpoints in at most one slice that would not change"
            broken(case, "SLICE-008", look, expected=expected, got=", ".join(sorted(several)))


def _had(look: Look, name: str) -> set[object]:
    return identities(look.before[name]) if name in look.before else set()


def _changes(look: Look, name: str) -> bool:
    """Whether a slice that stays has to be written, whatever new endpoints there are."""
    before, wanted = look.before[name], look.wanted[name]
    return (
        bool(_changed(before, wanted))
        or not identities(before) <= identities(wanted)
        or _labels(before) != _labels(wanted)
    )


def _judge_sizes(case: Case, look: Look) -> None:
    wanted, got = (
        sorted(
            len(piece.endpoints)
            for name, piece in some.items()
            if piece.endpoints and name not in look.foreign
        )
        for some in (look.wanted, look.got)
    )
    if wanted != got:
        broken(case, "SLICE-005", look, expected=_sizes(wanted), got=_sizes(got))


def _sizes(sizes: Sequence[int]) -> str:
    return f"slices of {' and '.join(map(str, sizes))} endpoints" if sizes else "no slice"


@invariant(
    "endpoints.synced-slices-hold-all",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-006", "SLICE-010", "SLICE-018"),
    asks=("synced_slices",),
    classes=("endpoints", "placeholder", "labels"),
)
def synced_slices_hold_all(case: Case) -> None:
    """Whatever was there, the controller's slices hold each wanted endpoint once, with its ports, and have
    the labels of the Service; a slice that stands for no endpoints has no ports.
    """
    for look in looks(case):
        if not look.is_kept_up:
            continue
        foreign = look.foreign
        wanted, got = (_Held.of(some, foreign) for some in (look.wanted, look.got))
        case.judged("endpoints" if wanted.endpoints else "placeholder")
        if wanted.endpoints != got.endpoints:
            broken(case, "SLICE-006", look, expected=_words(wanted.endpoints), got=_words(got.endpoints))
        # Beside others, an empty slice that somebody else made may stay, be filled or be deleted.
        if not wanted.endpoints and wanted.empty != got.empty:
            broken(case, "SLICE-010", look, expected=_ports(wanted.empty), got=_ports(got.empty))
        for name in (look.wanted.keys() & look.got.keys()) - foreign:
            before = look.before.get(name)
            labels, found = (_labels(some[name]) for some in (look.wanted, look.got))
            case.judged(*(("labels",) if before and _labels(before) != labels else ()))
            if labels != found:
                broken(case, "SLICE-018", look, expected=f"{name} with {labels}", got=str(found))


def _labels(piece: EndpointSlice) -> dict[str, str]:
    """The labels; whether they say that the Service is headless is another invariant's business."""
    return dict(piece.metadata.labels.without(HEADLESS_LABEL))


@frozen
class _Held:
    """Endpoints with their ports, and the ports of slices without endpoints."""

    endpoints: Counter[tuple[object, str, frozenset[Port]]]
    empty: Counter[frozenset[Port]]

    @classmethod
    def of(cls, slices: dict[str, EndpointSlice], foreign: Set[str]) -> _Held:
        own = [piece for name, piece in slices.items() if name not in foreign]
        return cls(
            Counter(
                (identity(endpoint), words(endpoint.conditions), port_set(piece.ports))
                for piece in own
                for endpoint in piece.endpoints
            ),
            Counter(port_set(piece.ports) for piece in own if not piece.endpoints),
        )


def _words(endpoints: Counter[tuple[Any, str, frozenset[Port]]]) -> str:
    texts = (
        f"{', '.join(addresses)} ({conditions}; ports {ports_text(ports)})"
        for (addresses, _, _), conditions, ports in endpoints.elements()
    )
    return "; ".join(sorted(texts)) or "no endpoints"


def _ports(empty: Counter[frozenset[Port]]) -> str:
    texts = sorted(f"an empty slice with ports {ports_text(ports)}" for ports in empty.elements())
    return "; ".join(texts) or "no empty slice"


@invariant(
    "endpoints.emptied-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-009",),
    asks=("synced_slices",),
    classes=("emptied",),
)
def emptied_slices(case: Case) -> None:
    """A slice that has lost its last wanted endpoint is not left behind empty beside others, and none is made
    that is empty.
    """
    for look in looks(case):
        if not look.is_kept_up or not any(
            look.wanted[name].endpoints for name in look.wanted.keys() - look.foreign
        ):
            continue
        emptied = {name for name, piece in look.own() if piece.endpoints and not look.stays(name)}
        case.judged(*(["emptied"] if emptied else []))
        for name in sorted(emptied & look.got.keys() | look.got.keys() - look.before.keys()):
            if not look.got[name].endpoints:
                broken(case, "SLICE-009", look, expected=f"no {name}", got=f"{name} without endpoints")


@invariant(
    "endpoints.slices-of-a-family-that-left",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-012",),
    asks=("synced_slices",),
    classes=("left",),
)
def slices_of_a_family_that_left(case: Case) -> None:
    """Slices of a family that the Service does not have any more are deleted."""
    for look in looks(case):
        for name, piece in look.own():
            if piece.address_type in look.service.spec.ip_families:
                continue
            case.judged("left")
            if name in look.got:
                expected = f"no {name}, which is of {piece.address_type}"
                broken(case, "SLICE-012", look, expected=expected, got=shown(look.got[name]))


@invariant(
    "endpoints.slices-of-an-older-service",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-015",),
    asks=("synced_slices",),
    classes=("older",),
)
def slices_of_an_older_service(case: Case) -> None:
    """Slices that belong to an older Service of the same name are deleted."""
    for look in looks(case):
        for name, piece in look.own():
            if is_owned(piece, look.service):
                continue
            case.judged("older")
            if name in look.got:
                expected = f"no {name}, which belongs to a Service that is gone"
                broken(case, "SLICE-015", look, expected=expected, got=shown(look.got[name]))
