# SPDX-License-Identifier: Apache-2.0
"""A served API and its clients, over the loopback."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from conformance.watch_api import WatchApi
from conformance.watch_api.objects import Json

LIMIT = 10.0  # seconds, for whatever is waited for


def bound() -> socket.socket:
    """A socket that is bound to a free port of the loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


@frozen
class Answer:
    """An answer that has been read to its end."""

    code: int
    headers: dict[str, str]
    text: bytes

    @property
    def document(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


@frozen
class Client:
    """Asks the API at a port; a connection for each request."""

    port: int

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """The answer to one request; underscores in the names of headers stand for dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    @contextmanager
    def watching(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """The answer to a watch, being read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request("GET", path)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()


@contextmanager
def served(**options: Any) -> Iterator[tuple[WatchApi, Client]]:
    """A running API and a client for it."""
    listener = bound()
    port = listener.getsockname()[1]
    with WatchApi(**options) as api:
        api.start(sockets=[listener])
        yield api, Client(port)


def event(response: http.client.HTTPResponse) -> tuple[str, Json]:
    """The next event of a watch, as its type and its object."""
    found = json.loads(response.readline())
    return found["type"], found["object"]


def name(response: http.client.HTTPResponse) -> str:
    """The next event of a watch, as its type and the name of its object."""
    kind, item = event(response)
    return f"{kind} {item['metadata'].get('name', '')}".strip()
