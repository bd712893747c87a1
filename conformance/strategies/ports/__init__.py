# SPDX-License-Identifier: Apache-2.0
"""API sessions: requests to an API server whose pools are small.

A session is a short story about a few Services: who is created, changed and
deleted in which order.  Its Services ask for the same few numbers, so that they
compete, and what one of them leaves behind is in the way of the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from conformance.strategies import pools
from conformance.strategies.ports.defects import DEFECTS, ODDITIES, UNSPOKEN, Defect
from conformance.strategies.ports.edits import EDITS, OWN, own_edit
from conformance.strategies.ports.effects import effects
from conformance.strategies.ports.numbers import CHOICES, SETTINGS, numbers
from conformance.strategies.ports.objects import NEAR_MISSES, SHAPES, Make
from reference.objects import ClusterSettings, Service
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


_FIRST = (*SHAPES, *_FREQUENT, *NEAR_MISSES, *(4 * ["cluster IP, explicit"]), *UNSPOKEN, *ODDITIES)
"""Bodies of the first Service: good objects, above all those that compete."""
_SAME = ""
_SECOND = (*(8 * [_SAME]), *_FREQUENT, *SHAPES)
"""Bodies of its rival: often the same again under another name, which asks for the same numbers."""

STORIES: tuple[str, ...] = (
    "A",
    "A B",
    "A -A",
    "A u",
    "A u B",
    "A u B",
    "A u A",
    "A -A B",
    "A B C",
    "A u B",
    "A u v",
    "A u A",
    "A -A A",
    "A -A -A",
    "A -A u",
    "-A A u",
    "A u U",
    "A B -A B",
    "A B u -B",
    "A u -A B",
    "A u -A A",
    "A u v B",
    "A u U B",
    "A -A B A",
    "A B C -A A",
    "A B b u -A",
    "A B C D A",
    "A b -A u B",
    "A u -B B v",
    "A u v -A B",
    "A B -B C B",
)
"""What happens, one request a word.

A, B, C, D: create that Service, as it was first meant.  -A: delete it.  u, v: change A,
each in its own way; U: A as it was first meant; b: change B.
"""

_PROBE = ("default", "probe")
_NEAR = ("shop", "near")
_CHANGED = ("shop", "changed")
_PROBES = 5
"""How many requests of a session are no part of its story."""
_DEFECTS = tuple(DEFECTS)
_EDITS: tuple[str | int, ...] = (*EDITS, *(4 * tuple(range(max(map(len, OWN.values()))))))


@frozen
class _Plot:
    """What a session is made of; each field is one choice, and its first value the simplest."""

    story: str
    settings: ClusterSettings
    number: int
    """The numbers that all requests ask for, but for changes: those take others first."""
    names: int
    first: str
    second: str
    third: str
    edits: tuple[str | int, str | int]
    """Names of edits, or numbers of those that matter to the type of the Service."""
    defects: int
    """0 for none, or where in `DEFECTS` to begin."""


def sessions(*, max_requests: int = 10) -> st.SearchStrategy[tuple[ApiSession, ...]]:
    """One session of at most `max_requests` requests."""
    if max_requests < 1:
        raise ValueError(f"max_requests: at least 1 is needed, got {max_requests}")
    stories = [
        story
        for story in STORIES
        if len(story.split()) <= max(max_requests - _PROBES, (max_requests + 1) // 2)
    ]
    plots = st.builds(
        lambda story, where, first, second, third, edit, other, defects: _Plot(
            story=story,
            settings=where[0],
            number=where[1],
            names=where[2],
            first=first,
            second=second,
            third=third,
            edits=(edit, other),
            defects=defects,
        ),
        st.sampled_from(stories),
        st.sampled_from(_PLACES),
        st.sampled_from(_FIRST),
        st.sampled_from(_SECOND),
        st.sampled_from(_FIRST),
        st.sampled_from(_EDITS),
        st.sampled_from(_EDITS),
        st.integers(0, len(_DEFECTS)),
    )
    return plots.map(lambda plot: (_session(plot, max_requests),))


_PLACES = pools.choices(SETTINGS, tuple(range(CHOICES)), tuple(range(len(NAMES))))


def _session(plot: _Plot, most: int) -> ApiSession:
    """What has to be refused comes second: what it leaves behind would be in the way of the others."""
    told = tuple(_told(plot))
    probes = _probes(plot)[: most - len(told)]
    return ApiSession(plot.settings, (*told[:1], *probes[:1], *told[1:], *probes[1:]))


def _told(plot: _Plot) -> Iterable[ApiRequest]:
    """The requests of the story; whether one was granted is not looked at."""
    bodies, intended = _bodies(plot), _intended(plot)
    sent: dict[str, Service] = {}
    for word in plot.story.split():
        who = _ACTORS[word]
        service = intended[who]
        if word.startswith("-"):
            sent.pop(who, None)
            yield ApiRequest(Verb.DELETE, Service(service.metadata))
            continue
        if word == who:
            yield ApiRequest(Verb.CREATE, service)
            if bodies[who] in ODDITIES:
                return
        else:
            service = _changed(plot, word, sent.get(who, service))
            yield ApiRequest(Verb.UPDATE, service)
        if bodies[who] not in UNSPOKEN:
            sent[who] = service


_ACTORS = {"u": "A", "v": "A", "U": "A", "b": "B"} | {
    word: word.strip("-") for word in ("A", "B", "C", "D", "-A", "-B")
}


def _bodies(plot: _Plot) -> dict[str, str]:
    """The name of what each Service is made from."""
    rival = plot.first if plot.second == _SAME else plot.second
    return {"A": plot.first, "B": rival, "C": plot.third, "D": plot.first}


def _intended(plot: _Plot) -> dict[str, Service]:
    """Each Service as it is first meant, under a name of its own."""
    return {
        who: _made(plot.settings, body, plot.number, NAMES[(plot.names + place) % len(NAMES)])
        for place, (who, body) in enumerate(_bodies(plot).items())
    }


def _probes(plot: _Plot) -> tuple[ApiRequest, ...]:
    """Requests that are no part of the story: for Services to be refused, with different defects or
    for what is taken and for a defect; for a change; and for a Service that is nearly refused.
    """
    if not plot.defects:
        return ()
    # So that few draws do for many requests, the other choices decide with the drawn one.
    mixed = plot.defects + 13 * _PLACE_OF[plot.first] + 5 * _PLACE_OF[plot.third] + plot.number + plot.names
    apart = len(_DEFECTS) // 2
    wrong = [
        _made(plot.settings, _DEFECTS[(mixed + turn * apart) % len(_DEFECTS)], plot.number, _PROBE)
        for turn in range(2)
    ]
    if mixed % _SPOILED_EVERY == 0:
        wrong[0] = _spoiled(_intended(plot)["A"], mixed // _SPOILED_EVERY)
    first, second = (ApiRequest(Verb.CREATE, service) for service in wrong)
    near = _made(plot.settings, _NEARLY[mixed % len(_NEARLY)], plot.number, _NEAR)
    *change, claim = _change(plot, mixed)
    return (first, *change, second, claim if plot.names % 2 else ApiRequest(Verb.CREATE, near))


def _change(plot: _Plot, mixed: int) -> tuple[ApiRequest, ...]:
    """A Service, a change of it with one of the effects that a change may have, and another Service
    that asks for the numbers which the change may have given up.
    """
    pairs = effects()[mixed % len(effects())]
    shape, edit = pairs[plot.number % len(pairs)]
    # Other numbers than the story's.
    service = _made(plot.settings, shape, plot.number ^ 2, _CHANGED)
    changed = own_edit(service, edit)(service, numbers(plot.settings, plot.number ^ 3))
    return (
        ApiRequest(Verb.CREATE, service),
        ApiRequest(Verb.UPDATE, changed),
        ApiRequest(Verb.CREATE, evolve(service, metadata=evolve(service.metadata, name=_PROBE[1]))),
    )


def _spoiled(service: Service, turn: int) -> Service:
    """The same under another name and with one wrong field, so that two things are wrong if it asks
    for numbers that are taken.
    """
    metadata = evolve(service.metadata, namespace=_PROBE[0], name=_PROBE[1])
    return evolve(service, metadata=metadata, spec=evolve(service.spec, **_WRONG[turn % len(_WRONG)]))


_NEARLY = (
    *NEAR_MISSES,
    *ODDITIES,
    "no affinity, but a time-out",
    "affinity",
    "policies",
    "prefers two families",
    "headless without ports",
    "external name with ports",
    "load balancer without node ports, Local",
    "node port, Local",
)
_SPOILED_EVERY = 5
_WRONG: tuple[dict[str, Any], ...] = (
    {"session_affinity": "clientIP"},
    {"internal_traffic_policy": "local"},
    {"traffic_distribution": "Close"},
    {"external_ips": ("web.example.com",)},
)
_PLACE_OF = {name: place for place, name in enumerate(dict.fromkeys(_FIRST))}


def _changed(plot: _Plot, word: str, old: Service) -> Service:
    """What an update sends."""
    if word == "U":
        return _intended(plot)["A"]
    edit, other = plot.edits
    # The first change asks for another number, the second for the one that was had before.
    chosen, number = (edit, plot.number ^ 1) if word == "u" else (other, plot.number)
    change = EDITS[chosen] if isinstance(chosen, str) else own_edit(old, chosen)
    return change(old, numbers(plot.settings, number))


@lru_cache(maxsize=65536)
def _made(settings: ClusterSettings, make: str, number: int, name: tuple[str, str]) -> Service:
    service = BODIES[make](numbers(settings, number))
    if service.metadata.name:
        return service
    return evolve(service, metadata=evolve(service.metadata, namespace=name[0], name=name[1]))
