# SPDX-License-Identifier: Apache-2.0
"""Node agents that are wrong in one way each."""

from __future__ import annotations

from conformance.faults.environment import expansion, inclusion, precedence, variables

__all__ = ["expansion", "inclusion", "precedence", "variables"]
