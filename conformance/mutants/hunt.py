# SPDX-License-Identifier: Apache-2.0
"""Judges mutants as implementations under test: killed, survived or timed out."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from enum import Enum
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection

from attrs import frozen

from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.areas import OPERATIONS, Level
from conformance.engine.hunt import inputs
from conformance.engine.quota import Quota
from conformance.engine.survey import alpha
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Invariant, Kind
from conformance.mutants.copying import copied, dependants
from conformance.mutants.operators import Mutant
from conformance.selection import missing_operation

CLUSTERS = 1000
"""How many inputs a mutant has to survive: the budget of the profile `standard`."""
SECONDS = 30
"""Of computing, for one input: a mutant that takes longer has made something endless."""
_MOST_SECONDS = 1800
"""By the clock, for all inputs, of a mutant that waits instead of computing."""
_MOST_BYTES = 4 * 1024**3
_LOADING = "loading"
_DIED = "died"


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


def judge_all(
    mutants: Iterable[Mutant],
    *,
    clusters: int,
    workers: int,
    seconds: int = SECONDS,
    step: Callable[[int], None] = lambda _: None,
) -> Iterator[Judgement]:
    """The fate of each mutant, in no order, so many at a time."""
    waiting = iter(mutants)
    done = 0
    # A fresh interpreter each: what is patched or cached here is not inherited.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Judgement]] = set()
        try:
            while True:
                # Few at a time: each carries the source of a module.
                for mutant in islice(waiting, 4 * workers - len(running)):
                    running.add(pool.submit(_judge_apart, mutant, clusters, seconds))
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


def _judge_apart(mutant: Mutant, clusters: int, seconds: int) -> Judgement:
    """Judge in a process of the mutant's own, which can be ended whatever it does."""
    inputs(0, clusters)  # drawn once, before the processes part
    own = get_context("fork")
    receiving, sending = own.Pipe(duplex=False)
    process = own.Process(target=_judge_and_send, args=(mutant, clusters, seconds, sending), daemon=True)
    process.start()
    sending.close()
    try:
        if not receiving.poll(_MOST_SECONDS):
            return Judgement(mutant, Fate.TIMED_OUT)
        fate, invariant, number = receiving.recv()
        return Judgement(mutant, fate, invariant, number)
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGXCPU:
            return Judgement(mutant, Fate.TIMED_OUT)
        return Judgement(mutant, Fate.KILLED, _DIED)
    finally:
        process.kill()
        process.join()
        receiving.close()


def _judge_and_send(mutant: Mutant, clusters: int, seconds: int, sending: Connection) -> None:
    # A number that is too large must not take the machine's memory.
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    judgement = judge(mutant, clusters=clusters, seconds=seconds)
    sending.send((judgement.fate, judgement.invariant, judgement.inputs))


def judge(mutant: Mutant, *, clusters: int, seconds: int | None = None) -> Judgement:
    """The fate of one mutant; one that cannot even be loaded is no implementation.

    With `seconds`, the process ends by SIGXCPU once one input takes so many.
    """
    with ExitStack() as stack:
        _allow(seconds)
        try:
            adapter = stack.enter_context(copied(mutant.module, mutant.text))
        except Exception:
            return Judgement(mutant, Fate.KILLED, _LOADING)
        return _judged(mutant, adapter, clusters, seconds)


def _allow(seconds: int | None) -> None:
    """Allow this process so many more seconds of computing."""
    if seconds is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most))


def judged_as(adapter: type, invariant: Invariant) -> type:
    """The adapter that an invariant judges: that of a mode of kube-proxy where it is about one."""
    module = sys.modules[adapter.__module__]
    modes: dict[Level, type] = {
        Level.KUBE_PROXY_IPTABLES: module.IptablesAdapter,
        Level.KUBE_PROXY_NFTABLES: module.NftablesAdapter,
    }
    return modes.get(invariant.level, adapter)


def _judged(mutant: Mutant, adapter: type, clusters: int, seconds: int | None) -> Judgement:
    every = list(all_invariants().values())
    share = alpha(sum(each.kind is Kind.STATISTICAL for each in every), 20)
    with ExitStack() as stack:
        sessions = {
            made: stack.enter_context(Session(InProcess(factory=made, trusted=True)))
            for made in dict.fromkeys(judged_as(adapter, each) for each in every)
        }
        judging = [
            (sessions[judged_as(adapter, each)], each)
            for each in every
            if missing_operation(each, sessions[adapter].supports) is None and _may_notice(each, mutant)
        ]
        quota = Quota()
        for number, example in enumerate(inputs(0, clusters), start=1):
            _allow(seconds)
            cases = {session: Case(example, session, share) for session in sessions.values()}
            for session, invariant in judging:
                if quota.judge(session, invariant, cases[session]) is not None:
                    return Judgement(mutant, Fate.KILLED, invariant.id, number)
    return Judgement(mutant, Fate.SURVIVED, inputs=clusters)


def _may_notice(invariant: Invariant, mutant: Mutant) -> bool:
    """Whether it asks anything whose answer comes of the changed module."""
    changed = dependants(mutant.module)
    return any(
        OPERATIONS[name].area.value in changed
        for names in invariant.asks
        for name in names.split("|")
        if name in OPERATIONS
    )
