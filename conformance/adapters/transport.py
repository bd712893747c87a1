# SPDX-License-Identifier: Apache-2.0
"""What a session needs of a way to an implementation; there are two, in process and JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from conformance.areas import OPERATIONS, Operation
from reference.objects import Cluster

STATE_OPERATIONS = ("apply", "update", "restart")
"""The operations that are no questions."""

ALL_OPERATIONS = (*STATE_OPERATIONS, *OPERATIONS)
"""Every name that an adapter may offer."""


class Transport(Protocol):
    """A way to an implementation.

    Every method but `stop` raises `AdapterFailure` when the implementation does
    not do what it is asked within the limits.  Answers are whole and of the right
    type.  After a failure `start` begins anew; `stop` never raises.
    """

    @property
    def name(self) -> str:
        """What the implementation calls itself."""

    @property
    def version(self) -> str:
        """Its version, empty if it does not tell."""

    @property
    def operations(self) -> frozenset[str]:
        """Which of ALL_OPERATIONS it offers."""

    @property
    def stderr(self) -> str:
        """The end of what it wrote on standard error."""

    def start(self) -> None:
        """Start it, or start it again."""

    def apply(self, cluster: Cluster) -> None:
        """Make `cluster` the state."""

    def update(self, cluster: Cluster) -> None:
        """Move from the present state to `cluster`."""

    def restart(self) -> None:
        """Have the implementation restart itself."""

    def ask(self, operation: Operation, questions: Sequence[Any]) -> list[Any]:
        """One answer for each question, in order."""

    def stop(self) -> str:
        """End it; what went wrong at the end, empty if nothing did."""
