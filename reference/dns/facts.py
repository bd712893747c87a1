# SPDX-License-Identifier: Apache-2.0
"""Records reduced to what the specification prescribes, so that they can be compared."""

from __future__ import annotations

from typing import NamedTuple

from reference.dns.names import canonical, plain
from reference.questions import Answer, Record


class Fact(NamedTuple):
    """A record less its time to live, and less the priority and weight of SRV records.

    Names are in lower case and addresses in canonical form (DNS-META-004,
    DNS-AAAA-004).  The data of SRV is `port target` (DNS-SRV-004, DNS-SRV-005).
    """

    name: str
    type: str
    data: str


def fact(record: Record) -> Fact:
    """The fact that a record states."""
    kind = record.type.upper()
    data = record.data
    if kind == "SRV":
        fields = data.split()
        data = plain(" ".join(fields[2:]) if len(fields) == 4 else data)
    elif kind in ("A", "AAAA"):
        data = canonical(data)
    elif kind != "TXT":
        data = plain(data)
    return Fact(plain(record.name), kind, data)


def facts_of(answer: Answer) -> frozenset[Fact]:
    """The facts of an answer."""
    return frozenset(map(fact, answer.records))
