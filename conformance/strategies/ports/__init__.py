# SPDX-License-Identifier: Apache-2.0
"""API sessions: requests to an API server whose pools are small.

Each request is two choices (what is done to which Service with which numbers,
and the body), and is built by looking only at what was sent before.  Between
them comes one that has to be refused for one stated reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import cycle
from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from conformance.strategies import pools
from conformance.strategies.ports.defects import DEFECTS, ODDITIES, UNSPOKEN, Defect
from conformance.strategies.ports.edits import EDITS
from conformance.strategies.ports.numbers import CHOICES, SETTINGS, numbers
from conformance.strategies.ports.objects import NEAR_MISSES, SHAPES, Make
from reference.objects import ClusterSettings, ObjectMeta, Service
from reference.questions import ApiRequest, ApiSession, Verb

__all__ = [
    "DEFECTS",
    "EDITS",
    "NEAR_MISSES",
    "ODDITIES",
    "SETTINGS",
    "SHAPES",
    "UNSPOKEN",
    "Defect",
    "sessions",
]

NAMES = (
    ("default", "web"),
    ("default", "db-1"),
    ("shop", "web"),
    ("shop", "svc"),
    ("default", "svc"),
    ("shop", "db-1"),
)

_ACTIONS = (
    "create",
    "update",
    "create",
    "delete",
    "update another",
    "create",
    "create the same",
    "update",
    "create again",
)

_FREQUENT = tuple(
    name
    for name in SHAPES
    if "explicit" in name
    or name in ("headless", "external name")
    or name.startswith(("node port", "two ports", "TCP and UDP", "load balancer, "))
)
"""The shapes that need numbers, for which Services compete, and those of which updates make most."""

BODIES: dict[str, Make] = {
    **SHAPES,
    **NEAR_MISSES,
    **{name: defect.make for name, defect in (*DEFECTS.items(), *UNSPOKEN.items())},
    **ODDITIES,
}
"""Every body that a creation may have."""


@frozen
class _Body:
    """What a creation sends, and how an update changes what was sent."""

    place: int
    make: str
    edit: str


def _bodies() -> list[_Body]:
    """Good objects, above all those that compete; all edits evenly."""
    made = [
        *SHAPES,
        *NEAR_MISSES,
        *SHAPES,
        *UNSPOKEN,
        *(_FREQUENT * 4),
        *(8 * ["cluster IP, explicit"]),
        *ODDITIES,
    ]
    pairs = zip(made, cycle(EDITS), strict=False)
    return [_Body(place, make, edit) for place, (make, edit) in enumerate(pairs)]


def _probe(drawn: int, choices: list[Choice]) -> str | None:
    """None, or a defect.

    Hypothesis makes most examples by changing a little of an earlier one.  So that
    these do not repeat its defect, the other choices decide with the drawn one.
    """
    if not drawn:
        return None
    mixed: int = sum(
        turn * (13 * body.place + 5 * who + number)
        for turn, ((_, who, number), body) in enumerate(choices, start=1)
    )
    return _DEFECTS[(drawn + mixed) % len(_DEFECTS)]


_DEFECTS = tuple(DEFECTS)
_PROBE = ("default", "probe")
_TARGETS = pools.choices(_ACTIONS, tuple(range(4)), tuple(range(CHOICES)))

Choice = tuple[tuple[Any, ...], _Body]


def sessions(*, max_requests: int = 6) -> st.SearchStrategy[tuple[ApiSession, ...]]:
    """One session of at most `max_requests` requests."""
    request = st.tuples(st.sampled_from(_TARGETS), st.sampled_from(_bodies()))
    most = max(1, max_requests - 1)
    # An evenly drawn minimum: `st.lists` alone keeps sessions too short to use up a pool.
    by_least = [st.lists(request, min_size=least, max_size=most) for least in range(1, most + 1)]
    return st.builds(
        lambda settings, drawn, choices: (_session(settings, drawn, choices, max_requests),),
        st.sampled_from(SETTINGS),
        st.integers(0, len(_DEFECTS)),
        st.integers(0, most - 1).flatmap(by_least.__getitem__),
    )


def _session(settings: ClusterSettings, drawn: int, choices: list[Choice], most: int) -> ApiSession:
    """What has to be refused comes second: what it leaves behind would be in the way of the others."""
    requests = tuple(_requests(settings, choices))
    probe = _probe(drawn, choices) if most > 1 else None
    if probe is None:
        return ApiSession(settings, requests)
    # It asks for the numbers of the first request that follows, so that they collide if it keeps them.
    number = choices[min(1, len(choices) - 1)][0][2]
    refused = ApiRequest(Verb.CREATE, _made(settings, probe, number, _PROBE))
    return ApiSession(settings, (*requests[:1], refused, *requests[1:]))


def _requests(settings: ClusterSettings, choices: Iterable[Choice]) -> Iterable[ApiRequest]:
    """The requests, built from what was sent; whether that was granted is not looked at."""
    sent: dict[tuple[str, str], Service] = {}
    for (action, who, number), body in choices:
        if action in ("create", "create the same") or not sent:
            service = _made(settings, body.make, number, _free_name(sent, who))
            if action == "create the same" and sent:
                service = evolve(_nth(sent, who), metadata=service.metadata)
            yield ApiRequest(Verb.CREATE, service)
            if body.make in ODDITIES:
                return
            if body.make not in UNSPOKEN:
                sent[service.metadata.namespace, service.metadata.name] = service
        elif action == "create again":
            yield ApiRequest(Verb.CREATE, _nth(sent, who))
        elif action == "delete":
            key = list(sent)[who % len(sent)] if who < 3 else NAMES[-1]
            removed = sent.pop(key, None)
            yield ApiRequest(Verb.DELETE, Service(removed.metadata if removed else _metadata(key)))
        else:
            old = _nth(sent, who if action == "update" else who + 1)
            new = EDITS[body.edit](old, numbers(settings, number))
            yield ApiRequest(Verb.UPDATE, new)
            sent[old.metadata.namespace, old.metadata.name] = new


@lru_cache(maxsize=65536)
def _made(settings: ClusterSettings, make: str, number: int, name: tuple[str, str]) -> Service:
    service = BODIES[make](numbers(settings, number))
    if service.metadata.name:
        return service
    return evolve(service, metadata=evolve(service.metadata, namespace=name[0], name=name[1]))


def _metadata(key: tuple[str, str]) -> ObjectMeta:
    return ObjectMeta(name=key[1], namespace=key[0])


def _nth(sent: dict[tuple[str, str], Service], who: int) -> Service:
    return list(sent.values())[who % len(sent)]


def _free_name(sent: dict[tuple[str, str], Service], who: int) -> tuple[str, str]:
    """The wanted name of the pool, or the next one that was not used."""
    for step in range(len(NAMES)):
        name = NAMES[(who + step) % len(NAMES)]
        if name not in sent:
            return name
    return NAMES[who]
