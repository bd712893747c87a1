# SPDX-License-Identifier: Apache-2.0
"""The registry of planted faults, and the hunt for them."""

from __future__ import annotations

import pytest
from attrs import evolve

from conformance import catalogue
from conformance.engine.hunt import Catch, hunt
from conformance.errors import UsageError
from conformance.faults import Fault, all_faults
from conformance.faults.base import Faulty
from conformance.invariants import all_invariants
from conformance.matrix import differences, render
from conformance.selftest import Selftest, chosen, lines, selftest, without_fault
from conformance.soak import lines as soak_lines
from conformance.soak import soak
from tests.selftest.known_bugs import KNOWN_BUGS


def test_every_claimed_requirement_has_a_fault() -> None:
    """What an invariant claims to check, a planted fault breaks."""
    assert without_fault() == []


def test_every_real_bug_has_a_fault() -> None:
    """Each bug that shipped is repeated by a fault, or said to be out of sight with what is missing."""
    repeated = {bug for fault in all_faults().values() for bug in fault.bugs}
    assert repeated == set(KNOWN_BUGS)


def test_faults_are_about_requirements_that_exist() -> None:
    """A fault names rows of the catalogue, says in a sentence what it does, and is made or says why not."""
    rows = catalogue.load()
    for fault in all_faults().values():
        assert set(fault.breaks) <= set(rows), fault.id
        assert fault.sentence.endswith("."), fault.id
        assert (fault.make is None) == bool(fault.unobservable), fault.id


def test_a_caught_fault_tells_how() -> None:
    """The catch says which invariant reported the requirement, on which input, and how small it became."""
    (catch,) = hunt(all_faults()["endpoints.ready-while-terminating"], clusters=200)
    assert catch.is_caught
    assert catch.requirement == "EP-008"
    assert catch.invariants
    assert all("EP-008" in all_invariants()[name].requirements for name in catch.invariants)
    assert 1 <= catch.inputs <= 200
    assert (catch.services, catch.pods) == (1, 1)


def test_no_fault_is_no_catch() -> None:
    """An implementation that is right escapes, and so the self-test would fail."""
    harmless = Fault("endpoints.harmless", "Nothing is wrong.", ("EP-008",), Faulty)
    (catch,) = hunt(harmless, clusters=30)
    assert not catch.is_caught
    result = Selftest((harmless,), (catch,))
    assert result.escaped == [catch]
    assert any("NOT REPORTED" in line for line in lines(result))


def test_a_crash_is_no_catch() -> None:
    """A fault that only breaks the adapter proves nothing of the invariants."""

    class Crashing(Faulty):
        def answer(self, operation: str, questions: object) -> list[object]:
            raise RuntimeError("not an answer")

    crashing = Fault("endpoints.crashing", "It crashes.", ("EP-008",), Crashing)
    assert not any(catch.is_caught for catch in hunt(crashing, clusters=5))


def test_processes_make_no_difference() -> None:
    """Faults that are hunted in several processes are caught on the same inputs, in the same order."""
    faults = chosen(["selectors"])[:6]
    alone = selftest(faults, clusters=100, workers=1)
    beside = selftest(faults, clusters=100, workers=2)
    assert [(each.requirement, each.inputs) for each in alone.catches] == [
        (each.requirement, each.inputs) for each in beside.catches
    ]


def test_names_are_known() -> None:
    """A fault or an area that does not exist is an error with the closest one."""
    with pytest.raises(UsageError, match="did you mean 'endpoints'"):
        chosen(["endpoint"])


def test_the_matrix_shows_what_changed() -> None:
    """A fault that is caught later than it was, or by another invariant, is a difference."""
    fault = all_faults()["endpoints.ready-while-terminating"]
    catch = Catch(fault.id, "EP-008", ("endpoints.conditions-agree",), inputs=3)
    before = render(Selftest((fault,), (catch,)))
    assert differences(Selftest((fault,), (catch,)), before) == []
    later = Selftest((fault,), (evolve(catch, inputs=30),))
    assert [line for line in differences(later, before) if line.startswith("+ ")] == ["+      input: 30"]


def test_a_soak_states_its_probability() -> None:
    """The reference is accused of nothing, on so many clusters, at a stated probability."""
    result = soak(clusters=20, seeds=(1, 2), workers=1)
    assert result.alarms == ()
    (line,) = soak_lines(result)
    assert "on 20 clusters of 2 seeds, 0 false alarms" in line
    assert "at most 2e-06" in line
