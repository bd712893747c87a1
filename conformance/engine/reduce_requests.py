# SPDX-License-Identifier: Apache-2.0
"""Makes a request about an EndpointSlice or an Endpoints object smaller, one part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from reference.frozenmap import EMPTY
from reference.objects import Endpoints, EndpointSlice
from reference.questions import EndpointsRequest

Item = EndpointSlice | Endpoints
LeaveOut = Callable[[Any], Any]

_MANY = 10
"""Of so many parts and more none is left out: their number is most likely what it is about."""


def smaller_requests(request: EndpointsRequest) -> Iterator[EndpointsRequest]:
    """The same as a creation, and with one part of the object fewer, now and before."""
    if request.old is not None:
        yield evolve(request, old=None)
    for leave_out in _parts(request.object):
        old = request.old and leave_out(request.old)
        yield EndpointsRequest(leave_out(request.object), old)


def _parts(item: Item) -> Iterator[LeaveOut]:
    if item.metadata.labels:
        yield lambda each: evolve(each, metadata=evolve(each.metadata, labels=EMPTY))
    if isinstance(item, EndpointSlice):
        yield from _entries(item, "ports")
        yield from _entries(item, "endpoints")
        yield from _inner(item, "endpoints", ("addresses",))
    else:
        yield from _entries(item, "subsets")
        yield from _inner(item, "subsets", ("addresses", "not_ready_addresses", "ports"))


def _entries(owner: Any, name: str) -> Iterator[LeaveOut]:
    """Each entry of a list of an object or of a part of it."""
    count = len(getattr(owner, name))
    for index in range(count if count < _MANY else 0):

        def leave_out(each: Any, index: int = index) -> Any:
            entries = getattr(each, name)
            return evolve(each, **{name: entries[:index] + entries[index + 1 :]})

        yield leave_out


def _inner(item: Item, name: str, lists: tuple[str, ...]) -> Iterator[LeaveOut]:
    """Each entry of the lists of each part."""
    parts = getattr(item, name)
    for place, part in enumerate(parts if len(parts) < _MANY else ()):
        for inner in (leave_out for within in lists for leave_out in _entries(part, within)):

            def leave_out(each: Any, place: int = place, inner: LeaveOut = inner) -> Any:
                have = getattr(each, name)
                if place >= len(have):
                    return each
                return evolve(each, **{name: (*have[:place], inner(have[place]), *have[place + 1 :])})

            yield leave_out
