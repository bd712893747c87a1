# SPDX-License-Identifier: Apache-2.0
"""Records reduced to what the specification prescribes, so that they can be compared."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from reference.dns.names import (
    IPV4_REVERSE_ZONE,
    IPV6_REVERSE_ZONE,
    canonical,
    is_address,
    labels_below,
    plain,
)
from reference.questions import Answer, Record


class Fact(NamedTuple):
    """A record less its time to live, and less the priority and weight of SRV records.

    Names are in lower case and addresses in canonical form (DNS-META-004,
    DNS-AAAA-004).  The data of SRV is `port target` (DNS-SRV-004, DNS-SRV-005), that of
    SOA lacks the serial.
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
    elif kind == "SOA":
        data = plain(without_serial(data))
    elif kind != "TXT":
        data = plain(data)
    return Fact(plain(record.name), kind, data)


def without_serial(data: str) -> str:
    """The data of a SOA record less its serial, the names without trailing dots."""
    fields = [text.rstrip(".") for text in data.split()]
    return " ".join([*fields[:2], *fields[3:]])


def facts_of(answer: Answer) -> frozenset[Fact]:
    """The facts of an answer."""
    return frozenset(map(fact, answer.records))


@lru_cache(maxsize=4096)
def reversed_address(name: str) -> str | None:
    """The address of a complete reverse name, None for any other name (DNS-PTR-013)."""
    labels = labels_below(name, IPV4_REVERSE_ZONE)
    if labels is not None:
        text = ".".join(reversed(labels))
        return text if ":" not in text and is_address(text) else None
    labels = labels_below(name, IPV6_REVERSE_ZONE)
    if labels is None or len(labels) != 32 or any(len(label) != 1 for label in labels):
        return None
    try:
        return str(IPv6Address(int("".join(reversed(labels)), 16)))
    except ValueError:
        return None
