# SPDX-License-Identifier: Apache-2.0
"""What an invariant is, how it judges, and the registry of all of them.

An invariant is a function that is given a `Case`: a generated example together
with the implementation's answers.  It counts what it judged (`case.judged`),
and raises through `case.fail` at the first answer that breaks it.  Its
docstring is the sentence that reports and `explain` print.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from typing import Any, Protocol, TypeVar, runtime_checkable

from attrs import define, evolve, field, frozen

from conformance.areas import Area, Level
from conformance.clock import Clock
from conformance.example import Example
from reference.objects import Cluster

T = TypeVar("T")


class Kind(Enum):
    """The four kinds of invariant."""

    AGREEMENT = "agreement"
    """The answer equals the reference's answer."""
    STATED = "stated"
    """A property that holds without an oracle."""
    METAMORPHIC = "metamorphic"
    """Two related examples give related answers."""
    STATISTICAL = "statistical"
    """Support and evenness of random choice, at a stated false-alarm probability."""


class Deviation(Exception):
    """An answer that breaks an invariant.

    `question` is what was asked, `expected` and `got` are shown to the reader as
    they are; `because` are the requirement ids that decided the expectation.  `shows`
    is a small example that shows it as well, where one is known.  An empty `requirement`
    stands for the first of the invariant.
    """

    def __init__(
        self,
        *,
        requirement: str,
        question: Any,
        expected: Any,
        got: Any,
        because: Sequence[str] = (),
        shows: Example | None = None,
    ) -> None:
        super().__init__(f"{requirement}: asked {question}, expected {expected}, got {got}")
        self.requirement = requirement
        self.question = question
        self.expected = expected
        self.got = got
        self.because = tuple(because)
        self.shows = shows


class Asker(Protocol):
    """The implementation under test as invariants see it."""

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers to `questions` in the state `example.cluster`."""

    def supports(self, operation: str) -> bool:
        """Whether the implementation answers this operation."""


@runtime_checkable
class Restarting(Protocol):
    """An asker that can have the implementation restart itself."""

    def restart(self) -> bool:
        """Restart it with its state; False where it cannot."""


@define(eq=False)
class Tally:
    """What one invariant judged: comparisons, and how often each class was met."""

    comparisons: int = 0
    classes: dict[str, int] = field(factory=dict)


@define(eq=False)
class Case:
    """An example under judgement.

    `alpha` is the probability with which one statistical check may raise a
    false alarm.  Answers and everything derived from the example alone are
    computed once and shared by all invariants through `memo`.
    """

    example: Example
    asker: Asker
    alpha: float = 1e-9
    tally: Tally = field(factory=Tally)
    shows: Example | None = None
    """A small example of what is being judged at the moment, where there is one."""
    clock: Clock = field(factory=Clock)
    _memo: dict[Hashable, Any] = field(factory=dict)

    @property
    def cluster(self) -> Cluster:
        """The generated cluster."""
        return self.example.cluster

    def memo(self, key: Hashable, compute: Callable[[], T]) -> T:
        """`compute()`, once for each key and case."""
        try:
            return self._memo[key]  # type: ignore[no-any-return]
        except KeyError:
            value = self._memo[key] = compute()
            return value

    def supports(self, operation: str) -> bool:
        """Whether the implementation answers this operation."""
        return self.asker.supports(operation)

    def ask(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The implementation's answers, in order; each question is asked once."""
        known: dict[Any, Any] = self._memo.setdefault(("answers", operation), {})
        missing = [question for question in dict.fromkeys(questions) if question not in known]
        if missing:
            known.update(zip(missing, self.asker.ask(self.example, operation, missing), strict=True))
        return [known[question] for question in questions]

    def ask_again(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """As `ask`, but never from memory: for questions whose answers may vary."""
        return list(self.asker.ask(self.example, operation, list(questions)))

    def variant(self, example: Example) -> Case:
        """A related example, judged against the same implementation."""
        return Case(example, self.asker, self.alpha, self.tally, clock=self.clock)

    def restart(self) -> None:
        """Have the implementation restart itself in its present state."""
        if not isinstance(self.asker, Restarting):
            raise TypeError(f"{type(self.asker).__name__} restarts nothing")
        self.asker.restart()

    def again(self) -> Case:
        """The same example in the same state, with nothing remembered of its answers."""
        return self.variant(self.example)

    def moved(self, cluster: Cluster) -> Case:
        """The same implementation after it was told that this case's cluster has become another."""
        return self.variant(evolve(self.example, cluster=cluster, before=self.cluster))

    def judged(self, *classes: str) -> None:
        """Count one comparison, and one of each class of input that it belongs to."""
        tally = self.tally
        tally.comparisons += 1
        for name in classes:
            tally.classes[name] = tally.classes.get(name, 0) + 1

    def fail(
        self,
        requirement: str,
        *,
        question: Any,
        expected: Any,
        got: Any,
        because: Sequence[str] = (),
    ) -> None:
        """Report a broken requirement; does not return."""
        raise Deviation(
            requirement=requirement,
            question=question,
            expected=expected,
            got=got,
            because=because,
            shows=self.shows,
        )


@frozen
class Invariant:
    """An executable check of one or more requirements.

    `asks` are the operations that it needs; `level` says for whom it holds and
    `features` what a profile must claim besides.  `classes` are the classes of
    input that have to be met at least once, or the verdict is "not exercised".
    One that `waits` lets time pass, and asks the case's clock whether it may.
    """

    id: str
    area: Area
    kind: Kind
    requirements: tuple[str, ...]
    asks: tuple[str, ...]
    check: Callable[[Case], None] = field(eq=False)
    level: Level = Level.MUST
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    waits: bool = False

    @property
    def sentence(self) -> str:
        """What must hold, in one sentence."""
        text = (self.check.__doc__ or "").strip().split("\n\n")[0]
        return " ".join(text.split())


_REGISTRY: dict[str, Invariant] = {}


def invariant(
    id: str,
    *,
    kind: Kind,
    requirements: Sequence[str],
    asks: Sequence[str],
    level: Level = Level.MUST,
    features: Sequence[str] = (),
    classes: Sequence[str] = (),
    waits: bool = False,
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Register a function as the invariant `id`, which reads `area.what-must-hold`."""

    def register(check: Callable[[Case], None]) -> Callable[[Case], None]:
        if id in _REGISTRY:
            raise ValueError(f"invariant {id!r} is registered twice")
        if not (check.__doc__ or "").strip():
            raise ValueError(f"invariant {id!r} has no sentence: its function needs a docstring")
        if not requirements or not asks:
            raise ValueError(f"invariant {id!r} needs requirements and the operations that it asks")
        _REGISTRY[id] = Invariant(
            id=id,
            area=Area(id.split(".", 1)[0]),
            kind=kind,
            requirements=tuple(requirements),
            asks=tuple(asks),
            check=check,
            level=level,
            features=tuple(features),
            classes=tuple(classes),
            waits=waits,
        )
        return check

    return register


def registered() -> dict[str, Invariant]:
    """All registered invariants by id, in order of registration."""
    return dict(_REGISTRY)
