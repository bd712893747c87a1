# SPDX-License-Identifier: Apache-2.0
"""The server as a process sees it: threads, sockets, clients that leave, hang or never read."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

import conformance
from conformance.watch_api import WatchApi, kubeconfig
from tests.watch_api.building import service
from tests.watch_api.serving import LIMIT, Client, bound, event, name, served


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold within the limit."""
    pause = threading.Event()
    for _ in range(int(LIMIT / 0.01)):
        if holds():
            return True
        pause.wait(0.01)
    return False


def watch(port: int, *, path: str = "/api/v1/services?watch=true", buffer: int = 0) -> socket.socket:
    """A connection on which a watch has been asked for."""
    client = socket.socket()
    client.settimeout(LIMIT)
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def test_events_arrive_in_order_at_every_watch() -> None:
    """Each of several watches gets the same events, in the order in which they were published."""
    with served() as (api, client):
        path = "/api/v1/services?watch=true"
        with client.watching(path) as one, client.watching(path) as two:
            api.replace(objects={"services": [service("a"), service("b")]})
            api.replace(objects={"services": [service("c"), service("b", clusterIP="x")]})
            for response in (one, two):
                found = [event(response) for _ in range(5)]
                assert [f"{kind} {item['metadata']['name']}" for kind, item in found] == [
                    "ADDED a",
                    "ADDED b",
                    "DELETED a",
                    "ADDED c",
                    "MODIFIED b",
                ]
                versions = [int(item["metadata"]["resourceVersion"]) for _, item in found]
                assert versions == sorted(set(versions))


def test_an_event_is_on_its_way_when_replace_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that keeps up has the event in its socket when `replace` is done."""
    monkeypatch.setattr("conformance.watch_api.api._HAND_OVER_SECONDS", LIMIT)
    with served() as (api, client), client.watching("/api/v1/services?watch=true") as response:
        api.replace(objects={"services": [service("a")]})
        assert name(response) == "ADDED a"  # the watch is there
        connection = response.fp.raw._sock  # type: ignore[attr-defined]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)  # this thread goes on as soon as it can
        try:
            for number in range(200):
                api.replace(objects={"services": [service("a", number=number)]})
                assert connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                assert event(response)[1]["spec"] == {"number": number}
        finally:
            sys.setswitchinterval(interval)


def test_a_watch_ends_in_time() -> None:
    """After timeoutSeconds the stream ends cleanly, and its connection can be used again."""
    with served() as (_, client), client.watching("/api/v1/services?watch=true&timeoutSeconds=1") as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["Content-Type"] == "application/json"
        assert response.read() == b""
        assert response.isclosed()


def test_bookmarks_come_regularly() -> None:
    """Who asks for bookmarks gets them at the interval, with the version up to which all was sent."""
    with served(bookmark_seconds=0.05) as (api, client):
        path = "/api/v1/services?watch=true&allowWatchBookmarks=true&resourceVersion="
        with client.watching(path + str(api.replace(objects={}))) as response:
            version = api.replace(objects={"nodes": [], "services": [service("a", namespace="x")]})
            assert name(response) == "ADDED a"
            for _ in range(2):
                kind, item = event(response)
                assert (kind, item["metadata"]["resourceVersion"]) == ("BOOKMARK", str(version))


def test_a_bookmark_comes_before_the_end() -> None:
    """Two seconds before a watch ends in time, its client gets a bookmark to go on from."""
    path = "/api/v1/services?watch=true&allowWatchBookmarks=true&timeoutSeconds=3&resourceVersion="
    with served() as (api, client), client.watching(path + str(api.replace(objects={}))) as response:
        assert name(response) == "BOOKMARK"
        assert response.read() == b""


def test_a_version_that_is_gone_ends_a_watch() -> None:
    """The ERROR event is the last, and the stream ends cleanly after it."""
    with served(history=1) as (api, client):
        version = api.replace(objects={"services": [service("a")]})
        for name_of_next in "bc":
            api.replace(objects={"services": [service(name_of_next)]})
        with client.watching(f"/api/v1/services?watch=true&resourceVersion={version}") as response:
            kind, status = event(response)
            assert (kind, status["code"]) == ("ERROR", 410)
            assert response.read() == b""


def test_who_never_reads_is_cut_off() -> None:
    """A watch whose client does not read is ended once the history has left it behind."""
    with served(history=2) as (api, client):
        path = "/api/v1/services?watch=true"
        with watch(client.port, buffer=4096) as silent, client.watching(path) as other:
            silent.recv(1)  # the answer has begun
            streams = api._streams
            assert eventually(lambda: len(streams) == 2)
            sent = 0
            while len(streams) == 2:
                assert sent < 1000, "the watch of a client that does not read goes on"
                sent += 1
                api.replace(objects={"services": [service("a", note=str(sent) * 100_000)]})
                assert event(other)[1]["spec"]["note"].startswith(str(sent))
            # It is told by the end of its connection: the stream has no last chunk.
            assert not rest_of(silent).endswith(b"0\r\n\r\n")


def rest_of(client: socket.socket) -> bytes:
    """What can still be read."""
    found = b""
    with suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            found += chunk
    return found


@pytest.mark.parametrize("half", [False, True])
def test_a_client_that_leaves_leaves_nothing_behind(half: bool) -> None:
    """A watch is over when its client closes the connection, or only its own side of it."""
    with served() as (api, client):
        streams = api._streams
        connections = [watch(client.port) for _ in range(5)]
        assert eventually(lambda: len(streams) == 5)
        for connection in connections:
            if half:
                connection.shutdown(socket.SHUT_WR)
                rest_of(connection)
            connection.close()
        assert eventually(lambda: len(streams) == 0)
        assert eventually(lambda: not api._server.connections)
        api.replace(objects={"services": [service("a")]})
        assert client.ask("/api/v1/services").code == 200


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        (b"GET /api/v1/services HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"POST /apis/events.k8s.io/v1/namespaces/x/events HTTP/1.1\r\nHost: x\r\n"
         b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, b"413"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_too_large_requests_are_refused(request_text: bytes, code: bytes) -> None:
    """Headers and bodies have limits, and the server goes on."""
    with served() as (_, client):
        with socket.create_connection(("127.0.0.1", client.port), LIMIT) as connection:
            with suppress(ConnectionError):  # it may be refused before all is sent
                connection.sendall(request_text)
            assert connection.recv(65536).split(b" ")[1] == code
        assert client.ask("/healthz").code == 200


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that stops in the middle is answered with 408."""
    monkeypatch.setattr("conformance.watch_api.server._BODY_SECONDS", 0.1)
    head = (
        b"POST /apis/events.k8s.io/v1/namespaces/x/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    )
    with (
        served() as (_, client),
        socket.create_connection(("127.0.0.1", client.port), LIMIT) as connection,
    ):
        connection.sendall(head + b"{")
        assert connection.recv(65536).split(b" ")[1] == b"408"


def test_close_ends_everything() -> None:
    """After `close` watches have ended cleanly, nobody listens, and the thread is gone."""
    api, listener = WatchApi(), bound()
    port = listener.getsockname()[1]
    api.start(sockets=[listener])
    client = Client(port)
    with client.watching("/api/v1/services?watch=true") as response, watch(port) as other:
        assert eventually(lambda: len(api._streams) == 2)
        api.close()
        api.close()
        assert response.read() == b""
        assert rest_of(other).endswith(b"0\r\n\r\n")
    assert not [thread for thread in threading.enumerate() if thread.name == "watch-api"]
    with pytest.raises(ConnectionRefusedError):
        client.ask("/healthz")
    assert api.replace(objects={"services": [service("a")]}) > 0  # of no use, and no harm
    with pytest.raises(RuntimeError):
        api.start()
    with pytest.raises(RuntimeError):
        api.listen(listener)


def test_close_before_start() -> None:
    """What was never started can be closed."""
    WatchApi().close()


def test_sockets_are_added_while_it_runs() -> None:
    """`listen` serves on one more socket, with the same objects."""
    with served() as (api, _):
        api.replace(objects={"services": [service("a")]})
        more = bound()
        port = more.getsockname()[1]
        api.listen(more)
        assert len(Client(port).ask("/api/v1/services").document["items"]) == 1


def test_a_socket_that_is_none_stops_the_start() -> None:
    """`start` fails with the reason, and no thread stays behind."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        api = WatchApi()
        with pytest.raises(ValueError, match="Stream Socket"):
            api.start(sockets=[datagrams])
    assert not [thread for thread in threading.enumerate() if thread.name == "watch-api"]


def test_a_new_server_is_ahead_of_an_old_one() -> None:
    """A program that knew an earlier server is told to list again."""
    with WatchApi() as old:
        seen = old.replace(objects={"services": [service(str(number)) for number in range(100)]})
    with served() as (api, client):
        assert api.replace(objects={}) > seen
        with client.watching(f"/api/v1/services?watch=true&resourceVersion={seen}") as response:
            assert event(response)[1]["code"] == 410


@pytest.mark.parametrize(
    "options", [{"history": 0}, {"bookmark_seconds": 0}, {"bookmark_seconds": float("nan")}]
)
def test_wrong_options_are_refused(options: dict[str, float]) -> None:
    """A history of nothing and bookmarks without an interval are refused at once."""
    with pytest.raises(ValueError, match="positive"):
        WatchApi(**options)  # type: ignore[arg-type]


def test_kubeconfig() -> None:
    """The kubeconfig names the server and no credentials."""
    found = yaml.safe_load(kubeconfig(server="http://[fd00::1]:6443"))
    assert (found["apiVersion"], found["kind"]) == ("v1", "Config")
    (context,) = found["contexts"]
    assert found["current-context"] == context["name"]
    (cluster,), (user,) = found["clusters"], found["users"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert cluster["cluster"] == {"server": "http://[fd00::1]:6443"}
    assert user["user"] == {}
    for wrong in (
        "127.0.0.1:80",
        "http://",
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1:1/x",
    ):
        with pytest.raises(ValueError, match="expected http://host:port"):
            kubeconfig(server=wrong)


def test_the_rest_does_without() -> None:
    """Nothing but the server itself imports aiohttp, and neither command nor plugin loads it."""
    root = Path(conformance.__file__).parent
    importers = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if re.search(r"^\s*(import|from) aiohttp", path.read_text(), re.MULTILINE)
    }
    assert importers == {"watch_api"}
    program = "import sys, conformance.cli, conformance.pytest_plugin; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True, text=True
    )
    assert done.stdout.strip() == "False"


def test_what_was_accepted_late_is_ended_too() -> None:
    """However near to `close` clients connect and ask, each connection is closed."""
    for number in range(30):
        api, listener = WatchApi(), bound()
        port = listener.getsockname()[1]
        api.start(sockets=[listener])
        clients = [watch(port) for _ in range(number % 4)]
        api.close()
        for client in clients:
            rest_of(client)  # ends within the limit, or the test fails
            client.close()
