# SPDX-License-Identifier: Apache-2.0
"""Without privileges, and without the extra."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_core_does_not_need_the_network() -> None:
    """The command, the engine and the invariants are there without pyroute2."""
    program = (
        "import sys; sys.modules['pyroute2'] = None\n"
        "import conformance.cli, conformance.engine.run, conformance.pytest_plugin\n"
        "assert not [name for name in sys.modules if name.startswith('conformance.data_plane')]"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


@pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to give privileges up")
def test_without_privileges_it_says_what_to_do() -> None:
    """Nobody special gets one line that says what is missing, and nothing is left half made."""
    program = (
        "import os, sys\n"
        "from conformance.data_plane.network import Network, NetworkError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    Network()\n"
        "except NetworkError as error:\n"
        "    print(error, len(os.listdir('/proc/self/fd')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "cannot make a network namespace: Operation not permitted" in done.stdout
    assert "unshare --user --map-root-user --net" in done.stdout
