# SPDX-License-Identifier: Apache-2.0
"""The hunt for one planted fault: which invariant reports it, on which input, and how small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from attrs import frozen

from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.areas import Level
from conformance.engine.generation import drawn
from conformance.engine.quota import Quota
from conformance.engine.records import Failure
from conformance.engine.shrink import Shrinker, judge_case
from conformance.engine.survey import alpha
from conformance.example import Example
from conformance.faults.base import Fault
from conformance.invariants import all_invariants
from conformance.invariants.base import Case, Invariant, Kind
from conformance.outcomes import Outcome
from conformance.selection import missing_operation
from conformance.strategies.examples import examples

SEED = 0
STRATEGY = examples(dual_stack=True)
"""What an implementation that claims everything is judged on."""
_FIRST = 100
_SHRINK_SECONDS = 4.0


@frozen
class Catch:
    """A requirement that a fault breaks, and how that was noticed; all empty if it was not.

    `inputs` is the number of the generated input on which it was, from 1; `only`
    says that no other invariant claims the requirement.
    """

    fault: str
    requirement: str
    invariants: tuple[str, ...] = ()
    only: bool = False
    inputs: int = 0
    services: int = 0
    pods: int = 0
    requests: int = 0
    selections: int = 0

    @property
    def is_caught(self) -> bool:
        """Whether any invariant reported the requirement."""
        return bool(self.invariants)


_drawn: dict[int, tuple[Example, ...]] = {}


def inputs(first: int, last: int) -> Sequence[Example]:
    """The generated inputs after the first `first`, up to number `last`: the same in every process."""
    if last not in _drawn:
        _drawn[last] = drawn(STRATEGY, examples=last, seed_value=SEED)
    return _drawn[last][first:]


MODES = frozenset({Level.KUBE_PROXY_IPTABLES, Level.KUBE_PROXY_NFTABLES})
"""No implementation claims both, nor the one when it is the other."""


def claiming(requirement: str, *, mode: Level | None = None) -> list[Invariant]:
    """The invariants that claim to check a requirement, of an implementation that claims all but other modes.

    `mode` is the level of the mode that it claims, if any.
    """
    return [
        each
        for each in all_invariants().values()
        if requirement in each.requirements and (each.level not in MODES or each.level is mode)
    ]


def hunt(fault: Fault, *, clusters: int, shrink: bool = True) -> tuple[Catch, ...]:
    """Judge a faulty implementation until each requirement that it breaks was reported."""
    assert fault.make is not None
    small: list[Example] = []
    with Session(InProcess(factory=fault.make, trusted=True)) as session:
        return tuple(
            _hunt(fault, name, session, clusters, small if shrink else None) for name in fault.breaks
        )


def _hunt(
    fault: Fault, requirement: str, session: Session, clusters: int, small: list[Example] | None
) -> Catch:
    """`small` are the examples to which other requirements were shrunk; None for no shrinking."""
    every = claiming(requirement, mode=getattr(fault.make, "level", None))
    judging = [each for each in every if missing_operation(each, session.supports) is None]
    quota = Quota()
    # What a run of `standard` may spend on each.
    share = alpha(sum(each.kind is Kind.STATISTICAL for each in all_invariants().values()), 20)
    # Most faults are noticed early, and drawing all inputs takes seconds.
    for first, last in ((0, min(_FIRST, clusters)), (_FIRST, clusters)):
        for number, example in enumerate(inputs(first, last) if first < last else (), start=first + 1):
            case = Case(example, session, share)
            caught = _caught(judging, requirement, case, partial(quota.judge, session))
            if not caught:
                continue
            invariant, failure = caught[0]
            smallest = failure.example
            # What broke one requirement often breaks another, and shrinking is most of the work.
            again = [
                each
                for each in small or ()
                if _caught(judging, requirement, Case(each, session, share), partial(judge_case, session))
            ]
            if again:
                smallest = again[0]
            elif small is not None:
                shrunk = Shrinker(session, invariant, share, _SHRINK_SECONDS).shrink(
                    failure,
                    strategy=STRATEGY,
                    seed_value=SEED,
                    examples=number,
                    prefix=[hash(each) for each in inputs(0, last)[:number]],
                )
                smallest = shrunk.example
                small.append(smallest)
            return Catch(
                fault=fault.id,
                requirement=requirement,
                invariants=tuple(each.id for each, _ in caught),
                only=len(every) == 1,
                inputs=number,
                services=len(smallest.cluster.services),
                pods=len(smallest.cluster.pods),
                requests=sum(len(each.requests) for each in smallest.sessions)
                + len(smallest.endpoint_requests),
                selections=len(smallest.selections),
            )
    return Catch(fault.id, requirement)


def _caught(
    judging: Sequence[Invariant],
    requirement: str,
    case: Case,
    judge: Callable[[Invariant, Case], Failure | None],
) -> list[tuple[Invariant, Failure]]:
    """The invariants that report the requirement on an example."""
    found = []
    for invariant in judging:
        failure = judge(invariant, case)
        # A crash is no proof that the invariant looks.
        if failure is None or failure.outcome is not Outcome.DEVIATION:
            continue
        if requirement in (failure.requirement, *failure.because):
            found.append((invariant, failure))
    return found
