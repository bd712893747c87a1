# SPDX-License-Identifier: Apache-2.0
"""The SOA record of a zone.

Source: coredns `plugin/backend_lookup.go`, SOA.
"""

from __future__ import annotations

from reference.dns.names import join
from reference.questions import Record

LONGEST_TTL_OF_AUTHORITY = 300
UNKNOWN_SERIAL = "0"
"""Stands for the serial of a zone, which nobody can foretell."""


def start_of_authority(asked: str, zone: str, ttl: int) -> Record:
    """The record, in the letter case of the name that is asked; `ttl` is that which is set (DNS-NEG-017)."""
    apex = asked.rstrip(".")[-len(zone) :] if zone else ""
    data = f"{join('ns.dns', apex)} {join('hostmaster', apex)} {UNKNOWN_SERIAL} 7200 1800 86400 {ttl}"
    return Record(apex, "SOA", data, min(ttl, LONGEST_TTL_OF_AUTHORITY))
