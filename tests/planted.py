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
                    found.setdefault(item.id, set()).add(error.requirement)
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
