# SPDX-License-Identifier: Apache-2.0
"""CNAMEs that lead back to where they came from, of which no resolver ever makes an address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.dns_server.messages import OPERATION, worded
from conformance.outcomes import WrongShape
from reference.dns.names import plain
from reference.objects import Cluster
from reference.questions import Answer, Query, Record

Link = tuple[str, str]


def no_circles(cluster: Cluster, queries: Sequence[Query], answers: Sequence[Answer]) -> None:
    """WrongShape for an answer whose CNAMEs go in a circle, unless the cluster's own external names do."""
    said: frozenset[Link] | None = None
    for query, answer in zip(queries, answers, strict=True):
        links = {record for record in answer.records if record.type == "CNAME"}
        circle = circle_of(query.name, links) if links else []
        if circle:
            said = said if said is not None else frozenset(_said(cluster))
            if not said.issuperset(circle):
                names = " -> ".join([circle[0][0], *(target for _, target in circle)])
                raise WrongShape(
                    OPERATION, f"{worded(query)}: the CNAMEs of the answer go in a circle: {names}"
                )


def circle_of(name: str, records: Iterable[Record]) -> list[Link]:
    """The links of a circle to which the CNAMEs from a name lead; none if they lead to none."""
    targets = {plain(record.name): plain(record.data) for record in records}
    seen = [plain(name)]
    while seen[-1] in targets:
        following = targets[seen[-1]]
        if following in seen:
            names = seen[seen.index(following) :]
            return list(zip(names, [*names[1:], following], strict=True))
        seen.append(following)
    return []


def _said(cluster: Cluster) -> Iterable[Link]:
    """The CNAMEs that the cluster's external names ask for."""
    for service in cluster.services:
        if service.spec.external_name:
            name = (
                f"{service.metadata.name}.{service.metadata.namespace}.svc.{cluster.settings.cluster_domain}"
            )
            yield plain(name), plain(service.spec.external_name)
