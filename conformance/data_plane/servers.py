# SPDX-License-Identifier: Apache-2.0
"""What listens in one namespace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from conformance.data_plane.listeners import LISTENERS, AddressInUseError, Listener
from conformance.data_plane.loop import Loop
from conformance.data_plane.namespaces import Namespace


class Key(NamedTuple):
    """What tells a listener from another in one namespace; `ip` empty is every address."""

    family: str
    protocol: str
    port: int
    ip: str = ""


class Servers:
    """The listeners of one namespace."""

    def __init__(self, namespace: Namespace, loop: Loop) -> None:
        self._namespace = namespace
        self._loop = loop
        self._listeners: dict[Key, Listener] = {}

    def keys(self) -> set[Key]:
        """What is listened on."""
        return set(self._listeners)

    def open(self, keys: Iterable[Key], *, must: bool = True) -> list[Key]:
        """Listen; gives what was opened.  What another program has is left out, unless it `must` be there."""
        missing = [key for key in keys if key not in self._listeners and key.protocol in LISTENERS]
        if not missing:
            return []
        opened = []
        with self._namespace.inside():
            for key in missing:
                listener = self._made(key, must=must)
                if listener is not None:
                    self._listeners[key] = listener
                    self._loop.add(listener.socket, listener)
                    opened.append(key)
        return opened

    def _made(self, key: Key, *, must: bool) -> Listener | None:
        try:
            return LISTENERS[key.protocol](
                self._namespace, key.family, key.port, key.ip or None, self._loop.arrived
            )
        except AddressInUseError:
            if must:
                raise
            return None

    def shut(self, keys: Iterable[Key]) -> None:
        """Listen no more."""
        for key in list(keys):
            listener = self._listeners.pop(key, None)
            if listener is not None:
                self._loop.remove(listener.socket)
                listener.close()

    def close(self) -> None:
        """Listen on nothing any more."""
        self.shut(self._listeners)
