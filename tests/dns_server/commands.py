# SPDX-License-Identifier: Apache-2.0
"""The command, as it is given a DNS server to judge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.data_plane.processes import marked

TINY = f"{sys.executable} -m tests.dns_server.tiny_dns"
"""The words that start the tiny server, but for its arguments."""


_PROFILE = """
name: hurried
description: What a DNS server has to do, looked at for a short time.
extends: quick
timeouts: {apply: 12}
claims: {areas: [dns]}
budget: {shrink_seconds: 1, metamorphic_examples: 3}
"""


def hurried(folder: Path) -> str:
    """A profile that takes a short time."""
    path = folder / "hurried.yaml"
    path.write_text(_PROFILE)
    return str(path)


def started_as(fault: str = "") -> str:
    """The option that has the tiny server started with a fault."""
    return f"command={TINY} {{kubeconfig}} {{address}} {{port}} {{domain}} {fault}"


def words(adapter: str, *options: str, profile: str, more: Sequence[str] = ()) -> list[str]:
    """The words of the command that judges it."""
    chosen = [word for option in options for word in ("--adapter-option", option)]
    command = [sys.executable, "-m", "conformance", "run", "--adapter", adapter, "--profile", profile]
    return [*command, *chosen, *more]


def judged(
    folder: Path,
    adapter: str,
    *options: str,
    profile: str = "",
    more: Sequence[str] = ("--clusters", "1"),
    seconds: float = 120,
) -> subprocess.CompletedProcess[str]:
    """What came of a run in `folder`."""
    return subprocess.run(
        words(adapter, *options, profile=profile or hurried(folder), more=more),
        cwd=folder,
        env=marked(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
