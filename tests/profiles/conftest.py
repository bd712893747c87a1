# SPDX-License-Identifier: Apache-2.0
"""Profiles are read against two invariants, so that these tests do not depend on the suite's own."""

from __future__ import annotations

import pytest

import conformance.invariants
from tests.profiles.samples import INVARIANTS


@pytest.fixture(autouse=True)
def _few_invariants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance.invariants, "all_invariants", lambda: INVARIANTS)
