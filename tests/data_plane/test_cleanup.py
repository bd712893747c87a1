# SPDX-License-Identifier: Apache-2.0
"""Nothing of a network is left, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.data_plane import links
from conformance.data_plane.network import Network, NetworkError
from tests.data_plane import worlds
from tests.data_plane.worlds import PROTOCOLS, VIP

pytestmark = pytest.mark.usefixtures("networked")


def _namespaces(process: int | str = "self") -> set[str]:
    """The network namespaces that a process is in or has a descriptor of."""
    found = {os.readlink(f"/proc/{process}/ns/net")}
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            found.add(os.readlink(descriptor))
    return {target for target in found if target.startswith("net:")}


def _everywhere() -> set[str]:
    """The network namespaces of every process that can be seen."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            found |= _namespaces(process.name)
    return found


def _state() -> tuple[list[str], set[str], int]:
    """Interfaces here, namespaces of the process, and how many descriptors it has."""
    devices = Path("/proc/thread-self/net/dev").read_text().splitlines()
    names = sorted(line.partition(":")[0].strip() for line in devices[2:])
    return names, _namespaces(), len(os.listdir("/proc/self/fd"))


def test_closing_leaves_nothing() -> None:
    """No interface, no namespace and no descriptor is left, whatever was asked."""
    before = _state()
    with Network() as network:
        network.prepare(worlds.cluster())
        assert len(_namespaces()) == 1 + 2 + 2 * 2  # here; outside and nowhere; two nodes and their pods
        for protocol in PROTOCOLS:
            worlds.one(network, worlds.from_pod(), VIP, protocol=protocol)
        network.health_checks([])
    assert _state() == before


def test_a_failure_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made before it failed is taken away, and the thread is where it was."""
    before = _state()
    with monkeypatch.context() as patched:
        patched.setitem(links.ROUTER, "IPv6", "not an address")
        with pytest.raises((NetworkError, OSError, ValueError)):
            Network()
    assert _state() == before


PROGRAM = """
import sys, time
from conformance.data_plane.network import Network
from tests.data_plane import worlds
network = Network()
network.prepare(worlds.cluster())
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_nothing() -> None:
    """The namespaces of a process that is killed are gone with it."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        made = _namespaces(process.pid) - _namespaces()
        assert len(made) == 6
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    until = time.monotonic() + 5
    while made & _everywhere() and time.monotonic() < until:
        time.sleep(0.05)
    assert not made & _everywhere()


def test_a_thread_is_back_where_it_was() -> None:
    """Inside of a node is a place of its own, and one can be inside of another meanwhile."""
    here = os.readlink("/proc/thread-self/ns/net")
    with Network() as network:
        network.prepare(worlds.cluster())
        with network.inside("node-a"):
            first = os.readlink("/proc/thread-self/ns/net")
            with suppress(RuntimeError), network.inside("node-b"):
                assert os.readlink("/proc/thread-self/ns/net") not in (here, first)
                raise RuntimeError
            assert os.readlink("/proc/thread-self/ns/net") == first
            done = subprocess.run(
                [sys.executable, "-c", "print(open('/proc/net/dev').read())"],
                capture_output=True,
                text=True,
                check=True,
            )
        assert {line.partition(":")[0].strip() for line in done.stdout.splitlines() if ":" in line} == {
            "lo",
            "eth0",
            "pods",
        }
    assert os.readlink("/proc/thread-self/ns/net") == here
