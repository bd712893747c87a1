# SPDX-License-Identifier: Apache-2.0
"""What tests need to know of processes, and the faulty program as an adapter."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from conformance.adapters.child import ANSWER_BYTES
from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.timeouts import Timeouts

PROGRAM = Path(__file__).parent / "faulty.py"
PATIENT = 60.0
"""Seconds that no healthy child needs, however busy the machine is."""


def command(fault: str, *arguments: str) -> list[str]:
    """The words that start the faulty program."""
    return [sys.executable, "-S", "-E", str(PROGRAM), fault, *arguments]


def faulty(
    fault: str,
    *arguments: str,
    start: float = PATIENT,
    answer: float = PATIENT,
    stop: float = PATIENT,
    answer_bytes: int = ANSWER_BYTES,
) -> JsonLines:
    """The faulty program, not started yet."""
    timeouts = Timeouts(start=start, apply=answer, answer=answer, stop=stop)
    return JsonLines(command(fault, *arguments), timeouts=timeouts, answer_bytes=answer_bytes)


def gone(pid: int) -> bool:
    """Whether a process ends within a while; one that only waits to be reaped has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False
