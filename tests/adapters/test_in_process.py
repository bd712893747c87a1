# SPDX-License-Identifier: Apache-2.0
"""Python objects as adapters: exceptions, hangs and wrong answers have their outcomes."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from conformance.adapters.session import Session
from conformance.adapters.timeouts import Timeouts
from conformance.adapters.watchdog import AlarmWatchdog, ThreadWatchdog, TimeUp
from conformance.outcomes import REPORTED, AdapterFailure, Crash, Hang, WrongShape
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference import questions as q
from tests.adapters.toy import Toy

FLOWS = QUESTIONS["route"]
SHORT = Timeouts(start=0.5, apply=0.5, answer=0.5, stop=0.5)
GOOD = [q.Decision(q.Outcome.DROP), q.Decision(q.Outcome.DROP)]

needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX alarms")


def answering(answer: Any) -> Toy:
    """An adapter that answers routing questions by `answer`, or by what it returns."""
    toy = Toy()
    toy.route = answer if callable(answer) else lambda _: answer  # type: ignore[method-assign,assignment]
    return toy


def raising(error: BaseException) -> Toy:
    """An adapter that raises when it is asked about routing."""

    def route(_: object) -> list[q.Decision]:
        raise error

    return answering(route)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (GOOD[:1], "2 questions, 1 answers"),
        ((*GOOD, *GOOD), "2 questions, 4 answers"),
        (None, "a list or tuple of answers is needed, got None"),
        (dict(enumerate(GOOD)), "a list or tuple of answers is needed, got dict "),
        ([GOOD[0], "drop"], "answers[1]: Decision is needed, got str 'drop' (asked Flow("),
        ([GOOD[0], q.Decision("drop")], "answers[1].outcome: Outcome is needed, got str 'drop' (asked "),  # type: ignore[arg-type]
    ],
)
def test_wrong_answers(answer: Any, message: str) -> None:
    """The wrong number or type of answers is told with the index and the question."""
    with Session.of(answering(answer)) as session, pytest.raises(WrongShape) as caught:
        session.ask(SMALL, "route", FLOWS)
    assert caught.value.message.startswith(message)
    assert caught.value.operation == "route"


def test_lists_and_tuples_are_answers() -> None:
    """Answers may come in a list or a tuple; many answers to one question come back as a tuple."""
    for kind in (list, tuple):
        with Session.of(answering(kind(GOOD))) as session:
            assert session.ask(SMALL, "route", FLOWS) == GOOD
    with Session.of(Toy()) as session:
        first, second = session.ask(SMALL, "endpoint_slices", QUESTIONS["endpoint_slices"])
    assert type(first) is tuple
    assert len(first) == 1
    assert second == ()


def test_one_of_many_answers_is_wrong() -> None:
    """Where one answer is a list, both indices are told."""
    toy = Toy()
    toy.admit = lambda _: [[q.ApiResponse(201)], [q.ApiResponse(201), q.ApiResponse("404")]]  # type: ignore
    with Session.of(toy) as session:
        with pytest.raises(WrongShape) as caught:
            session.ask(SMALL, "admit", QUESTIONS["admit"])
        assert caught.value.message.startswith("answers[1][1].code: int is needed, got str '404'")
        toy = Toy()
    toy.admit = lambda _: [q.ApiResponse(201), q.ApiResponse(201)]  # type: ignore
    with Session.of(toy) as session, pytest.raises(WrongShape, match="a list or tuple of ApiResponse"):
        session.ask(SMALL, "admit", QUESTIONS["admit"])


def test_a_coroutine_is_told_as_such() -> None:
    """An `async` method is a mistake that the message names; nothing warns of it besides."""

    async def route(_: Sequence[q.Flow]) -> list[q.Decision]:
        return GOOD

    with Session.of(answering(route)) as session, pytest.raises(WrongShape, match="without await"):
        session.ask(SMALL, "route", FLOWS)

    class Async(Toy):
        async def apply(self, cluster: object) -> None:  # type: ignore[override]
            """Never awaited."""

    with Session.of(Async()) as session, pytest.raises(WrongShape, match="without await"):
        session.apply(SMALL)


@pytest.mark.parametrize("kind", list(REPORTED.values()))
def test_an_adapter_says_which_failure_it_is(kind: type[AdapterFailure]) -> None:
    """What an adapter raises of what is behind it has the outcome that it says."""
    error = kind("route", "nobody answers there")
    with Session.of(raising(error)) as session, pytest.raises(kind) as caught:
        session.ask(SMALL, "route", FLOWS)
    assert caught.value is error


@pytest.mark.parametrize("error", [ValueError("no route\nto host"), SystemExit(3), RecursionError()])
def test_an_exception_is_a_crash(error: BaseException) -> None:
    """What an adapter raises is told with its place, and with the end of the traceback."""
    with Session.of(raising(error)) as session, pytest.raises(Crash) as caught:
        session.ask(SMALL, "route", FLOWS)
    failure = caught.value
    assert failure.message.startswith(f"raised {type(error).__name__}")
    assert "(test_in_process.py:" in failure.message
    assert "\n" not in failure.message
    assert "raise error" in failure.stderr
    assert "in_process.py" not in failure.stderr.replace("test_in_process.py", "")


def test_an_interrupt_is_no_crash() -> None:
    """Ctrl-C belongs to the person who pressed it."""
    with Session.of(raising(KeyboardInterrupt())) as session, pytest.raises(KeyboardInterrupt):
        session.ask(SMALL, "route", FLOWS)


def sleeping(_: object) -> Any:
    """Comes back too late."""
    time.sleep(600)


def looping(_: object) -> Any:
    """Never comes back."""
    while True:
        pass


def swallowing(_: object) -> Any:
    """Takes an interruption for an error of its own, and goes on."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with contextlib.suppress(BaseException):
            time.sleep(0.7)
    return GOOD


def converting(_: object) -> Any:
    """Turns an interruption into an error of its own."""
    try:
        time.sleep(600)
    except BaseException:
        raise ValueError("not found") from None


@needs_alarm
@pytest.mark.parametrize("route", [sleeping, looping, swallowing, converting])
def test_a_call_that_takes_too_long_is_a_hang(route: Any) -> None:
    """Sleeping, looping and error-swallowing calls are interrupted, and are hangs."""
    with Session.of(answering(route), timeouts=SHORT) as session:
        with pytest.raises(Hang) as caught:
            session.ask(SMALL, "route", FLOWS)
        assert caught.value.message == "no answer within 0.5 s"
        assert len(session.ask(SMALL, "resolve", QUESTIONS["resolve"][:2])) == 2  # others still work


def test_a_hang_in_another_thread() -> None:
    """Outside the main thread, too, a call that takes too long is a hang."""
    found: list[object] = []

    def run() -> None:
        with Session.of(answering(lambda _: time.sleep(2)), timeouts=SHORT) as session:
            try:
                session.ask(SMALL, "route", FLOWS)
            except Hang as failure:
                found.append(failure.message)
            found.append(len(session.ask(SMALL, "resolve", QUESTIONS["resolve"][:2])))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert found == ["no answer within 0.5 s", 2]


def test_the_thread_watchdog_passes_on_what_happens() -> None:
    """A call in a thread of its own returns and raises as it does here."""
    watchdog = ThreadWatchdog()
    assert watchdog.call(len, ("abc",), 60) == 3
    with pytest.raises(ZeroDivisionError):
        watchdog.call(divmod, (1, 0), 60)
    assert watchdog.call(len, ("abcd",), 60) == 4
    watchdog.close()
    watchdog.close()


@needs_alarm
def test_somebody_elses_alarm_is_kept() -> None:
    """An alarm that was set before, by a test runner's own time-out say, still rings, and when it should."""
    rung: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    watchdog = AlarmWatchdog()
    try:
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        watchdog.call(time.sleep, (0.05,), 60)
        assert rung == []
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left <= 1.0
        watchdog.call(time.sleep, (1.5,), 60)
        assert len(rung) == 1
        assert rung[0] - started >= 0.99
        with pytest.raises(TimeUp):
            watchdog.call(time.sleep, (60,), 0.1)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        signal.raise_signal(signal.SIGALRM)
        assert len(rung) == 2
    finally:
        watchdog.close()
        signal.setitimer(signal.ITIMER_REAL, 0)
        restored = signal.signal(signal.SIGALRM, before)
    assert callable(restored)
    assert "lambda" in getattr(restored, "__name__", "")


@needs_alarm
def test_watchdogs_nest() -> None:
    """An adapter that itself uses a session is within both limits, whichever comes first."""
    outer, inner = AlarmWatchdog(), AlarmWatchdog()

    def nested(seconds: float) -> str:
        try:
            inner.call(time.sleep, (60,), seconds)
        except TimeUp:
            return "inner"
        return "neither"

    assert outer.call(nested, (0.1,), 60) == "inner"
    with pytest.raises(TimeUp):
        outer.call(lambda: inner.call(time.sleep, (60,), 60), (), 0.1)
    inner.close()
    outer.close()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_slow_start_is_a_hang() -> None:
    """The making of an adapter is limited, too."""
    with pytest.raises(Hang, match=r"hang in start: no answer within 0\.5 s"):
        Session.of(factory=lambda: time.sleep(600 if hasattr(signal, "setitimer") else 2), timeouts=SHORT)


def test_a_factory_that_raises_is_a_crash() -> None:
    """An adapter that cannot be made says why."""

    def make() -> Toy:
        raise OSError("no cluster")

    with pytest.raises(Crash, match="crash in start: raised OSError: no cluster"):
        Session.of(factory=make)


def test_a_failed_object_is_replaced() -> None:
    """After a failure a factory makes a new object and the old one is closed; a given instance is kept."""
    made: list[Toy] = []

    def make() -> Toy:
        made.append(Toy())
        return made[-1]

    with Session.of(factory=make) as session:
        session.apply(SMALL)
        session.recover()
        session.ask(SMALL, "route", FLOWS)
        assert [len(toy.states) for toy in made] == [1, 1]
    assert [toy.closed for toy in made] == [1, 1]

    toy = Toy()
    with Session.of(toy) as session:
        session.apply(SMALL)
        session.recover()
        session.ask(SMALL, "route", FLOWS)
        assert len(toy.states) == 2
    assert toy.closed == 1


def test_a_close_that_raises_is_told_and_no_failure() -> None:
    """What was found stays found, whatever happens at the end."""

    class Untidy(Toy):
        def close(self) -> None:
            """Fail."""
            raise OSError("already gone")

    with Session.of(Untidy()) as session:
        pass
    assert session.closing_problem.startswith("raised OSError: already gone")


def test_questions_cannot_be_changed_by_the_adapter() -> None:
    """An adapter is given a tuple of its own."""
    given: list[object] = []

    def route(flows: Sequence[q.Flow]) -> list[q.Decision]:
        given.append(flows)
        return GOOD

    with Session.of(answering(route)) as session:
        session.ask(SMALL, "route", list(FLOWS))
    assert given == [FLOWS]


@needs_alarm
def test_checking_is_cheap() -> None:
    """Asking in process costs microseconds: a generous bound that only a mistake in kind would break."""
    answers = [q.Decision(q.Outcome.FORWARD, frozenset({q.Backend("10.0.0.1", 80)}))] * 25
    flows = [FLOWS[0]] * 25
    with Session.of(answering(answers)) as session:
        session.ask(SMALL, "route", flows)
        best = float("inf")
        for _ in range(50):
            started = time.perf_counter()
            session.ask(SMALL, "route", flows)
            best = min(best, time.perf_counter() - started)
    assert best / 25 < 20e-6, f"{best / 25 * 1e6:.1f} us an answer on Python {sys.version}"
