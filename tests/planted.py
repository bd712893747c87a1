# SPDX-License-Identifier: Apache-2.0
"""What the invariants of one area report of a planted fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.areas import Area
from conformance.example import Example
from conformance.faults import Fault, all_faults
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Deviation, Invariant

Found = dict[str, set[str]]
"""The requirements that were reported, by the id of the invariant that did."""


def faults_of(area: Area) -> list[str]:
    """The ids of the faults of an area that can be observed."""
    return [name for name, fault in all_faults().items() if fault.area is area and fault.make is not None]


def invariants_of(area: Area) -> list[Invariant]:
    """The invariants of an area."""
    return [item for item in all_invariants().values() if item.area is area]


def reported(fault: Fault, invariants: Sequence[Invariant], examples: Iterable[Example]) -> Found:
    """What is reported until all that the fault breaks has been; all of the last example."""
    assert fault.make is not None
    found: Found = {}
    with Session(InProcess(factory=fault.make, trusted=True)) as session:
        for example in examples:
            for item in invariants:
                error = deviation(item, Case(example, session))
                if error is not None:
                    decided = {*error.because, error.requirement}
                    found.setdefault(item.id, set()).update(
                        (decided & set(item.requirements)) | {error.requirement}
                    )
            if set(fault.breaks) <= set().union(*found.values()):
                break
    return found


def deviation(item: Invariant, case: Case) -> Deviation | None:
    """What an invariant finds."""
    try:
        item.check(case)
    except Deviation as error:
        return error
    return None


def not_listed(found: Found) -> Found:
    """What was reported by invariants that do not list it."""
    rows = {item.id: set(item.requirements) for item in all_invariants().values()}
    return {name: wrong for name, some in found.items() if (wrong := some - rows[name])}


def idle(area: Area, found: Iterable[Found], examples: Sequence[Example]) -> set[str]:
    """The invariants of an area that report no fault on any example; `found` is known already."""
    left = {item.id: item for item in invariants_of(area)}
    for one in found:
        for name in one:
            left.pop(name, None)
    # Most faults were left alone as soon as all that they break was reported, by whichever invariant.
    return {
        name
        for name, item in left.items()
        if not any(_reports(item, fault, examples) for fault in _breaking(item))
    }


def _breaking(item: Invariant) -> list[Fault]:
    rows = set(item.requirements)
    return [fault for fault in all_faults().values() if fault.make is not None and rows & set(fault.breaks)]


def _reports(item: Invariant, fault: Fault, examples: Iterable[Example]) -> bool:
    assert fault.make is not None
    with Session(InProcess(factory=fault.make, trusted=True)) as session:
        return any(deviation(item, Case(example, session)) is not None for example in examples)
