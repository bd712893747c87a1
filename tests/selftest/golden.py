# SPDX-License-Identifier: Apache-2.0
"""What the reviewed matrix of the self-test says, which the self-test is compared with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

MATRIX = Path(__file__).with_name("matrix.yaml")


@cache
def reporting() -> frozenset[str]:
    """The invariants that report some planted fault."""
    faults = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))["faults"]
    return frozenset(
        name for broken in faults.values() for entry in broken.values() for name in entry.get("by", ())
    )
