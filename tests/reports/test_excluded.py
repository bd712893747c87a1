# SPDX-License-Identifier: Apache-2.0
"""What a profile leaves out is told by each run."""

from __future__ import annotations

from conformance import report, text
from conformance.adapters.reference import ReferenceAdapter
from conformance.adapters.session import Session
from conformance.engine.run import Options, run
from conformance.profiles import load_profile


def test_what_a_profile_leaves_out_is_told() -> None:
    """The closing lines and the report have each excluded invariant with the reason."""
    profile = load_profile("kube-proxy")
    (left_out,) = profile.invariants.exclude
    with Session.of(factory=ReferenceAdapter) as session:
        result = run(session, profile, Options(clusters=1))
    (line,) = [each for each in text.summary(result) if each.startswith("excluded")]
    assert left_out.id in line
    assert " ".join(line.split()).endswith(f"{left_out.reason} ({left_out.where})")
    assert report.to_plain(result)["excluded"] == [{"id": left_out.id, "reason": left_out.reason}]
