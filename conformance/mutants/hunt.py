# SPDX-License-Identifier: Apache-2.0
"""Judges mutants as implementations under test: killed, survived or timed out."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from enum import Enum
from itertools import islice
from multiprocessing import get_context
from types import FrameType

from attrs import frozen

from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.areas import OPERATIONS
from conformance.engine.hunt import inputs
from conformance.engine.shrink import judge_case
from conformance.engine.survey import alpha
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Invariant, Kind
from conformance.mutants.copying import copied, dependants
from conformance.mutants.operators import Mutant
from conformance.selection import missing_operation

CLUSTERS = 1000
"""How many inputs a mutant has to survive: the budget of the profile `standard`."""
SECONDS = 120
"""A mutant that takes longer has made something endless."""
_MOST_BYTES = 4 * 1024**3
_LOADING = "loading"


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"


@frozen
class Judgement:
    """What became of a mutant, and by which invariant, on the input of which number."""

    mutant: Mutant
    fate: Fate
    invariant: str = ""
    inputs: int = 0


class _Endless(BaseException):
    """Interrupts a mutant; not an `Exception`, so that nothing takes it for an answer."""


def judge_all(
    mutants: Iterable[Mutant],
    *,
    clusters: int,
    workers: int,
    step: Callable[[int], None] = lambda _: None,
) -> Iterator[Judgement]:
    """The fate of each mutant, in no order, in so many processes."""
    if workers <= 1:
        for done, mutant in enumerate(mutants, start=1):
            yield judge(mutant, clusters=clusters)
            step(done)
        return
    waiting = iter(mutants)
    done = 0
    # A fresh interpreter each: what is patched or cached here is not inherited.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_limit_memory) as pool:
        running: set[Future[Judgement]] = set()
        try:
            while True:
                # Few at a time: each carries the source of a module.
                for mutant in islice(waiting, 4 * workers - len(running)):
                    running.add(pool.submit(judge, mutant, clusters=clusters))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done += 1
                    step(done)
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def judge(mutant: Mutant, *, clusters: int) -> Judgement:
    """The fate of one mutant; one that cannot even be loaded is no implementation."""
    try:
        with _limited(SECONDS), ExitStack() as stack:
            try:
                adapter = stack.enter_context(copied(mutant.module, mutant.text))
            except Exception:
                return Judgement(mutant, Fate.KILLED, _LOADING)
            return _judged(mutant, adapter, clusters)
    except _Endless:
        return Judgement(mutant, Fate.TIMED_OUT)


def _judged(mutant: Mutant, adapter: type, clusters: int) -> Judgement:
    every = list(all_invariants().values())
    share = alpha(sum(each.kind is Kind.STATISTICAL for each in every), 20)
    with Session(InProcess(factory=adapter, trusted=True)) as session:
        judging = [
            each
            for each in every
            if missing_operation(each, session.supports) is None and _may_notice(each, mutant)
        ]
        for number, example in enumerate(inputs(0, clusters), start=1):
            case = Case(example, session, share)
            for invariant in judging:
                if judge_case(session, invariant, case) is not None:
                    return Judgement(mutant, Fate.KILLED, invariant.id, number)
    return Judgement(mutant, Fate.SURVIVED, inputs=clusters)


def _may_notice(invariant: Invariant, mutant: Mutant) -> bool:
    """Whether it asks anything whose answer comes of the changed module."""
    changed = dependants(mutant.module)
    return any(
        OPERATIONS[name].area.value in changed for names in invariant.asks for name in names.split("|")
    )


def _limit_memory() -> None:
    """A number that is too large must not take the machine's memory."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _Endless

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
