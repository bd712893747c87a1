# SPDX-License-Identifier: Apache-2.0
"""Silence that was mended by another try: a packet lost on a busy machine, or by the program under test.

The one does not come again when few connections are made, one after the other; the
other does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import dropwhile

from reference.questions import Connection, Flow

TRIES = 20
"""Connections of a flow that is doubted, one after the other."""
PATIENCE = (0.9,)
"""Seconds for each: after one second TCP sends again by itself."""
_MOST = 4
"""So many flows are looked into for each batch; where there are more, these tell enough."""

Silent = Callable[[Sequence[Connection]], Sequence[bool]]


def unsteady(doubted: Iterable[Flow], silent: Silent) -> frozenset[Flow]:
    """Those of the flows of which some connections meet silence, and others do not.

    `silent` makes connections and says which of them met silence; those of one flow are
    made one after the other.
    """
    flows = list(dict.fromkeys(doubted))[:_MOST]
    if not flows:
        return frozenset()
    answers = silent([Connection(flow) for flow in flows for _ in range(TRIES)])
    return frozenset(
        flow
        for number, flow in enumerate(flows)
        if comes_again(answers[number * TRIES : (number + 1) * TRIES])
    )


def comes_again(silences: Sequence[bool]) -> bool:
    """Whether there is silence, and again after an answer: one pause of the machine is no such thing."""
    after_silence = dropwhile(lambda silent: not silent, silences)
    after_answer = dropwhile(lambda silent: silent, after_silence)
    return any(after_answer)
