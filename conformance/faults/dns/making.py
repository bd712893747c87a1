# SPDX-License-Identifier: Apache-2.0
"""How faulty DNS servers are made: of what they answer, or of a part of the model that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, TypeVar

from attrs import evolve

from conformance.faults.base import Faulty, behaves, replaced
from reference.dns import NODATA, NXDOMAIN, Zone, message
from reference.dns.index import PublishedService
from reference.dns.names import labels_below, plain
from reference.objects import Cluster
from reference.questions import Answer, Query, Record

F = TypeVar("F", bound=Callable[..., Any])


class Server(Faulty):
    """A DNS server; a subclass changes its answers.

    Its zone is compiled anew: the judge's own, which is filled in on demand, is
    never touched.
    """

    def apply(self, cluster: Cluster) -> None:
        """Take this state, as it is seen."""
        super().apply(cluster)
        vars(self.model)["dns"] = Zone(self.model.cluster)

    def reply(self, zone: Zone, query: Query) -> Answer:
        """The answer to a query."""
        return zone.resolve(query)

    def finish(self, zone: Zone, query: Query, answer: Answer) -> Answer:
        """The whole message of an answer."""
        return message(zone, query, answer)

    def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
        """The answers, those to queries by its own decisions."""
        if operation == "resolve":
            zone = self.model.dns
            return [self.finish(zone, query, self.reply(zone, query)) for query in questions]
        return super().answer(operation, questions)


def resolves(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that answers queries in its own way: `(zone, query) -> Answer`."""

    def declare(change: F) -> F:
        class Resolving(Server):
            def reply(self, zone: Zone, query: Query) -> Answer:
                answer: Answer = change(zone, query)
                return answer

        _named(Resolving, change)
        behaves(*breaks, bugs=bugs)(Resolving)
        return change

    return declare


def tells(*breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that changes whole messages: `(zone, query, message) -> message`."""

    def declare(change: F) -> F:
        class Telling(Server):
            def finish(self, zone: Zone, query: Query, answer: Answer) -> Answer:
                changed: Answer = change(zone, query, message(zone, query, answer))
                return changed

        _named(Telling, change)
        behaves(*breaks, bugs=bugs)(Telling)
        return change

    return declare


def swaps(target: ModuleType | type, name: str, *breaks: str, bugs: Sequence[str] = ()) -> Callable[[F], F]:
    """A fault that stands for the function `name` of a module or class of the model of DNS."""

    def declare(replacement: F) -> F:
        class Swapping(Server):
            def reply(self, zone: Zone, query: Query) -> Answer:
                with replaced(target, name, replacement):
                    return zone.resolve(query)

        _named(Swapping, replacement)
        behaves(*breaks, bugs=bugs)(Swapping)
        return replacement

    return declare


def _named(adapter: type, source: Callable[..., Any]) -> None:
    """Give the class the name, the module and the sentence of what it was made of."""
    adapter.__name__, adapter.__module__ = source.__name__, source.__module__
    adapter.__doc__ = source.__doc__


# -- queries and answers -------------------------------------------------------------


def labels_of(zone: Zone, query: Query) -> list[str]:
    """The labels below the zone; none for the zone itself and for names outside of it."""
    return labels_below(plain(query.name), zone.name) or []


def service_of(zone: Zone, query: Query) -> PublishedService | None:
    """The Service at or above the name."""
    labels = labels_of(zone, query)
    if len(labels) < 3 or labels[-1] != "svc":
        return None
    return zone.index.services.get((labels[-2], labels[-3]))


def at_service(zone: Zone, query: Query) -> PublishedService | None:
    """The Service whose own name is asked for."""
    return service_of(zone, query) if len(labels_of(zone, query)) == 3 else None


def asked_as(zone: Zone, query: Query, name: str) -> Answer:
    """The answer to the query for another name, below the zone, given for the one that was asked."""
    other = f"{name}.{zone.name}"
    answer = zone.resolve(evolve(query, name=other))
    records = frozenset(
        evolve(record, name=query.name) if plain(record.name) == plain(other) else record
        for record in answer.records
    )
    return evolve(answer, records=records)


def with_records(answer: Answer, records: Iterable[Record]) -> Answer:
    """An answer of these records."""
    found = frozenset(records)
    return Answer(NODATA.rcode, found) if found else NODATA


def is_empty(answer: Answer) -> bool:
    """Whether the name exists and has nothing of the type."""
    return answer == NODATA


__all__ = [
    "NODATA",
    "NXDOMAIN",
    "Server",
    "asked_as",
    "at_service",
    "is_empty",
    "labels_of",
    "resolves",
    "service_of",
    "swaps",
    "tells",
    "with_records",
]
