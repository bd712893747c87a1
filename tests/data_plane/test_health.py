# SPDX-License-Identifier: Apache-2.0
"""Health check node ports, as a proxy answers them and as none should."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from conformance.data_plane.health import parsed
from conformance.data_plane.network import Network
from reference.objects import NamespacedName
from reference.questions import HealthCheck, HealthCheckAnswer
from tests.data_plane import worlds

BODY = b'{"service":{"namespace":"default","name":"web"},"localEndpoints":2,"serviceProxyHealthy":true}'
WEB = NamespacedName("default", "web")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK, HealthCheckAnswer(200, 2, WEB)),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n" + BODY, HealthCheckAnswer(503, 2, WEB)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12;x=y\r\n"
            + BODY[:18]
            + b"\r\n%x\r\n" % len(BODY[18:])
            + BODY[18:]
            + b"\r\n0\r\n\r\n",
            HealthCheckAnswer(200, 2, WEB),
        ),
        (b"", HealthCheckAnswer(0)),
        (b"SSH-2.0-none\r\n", HealthCheckAnswer(0)),
        (b"HTTP/1.1 OK 200\r\n\r\n", HealthCheckAnswer(0)),
        (b"HTTP/1.1 200 OK\r\n\r\n", HealthCheckAnswer(200)),
        (b"HTTP/1.1 200 OK\r\n\r\n{", HealthCheckAnswer(200)),
        (b"HTTP/1.1 200 OK\r\n\r\n[1]", HealthCheckAnswer(200)),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe", HealthCheckAnswer(200)),
        (b'HTTP/1.1 200 OK\r\n\r\n{"service":"web","localEndpoints":true}', HealthCheckAnswer(200)),
        (b'HTTP/1.1 200 OK\r\n\r\n{"service":{"name":1},"localEndpoints":"2"}', HealthCheckAnswer(200)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", HealthCheckAnswer(200)),
    ],
)
def test_answers_are_read_as_far_as_they_are_well_formed(answer: bytes, expected: HealthCheckAnswer) -> None:
    """Malformed answers tell less, and never fail."""
    assert parsed(answer) == expected


def _serve(server: socket.socket, answers: list[list[bytes]]) -> None:
    """Answer one connection after the other, each in parts; no parts is no answer at all."""
    held = []
    for parts in answers:
        connection, _ = server.accept()
        held.append(connection)
        if parts:
            connection.recv(4096)
            for part in parts:
                connection.send(part)
                time.sleep(0.02)
            connection.close()
    time.sleep(0.1)
    for connection in held:
        connection.close()


@pytest.mark.usefixtures("networked")
def test_each_node_is_asked_for_itself() -> None:
    """The answer is that of the node that is asked, in parts or whole; 0 where nothing listens."""
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"):
            server = socket.create_server(("0.0.0.0", 30900))
        with server:
            thread = threading.Thread(target=_serve, args=(server, [[OK[:30], OK[30:60], OK[60:]], [OK]]))
            thread.start()
            checks = [HealthCheck(*at) for at in (("node-a", 30900), ("node-b", 30900), ("node-a", 30900))]
            seen = network.health_checks([*checks, HealthCheck("node-a", 30901)])
            thread.join()
    good = HealthCheckAnswer(200, 2, WEB)
    assert seen == [good, HealthCheckAnswer(0), good, HealthCheckAnswer(0)]


@pytest.mark.usefixtures("networked")
def test_a_server_that_never_answers_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a few seconds, as all have together, and is then as if it was not there."""
    monkeypatch.setattr("conformance.data_plane.health.PATIENCE", (0.2, 0.3))
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"):
            silent = socket.create_server(("0.0.0.0", 30900))
            server = socket.create_server(("0.0.0.0", 30901))
        with silent, server:
            thread = threading.Thread(target=_serve, args=(server, [[OK]]))
            thread.start()
            seen = network.health_checks([HealthCheck("node-a", 30900), HealthCheck("node-a", 30901)])
            thread.join()
    assert seen == [HealthCheckAnswer(0), HealthCheckAnswer(200, 2, WEB)]


@pytest.mark.usefixtures("networked")
def test_who_is_silent_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer to the second request counts: a machine may be busy."""
    monkeypatch.setattr("conformance.data_plane.health.PATIENCE", (0.2, 5.0))
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"):
            server = socket.create_server(("0.0.0.0", 30900))
        with server:
            thread = threading.Thread(target=_serve, args=(server, [[], [OK]]))
            thread.start()
            seen = network.health_checks([HealthCheck("node-a", 30900)])
            thread.join()
    assert seen == [HealthCheckAnswer(200, 2, WEB)]
