# SPDX-License-Identifier: Apache-2.0
"""The matrix of faults as data: which requirement each breaks, on which input that was reported, by what.

Sizes of reproducers are no part of it: how Hypothesis shrinks depends on its version.
"""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from conformance.selftest import Selftest


def to_plain(result: Selftest) -> dict[str, Any]:
    """The matrix as plain data."""
    matrix: dict[str, Any] = {}
    for catch in result.catches:
        matrix.setdefault(catch.fault, {})[catch.requirement] = (
            {"input": catch.inputs, "by": list(catch.invariants)} if catch.is_caught else "not reported"
        )
    return {
        "faults": matrix,
        "not observable yet": {fault.id: fault.unobservable for fault in result.unobservable},
    }


def render(result: Selftest) -> str:
    """The matrix as YAML, for the file that is reviewed."""
    text = yaml.safe_dump(to_plain(result), sort_keys=False, allow_unicode=True, width=100)
    return (
        "# SPDX-License-Identifier: Apache-2.0\n"
        "# What is reported of each planted fault; written by\n"
        "# `kube-service-conformance selftest --write FILE`.\n"
        f"{text}"
    )


def differences(result: Selftest, expected: str) -> list[str]:
    """The lines in which the matrix differs from a stored one."""
    return list(
        difflib.unified_diff(
            expected.splitlines(), render(result).splitlines(), "expected", "now", lineterm="", n=2
        )
    )
