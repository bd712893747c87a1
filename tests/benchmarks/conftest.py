# SPDX-License-Identifier: Apache-2.0
"""What benchmarks have in common."""

from __future__ import annotations

import pytest


@pytest.fixture
def asked_for(pytestconfig: pytest.Config) -> None:
    """Skips what takes long, unless benchmarks are what was asked for."""
    if not pytestconfig.getoption("benchmark_only"):
        pytest.skip("only with --benchmark-only")
