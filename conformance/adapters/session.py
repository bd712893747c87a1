# SPDX-License-Identifier: Apache-2.0
"""Asks an implementation: one session, whatever the way to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from attrs import evolve

from conformance.adapters.in_process import InProcess
from conformance.adapters.timeouts import Waits
from conformance.adapters.transport import Transport
from conformance.areas import OPERATIONS
from conformance.errors import unknown
from conformance.example import Example
from reference.objects import Cluster
from reference.questions import FIRST_PORT_IN_TURN, PORTS_IN_TURN, Connection


class Session:
    """An implementation under test, started and ready to be asked; implements `Asker`.

    It remembers which cluster is applied and moves to another only when it is
    asked about one.  Every failure is an `AdapterFailure`; after one, `recover`
    makes it usable again.  It is a context manager: the implementation is ended
    however the block is left.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.applies = 0
        """How often a cluster was applied or updated."""
        self.questions = 0
        """How many questions were asked."""
        self.closing_problem = ""
        """What went wrong when the implementation was ended, empty if nothing did."""
        self._state: tuple[Cluster, Cluster | None] | None = None
        # The applied cluster, and the one from which it was reached by an update.
        self._open = True
        self._next_port = 0
        try:
            transport.start()
        except BaseException:
            transport.stop()
            raise
        self._operations = transport.operations

    @classmethod
    def of(
        cls,
        adapter: Any = None,
        *,
        factory: Callable[[], Any] | None = None,
        name: str = "",
        version: str = "",
        timeouts: Waits | None = None,
    ) -> Session:
        """A session with a Python object, or with what `factory` makes, anew after each failure."""
        return cls(InProcess(adapter, factory=factory, name=name, version=version, timeouts=timeouts))

    @property
    def name(self) -> str:
        """What the implementation is called."""
        return self.transport.name

    @property
    def version(self) -> str:
        """The implementation's version, empty if it does not tell."""
        return self.transport.version

    @property
    def operations(self) -> frozenset[str]:
        """The operations that the implementation offers, `apply`, `update` and `restart` included."""
        return self._operations

    @property
    def stderr(self) -> str:
        """The end of what the implementation wrote on standard error."""
        return self.transport.stderr

    def supports(self, operation: str) -> bool:
        """Whether the implementation answers this operation."""
        return operation in self._operations

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers to `questions` in the state `example.cluster`, one for each and in order."""
        known = OPERATIONS.get(operation)
        if known is None:
            raise unknown("operation", operation, OPERATIONS)
        if not known.stateless and not self._is_in(example):
            self._reach(example)
        if not questions:
            return []
        self.questions += len(questions)
        return self.transport.ask(known, self._new_flows(questions) if operation == "connect" else questions)

    def _new_flows(self, connections: Sequence[Connection]) -> list[Connection]:
        """The connections from source ports that were not used of late.

        Whoever keeps track of flows takes a packet from a port that was used before for
        one of the same flow.  A port below those given out in turn is left as it is: the
        flow is to go on.
        """
        start = self._next_port
        self._next_port = (start + len(connections)) % PORTS_IN_TURN
        return [
            each
            if each.source_port < FIRST_PORT_IN_TURN
            else evolve(
                each,
                source_port=FIRST_PORT_IN_TURN
                + (each.source_port - FIRST_PORT_IN_TURN + start) % PORTS_IN_TURN,
            )
            for each in connections
        ]

    def apply(self, example: Example) -> None:
        """Make the example's cluster the state, whatever it was before."""
        self._change(self.transport.apply, example.cluster, None)

    def update(self, example: Example) -> None:
        """Move from the present state to the example's; by `apply` where there is no `update`."""
        usable = self._state is not None and "update" in self._operations
        self._change(
            self.transport.update if usable else self.transport.apply, example.cluster, example.before
        )

    def _is_in(self, example: Example) -> bool:
        """Whether the implementation is in the example's state, and came to it in the same way."""
        if self._state is None:
            return False
        cluster, before = self._state
        return cluster is example.cluster and before is example.before

    def _reach(self, example: Example) -> None:
        """Come to the example's state, from the state before it if there is one."""
        if example.before is None:
            self.apply(example)
            return
        if self._state is None or self._state[0] is not example.before:
            self._change(self.transport.apply, example.before, None)
        self.update(example)

    def _change(self, change: Callable[[Cluster], None], cluster: Cluster, before: Cluster | None) -> None:
        self._state = None
        self.applies += 1
        change(cluster)
        self._state = cluster, before

    def forget(self) -> None:
        """Apply the next cluster anew, even if it is the present one."""
        self._state = None

    def restart(self) -> bool:
        """Have the implementation restart itself with its state; False where it has no `restart`."""
        if "restart" not in self._operations:
            return False
        self.transport.restart()
        return True

    def recover(self) -> None:
        """Begin anew after a failure: a new process, or a new object where there is a factory."""
        self._state = None
        self._open = True
        self.transport.start()

    def close(self) -> None:
        """End the implementation, once; never raises."""
        self._state = None
        if self._open:
            self._open = False
            self.closing_problem = self.transport.stop()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
