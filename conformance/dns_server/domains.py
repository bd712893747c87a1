# SPDX-License-Identifier: Apache-2.0
"""Clusters of any domain, for a server that has one of its own: the two are exchanged.

What is below the one domain is asked for, and served, as if it were below the other, and
the answers come back the same way.  As nothing else is touched, the server is judged on an
equal cluster that has its own domain.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from reference.dns.names import plain
from reference.objects import Cluster
from reference.questions import Answer, Query, Record

_NAMES = ("CNAME", "PTR", "NS", "DNAME", "SRV")


@frozen
class Exchange:
    """Between the domain of a cluster and that of the server, both without a trailing dot."""

    cluster: str
    server: str

    def name(self, name: str) -> str:
        """A name below the one domain as one below the other; any other name as it is."""
        bare = name.rstrip(".")
        for one, other in ((self.cluster, self.server), (self.server, self.cluster)):
            if f".{plain(bare)}".endswith(f".{plain(one)}"):
                end = bare[len(bare) - len(one) :]
                return bare[: len(bare) - len(one)] + (other.upper() if end.isupper() else other)
        return name

    def query(self, query: Query) -> Query:
        """A query as it is asked."""
        return Query(self.name(query.name), query.type)

    def answer(self, answer: Answer) -> Answer:
        """An answer as it is given."""
        return evolve(
            answer,
            records=frozenset(map(self._record, answer.records)),
            authority=self._records(answer.authority),
            additional=self._records(answer.additional),
            repeated=self._records(answer.repeated),
        )

    def _records(self, records: Iterable[Record] | None) -> frozenset[Record] | None:
        return None if records is None else frozenset(map(self._record, records))

    def _record(self, record: Record) -> Record:
        data = record.data
        if record.type in _NAMES:
            *before, target = data.split(" ")
            data = " ".join([*before, self.name(target)])
        elif record.type == "SOA":
            mname, rname, *numbers = data.split(" ")
            data = " ".join([self.name(mname), self.name(rname), *numbers])
        return evolve(record, name=self.name(record.name), data=data)

    def objects(self, cluster: Cluster) -> Cluster:
        """The cluster as it is served."""
        services = tuple(
            evolve(each, spec=evolve(each.spec, external_name=self.name(each.spec.external_name)))
            if each.spec.external_name
            else each
            for each in cluster.services
        )
        settings = evolve(cluster.settings, cluster_domain=self.server)
        return evolve(cluster, services=services, settings=settings)


def can_be_exchanged(one: str, other: str) -> bool:
    """Whether neither of two domains lies below the other."""
    one, other = f".{plain(one)}", f".{plain(other)}"
    return not one.endswith(other) and not other.endswith(one)
