# SPDX-License-Identifier: Apache-2.0
"""The API server as client-go sees it."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from attrs import frozen

from conformance.watch_api import WatchApi, kubeconfig
from conformance.watch_api.objects import Json
from tests.kubernetes.building import HERE, built

LIMIT = 60.0  # seconds for what is waited for; a relist alone waits for one or two


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built program."""
    return built(tmp_path_factory.mktemp("watcher"), package="./watcher")


def test_the_go_code_is_right(program: Path) -> None:
    """Vet finds nothing in the program."""
    subprocess.run(["go", "vet", "./watcher"], cwd=HERE, check=True, timeout=1500)


def service(name: str, *, address: str = "10.96.0.1", **labels: str) -> Json:
    """A Service that kube-proxy takes."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {
                f"service.kubernetes.io/{key.replace('_', '-')}": value for key, value in labels.items()
            },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}],
        },
    }


def endpoint_slice(name: str, *, address: str = "10.244.0.1") -> Json:
    """An EndpointSlice with one endpoint."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
    }


def node(name: str, **annotations: str) -> Json:
    """A Node."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "annotations": annotations}}


CIDR: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "ServiceCIDR",
    "metadata": {"name": "kubernetes"},
    "spec": {"cidrs": ["10.96.0.0/12"]},
}


@frozen
class Watcher:
    """The running program and what it has said."""

    process: subprocess.Popen[str]
    lines: queue.Queue[Json]

    def next(self) -> str:
        """The next call of a handler: kind, what happened, and the name."""
        line = self.lines.get(timeout=LIMIT)
        return f"{line['kind']} {line['what']} {line['name']}".strip()

    def until(self, wanted: str) -> list[str]:
        """Everything up to a call."""
        found = [self.next()]
        while found[-1] != wanted:
            found.append(self.next())
        return found


def _read(stream: IO[str], lines: queue.Queue[Json]) -> None:
    for line in stream:
        lines.put(json.loads(line))


@contextmanager
def watching(program: Path, config: Path, api: WatchApi, *, streamed: bool) -> Iterator[Watcher]:
    """The program, watching an API; `streamed` is whether it asks for its lists as streams."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config.write_text(kubeconfig(server=f"http://127.0.0.1:{listener.getsockname()[1]}"))
    lines: queue.Queue[Json] = queue.Queue()
    with api:
        api.start(sockets=[listener])
        with subprocess.Popen(
            [str(program), str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "KUBE_FEATURE_WatchListClient": str(streamed).lower()},
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
            reader.start()
            try:
                yield Watcher(process, lines)
            finally:
                process.kill()
                reader.join(LIMIT)


@pytest.mark.parametrize("streamed", [True, False])
def test_informers_see_what_is_served(program: Path, tmp_path: Path, streamed: bool) -> None:
    """Informers with kube-proxy's selectors hear of each change that concerns them, and of no other."""
    api = WatchApi()
    served = [
        service("a"),
        service("b", address="None"),
        service("c", service_proxy_name="other"),
        service("d"),
    ]
    api.replace(
        objects={
            "services": served,
            "endpointslices": [endpoint_slice("a")],
            "nodes": [node("n1"), node("n2")],
            "servicecidrs": [CIDR],
        }
    )
    with watching(program, tmp_path / "kubeconfig", api, streamed=streamed) as watcher:
        *first, asked = (watcher.next() for _ in range(6))
        assert set(first) == {
            "Service added a",
            "Service added d",
            "EndpointSlice added a",
            "Node added n1",
            "ServiceCIDR added kubernetes",
        }
        assert asked.startswith("Watcher asked n1, 6 groups, 4 services, ")
        assert asked.endswith('services "none" not found')
        assert watcher.next() == "Watcher synced"
        used = {"sendInitialEvents" in item.query for item in api.requests if "watch=true" in item.query}
        assert used == {streamed}

        # What does not concern it comes first, so that the order shows that it is not told.
        api.replace(objects={"nodes": [node("n1", x="1"), node("n2", x="1")]})
        assert watcher.next() == "Node updated n1"
        api.replace(objects={"endpointslices": [endpoint_slice("a", address="10.244.0.2")]})
        assert watcher.next() == "EndpointSlice updated a"
        # In order: what is gone, what leaves and enters the selections, what is changed.
        served = [service("a", address="None"), service("c"), service("e"), service("b", address="10.96.0.9")]
        api.replace(objects={"services": served})
        assert [watcher.next() for _ in range(5)] == [
            "Service deleted d",
            "Service deleted a",
            "Service added c",
            "Service added e",
            "Service added b",
        ]
        api.replace(objects={"services": [*served[:3], service("b", address="10.96.0.10")]})
        assert watcher.next() == "Service updated b"
        assert {item.status for item in api.requests} == {200, 201, 404}


@pytest.mark.parametrize("streamed", [True, False])
def test_an_informer_that_was_left_behind_lists_again(program: Path, tmp_path: Path, streamed: bool) -> None:
    """A program that stood still while the history went on hears of all that it missed."""
    api = WatchApi(history=2)
    api.replace(objects={"services": [service("a"), service("gone")], "nodes": [node("n1")]})
    with watching(program, tmp_path / "kubeconfig", api, streamed=streamed) as watcher:
        watcher.until("Watcher synced")
        made = len(api.requests)
        watcher.process.send_signal(signal.SIGSTOP)
        # More than a connection holds, so that the watch is cut off.
        for number in range(300):
            large = service("a", address=f"10.96.1.{number % 250}", note="x" * 60)
            large["metadata"]["annotations"] = {"note": "x" * 100_000}
            api.replace(objects={"services": [large, service("gone")]})
        api.replace(objects={"services": [large, service("new")]})
        watcher.process.send_signal(signal.SIGCONT)
        found = watcher.until("Service added new")
        if "Service deleted gone" not in found:  # a list is taken in no order
            found += watcher.until("Service deleted gone")
        assert "Service updated a" in found
        again = [item.query for item in api.requests[made:] if item.path == "/api/v1/services"]
        # It goes on where it was, is told that this is too old, and lists.
        assert "watch=true" in again[0]
        assert ("sendInitialEvents" in again[1]) is streamed
        assert ("watch=true" in again[1]) is streamed
