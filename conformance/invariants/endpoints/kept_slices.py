# SPDX-License-Identifier: Apache-2.0
"""What slices say that are there already, once their Service has become another."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import hints_of, hints_text
from conformance.invariants.endpoints.looks import Look, broken, looks
from reference.endpoints.syncing import identity
from reference.objects import HEADLESS_LABEL, EndpointSlice


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
