# SPDX-License-Identifier: Apache-2.0
"""What the invariants of one case share: the queries, the answers, and their wording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from conformance.invariants.base import Case
from conformance.invariants.dns.near_misses import near_misses
from conformance.model import model_of
from conformance.questions.dns import queries
from reference.dns import Demand, Fact, Zone, demand, facts_of
from reference.dns.facts import without_serial
from reference.dns.index import Kind, PublishedService
from reference.dns.names import labels_below, plain
from reference.questions import Answer, Query, Record


class Topic(Enum):
    """What a query is about, by the shape of its name."""

    VERSION = "version"
    BRANCH = "branch"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    PORT = "port"
    REVERSE = "reverse"


class Asked:
    """A query, what it is about, and the answer to it."""

    __slots__ = ("_demand", "_facts", "_view", "answer", "name", "query", "service", "topic")

    def __init__(self, view: View, query: Query, answer: Answer) -> None:
        self._view = view
        self._demand: Demand | None = None
        self._facts: frozenset[Fact] | None = None
        self.query = query
        self.answer = answer
        self.name = plain(query.name)
        self.topic, self.service = view.about(self.name, query.type)

    @property
    def facts(self) -> frozenset[Fact]:
        """The facts of the answer."""
        if self._facts is None:
            self._facts = facts_of(self.answer) if self.answer.records else frozenset()
        return self._facts

    @property
    def demand(self) -> Demand:
        """What the specification demands of the answer."""
        if self._demand is None:
            self._demand = demand(self._view.zone, self.query)
        return self._demand

    @property
    def own(self) -> frozenset[Fact]:
        """The facts at the asked name of the asked type."""
        return frozenset(
            fact for fact in self.facts if fact.name == self.name and fact.type == self.query.type
        )

    def is_of(self, topic: Topic, kind: Kind | None = None) -> bool:
        """Whether the query is about this, for a Service that is published in this way."""
        return self.topic is topic and (
            kind is None or (self.service is not None and self.service.kind is kind)
        )


class View:
    """A cluster's queries with their answers."""

    def __init__(self, case: Case, questions: Sequence[Query] | None = None) -> None:
        self.zone: Zone = model_of(case.cluster).dns
        if questions is None:
            questions = (*queries(case.cluster, self.zone), *near_misses(case.cluster, self.zone))
        self.asked = self.ask(case, questions)
        # Found once, because a dozen invariants look for theirs.
        self._topics: dict[tuple[Topic, Kind | None], list[Asked]] = {}
        for asked in self.asked:
            self._topics.setdefault((asked.topic, None), []).append(asked)
            if asked.service is not None:
                self._topics.setdefault((asked.topic, asked.service.kind), []).append(asked)

    def ask(self, case: Case, questions: Sequence[Query]) -> list[Asked]:
        """Further queries."""
        distinct = tuple(dict.fromkeys(questions))
        answers = case.ask("resolve", distinct)
        return [Asked(self, query, answer) for query, answer in zip(distinct, answers, strict=True)]

    def about(self, name: str, kind: str) -> tuple[Topic, PublishedService | None]:
        """The topic of a name, and the Service at or above it if there is one."""
        labels = labels_below(name, self.zone.name)
        if labels is None:
            return Topic.REVERSE, None
        if labels == ["dns-version"]:
            return Topic.VERSION, None
        if len(labels) < 3 or labels[-1] != "svc" or len(labels) > 5:
            return Topic.BRANCH, None
        topic = (Topic.SERVICE, Topic.ENDPOINT, Topic.PORT)[len(labels) - 3]
        return topic, self.zone.index.services.get((labels[-2], labels[-3]))

    def of(self, topic: Topic, kind: Kind | None = None) -> Iterator[Asked]:
        """The queries about this."""
        return iter(self._topics.get((topic, kind), ()))


def view(case: Case) -> View:
    """The view of a case, made once."""
    return case.memo("dns.view", lambda: View(case))


def worded(answer: Answer) -> str:
    """An answer in words."""
    if not answer.records:
        return "NODATA (NOERROR without records)" if answer.rcode.value == "NOERROR" else answer.rcode.value
    records = sorted(f"{record.name} {record.type} {record.data}" for record in answer.records)
    return f"{answer.rcode.value}: {'; '.join(records)}"


def asked_in_words(query: Query) -> str:
    """A query in words."""
    return f"{query.type} {query.name}"


def fail(case: Case, rule: str, asked: Asked, expected: str, *, because: Sequence[str] = ()) -> None:
    """Report an answer."""
    case.fail(
        rule,
        question=asked_in_words(asked.query),
        expected=expected,
        got=worded(asked.answer),
        because=because or (rule,),
    )


def judge(case: Case, rule: str, asked: Asked, *classes: str, because: Sequence[str] = ()) -> None:
    """Judge an answer by what the specification demands of it."""
    case.judged(*classes)
    wanted = asked.demand
    because = tuple(dict.fromkeys((rule, *wanted.rules, *because)))
    if asked.answer.rcode not in wanted.rcodes:
        fail(case, rule, asked, wanted.expected, because=because)
    if wanted.missing(asked.facts) is not None:
        fail(case, rule, asked, wanted.expected, because=because)
    excess = wanted.excess(asked.facts, name=asked.name)
    if excess is not None:
        fail(case, rule, asked, f"{wanted.expected}; and no {excess.type} {excess.data}", because=because)


def judge_rcode(case: Case, rule: str, asked: Asked, *classes: str) -> None:
    """Judge the response code that should be given, where there is one."""
    should = asked.demand.should
    if should is None:
        return
    case.judged(*classes)
    if asked.answer.rcode is not should:
        fail(case, rule, asked, should.value, because=tuple(dict.fromkeys((rule, *asked.demand.rules))))


def exact(zone: Zone, answer: Answer) -> tuple[object, ...]:
    """An answer as it is compared to CoreDNS: priority and weight count, names outside its zones do not."""
    return (
        answer.rcode,
        frozenset(
            (plain(record.name), record.type, _exact_data(record))
            for record in answer.records
            if zone.zone_of(plain(record.name)) is not None
        ),
    )


def _exact_data(record: Record) -> str:
    if record.type == "TXT":
        return record.data
    return plain(without_serial(record.data) if record.type == "SOA" else record.data)
