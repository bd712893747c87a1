# SPDX-License-Identifier: Apache-2.0
"""The small shared pools from which names, labels and addresses are drawn.

They are small on purpose, so that things collide, recur and nearly match.
"""

from __future__ import annotations

from itertools import product

from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Labels

NAMESPACES = ("default", "shop")

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
    FrozenMap({"app": "Web"}),  # differs in letter case alone
    FrozenMap({"app": "", "tier": "front"}),
    EMPTY,
)

SELECTORS: tuple[Labels | None, ...] = (
    FrozenMap({"app": "web"}),
    FrozenMap({"app": "web", "tier": "front"}),
    FrozenMap({"app": ""}),
    FrozenMap({"app": "none-such"}),
    None,
)

NODE_NAMES = ("node-a", "node-b", "node-c")
ZONES = ("zone-a", "zone-b", None)


def choices(*fields: tuple[object, ...]) -> list[tuple[object, ...]]:
    """The product of small fields, as one choice; the first of each field is the simplest."""
    return sorted(
        product(*fields),
        key=lambda combination: sum(
            values.index(value) > 0 for values, value in zip(fields, combination, strict=True)
        ),
    )
