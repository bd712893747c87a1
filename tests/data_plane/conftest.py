# SPDX-License-Identifier: Apache-2.0
"""Where the tests of this folder run: here as root, else in a user namespace."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.data_plane.child import SKIPPED

HERE = Path(__file__).parent
REQUIRED = os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1"
"""Set where a network has to be possible: without it tests fail instead of being skipped."""

_COMMAND = (sys.executable, "-m", "tests.data_plane.child")
_ROOT = HERE.parents[1]


class _Skipped(pytest.Module):
    """A module that cannot even be imported."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip("the network needs Linux and the extra `data-plane`", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Without the extra there is nothing to test, unless it is said to be there."""
    if REQUIRED or (sys.platform == "linux" and find_spec("pyroute2") is not None):
        return None
    return _Skipped.from_parent(parent, path=module_path)


def _why_not(*options: str) -> str:
    """Why no network can be made; empty if one can."""
    done = subprocess.run(
        [*_COMMAND, "--try", *options], cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    return (done.stderr.strip() or "it died") if done.returncode else ""


@lru_cache(maxsize=1)
def _way() -> tuple[str, str]:
    """Whether a network can be made `here`, in a `child`, or `nowhere`; and why not."""
    if os.environ.get("CONFORMANCE_TEST_NETWORK") != "child" and not _why_not("--here"):
        return "here", ""
    reason = _why_not()
    return ("nowhere", reason) if reason else ("child", "")


@pytest.fixture(scope="session")
def _child() -> Iterator[subprocess.Popen[str] | None]:
    """The process that runs the tests, where they cannot be run here."""
    if _way()[0] != "child":
        yield None
        return
    with subprocess.Popen(
        _COMMAND, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        yield child
        assert child.stdin is not None
        child.stdin.close()


@pytest.fixture
def networked(_child: subprocess.Popen[str] | None) -> subprocess.Popen[str] | None:
    """Asked for by tests that need a network."""
    way, reason = _way()
    if way == "nowhere":
        if REQUIRED:
            pytest.fail(f"CONFORMANCE_REQUIRE_REAL=1, but no network can be made: {reason}")
        pytest.skip(f"no network can be made: {reason}")
    return _child


@pytest.fixture
def possible() -> None:
    """Asked for by tests whose programs make a network of their own."""
    way, reason = _way()
    if way == "nowhere":
        if REQUIRED:
            pytest.fail(f"CONFORMANCE_REQUIRE_REAL=1, but no network can be made: {reason}")
        pytest.skip(f"no network can be made: {reason}")


@pytest.fixture
def unprivileged(possible: None) -> tuple[str, ...]:
    """The words that run others without any privilege; none where there is none anyway."""
    if os.geteuid() != 0:
        return ()
    words = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    allowed = (*words, "unshare", "--user", "--map-root-user", "--net", "true")
    try:
        done = subprocess.run(allowed, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program unshare")
    if done.returncode != 0:
        if REQUIRED:
            pytest.fail(f"CONFORMANCE_REQUIRE_REAL=1, but nobody may have user namespaces: {done.stderr}")
        pytest.skip(f"nobody may have user namespaces: {done.stderr.strip()}")
    return words


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that needs a network in the child, if there is one."""
    child = pyfuncitem.funcargs.get("networked") if HERE in pyfuncitem.path.parents else None
    if not isinstance(child, subprocess.Popen):
        return None
    given = pyfuncitem.callspec.params if hasattr(pyfuncitem, "callspec") else {}
    function = pyfuncitem.function
    packed = base64.b64encode(pickle.dumps(given)).decode()
    assert child.stdin is not None
    assert child.stdout is not None
    print(function.__module__, function.__name__, packed, file=child.stdin, flush=True)
    status, output = json.loads(child.stdout.readline())
    if status == SKIPPED:
        pytest.skip(output.strip())
    if status:
        pytest.fail(f"in a user namespace:\n{output}", pytrace=False)
    return True
