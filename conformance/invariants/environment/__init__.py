# SPDX-License-Identifier: Apache-2.0
"""Invariants of environments: which variables a container is started with.

A variable that nothing in the cluster explains (`PATH`, `HOSTNAME`, what the image
sets) is none of the node agent's business and is never looked at.
"""

from __future__ import annotations

from conformance.invariants.environment import agreement, expansion, own, services, starts, stated, unaffected

__all__ = ["agreement", "expansion", "own", "services", "starts", "stated", "unaffected"]
