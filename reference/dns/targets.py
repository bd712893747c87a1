# SPDX-License-Identifier: Apache-2.0
"""SRV records and the addresses of their targets.

Source: coredns `plugin/backend_lookup.go`, SRV.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.dns.index import Entry
from reference.dns.names import join
from reference.questions import Record


def services(asked: str, zone: str, entries: Sequence[Entry]) -> list[Record]:
    """SRV records: one for each target and port number, with equal weights.

    The weight is a hundredth shared among all entries, duplicates and
    entries without a port included (DNS-SRV-005).  DNS-SRV-001, DNS-SRV-008
    to DNS-SRV-010, DNS-SRV-012, DNS-SRV-015, DNS-HEADLESS-009,
    DNS-HEADLESS-010, DNS-HEADLESS-016 to DNS-HEADLESS-018, DNS-HEADLESS-025.
    """
    # The zone is repeated in the letter case of the query (DNS-META-005).
    spelled = asked.rstrip(".")[-len(zone) :] if zone else ""
    internal = [entry for entry in entries if not entry.external]
    weight = max(1, 100 // len(internal)) if internal else 0
    pairs = dict.fromkeys((entry.port, entry.owner) for entry in internal if entry.port is not None)
    return [Record(asked, "SRV", f"0 {weight} {port} {join(owner, spelled)}") for port, owner in pairs]


def target_addresses(asked: str, zone: str, entries: Sequence[Entry]) -> list[Record]:
    """The addresses of the targets of `services`, of both families, each once (DNS-SRV-006)."""
    spelled = asked.rstrip(".")[-len(zone) :] if zone else ""
    return [
        Record(join(owner, spelled), "AAAA" if ":" in host else "A", host)
        for owner, host in dict.fromkeys(
            (entry.owner, entry.host) for entry in entries if not entry.external and entry.port is not None
        )
    ]
