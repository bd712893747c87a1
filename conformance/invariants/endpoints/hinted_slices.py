# SPDX-License-Identifier: Apache-2.0
"""Services that ask for proportional hints and have slices with hints already: what gets its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from attrs import evolve, frozen

from conformance.invariants.endpoints.worlds import Scenario, World, cluster_of, named, node_in
from reference.endpoints import endpoint_slices
from reference.objects import (
    Cluster,
    EndpointHints,
    EndpointSlice,
    ForZone,
    NamespacedName,
    Node,
    Service,
)

_ZONES = {"-": (), "a": ("zone-a",), "b": ("zone-b",), "c": ("zone-c",), "2": ("zone-a", "zone-b")}
"""The hints of one endpoint, by letter."""


@frozen
class Had:
    """Slices of which each endpoint is on the node of its zone and was hinted to another or to none.

    `hints` has a letter for each endpoint, in order; a slice ends at each `|`.  Since then
    so many of the first endpoints are `gone`, or there are `new` ones on the last node.
    """

    nodes: tuple[Node, ...]
    ready: tuple[int, ...]
    hints: str
    new: int = 0
    gone: int = 0


_EVEN = named((node_in("zone-a"), node_in("zone-b")))
_THREE = named((node_in("zone-a"), node_in("zone-b"), node_in("zone-c")))
_ONE_LEFT = named((node_in("zone-a"), node_in("zone-b", ready="False")))
_UNKNOWN = named((node_in("zone-a"), node_in("zone-b"), node_in("zone-c", ready="False")))

_HINTS_OF_TWO = (
    "aabb",
    "abab",
    "bbaa",
    "baab",
    "aaab",
    "bbbb",
    "aab-",
    "----",
    "aabc",
    "aab|b",
    "b|baa",
    "aa|ab",
    "22|ab",
)
_HINTS_OF_MORE = (
    "aaaabbb",
    "abababa",
    "bababab",
    "bbbbbaa",
    "aaaaabb",
    "abab|bab",
    "bbb|aaaa",
    "bbbb|aab",
    "aaa|aabb",
)


@lru_cache(maxsize=1)
def groups() -> tuple[tuple[Had, ...], ...]:
    """Slices whose hints are kept or given anew, those on the same nodes together."""
    two = product(((4, 0), (2, 2), (3, 1)), _HINTS_OF_TWO)
    more = product(((7, 0), (4, 3), (2, 5)), _HINTS_OF_MORE)
    even = [Had(_EVEN, ready, hints) for ready, hints in (*two, *more)]
    even += [Had(_EVEN, (4, 0), hints, new=2) for hints in ("abab", "abb|a", "b|baa", "aab|b", "a|bab")]
    changed = ("abababa", "a|bababa", "ababa|ba", "babab|ab")
    even += [Had(_EVEN, (7, 0), hints, gone=1) for hints in changed]
    even += [Had(_EVEN, (2, 1), hints, gone=1) for hints in ("aab", "ab|a", "b|aa", "bb|b")]
    return (
        tuple(even[::2]),
        tuple(even[1::2]),
        tuple(Had(_THREE, (3, 3, 0), each) for each in ("aabbcc", "abccba", "cba|abc", "aabbca", "ccccab")),
        tuple(
            Had(_UNKNOWN, (1, 1, 2), each) for each in ("abcc", "abab", "bac|a", "ab|ab", "a|bab", "ab|--")
        ),
    )


@lru_cache(maxsize=1)
def lost() -> tuple[tuple[Had, ...], ...]:
    """Slices whose hints are taken back, those on the same nodes together."""
    too_few = [Had(_EVEN, ready, hints) for ready in ((3, 0), (1, 2)) for hints in ("aab", "ab|a", "b|ba")]
    too_few += [Had(_EVEN, (2, 0), hints, gone=1) for hints in ("ab", "a|b")]
    return (
        tuple(Had(_ONE_LEFT, (4, 0), each) for each in ("aabb", "aaaa", "a|abb", "ab|ab")),
        tuple(too_few),
    )


def cluster(chosen: Sequence[Had]) -> Cluster:
    """The cluster with a Service for each, all on the nodes of the first."""
    nodes = chosen[0].nodes
    world = World(nodes, ())
    now = cluster_of(world, [Scenario(_with(had.ready, had.new)) for had in chosen])
    for service, had in zip(now.services, chosen, strict=True):
        now = evolve(now, endpoint_slices=(*now.endpoint_slices, *_slices(now, service, had)))
    gone = {
        f"{service.metadata.name}-{place}"
        for service, had in zip(now.services, chosen, strict=True)
        for place in range(had.gone)
    }
    return evolve(now, pods=tuple(pod for pod in now.pods if pod.metadata.name not in gone))


def _with(ready: tuple[int, ...], new: int) -> tuple[int, ...]:
    """The new ones are the last."""
    return (*ready[:-1], ready[-1] + new) if new else ready


def _slices(state: Cluster, service: Service, had: Had) -> Iterator[EndpointSlice]:
    """The slices as they were, one after the other."""
    (piece,) = endpoint_slices(state, NamespacedName("default", service.metadata.name))
    endpoints = iter(piece.endpoints)
    for number, part in enumerate(had.hints.split("|")):
        name = f"{service.metadata.name}-had-{number}"
        zones = [tuple(map(ForZone, _ZONES[letter])) for letter in part]
        hinted = tuple(evolve(next(endpoints), hints=EndpointHints(each) if each else None) for each in zones)
        metadata = evolve(piece.metadata, name=name, generate_name="")
        yield evolve(piece, metadata=metadata, endpoints=hinted)
