# SPDX-License-Identifier: Apache-2.0
"""Where kube-controller-manager in particular puts endpoints: not what every controller has to do."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.looks import Look, broken, identities, looks
from reference.endpoints.syncing import is_owned
from reference.objects import EndpointSlice


@invariant(
    "endpoints.places-of-new-endpoints",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-033",),
    asks=("synced_slices",),
    level=Level.MAY,
    features=("controller-packing",),
    classes=("changed slices", "unchanged slices"),
)
def places_of_new_endpoints(case: Case) -> None:
    """Each slice has as many endpoints as kube-controller-manager puts there: of the slices that change the
    fullest is filled first; what is left goes to the unchanged slice that it leaves fullest, or to new ones.
    """
    for look in looks(case):
        stay = {name for name, _ in look.own() if look.stays(name)}
        if not stay:
            continue
        case.judged(*_classes(look, stay))
        for name in sorted(stay & look.got.keys()):
            wanted, got = len(look.wanted[name].endpoints), len(look.got[name].endpoints)
            if wanted != got:
                expected = f"{wanted} endpoints in {name}"
                broken(case, "SLICE-033", look, expected=expected, got=f"{got} of them")


def _classes(look: Look, stay: set[str]) -> Iterator[str]:
    grown = {name for name in stay if identities(look.wanted[name]) - identities(look.before[name])}
    if any(identities(look.before[name]) <= identities(look.wanted[name]) for name in grown):
        yield "unchanged slices"
    if any(not identities(look.before[name]) <= identities(look.wanted[name]) for name in grown):
        yield "changed slices"


@invariant(
    "endpoints.names-of-emptied-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-034", "SLICE-013"),
    asks=("synced_slices",),
    level=Level.MAY,
    features=("controller-packing",),
    classes=("deleted", "written anew"),
)
def names_of_emptied_slices(case: Case) -> None:
    """A slice without any wanted endpoint is deleted, or written anew by its name where another is made."""
    for look in looks(case):
        emptied = {name for name, piece in look.own() if not look.stays(name) and _is_current(look, piece)}
        if not emptied:
            continue
        wanted = len(emptied & look.wanted.keys())
        got = len(emptied & look.got.keys())
        case.judged("written anew" if wanted else "deleted")
        if wanted != got:
            kept = [name for name in emptied & look.got.keys() if _addresses(look, name)]
            expected = f"{wanted} of the emptied slices {', '.join(sorted(emptied))}"
            row = "SLICE-013" if kept else "SLICE-034"
            broken(case, row, look, expected=expected, got=f"{got} of them")


def _addresses(look: Look, name: str) -> set[str]:
    """What the endpoints of a slice have had for addresses and have still."""
    was, now = (
        {address for endpoint in some[name].endpoints for address in endpoint.addresses}
        for some in (look.before, look.got)
    )
    return was & now


def _is_current(look: Look, piece: EndpointSlice) -> bool:
    return is_owned(piece, look.service) and piece.address_type in look.service.spec.ip_families
