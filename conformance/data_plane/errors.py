# SPDX-License-Identifier: Apache-2.0
"""What keeps the network from being made or used."""

from __future__ import annotations

from conformance.errors import UsageError


class NetworkError(UsageError):
    """The network cannot be made or used as asked: says what, where, why and what to do."""


class UnsupportedProtocolError(NetworkError):
    """The kernel has no way to make connections over a protocol."""
