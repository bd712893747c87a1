# SPDX-License-Identifier: Apache-2.0
"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.engine.steady import steady


@pytest.fixture(scope="session", autouse=True)
def _steady() -> Iterator[None]:
    """A property sees the same inputs whatever other test modules were imported before."""
    with steady():
        yield
