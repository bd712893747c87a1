# SPDX-License-Identifier: Apache-2.0
"""The text of the command `requirements`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from conformance import catalogue, report
from conformance.coverage import coverage, planted, render_text
from conformance.errors import unknown
from conformance.invariants import all_invariants


def requirements_text(ids: Sequence[str]) -> str:
    """The rows with these ids, all where none is given; a prefix such as `DNS-A` stands for its rows."""
    invariants = all_invariants().values()
    blocks = []
    for row in _chosen(ids):
        checked = [invariant.id for invariant in invariants if row.id in invariant.requirements]
        lines = [
            textwrap.fill(f"{row.id} ({row.level.value}): {row.sentence}", 80, subsequent_indent="    "),
            textwrap.fill(f"    source: {row.source}", 80, subsequent_indent="        "),
        ]
        if checked:
            lines.append("    checked by: " + ", ".join(checked))
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _chosen(ids: Sequence[str]) -> list[catalogue.Requirement]:
    rows = catalogue.load()
    if not ids:
        return list(rows.values())
    chosen = []
    for name in ids:
        found = (
            [rows[name]] if name in rows else [row for key, row in rows.items() if key.startswith(f"{name}-")]
        )
        if not found:
            raise unknown("requirement", name, rows)
        chosen += found
    return chosen


def coverage_text(ids: Sequence[str], *, report_path: Path | None) -> str:
    """The matrix of rows, invariants and inputs; inputs are those of a stored report."""
    inputs: dict[str, int] | None = None
    if report_path is not None:
        inputs = {entry["id"]: entry["inputs"] for entry in report.load(report_path)["invariants"]}
    wanted = {row.id for row in _chosen(ids)}
    rows = [
        row
        for row in coverage(all_invariants().values(), catalogue.load(), inputs=inputs, faults=planted())
        if row.requirement.id in wanted
    ]
    return render_text(rows)
