# SPDX-License-Identifier: Apache-2.0
"""Requests to health check node ports."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

from conformance.data_plane.addresses import SOCKET_FAMILIES, family_of
from conformance.data_plane.hosting import Hosting
from conformance.data_plane.links import ROUTER
from reference.objects import NamespacedName
from reference.questions import HealthCheck, HealthCheckAnswer

PATIENCE = (2.0, 10.0)
"""Seconds for all requests that are made at once, and for a second try of those that were silent."""
_AT_ONCE = 256
_LONGEST = 1 << 16
_REQUEST = "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
_NOTHING = HealthCheckAnswer(0)


class _Exchange:
    """One request and what has come of its answer."""

    def __init__(self, check: HealthCheck, ip: str, *, mark: int) -> None:
        self._sent = False
        host = f"[{ip}]" if ":" in ip else ip
        self._request = _REQUEST.format(host=f"{host}:{check.port}").encode()
        self.data = b""
        self.ended = False
        self.socket = socket.socket(
            SOCKET_FAMILIES[family_of(ip)], socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        self.socket.bind((ROUTER[family_of(ip)], 0))
        self.socket.connect_ex((ip, check.port))

    def ready(self) -> None:
        try:
            if not self._sent:
                self.socket.send(self._request)
                self._sent = True
                return
            data = self.socket.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            self.ended = True  # nothing listens, or it went away; what came is what there is
            return
        self.data += data
        self.ended = not data or len(self.data) > _LONGEST or _complete(self.data)

    @property
    def events(self) -> int:
        return select.EPOLLIN if self._sent else select.EPOLLOUT


def ask_all(checks: Sequence[HealthCheck], hosting: Hosting) -> list[HealthCheckAnswer]:
    """The answers, in order; many are asked at once."""
    answers: list[HealthCheckAnswer] = []
    for start in range(0, len(checks), _AT_ONCE):
        some = checks[start : start + _AT_ONCE]
        found = _ask(some, hosting, PATIENCE[0])
        silent = [index for index, (_, ended) in enumerate(found) if not ended]
        if silent:
            # A busy machine may be late, which is no deviation.
            again = _ask([some[index] for index in silent], hosting, PATIENCE[1])
            for index, answer in zip(silent, again, strict=True):
                found[index] = answer
        answers += (answer for answer, _ in found)
    return answers


def _ask(
    checks: Sequence[HealthCheck], hosting: Hosting, patience: float
) -> list[tuple[HealthCheckAnswer, bool]]:
    """The answers, and whether each ended within `patience` seconds; else it is what has come."""
    exchanges: list[_Exchange | None] = []
    by_descriptor: dict[int, _Exchange] = {}
    until = time.monotonic() + patience
    with select.epoll() as poller:
        try:
            for check in checks:
                exchange = _begun(check, hosting)
                exchanges.append(exchange)
                if exchange is not None:
                    by_descriptor[exchange.socket.fileno()] = exchange
                    poller.register(exchange.socket.fileno(), exchange.events)
            while by_descriptor and (left := until - time.monotonic()) > 0:
                for descriptor, _ in poller.poll(left):
                    exchange = by_descriptor[descriptor]
                    exchange.ready()
                    if exchange.ended:
                        poller.unregister(descriptor)
                        del by_descriptor[descriptor]
                    else:
                        poller.modify(descriptor, exchange.events)
        finally:
            for exchange in exchanges:
                if exchange is not None:
                    exchange.socket.close()
    return [
        (_NOTHING, True) if exchange is None else (parsed(exchange.data), exchange.ended)
        for exchange in exchanges
    ]


def _begun(check: HealthCheck, hosting: Hosting) -> _Exchange | None:
    """A request from outside, as of a load balancer; None for a node without an address of the family."""
    node = hosting.node(check.node)
    address = next((ip for ip in node.addresses if family_of(ip) == check.family), None)
    if address is None:
        return None
    with hosting.outside.inside():
        return _Exchange(check, address, mark=node.mark)


def _complete(data: bytes) -> bool:
    """Whether an answer that tells its length is there; others end with the connection."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return value.strip().isdigit() and len(body) >= int(value)
    return False


def parsed(data: bytes) -> HealthCheckAnswer:
    """An HTTP answer; status 0 if it is none.  What the body does not tell is None."""
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return _NOTHING
    status = int(words[1])
    if b"chunked" in head.lower():
        body = _joined(body)
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return HealthCheckAnswer(status)
    count = told.get("localEndpoints")
    return HealthCheckAnswer(
        status,
        count if isinstance(count, int) and not isinstance(count, bool) else None,
        _service(told.get("service")),
    )


def _service(told: Any) -> NamespacedName | None:
    if not isinstance(told, dict):
        return None
    namespace, name = told.get("namespace"), told.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        return None
    return NamespacedName(namespace, name)


def _joined(body: bytes) -> bytes:
    """The chunks of a body, as far as they are well-formed."""
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        found += body[:length]
        body = body[length + 2 :]
    return found
