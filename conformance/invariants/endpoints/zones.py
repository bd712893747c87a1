# SPDX-License-Identifier: Apache-2.0
"""Clusters of several zones with Services that ask for proportional hints, or do not: what gets its turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from attrs import evolve

from conformance.invariants.endpoints.worlds import Counts, Scenario, World, named, node_in
from reference.endpoints.hints import DEPRECATED_TOPOLOGY_ANNOTATION, TOPOLOGY_MODE_ANNOTATION
from reference.endpoints.membership import IPV4, IPV6
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import CONTROL_PLANE_LABELS, Labels

ANNOTATIONS: tuple[Labels, ...] = (
    *(
        FrozenMap({key: value})
        for key in (TOPOLOGY_MODE_ANNOTATION, DEPRECATED_TOPOLOGY_ANNOTATION)
        for value in ("Auto", "auto", "Disabled", "AUTO", "true", "")
    ),
    # Different values of the two are refused (VAL-006).
    *(
        FrozenMap({TOPOLOGY_MODE_ANNOTATION: value, DEPRECATED_TOPOLOGY_ANNOTATION: value})
        for value in ("Auto", "Disabled")
    ),
    EMPTY,
)

# -- nodes -------------------------------------------------------------------

A, B, C = "zone-a", "zone-b", "zone-c"

_EVEN = (node_in(A), node_in(B))
_THREE = (node_in(A), node_in(B), node_in(C))

UNEVEN = (
    (node_in(A, "1"), node_in(B, "2")),
    (node_in(A, "3"), node_in(B, "1")),
    (node_in(A, "500m"), node_in(B, "1")),
    (node_in(A, "3900m"), node_in(B, "100m")),
    (node_in(A, "1"), node_in(A, "1"), node_in(B, "2")),
    (node_in(A, "1"), node_in(A, "1"), node_in(B, "1")),
    (node_in(A, "8"), node_in(B, "1"), node_in(C, "1")),
    (node_in(A, "1"), node_in(B, "2"), node_in(C, "3")),
    (node_in(A, "750m"), node_in(B, "1250m"), node_in(C, "2")),
    (node_in(A, "1Ki"), node_in(B, "1k")),
    (node_in(A, "2e3"), node_in(B, "2k")),
)
"""Zones of different size, some of them of several nodes.

Quantities are spelled as the API writes them.
"""

_CONTROL_PLANE, _MASTER = (FrozenMap({label: ""}) for label in CONTROL_PLANE_LABELS)

NOT_COUNTED = (
    (node_in(C, "4", labels=_CONTROL_PLANE), node_in(A, "4", ready="False")),
    (node_in(A, "4", labels=_MASTER), node_in(B, "4", ready="Unknown")),
    (node_in(B, "4", labels=FrozenMap({CONTROL_PLANE_LABELS[0]: "true"})), node_in(C, "4", ready="False")),
    (node_in(None, labels=_CONTROL_PLANE), node_in(A, "4", ready=None)),
    (node_in(C, "", labels=_MASTER), node_in(None, ready="False")),
    (node_in(None, "0", labels=_MASTER), node_in(C, "0", ready="Unknown")),
)
"""Nodes beside which hints are given as if they were not there."""

INSUFFICIENT = (node_in(None), node_in(""), node_in(A, ""), node_in(C, "0"), node_in(B, "0m"))
"""Nodes beside which no hints are given."""


# -- Services ----------------------------------------------------------------

_TWO = tuple(product(range(6), range(4)))
_MORE = ((6, 0), (7, 0), (6, 1), (8, 1), (10, 0), (6, 6), (9, 3), (12, 0), (1, 11))
_OF_THREE = (
    *product(range(4), range(3), range(3)),
    *((5, 0, 0), (6, 0, 0), (4, 1, 1), (7, 1, 0), (3, 3, 3), (8, 1, 0), (9, 0, 0), (5, 5, 0), (4, 4, 3)),
    *((11, 0, 0), (4, 4, 4), (12, 0, 0), (10, 1, 1), (7, 5, 0), (2, 2, 9)),
)
_ALIKE = ((3, 3, 1), (3, 1, 3), (1, 3, 3), (4, 4, 2), (2, 4, 4), (5, 5, 0), (0, 5, 5), (6, 4, 4), (4, 4, 6))
"""Endpoints in three zones, of which two are equally far from what they are to have."""


def _auto(counts: Iterable[Counts]) -> tuple[Scenario, ...]:
    return tuple(Scenario(each) for each in counts)


def _worlds() -> Iterator[World]:
    yield World(_EVEN, _auto((*_TWO, *_MORE)))
    yield World(_THREE, _auto(_OF_THREE))
    yield World(_THREE, _auto(_ALIKE))
    for nodes in (_EVEN, _THREE):
        yield World(nodes, tuple(_partly_ready()))
    for nodes in UNEVEN:
        yield World(nodes, _auto(_OF_THREE if len(nodes) > 2 else (*_TWO, *_MORE)))
    for extra in NOT_COUNTED:
        yield World((*_EVEN, *extra), _auto(product((0, 1, 2, 4), (0, 1, 2), (0, 1, 2), (0, 1))))
    for node in INSUFFICIENT:
        yield World((*_EVEN, node), _auto(product((1, 2, 4), (0, 2), (0, 1))))
    for nodes in (
        (node_in(A), node_in(A)),
        (node_in(A), node_in(B, ready="False")),
        (node_in(A, ready="False"), node_in(B, ready=None)),
    ):
        yield World(nodes, _auto(product((1, 3), (0, 2))))
    yield World(_EVEN, tuple(Scenario(each, two_ports=True) for each in (*_TWO, *_MORE)))
    yield World(_THREE, tuple(Scenario(each, two_ports=True) for each in _OF_THREE))
    yield World(_EVEN, _auto((*_TWO, *_MORE)), most=2)


def _switched() -> Iterator[Scenario]:
    """Services that ask for hints in different ways, of which some contradict."""
    for asking, distribution in product(ANNOTATIONS, (None, "PreferClose", "PreferSameNode")):
        for counts in ((1, 0), (2, 0), (1, 1), (4, 0)):
            yield Scenario(counts, annotations=asking, distribution=distribution)
    for counts in ((2, 0), (1, 1), (1, 0)):
        yield Scenario(counts, headless=True)


def _partly_ready() -> Iterator[Scenario]:
    """Services with pods that are not ready, and with such that are on a node that is gone."""
    counts = ((1,), (0, 1), (1, 1), (2,), (1, 1, 1), (4,), (2, 1, 3))
    for ready, not_ready in product(counts, ((1,), (0, 1), (3,))):
        for publish, lost in product((False, True), (0, 1)):
            yield Scenario(ready, not_ready, lost, publish=publish)


def _with_names(worlds: Iterable[World]) -> tuple[World, ...]:
    return tuple(evolve(each, nodes=named(each.nodes)) for each in worlds)


WORLDS = _with_names(_worlds())
"""Services that ask for proportional hints, in clusters of all kinds."""

SWITCHED = _with_names([World(_EVEN, tuple(_switched()))])
"""Services that ask for them in all ways, or do not."""

DUAL = _with_names(
    World(nodes, tuple(Scenario(each, families=families) for each in counts))
    for families in ((IPV4, IPV6), (IPV6, IPV4))
    for nodes, counts in ((_EVEN, (*_TWO, *_MORE)), (_THREE, _OF_THREE))
)
"""Services of two families, each with endpoints of its own."""

UNROUNDED = _with_names(
    World((node_in(A, cpus[0]), node_in(B, cpus[1])), _auto(product((0, 1, 2, 3, 6, 12), (0, 1, 3))))
    for cpus in (("1", "4"), ("2", "3"), ("800m", "200m"), ("3", "2"))
)
"""Zones that could do with whole numbers of endpoints, but for what is lost in rounding.

Of three endpoints a zone with four fifths of the CPUs has to have two, or three by
what `0.8 * 3 * (1 / 1.2)` is in floating point numbers.
"""
