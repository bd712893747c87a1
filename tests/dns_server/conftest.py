# SPDX-License-Identifier: Apache-2.0
"""Without the extra there is nothing to test."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest

REQUIRED = os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1"


class _Skipped(pytest.Module):
    """A module that cannot even be imported."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip("DNS servers need the extra `dns-server`", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skip what needs the extra, unless it is said to be there."""
    if REQUIRED or all(find_spec(name) is not None for name in ("dns", "aiohttp")):
        return None
    return _Skipped.from_parent(parent, path=module_path)
