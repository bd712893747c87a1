# SPDX-License-Identifier: Apache-2.0
"""The session: which cluster is applied when, what is counted, and that all ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve

from conformance.adapters.in_process import InProcess
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.errors import UsageError
from conformance.example import Example
from conformance.invariants.base import Asker, Case
from conformance.outcomes import AdapterFailure, Crash, Flood, Garbage, Hang, Outcome, SuiteError, WrongShape
from conformance.smoke_inputs import QUESTIONS, SMALL
from reference.objects import Cluster
from reference.questions import Client, ClientKind, Connection, Flow, Observation
from tests.adapters.toy import Toy

FLOWS = QUESTIONS["route"]
OTHER = Example(evolve(SMALL.cluster))


def test_a_cluster_is_applied_once() -> None:
    """A cluster is applied when another was asked about before, by identity, and not for each question."""
    toy = Toy()
    with Session.of(toy) as session:
        session.ask(SMALL, "route", FLOWS)
        session.ask(evolve(SMALL, selections=()), "resolve", QUESTIONS["resolve"][:2])
        assert len(toy.states) == 1
        session.ask(OTHER, "route", FLOWS)
        session.ask(SMALL, "route", FLOWS)
        assert len(toy.states) == 3
        assert session.applies == 3
        assert session.questions == 8


def test_stateless_questions_need_no_cluster() -> None:
    """Selections and API sessions are answered without any `apply`."""
    toy = Toy()
    with Session.of(toy) as session:
        session.ask(SMALL, "select", QUESTIONS["select"])
        session.ask(SMALL, "admit", QUESTIONS["admit"])
    assert toy.states == []


def test_no_question_is_no_call() -> None:
    """Nothing is asked where there is nothing to ask."""
    toy = Toy()
    toy.route = None  # type: ignore[assignment,method-assign]
    with Session.of(toy) as session:
        assert session.ask(SMALL, "route", []) == []


def test_supports_what_there_is() -> None:
    """An operation is supported where the object has a method of its name."""
    toy = Toy()
    toy.connect = None  # type: ignore[assignment,method-assign]
    with Session.of(toy) as session:
        assert session.supports("route")
        assert session.supports("update")
        assert not session.supports("connect")
        assert not session.supports("no-such-operation")
        assert (session.name, session.version) == ("toy", "7")


def test_an_unknown_operation_is_a_mistake_of_ours() -> None:
    """A question of an operation that does not exist is refused with the closest one."""
    with Session.of(Toy()) as session, pytest.raises(UsageError, match="did you mean 'route'"):
        session.ask(SMALL, "routes", FLOWS)


def test_update_falls_back_to_apply() -> None:
    """`update` is used where there is one and a state to start from, else `apply`."""
    calls: list[str] = []

    class Noting(Toy):
        def apply(self, cluster: Cluster) -> None:
            """Note it."""
            calls.append("apply")

        def update(self, cluster: Cluster) -> None:
            """Note it."""
            calls.append("update")

    with Session.of(Noting()) as session:
        session.update(SMALL)
        session.update(OTHER)
        session.ask(OTHER, "route", FLOWS)
        assert calls == ["apply", "update"]
    noting = Noting()
    noting.update = None  # type: ignore[assignment,method-assign]
    with Session.of(noting) as session:
        session.update(SMALL)
        session.update(OTHER)
    assert calls == ["apply", "update", "apply", "apply"]


def test_a_state_is_reached_from_the_one_before_it() -> None:
    """An example with a `before` is reached by `update`; the same cluster without it is applied anew."""
    calls: list[tuple[str, Cluster]] = []

    class Noting(Toy):
        def apply(self, cluster: Cluster) -> None:
            """Note it."""
            calls.append(("apply", cluster))

        def update(self, cluster: Cluster) -> None:
            """Note it."""
            calls.append(("update", cluster))

    small, other = SMALL.cluster, OTHER.cluster
    later = evolve(OTHER, before=small)
    with Session.of(Noting()) as session:
        session.ask(SMALL, "route", FLOWS)
        session.ask(later, "route", FLOWS)
        session.ask(later, "route", FLOWS)
        assert calls == [("apply", small), ("update", other)]
        session.ask(OTHER, "route", FLOWS)
        session.ask(later, "route", FLOWS)
    assert calls[2:] == [("apply", other), ("apply", small), ("update", other)]


def test_restart_keeps_the_state() -> None:
    """`restart` is passed on where it is supported, and nothing is applied again."""
    toy = Toy()
    with Session.of(toy) as session:
        session.apply(SMALL)
        assert session.restart()
        session.ask(SMALL, "route", FLOWS)
    assert (toy.restarts, len(toy.states)) == (1, 1)
    toy = Toy()
    toy.restart = None  # type: ignore[assignment,method-assign]
    with Session.of(toy) as session:
        assert not session.restart()


def test_an_apply_that_failed_is_done_again() -> None:
    """A state that was not reached is not taken for the present one."""

    class Once(Toy):
        def apply(self, cluster: Cluster) -> None:
            """Fail the first time."""
            super().apply(cluster)
            if len(self.states) == 1:
                raise OSError("busy")

    once = Once()
    with Session.of(once) as session:
        with pytest.raises(Crash, match="crash in apply: raised OSError: busy"):
            session.ask(SMALL, "route", FLOWS)
        session.ask(SMALL, "route", FLOWS)
    assert len(once.states) == 2


def test_a_session_is_an_asker() -> None:
    """Invariants ask through it, each question once."""
    asker: Asker
    with Session.of(Toy()) as session:
        asker = session
        case = Case(SMALL, asker)
        assert case.supports("route")
        assert len(case.ask("route", [*FLOWS, *FLOWS])) == 4
        assert session.questions == 2


def test_it_is_closed_however_the_block_is_left() -> None:
    """An exception inside ends the adapter, and is passed on."""
    toy = Toy()
    with pytest.raises(ZeroDivisionError), Session.of(toy):
        raise ZeroDivisionError
    assert toy.closed == 1


def test_either_an_instance_or_a_factory() -> None:
    """Both or neither make no adapter."""
    with pytest.raises(ValueError, match="either an instance or a factory"):
        InProcess()
    with pytest.raises(ValueError, match="either an instance or a factory"):
        InProcess(Toy(), factory=Toy)


def test_every_failure_has_its_outcome() -> None:
    """Each kind of failure stands for one outcome, says so, and fails a run."""
    kinds = {
        Crash: "crash",
        Hang: "hang",
        Garbage: "garbage",
        WrongShape: "wrong-shape",
        Flood: "flood",
        SuiteError: "suite-error",
    }
    assert set(AdapterFailure.__subclasses__()) == set(kinds)
    for kind, name in kinds.items():
        failure = kind("route", "it broke", stderr="last words")
        assert failure.outcome is Outcome(name)
        assert failure.outcome.fails
        assert str(failure) == f"{name} in route: it broke"
        assert (failure.operation, failure.message, failure.stderr) == ("route", "it broke", "last words")


def test_outcomes_are_explained() -> None:
    """Each outcome has its own line; only passing, known and unsupported ones do not fail a run."""
    assert len({outcome.explanation for outcome in Outcome}) == len(Outcome) == 13
    harmless = {outcome.value for outcome in Outcome if not outcome.fails}
    assert harmless == {"pass", "known-deviation", "unsupported"}


def test_a_closed_session() -> None:
    """Closing twice closes once; what is closed answers no more, and still has its name."""
    toy = Toy()
    session = Session.of(toy)
    session.close()
    session.close()
    assert toy.closed == 1
    assert session.name == "toy"
    with pytest.raises(Crash, match="the adapter is not running"):
        session.ask(SMALL, "route", FLOWS)
    session.recover()
    assert len(session.ask(SMALL, "route", FLOWS)) == 2
    session.close()
    assert toy.closed == 2


def test_source_ports_are_used_in_turn() -> None:
    """Connections come from ports that the batch before did not use, but for those that are low."""
    adapter = Recording()
    client = Client(ClientKind.EXTERNAL, "node-a", "203.0.113.7")
    flow = Flow(client, "10.96.0.20", 80)
    asked = [Connection(flow, 0, port) for port in (32768, 32769, 20053)]
    with Session.of(adapter) as session:
        example = Example(cluster=Cluster())
        first, second = (session.ask(example, "connect", asked) for _ in range(2))
    assert len(first) == len(second) == 3
    assert adapter.ports == [[32768, 32769, 20053], [32771, 32772, 20053]]
    assert asked[0].source_port == 32768


class Recording(ReferenceAdapter):
    """Notes the source ports of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[list[int]] = []

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """As it is seen from outside."""
        self.ports.append([each.source_port for each in connections])
        return super().connect(connections)
