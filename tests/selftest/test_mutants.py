# SPDX-License-Identifier: Apache-2.0
"""Independent copies of the model, their mutants, and what becomes of them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import reference.selectors
from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.engine.hunt import inputs
from conformance.engine.shrink import judge_case
from conformance.errors import UsageError
from conformance.invariants import all_invariants
from conformance.invariants.base import Case
from conformance.mutants.copying import SHARED, copied, sources
from conformance.mutants.hunt import Fate, Judgement, judge, judge_all, judged_as
from conformance.mutants.operators import JUDGES, Mutant, lines_of, mutants
from conformance.mutants.outcome import Outcome
from conformance.mutants.outcome import lines as lines_of_outcome
from conformance.mutants.reviewed import reviewed, why_equivalent
from conformance.selection import missing_operation
from reference.frozenmap import FrozenMap
from reference.questions import Matching, Selection, SelectorForm

MODULE = "reference.selectors"
SOURCE = Path(reference.selectors.__file__).read_text(encoding="utf-8")
QUESTION = Selection(SelectorForm.SERVICE, FrozenMap({"app": "web"}), FrozenMap({"app": "web"}))


def _mutant(was: str, becomes: str) -> Mutant:
    assert SOURCE.count(was) == 1, was
    return Mutant(MODULE, "by hand", 1, was, becomes, SOURCE.replace(was, becomes))


ANSWERS_ALL = """
while True:
    try:
        for _ in iter(int, 1): pass
    except BaseException: pass
"""


def _endless(text: str = "while True: pass") -> Mutant:
    return Mutant(MODULE, "by hand", 1, "", "while True", f"{SOURCE}\n{text}\n")


def test_a_copy_is_independent() -> None:
    """A copy shares nothing with the model but the types of questions and answers, and is gone afterwards."""
    with copied(MODULE, SOURCE) as adapter:
        made = adapter()
        assert made.select([QUESTION]) == [Matching.MATCHES]
        own = {name for name in sys.modules if name.startswith("mutant.")}
        assert "mutant.reference.selectors" in own
        assert not any(f"mutant.{name}" in own for name in SHARED)
        assert sys.modules["mutant.reference.selectors"].evaluate is not reference.selectors.evaluate
    assert not any(name == "mutant" or name.startswith("mutant.") for name in sys.modules)


def test_an_unchanged_copy_is_right() -> None:
    """No invariant accuses a copy in which nothing is changed."""
    with copied(MODULE, SOURCE) as adapter, ExitStack() as stack:
        every = all_invariants().values()
        sessions = {
            made: stack.enter_context(Session(InProcess(factory=made, trusted=True)))
            for made in {judged_as(adapter, item) for item in every}
        }
        assert len(sessions) == 3
        for example in inputs(0, 20):
            cases = {made: Case(example, session) for made, session in sessions.items()}
            for item in every:
                made = judged_as(adapter, item)
                if missing_operation(item, sessions[made].supports) is None:
                    assert judge_case(sessions[made], item, cases[made]) is None, item.id


def test_every_module_of_the_model_is_copied() -> None:
    """Nothing of the model is left out but what questions and answers are made of."""
    (folder,) = map(Path, reference.__path__)
    files = set(folder.rglob("*.py"))
    assert files - set(sources().values()) == {folder / f"{name.rpartition('.')[2]}.py" for name in SHARED}


def test_a_mutant_is_killed() -> None:
    """A changed model is noticed, and the judgement says by which invariant and how soon."""
    judgement = judge(next(mutants(only=MODULE)), clusters=20)
    assert judgement.fate is Fate.KILLED
    assert judgement.invariant in all_invariants()
    assert 1 <= judgement.inputs <= 20


def test_a_mutant_that_changes_nothing_survives() -> None:
    """What makes no difference is not noticed."""
    same = Mutant(MODULE, "by hand", 1, "", "", SOURCE + "\n_NOTHING = 1\n")
    assert judge(same, clusters=5) == Judgement(same, Fate.SURVIVED, inputs=5)


@pytest.mark.parametrize("endless", ["while True: pass", ANSWERS_ALL])
def test_a_mutant_without_end_times_out(endless: str) -> None:
    """A mutant that never ends is given up, whatever it takes for an answer, and counts as noticed."""
    (judgement,) = judge_all([_endless(endless)], clusters=5, workers=1, seconds=1)
    assert judgement.fate is Fate.TIMED_OUT
    outcome = Outcome.of([judgement])
    assert not outcome.fails
    assert any(line.startswith("timed out") for line in lines_of_outcome(outcome))


def test_a_mutant_that_cannot_be_loaded_is_killed() -> None:
    """A program that does not start is no implementation."""
    broken = Mutant(MODULE, "by hand", 1, "", "raise", SOURCE + "\nraise ValueError\n")
    assert judge(broken, clusters=5).fate is Fate.KILLED


def test_a_mutant_that_dies_is_killed() -> None:
    """A program that takes its process with it is noticed, and the next one is judged all the same."""
    dying = Mutant(MODULE, "by hand", 1, "", "_exit", SOURCE + "\nimport os\nos._exit(0)\n")
    same = Mutant(MODULE, "by hand", 1, "", "", SOURCE + "\n_NOTHING = 1\n")
    judged = {each.mutant.id: each for each in judge_all([dying, same], clusters=5, workers=1)}
    assert judged[dying.id] == Judgement(dying, Fate.KILLED, "died")
    assert judged[same.id].fate is Fate.SURVIVED


def test_processes_make_no_difference_to_mutants() -> None:
    """Mutants that are judged in several processes have the same fates."""
    some = list(mutants(only="reference.endpoints.target_ports"))[:6]
    alone = {(each.mutant.id, each.fate) for each in judge_all(some, clusters=10, workers=1)}
    beside = {(each.mutant.id, each.fate) for each in judge_all(some, clusters=10, workers=2)}
    assert alone == beside


def test_mutants_differ_in_meaning() -> None:
    """No two are the same, none is the original, and none differs in an annotation alone."""
    every = list(mutants(only="reference.routing"))
    assert len({each.text for each in every}) == len(every) > 150
    assert all("->" not in each.was or "def " not in each.was for each in every)
    assert not any("maxsize" in each.was for each in every)


def test_survivors_have_to_be_explained() -> None:
    """One survivor without an explanation fails the self-test, and is shown."""
    alive = Judgement(_endless(), Fate.SURVIVED)
    outcome = Outcome.of([alive, *([Judgement(_endless(), Fate.KILLED)] * 99)])
    assert outcome.share_killed == 0.99
    assert outcome.fails
    assert any(line.startswith("SURVIVED reference.selectors:1") for line in lines_of_outcome(outcome))


def test_reviewed_mutants_are_told_by_their_line(tmp_path: Path) -> None:
    """An entry speaks of the mutants of a module whose lines it describes, and has to say why."""
    file = tmp_path / "list.yaml"
    file.write_text("- {module: reference\\.selectors, was: 'return .*', because: no difference}\n")
    (entry,) = reviewed(file)
    assert entry.covers(Mutant(MODULE, "x", 1, "return 1", "return 2", ""))
    assert not entry.covers(Mutant(MODULE, "x", 1, "if 1:", "if 2:", ""))
    assert not entry.covers(Mutant("reference.syntax", "x", 1, "return 1", "return 2", ""))
    file.write_text("- {module: reference, was: x}\n")
    with pytest.raises(UsageError, match="because"):
        reviewed.__wrapped__(file)
    assert why_equivalent(Mutant(MODULE, "x", 1, "no such line", "", "")) == ""


def test_no_adapter_answers_by_what_is_left_out() -> None:
    """No function in which nothing is mutated is ever called while an adapter answers."""
    called: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        # Bodies of modules and classes run when they are imported.
        if event == "call" and code.co_filename.startswith("<mutant.") and code.co_flags & CO_OPTIMIZED:
            called.add((code.co_filename[len("<mutant.") : -1], code.co_firstlineno))

    with copied(MODULE, SOURCE) as adapter:

        class Traced(adapter):  # type: ignore[misc,valid-type]
            def answer(self, operation: str, questions: Any) -> Any:
                sys.setprofile(note)
                try:
                    return super().answer(operation, questions)
                finally:
                    sys.setprofile(None)

        with Session(InProcess(factory=Traced, trusted=True)) as session:
            for example in inputs(0, 10):
                case = Case(example, session)
                for item in all_invariants().values():
                    if missing_operation(item, session.supports) is None:
                        judge_case(session, item, case)
    assert len(called) > 200
    for module, functions in JUDGES.items():
        text = sources()[module].read_text(encoding="utf-8")
        lines = {line for where, line in called if where == module}
        assert not lines & lines_of(text, functions), module
        assert functions or not lines, module
