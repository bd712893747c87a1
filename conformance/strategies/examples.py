# SPDX-License-Identifier: Apache-2.0
"""Whole examples: a cluster and, where their areas are judged, selections and API sessions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hypothesis import strategies as st

from conformance.areas import Area
from conformance.example import Example
from conformance.strategies.clusters import Limits, clusters
from conformance.strategies.ports import sessions
from conformance.strategies.selectors import selections
from reference.objects import Cluster, DNSServer

_NEED_A_CLUSTER = frozenset({Area.ENDPOINTS, Area.ROUTING, Area.DNS, Area.ENVIRONMENT, Area.CROSS})


def examples(
    *,
    areas: AbstractSet[Area] = frozenset(Area),
    limits: Limits | None = None,
    most_selections: int = 5,
    most_requests: int = 10,
    dual_stack: bool = False,
    dns_server: DNSServer | None = None,
) -> st.SearchStrategy[Example]:
    """Examples for `areas`; nothing is drawn for an area that is not judged.

    With `dual_stack` some of the clusters have two families; `dns_server` is in the
    settings of all.
    """
    return st.builds(
        Example,
        clusters(limits, dual_stack=dual_stack, dns_server=dns_server)
        if areas & _NEED_A_CLUSTER
        else st.just(Cluster()),
        selections(max_size=most_selections) if Area.SELECTORS in areas else st.just(()),
        sessions(max_requests=most_requests) if Area.PORTS in areas and most_requests else st.just(()),
    )
