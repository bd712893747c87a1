# SPDX-License-Identifier: Apache-2.0
"""Where the tests of this folder run: here as root, else each in a user namespace of its own."""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from tests.data_plane.child import SKIPPED

ROOT = Path(__file__).parents[2]
REQUIRED = os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1"
"""Set where a network has to be possible: without it tests fail instead of being skipped."""

HERE = Path(__file__).parent


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.data_plane.child", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@lru_cache(maxsize=1)
def _ways() -> tuple[str, str]:
    """Whether a network can be made `here`, in a `child`, or `nowhere`; and why not."""
    if os.environ.get("CONFORMANCE_TEST_NETWORK") != "child" and _run("--here").returncode == 0:
        return "here", ""
    tried = _run()
    return ("nowhere", tried.stderr.strip()) if tried.returncode else ("child", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a network say so by asking for it."""
    for item in items:
        if HERE in item.path.parents and "networked" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("network"))


@pytest.fixture
def networked() -> None:
    """Asked for by tests that need a network."""
    way, reason = _ways()
    if way == "nowhere":
        if REQUIRED:
            pytest.fail(f"CONFORMANCE_REQUIRE_REAL=1, but no network can be made: {reason}")
        pytest.skip(f"no network can be made: {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that needs a network where that is possible."""
    if HERE not in pyfuncitem.path.parents or "networked" not in pyfuncitem.fixturenames:
        return None
    if _ways()[0] != "child":
        return None
    given = pyfuncitem.callspec.params if hasattr(pyfuncitem, "callspec") else {}
    done = _run(
        pyfuncitem.function.__module__,
        pyfuncitem.function.__name__,
        base64.b64encode(pickle.dumps(given)).decode(),
    )
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        pytest.fail(f"in a user namespace:\n{done.stdout}{done.stderr}", pytrace=False)
    return True
