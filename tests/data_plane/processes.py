# SPDX-License-Identifier: Apache-2.0
"""What is left of processes that were started with a mark in their environment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_NAME = "CONFORMANCE_TEST_MARK"


def marked(folder: Path) -> dict[str, str]:
    """An environment by which processes are known, whoever started them; the folder is the mark.

    What they make for a time is made in it.
    """
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    return {**os.environ, "PYTHONPATH": str(_ROOT), "TMPDIR": str(temporary), _NAME: str(folder)}


def files_left(folder: Path) -> list[str]:
    """What those with the mark made for a time and did not take away."""
    return os.listdir(folder / "temporary")


def living(folder: Path) -> list[int]:
    """The processes that have the mark; the dead that nobody waited for are none."""
    mark = f"{_NAME}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def networks(folder: Path) -> set[str]:
    """The network namespaces that processes with the mark are in or hold, but for our own."""
    found = set()
    for number in living(folder):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{number}/ns/net"))
            for descriptor in Path(f"/proc/{number}/fd").iterdir():
                with suppress(OSError):
                    found.add(os.readlink(descriptor))
    return {name for name in found if name.startswith("net:")} - {os.readlink("/proc/self/ns/net")}


def everywhere() -> set[str]:
    """The network namespaces of every process that can be seen, and those that are mounted."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add(os.readlink(process / "ns" / "net"))
    return found | mounted()


def mounted() -> set[str]:
    """The network namespaces that are kept by a mount, which outlives every process."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[3] for line in lines if line.split()[3].startswith("net:")}


def within(seconds: float, happens: Callable[[], object]) -> bool:
    """Whether something is so, at once or within so long."""
    until = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
