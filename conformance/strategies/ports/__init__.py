# SPDX-License-Identifier: Apache-2.0
"""API sessions: requests to an API server whose pools are small.

Each request is two choices (what is done to which Service with which numbers,
and the body), and is built by looking only at what was sent before.  Between
them come requests that have to be refused, each for one stated reason.
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

    make: str
    edit: str


def _bodies() -> list[_Body]:
    """Good objects, above all those that compete; all edits evenly."""
    made = [*SHAPES, *NEAR_MISSES, *SHAPES, *UNSPOKEN, *(_FREQUENT * 4), *ODDITIES]
    return [_Body(make, edit) for make, edit in zip(made, cycle(EDITS), strict=False)]


def _probes() -> tuple[tuple[str, ...], ...]:
    """Defects to be sent between other requests: none, each one, and pairs of those that differ."""
    names = tuple(DEFECTS)
    half = len(names) // 2
    return ((), *((name,) for name in names), *zip(names, names[half:] + names[:half], strict=True))


_PROBE = ("default", "probe")
_TARGETS = pools.choices(_ACTIONS, tuple(range(4)), tuple(range(CHOICES)))

Choice = tuple[tuple[Any, ...], _Body]


def sessions(*, max_requests: int = 6) -> st.SearchStrategy[tuple[ApiSession, ...]]:
    """One session of at most `max_requests` requests."""
    request = st.tuples(st.sampled_from(_TARGETS), st.sampled_from(_bodies()))
    # An evenly drawn minimum: `st.lists` alone keeps sessions too short to use up a pool.
    by_least = [
        st.lists(request, min_size=least, max_size=max_requests) for least in range(1, max_requests + 1)
    ]
    return st.builds(
        lambda settings, probes, choices: _session(settings, probes, choices, max_requests),
        st.sampled_from(SETTINGS),
        st.sampled_from(_probes()),
        st.integers(0, max_requests - 1).flatmap(by_least.__getitem__),
    )


def _session(
    settings: ClusterSettings, probes: tuple[str, ...], choices: list[Choice], most: int
) -> tuple[ApiSession, ...]:
    """The probes come after the first request: what they leave behind would be in the way of the others."""
    # The choices of a request decide which numbers its probe asks for, so that they collide.
    number = choices[0][0][2]
    sent = [ApiRequest(Verb.CREATE, _made(settings, name, number, _PROBE)) for name in probes[: most - 1]]
    requests = tuple(_requests(settings, choices[: most - len(sent)]))
    return (ApiSession(settings, (*requests[:1], *sent, *requests[1:])),)


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
