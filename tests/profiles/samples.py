# SPDX-License-Identifier: Apache-2.0
"""What the tests of profiles are made of: two invariants, a known deviation and a day."""

from __future__ import annotations

from datetime import date

from conformance.areas import Area
from conformance.invariants.base import Case, Invariant, Kind

TODAY = date(2026, 1, 31)

KNOWN = """\
known_deviations:
  - invariant: dns.a
    requirement: DNS-A-002
    reason: the record of a Service without endpoints is missing
    link: https://example.org/issues/1
    expires: 2026-02-01
    input: found/dns.a.yaml
"""


def _check(case: Case) -> None:
    """Something must hold."""


INVARIANTS = {
    invariant.id: invariant
    for invariant in (
        Invariant("dns.a", Area.DNS, Kind.STATED, ("DNS-A-001", "DNS-A-002"), ("resolve",), _check),
        Invariant(
            "dns.b", Area.DNS, Kind.STATED, ("DNS-A-003",), ("resolve",), _check, features=("zonal-names",)
        ),
    )
}
