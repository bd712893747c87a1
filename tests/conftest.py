# SPDX-License-Identifier: Apache-2.0
"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

from conformance.engine.backend import BACKEND

# A property sees the same inputs whatever other modules were imported before.
settings.register_profile("steady", backend=BACKEND, derandomize=True, deadline=None, database=None)
settings.load_profile("steady")
