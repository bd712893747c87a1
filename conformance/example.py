# SPDX-License-Identifier: Apache-2.0
"""What is generated and judged at once: a cluster and the inputs that need no cluster."""

from __future__ import annotations

from attrs import frozen

from reference.objects import Cluster
from reference.questions import ApiSession, EndpointsRequest, Selection


@frozen
class Example:
    """One generated input.

    `selections` are judged in the area `selectors`, `sessions` in `ports`; all
    other areas look at `cluster`.  Where there is a `before`, the implementation
    comes to the cluster from that state, by `update` if it can.

    Some invariants ask inputs of their own beside, the same for every example.  Where
    `list` names such a list, they judge `sessions`, `endpoint_requests` or the cluster
    in its place: so a reproducer shows the one that failed.
    """

    cluster: Cluster = Cluster()
    selections: tuple[Selection, ...] = ()
    sessions: tuple[ApiSession, ...] = ()
    endpoint_requests: tuple[EndpointsRequest, ...] = ()
    before: Cluster | None = None
    list: str = ""
