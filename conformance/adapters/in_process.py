# SPDX-License-Identifier: Apache-2.0
"""The way to an implementation that is a Python object."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from conformance.adapters.shapes import checker, described, explain, printable, type_name
from conformance.adapters.timeouts import Timeouts, Waits
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.adapters.watchdog import TimeUp, Watchdog, watchdog
from conformance.areas import Operation
from conformance.outcomes import REPORTED, Crash, Hang, WrongShape
from reference.objects import Cluster

_TRACEBACK_LINES = 30


class InProcess:
    """Calls the methods of a Python object, each within its time limit.

    With a `factory` a failed object is replaced by a new one; a given `instance`
    is all that there is and is used again.  The types of the answers are checked,
    unless the object is `trusted`: the embedded model's are checked by mypy.
    """

    def __init__(
        self,
        instance: Any = None,
        *,
        factory: Callable[[], Any] | None = None,
        name: str = "",
        version: str = "",
        timeouts: Waits | None = None,
        trusted: bool = False,
    ) -> None:
        if (instance is None) == (factory is None):
            raise ValueError("either an instance or a factory is needed")
        self.adapter: Any = instance
        self._factory = factory
        self._name = name
        self._version = version
        self._timeouts: Waits = timeouts or Timeouts()
        self._trusted = trusted
        self._watchdog: Watchdog = watchdog()
        self._methods: dict[str, Callable[..., Any]] = {}

    @property
    def name(self) -> str:
        """The given name, else the object's own `name`, else that of its class."""
        return self._name

    @property
    def version(self) -> str:
        """The given version, else the object's own `version`."""
        return self._version

    @property
    def operations(self) -> frozenset[str]:
        """The operations of which the object has a method."""
        return frozenset(self._methods)

    @property
    def stderr(self) -> str:
        """Empty: what an object in this process prints has been shown already."""
        return ""

    def start(self) -> None:
        """Make the object, where there is a factory for it."""
        if self._factory is not None:
            self.stop()
            self.adapter = self._call("start", self._factory, (), self._timeouts.start)
        self._name = self._name or self._own("name") or type(self.adapter).__name__
        self._version = self._version or self._own("version")
        self._methods = {
            name: method for name in ALL_OPERATIONS if callable(method := getattr(self.adapter, name, None))
        }

    def apply(self, cluster: Cluster) -> None:
        """Call `apply`, and see that it does not return an unfinished coroutine."""
        self._change("apply", (cluster,))

    def update(self, cluster: Cluster) -> None:
        """Call `update`."""
        self._change("update", (cluster,))

    def restart(self) -> None:
        """Call `restart`."""
        self._change("restart", ())

    def _change(self, name: str, arguments: tuple[Any, ...]) -> None:
        result = self._call(name, self._method(name), arguments, self._timeouts.apply)
        if inspect.iscoroutine(result):
            self._wrong_answers(name, result)

    def ask(self, operation: Operation, questions: Sequence[Any]) -> list[Any]:
        """Call the operation's method and check each answer."""
        name = operation.name
        answers = self._call(name, self._method(name), (tuple(questions),), self._timeouts.answer)
        if not isinstance(answers, list | tuple):
            self._wrong_answers(name, answers)
        if len(answers) != len(questions):
            raise WrongShape(name, f"{len(questions)} questions, {len(answers)} answers")
        if self._trusted:
            return list(answers)
        good = checker(operation.answer)
        if not operation.answers_many:
            if all(map(good, answers)):
                return list(answers)
        elif all(isinstance(each, list | tuple) and all(map(good, each)) for each in answers):
            return [tuple(each) for each in answers]
        raise _wrong_shape(operation, questions, answers)

    def stop(self) -> str:
        """Call the object's `close`, if it has one."""
        problem = ""
        close = getattr(self.adapter, "close", None)
        if callable(close) and not inspect.isclass(self.adapter):
            try:
                self._call("close", close, (), self._timeouts.stop)
            except (Crash, Hang) as failure:
                problem = failure.message
        if self._factory is not None:
            self.adapter = None
        self._methods = {}
        self._watchdog.close()
        return problem

    def _own(self, attribute: str) -> str:
        value = getattr(self.adapter, attribute, None)
        return printable(value) if isinstance(value, str) else ""

    def _method(self, name: str) -> Callable[..., Any]:
        method = self._methods.get(name)
        if method is None:
            raise Crash(name, "the adapter is not running")
        return method

    def _call(
        self, operation: str, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float
    ) -> Any:
        try:
            return self._watchdog.call(function, arguments, seconds)
        except TimeUp:
            raise Hang(operation, f"no answer within {seconds:g} s") from None
        except tuple(REPORTED.values()):  # what the adapter itself says of what is behind it
            raise
        except (Exception, SystemExit) as error:
            raise _crash(operation, error) from error

    def _wrong_answers(self, operation: str, answers: Any) -> NoReturn:
        if inspect.iscoroutine(answers):
            answers.close()
            raise WrongShape(operation, "returned a coroutine: an adapter's methods are called without await")
        raise WrongShape(operation, f"a list or tuple of answers is needed, got {described(answers)}")


def _wrong_shape(operation: Operation, questions: Sequence[Any], answers: Sequence[Any]) -> WrongShape:
    """What is wrong with the first answer that is."""
    for index, answer in enumerate(answers):
        path = f"answers[{index}]"
        if operation.answers_many:
            if not isinstance(answer, list | tuple):
                reason = (
                    f"a list or tuple of {type_name(operation.answer)} is needed, got {described(answer)}"
                )
                return WrongShape(operation.name, f"{path}: {reason}")
            wrongs = (
                explain(each, operation.answer, f"{path}[{place}]") for place, each in enumerate(answer)
            )
            wrong = next(filter(None, wrongs), None)
        else:
            wrong = explain(answer, operation.answer, path)
        if wrong is not None:
            return WrongShape(operation.name, f"{wrong} (asked {questions[index]})")
    return WrongShape(operation.name, "answers that change while they are looked at")


def _crash(operation: str, error: BaseException) -> Crash:
    """What was raised and where, and the end of the traceback, without our own part of it."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if Path(frame.filename).parent != Path(__file__).parent] or frames
    where = f" ({Path(theirs[-1].filename).name}:{theirs[-1].lineno} in {theirs[-1].name})" if theirs else ""
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
    except Exception:  # an exception whose own text raises
        text = type(error).__name__
    first = text.splitlines()[0] if text else type(error).__name__
    lines = ("".join(traceback.format_list(theirs)) + text).splitlines()
    return Crash(operation, f"raised {first}{where}", stderr="\n".join(lines[-_TRACEBACK_LINES:]))
