# SPDX-License-Identifier: Apache-2.0
"""The areas agree with each other: what one answers, another can follow.

Each is asked of the implementation alone, never of the reference, and compared
with what the objects of the cluster say.
"""

from __future__ import annotations

from conformance.invariants.cross import addresses, endpoints, names, variables

__all__ = ["addresses", "endpoints", "names", "variables"]
