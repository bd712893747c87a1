# SPDX-License-Identifier: Apache-2.0
"""How Hypothesis generates in a run: every input anew, from the seed and the strategy alone.

Hypothesis's own backend makes five of six inputs by copying a part of the one before
to another place in it, keeps the first ones small, and mixes in constants of whatever
modules are imported.  Clusters collide by their small pools already, so copies would be
a loss: of 1,000 clusters, 2,971 different Services instead of 737.  And one seed would
give other clusters in pytest than on the command line.  Shrinking is Hypothesis's own.
"""

from __future__ import annotations

from typing import Any

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

BACKEND = "kube-service-conformance"
"""The name for `hypothesis.settings(backend=...)`."""


class Provider(HypothesisProvider):
    """Hypothesis's choices, without constants from imported modules."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        """No constants: the pools hold the values that matter."""
        return


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}.{Provider.__name__}"
