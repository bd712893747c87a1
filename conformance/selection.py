# SPDX-License-Identifier: Apache-2.0
"""Which invariants a run judges: what the profile claims and the adapter supports."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import frozen

from conformance.areas import Area
from conformance.errors import UsageError, unknown
from conformance.invariants import Invariant, all_invariants
from conformance.profiles import Profile


@frozen
class Selected:
    """The invariants to judge, and those that the adapter cannot be asked, with what it lacks."""

    judged: tuple[Invariant, ...]
    unsupported: tuple[tuple[Invariant, str], ...]

    @property
    def areas(self) -> frozenset[Area]:
        """The areas that are judged; the agreement between areas needs all of its own."""
        return frozenset(invariant.area for invariant in self.judged)


def claimed(profile: Profile) -> list[Invariant]:
    """The invariants that a profile claims, whatever the adapter supports."""
    claims = profile.claims
    excluded = {exclusion.id for exclusion in profile.invariants.exclude}
    return [
        invariant
        for invariant in all_invariants().values()
        if (claims.areas is None or invariant.area in claims.areas)
        and invariant.level in claims.levels
        and set(invariant.features) <= set(claims.features)
        and invariant.id not in excluded
    ]


def missing_operation(invariant: Invariant, supports: Callable[[str], bool]) -> str | None:
    """The first operation that the invariant needs and the adapter lacks; `a|b` is either."""
    for needed in invariant.asks:
        if not any(supports(operation) for operation in needed.split("|")):
            return needed
    return None


def _explain_unclaimed(profile: Profile, only: Collection[str]) -> None:
    """Say which claim an invariant needs that was asked for by name and is not judged."""
    for name in only:
        invariant = all_invariants()[name]
        missing = [f"feature {each!r}" for each in invariant.features if each not in profile.claims.features]
        if invariant.level not in profile.claims.levels:
            missing.append(f"level {invariant.level.value!r}")
        if missing:
            raise UsageError(
                f"{name} needs the {' and the '.join(missing)}, "
                f"which the profile {profile.name!r} does not claim",
                hint="claim it in a profile of your own: `claims.features`, `levels` or `kubernetes`",
            )


def select(
    profile: Profile, supports: Callable[[str], bool], *, only: Collection[str] | None = None
) -> Selected:
    """The invariants of a run.

    `only` narrows them to the given ids.  An area that the profile claims by name
    and of which the adapter supports nothing is an error.
    """
    judged: list[Invariant] = []
    unsupported: list[tuple[Invariant, str]] = []
    if only is not None:
        for name in only:
            if name not in all_invariants():
                raise unknown("invariant", name, all_invariants())
    for invariant in claimed(profile):
        if only is not None and invariant.id not in only:
            continue
        missing = missing_operation(invariant, supports)
        if missing is None:
            judged.append(invariant)
        else:
            unsupported.append((invariant, missing))
    if profile.claims.areas is not None and only is None:
        supported = {invariant.area for invariant in judged}
        for area in profile.claims.areas:
            lacking = [entry for entry in unsupported if entry[0].area is area]
            if area not in supported and lacking:
                raise UsageError(
                    f"the profile {profile.name!r} claims the area {area.value!r}, "
                    f"but the adapter has no operation {lacking[0][1]!r}",
                    hint="take the area out of claims.areas, or write `areas: supported`",
                )
    if not judged:
        if only is not None:
            _explain_unclaimed(profile, only)
        raise UsageError(
            "there is nothing to judge: the adapter supports no operation that the profile "
            f"{profile.name!r} asks for",
            hint="`kube-service-conformance smoke` shows what the adapter supports",
        )
    return Selected(tuple(judged), tuple(unsupported))
