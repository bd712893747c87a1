# SPDX-License-Identifier: Apache-2.0
"""Proportional hints of slices that are there already (SLICE-035)."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import evolve

from conformance.invariants.endpoints.hinted_slices import Had, cluster
from conformance.invariants.endpoints.worlds import named, node_in
from reference.endpoints import linked_slices, synced
from reference.endpoints.hints import TOPOLOGY_MODE_ANNOTATION
from reference.endpoints.topology import hints_by_zone, keeping, maxima
from reference.frozenmap import FrozenMap
from reference.objects import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointSlice,
    ForZone,
    NamespacedName,
    ObjectMeta,
)

EVEN = named((node_in("zone-a"), node_in("zone-b")))
WEB = NamespacedName("default", "web-0")


def _piece(name: str, hints: str, *, ready: bool = True) -> EndpointSlice:
    """A slice with an endpoint for each letter, hinted to that zone; `-` is for no hint."""
    endpoints = tuple(
        Endpoint(
            (f"10.244.0.{number + 1}",),
            EndpointConditions(ready=ready),
            hints=None if letter == "-" else EndpointHints((ForZone(letter),)),
        )
        for number, letter in enumerate(hints)
    )
    return EndpointSlice(ObjectMeta(name=name), "IPv4", endpoints)


def hinted(had: Had) -> str:
    """The hints after the controller has looked, as they are written in `Had`."""
    return "|".join(
        "".join("2" if len(zones) > 1 else zones[0].name[-1] if zones else "-" for zones in each)
        for piece in sorted(synced(cluster([had]), WEB), key=lambda piece: piece.metadata.name)
        for each in [[one.hints.for_zones if one.hints else () for one in piece.endpoints]]
    )


@pytest.mark.parametrize(
    ("ready", "expected"), [(2, {"a": 1, "b": 1}), (4, {"a": 2, "b": 2}), (7, {"a": 4, "b": 4})]
)
def test_a_zone_may_have_what_the_others_can_spare(ready: int, expected: dict[str, int]) -> None:
    """All endpoints but the minima of the others."""
    assert maxima({"a": 0.5, "b": 0.5}, ready) == expected


def test_maxima_of_uneven_zones() -> None:
    """Of eight endpoints the minima are two and five, so that one is free."""
    assert maxima({"a": 0.25, "b": 0.75}, 8) == {"a": 3, "b": 6}


def test_hints_of_a_slice() -> None:
    """Those of ready endpoints count, and each of these needs one."""
    assert hints_by_zone(_piece("x", "aab")) == Counter(a=2, b=1)
    assert hints_by_zone(_piece("x", "aa-")) is None
    assert hints_by_zone(_piece("x", "-", ready=False)) == Counter()
    assert hints_by_zone(_piece("x", "")) == Counter()


def test_slices_keep_their_hints_while_there_is_room() -> None:
    """One after the other, where nothing else of them has changed."""
    before = [_piece("x", "aa"), _piece("y", "ab"), _piece("z", "b")]
    bare = [_piece("x", "--"), _piece("y", "--"), _piece("z", "-"), _piece("new", "-")]
    assert list(keeping(bare, before, Counter(a=3, b=2))) == ["x", "y", "z"]
    assert list(keeping(bare, before, Counter(a=2, b=2))) == ["x", "z"]
    assert list(keeping(bare[::-1], before, Counter(a=2, b=2))) == ["z", "y"]
    assert list(keeping(bare, before, Counter(b=5))) == ["z"]
    other = [evolve(bare[0], address_type="IPv6"), *bare[1:]]
    assert list(keeping(other, before, Counter(a=3, b=2))) == ["y", "z"]
    assert not keeping(bare, [], Counter(a=9, b=9))


@pytest.mark.parametrize(
    ("had", "expected"),
    [
        (Had(EVEN, (4, 0), "abab"), "abab"),
        (Had(EVEN, (4, 0), "bbaa"), "bbaa"),
        (Had(EVEN, (4, 0), "aaab"), "bbaa"),  # more than two in one zone
        (Had(EVEN, (4, 0), "aab-"), "bbaa"),
        (Had(EVEN, (4, 0), "aabc"), "bbaa"),  # a zone without CPUs
        (Had(EVEN, (4, 0), "aab|b"), "aab|b"),
        (Had(EVEN, (4, 0), "b|baa"), "b|baa"),
        (Had(EVEN, (4, 0), "aa|ab"), "aa|bb"),  # the second has no room
        (Had(EVEN, (4, 0), "22|ab"), "22|aa"),  # two hints are two
        (Had(EVEN, (7, 0), "aaaabbb"), "aaaabbb"),
        (Had(EVEN, (7, 0), "bbbbaaa"), "bbbbaaa"),
        (Had(EVEN, (7, 0), "aaaaabb"), "bbbaaaa"),
        (Had(EVEN, (7, 0), "ababa|ba", gone=1), "bbaa|ba"),
        (Had(EVEN, (3, 0), "aab"), "---"),
        (Had(EVEN[:1], (4, 0), "aabb"), "----"),
    ],
)
def test_a_look_of_the_controller(had: Had, expected: str) -> None:
    """What can stay stays; what is given anew starts from the own zones, beside what stays."""
    assert hinted(had) == expected


def test_hints_go_with_the_annotation() -> None:
    """Without it none is kept (SLICE-026)."""
    state = cluster([Had(EVEN, (4, 0), "abab")])
    (service,) = state.services
    assert service.metadata.annotations == FrozenMap({TOPOLOGY_MODE_ANNOTATION: "Auto"})
    plain = evolve(service, metadata=evolve(service.metadata, annotations=FrozenMap()))
    (piece,) = synced(evolve(state, services=(plain,)), WEB)
    assert [one.hints for one in piece.endpoints] == [None] * 4
    assert all(one.hints for was in linked_slices(state, WEB) for one in was.endpoints)
