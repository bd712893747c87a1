# SPDX-License-Identifier: Apache-2.0
"""Source ports, each used again as late as possible.

Connection tracking remembers a UDP flow for two minutes, and would send another one
from the same port where it sent the first.
"""

from __future__ import annotations

_RANGES = ((1024, 29999), (32768, 65535))
"""All but the privileged ones, and those that are node ports by default."""
_FIRST = _RANGES[0][1] - _RANGES[0][0] + 1
COUNT = _FIRST + _RANGES[1][1] - _RANGES[1][0] + 1
_START = _FIRST
"""Begin in the upper range, where programs seldom listen."""


class SourcePorts:
    """The next port of each client, by its node, address and protocol."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str, str], int] = {}

    def take(self, node: str, ip: str, protocol: str) -> int:
        """A port that the client has not used for a while."""
        key = (node, ip, protocol)
        index = self._next.get(key, _START)
        self._next[key] = (index + 1) % COUNT
        return _RANGES[0][0] + index if index < _FIRST else _RANGES[1][0] + index - _FIRST
