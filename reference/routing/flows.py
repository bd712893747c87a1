# SPDX-License-Identifier: Apache-2.0
"""Established UDP flows: with which endpoint a client stays that goes on sending from one port."""

from __future__ import annotations

from reference.questions import Backend, Flow
from reference.routing.addresses import family_of
from reference.routing.candidates import listings
from reference.routing.table import RoutingTable


def stays(table: RoutingTable, flow: Flow, backend: Backend) -> bool:
    """Whether an established UDP flow goes on to its endpoint: as long as that is serving.

    Whatever became of its readiness, of other endpoints and of policies (RT-010,
    TERM-009, SYNC-15); once it serves no more, the next packet is decided on anew
    (SYNC-16).
    """
    match = table.match(flow)
    if match is None:
        return False
    slices = table.usable_slices(match.service, family_of(flow.ip))
    listed = [each for each in listings(slices, match.port) if each.backend == backend]
    return bool(listed) and all(each.serving for each in listed)
