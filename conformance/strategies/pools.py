# SPDX-License-Identifier: Apache-2.0
"""The small shared pools from which names, labels and addresses are drawn.

They are small on purpose, so that things collide, recur and nearly match.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TypeVar

from hypothesis import strategies as st

from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Labels

T = TypeVar("T")

NAMESPACES = ("default", "shop")
# Objects meet in one namespace more often than not, or few Services had endpoints.
USUAL_NAMESPACES = ("default", "default", "default", "shop")

SERVICE_NAMES = (
    "web",
    "web-service",  # its variables collide with those of `web`
    "kubernetes",  # shadows the API server's variables outside `default`
    "shop",  # named like a namespace
    "db-1",
    "svc",
)

LABELS: tuple[Labels, ...] = (
    FrozenMap({"app": "web"}),
    FrozenMap({"app": "web", "tier": "front"}),
    FrozenMap({"app": "web", "tier": "back"}),
    FrozenMap({"app": "Web"}),  # differs in letter case alone
    FrozenMap({"app": "", "tier": "front"}),
    EMPTY,
)

SELECTORS: tuple[Labels | None, ...] = (
    FrozenMap({"app": "web"}),
    FrozenMap({"app": "web"}),
    FrozenMap({"app": "web"}),
    FrozenMap({"app": "web", "tier": "front"}),
    None,
    FrozenMap({"app": ""}),
)

NODE_NAMES = ("node-a", "node-b", "node-c")
ZONES = ("zone-a", "zone-b", None)
# A node's zone, and whether it has an ExternalIP as well.
NODES = tuple((zone, external) for external in (False, True) for zone in ZONES)


def choices(*fields: tuple[object, ...]) -> list[tuple[object, ...]]:
    """The product of small fields, as one choice; the first of each field is the simplest."""
    return sorted(
        product(*fields),
        key=lambda combination: sum(
            values.index(value) > 0 for values, value in zip(fields, combination, strict=True)
        ),
    )


_FAR = 2**24


def evenly(items: Sequence[T]) -> st.SearchStrategy[T]:
    """One of `items`, each as likely as any other, shrinking to the first.

    `st.sampled_from` favours the first few of more than some 250 items, because
    Hypothesis prefers integers near zero; among large ones it has no favourites.
    """
    return st.integers(_FAR, _FAR + len(items) - 1).map(lambda index: items[index - _FAR])
