# SPDX-License-Identifier: Apache-2.0
"""The naive implementation as an adapter in process: `tests.naive.adapter:NaiveAdapter`."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.convert import cluster_to_plain, from_plain, to_plain
from reference import questions as q
from reference.objects import Cluster, EndpointSlice, NamespacedName
from tests.naive.services import NaiveServices


class NaiveAdapter:
    """Translates between the suite's values and the plain JSON of the implementation."""

    name = "naive"
    version = "1"

    def __init__(self) -> None:
        self._services = NaiveServices()

    def apply(self, cluster: Cluster) -> None:
        """Hand the cluster over."""
        self._services.apply(cluster_to_plain(cluster))

    def select(self, questions: Sequence[q.Selection]) -> list[q.Matching]:
        """Label selectors."""
        return [q.Matching(self._services.select(to_plain(question))) for question in questions]

    def endpoint_slices(self, services: Sequence[NamespacedName]) -> list[tuple[EndpointSlice, ...]]:
        """The endpoint controller."""
        return [
            tuple(
                from_plain(piece, EndpointSlice) for piece in self._services.endpoint_slices(to_plain(name))
            )
            for name in services
        ]

    def route(self, flows: Sequence[q.Flow]) -> list[q.Decision]:
        """The proxy."""
        return [from_plain(self._services.route(to_plain(flow)), q.Decision) for flow in flows]

    def resolve(self, queries: Sequence[q.Query]) -> list[q.Answer]:
        """The DNS server."""
        return [from_plain(self._services.resolve(to_plain(query)), q.Answer) for query in queries]

    def environment(self, containers: Sequence[q.ContainerName]) -> list[q.Environment]:
        """The node agent."""
        return [from_plain(self._services.environment(to_plain(name)), q.Environment) for name in containers]

    def admit(self, sessions: Sequence[q.ApiSession]) -> list[tuple[q.ApiResponse, ...]]:
        """The API server."""
        return [
            tuple(from_plain(response, q.ApiResponse) for response in self._services.admit(to_plain(session)))
            for session in sessions
        ]
