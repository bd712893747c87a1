# SPDX-License-Identifier: Apache-2.0
"""Slices and Services that the controller leaves alone."""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.looks import broken, identities, looks, shown
from reference.endpoints.syncing import is_own
from reference.objects import MANAGED_BY_LABEL


@invariant(
    "endpoints.slices-left-alone",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-014", "EP-026", "EP-027"),
    asks=("synced_slices",),
    classes=(
        "of another author",
        "of another controller",
        "being deleted",
        "of a Service that is not managed",
    ),
)
def slices_left_alone(case: Case) -> None:
    """Slices of other authors and slices that are being deleted stay as they are, and so do all slices of a
    Service that has no selector any more or has become an ExternalName.
    """
    for look in looks(case):
        for name, piece in look.before.items():
            if not look.is_managed:
                row, met = "EP-026", "of a Service that is not managed"
            elif is_own(piece):
                continue
            elif piece.metadata.deletion_timestamp is not None:
                row, met = "SLICE-014", "being deleted"
            elif MANAGED_BY_LABEL in piece.metadata.labels:
                row, met = "EP-027", "of another controller"
            else:
                row, met = "SLICE-014", "of another author"
            case.judged(met)
            got = look.got.get(name)
            if got is None or (identities(got), set(got.ports)) != (identities(piece), set(piece.ports)):
                broken(case, row, look, expected=f"{name} as it is", got=shown(got) if got else "deleted")


@invariant(
    "endpoints.no-new-slices-for-a-service-that-goes",
    kind=Kind.METAMORPHIC,
    requirements=("EP-028",),
    asks=("synced_slices",),
    classes=("being deleted",),
)
def no_new_slices_for_a_service_that_goes(case: Case) -> None:
    """For a Service that is being deleted no slice is made."""
    for look in looks(case):
        if not look.is_going:
            continue
        case.judged("being deleted")
        if new := look.got.keys() - look.before.keys():
            broken(case, "EP-028", look, expected="no new slice", got=", ".join(sorted(new)))
