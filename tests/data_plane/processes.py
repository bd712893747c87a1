# SPDX-License-Identifier: Apache-2.0
"""What is left of processes that were started with a mark in their environment."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_NAME = "CONFORMANCE_TEST_MARK"


def marked(folder: Path) -> dict[str, str]:
    """An environment by which processes are known, whoever started them; the folder is the mark."""
    return {**os.environ, "PYTHONPATH": str(_ROOT), _NAME: str(folder)}


def living(folder: Path) -> list[int]:
    """The processes that have the mark, but for this one; the dead that nobody waited for are none."""
    mark = f"{_NAME}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0") and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


def namespaces() -> set[str]:
    """The network namespaces of every process that can be seen."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            found.add(os.readlink(process / "ns" / "net"))
    return found


def networks(folder: Path) -> set[str]:
    """The network namespaces of the processes that have the mark, but for that of the tests themselves."""
    found = set()
    for number in living(folder):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{number}/ns/net"))
    return found - {os.readlink("/proc/self/ns/net")}


def nothing_is_left(folder: Path, *, seconds: float = 15) -> bool:
    """Whether all that have the mark end, at once or within so long."""
    until = time.monotonic() + seconds
    while living(folder):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
