# SPDX-License-Identifier: Apache-2.0
"""What a planted fault is, how one is made, and the registry of all of them.

A fault is a small change of the reference adapter: of the cluster that it sees
(`sees`), of an answer that it gives (`says`), of a function of the model that it
uses (`replaces`), or of its whole behaviour (`behaves`, a class).  The function or
class gives the fault its name and, by its docstring, its sentence.  `breaks` are the
requirements that it breaks; each of them has to be reported by an invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from attrs import field, frozen

from conformance.adapters.reference import ReferenceAdapter
from conformance.areas import OPERATIONS, Area
from conformance.errors import unknown
from conformance.model import Model
from reference.objects import Cluster

F = TypeVar("F", bound=Callable[..., Any])


class Faulty(ReferenceAdapter):
    """The reference adapter with what a fault changes.

    It compiles a model of its own: what the judge compiles of the same cluster is
    never touched by a fault.
    """

    name = "faulty reference"
    applied: Cluster = Cluster()
    """The state as it was given; `cluster` is as it is seen."""

    def see(self, cluster: Cluster) -> Cluster:
        """The cluster that the implementation takes for the applied one."""
        return cluster

    def say(self, operation: str, question: Any, answer: Any) -> Any:
        """What it answers where the model answers `answer`."""
        return answer

    def apply(self, cluster: Cluster) -> None:
        """Take this state, as it is seen."""
        super().apply(cluster)
        self.applied = cluster
        self.model = Model(self.see(cluster))

    def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The model's answers, changed."""
        answers = self.model.answer(operation, questions)
        return [self.say(operation, *pair) for pair in zip(questions, answers, strict=True)]


@frozen
class Fault:
    """A named fault.

    `bugs` are ids of real bugs that it repeats.  `unobservable` says what is missing
    where no adapter can show it yet; there is no `make` then.
    """

    id: str
    sentence: str
    breaks: tuple[str, ...]
    make: Callable[[], Any] | None = field(default=None, eq=False)
    bugs: tuple[str, ...] = ()
    unobservable: str = ""

    @property
    def area(self) -> Area:
        """The area that it is in."""
        return Area(self.id.split(".", 1)[0])


_REGISTRY: dict[str, Fault] = {}


def registered() -> dict[str, Fault]:
    """All registered faults by id, in order of registration."""
    return dict(_REGISTRY)


def register(fault: Fault) -> None:
    """Take up a fault that is one row of a table; the decorators below do it for all others."""
    if fault.id in _REGISTRY:
        raise ValueError(f"fault {fault.id!r} is registered twice")
    if not fault.sentence or not fault.breaks:
        raise ValueError(f"fault {fault.id!r} needs a docstring and the requirements that it breaks")
    _REGISTRY[fault.id] = fault


def _register(
    source: Any, breaks: Sequence[str], make: Callable[[], Any] | None, bugs: Sequence[str], missing: str = ""
) -> None:
    """Name the fault after the function or class, and its module after the area."""
    area = source.__module__.removeprefix("conformance.faults.").split(".", 1)[0]
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in source.__name__)
    name = f"{Area(area).value}.{words.strip('_-').replace('_', '-')}"
    sentence = " ".join((source.__doc__ or "").split())
    register(Fault(name, sentence, tuple(breaks), make, tuple(bugs), missing))


def _known(operations: Sequence[str]) -> frozenset[str]:
    for name in operations:
        if name not in OPERATIONS:
            raise unknown("operation", name, OPERATIONS)
    return frozenset(operations)


def sees(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that takes another cluster for the true one: `(cluster) -> cluster`."""

    def declare(change: F) -> F:
        class Seeing(Faulty):
            def see(self, cluster: Cluster) -> Cluster:
                seen: Cluster = change(cluster)
                return seen

        _register(change, breaks, Seeing, bugs)
        return change

    return declare


def says(*breaks: str, of: Sequence[str], bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that changes the answers of the operations `of`: `(cluster, question, answer) -> answer`."""
    operations = _known(of)

    def declare(change: F) -> F:
        class Saying(Faulty):
            def say(self, operation: str, question: Any, answer: Any) -> Any:
                return change(self.applied, question, answer) if operation in operations else answer

        _register(change, breaks, Saying, bugs)
        return change

    return declare


def replaces(
    target: ModuleType | type, name: str, *breaks: str, bugs: Sequence[str] = ()
) -> Callable[[F], F]:
    """A fault that stands for the function `name` of a module or class of the model while it answers."""

    def declare(replacement: F) -> F:
        class Replacing(Faulty):
            def apply(self, cluster: Cluster) -> None:
                with replaced(target, name, replacement):
                    super().apply(cluster)

            def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
                with replaced(target, name, replacement):
                    return super().answer(operation, questions)

        _register(replacement, breaks, Replacing, bugs)
        return replacement

    return declare


def behaves(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that is a class of adapter, made anew for each session."""

    def declare(adapter: F) -> F:
        _register(adapter, breaks, adapter, bugs)
        return adapter

    return declare


def unobservable(*breaks: str, bugs: Sequence[str], missing: str) -> Callable[[F], F]:
    """A fault that no adapter can show yet; `missing` says what would be needed."""

    def declare(source: F) -> F:
        _register(source, breaks, None, bugs, missing)
        return source

    return declare


@contextmanager
def replaced(target: ModuleType | type, name: str, replacement: Any) -> Iterator[None]:
    """Within it, `target.name` is the replacement."""
    original = getattr(target, name)
    setattr(target, name, replacement)
    try:
        yield
    finally:
        setattr(target, name, original)
