# SPDX-License-Identifier: Apache-2.0
"""What the suite says of Kubernetes' own code; needs Go and a minute or more to build."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.adapters.jsonlines import JsonLines
from conformance.adapters.session import Session
from conformance.smoke import smoke

HERE = Path(__file__).parent
WANTED = os.environ.get("CONFORMANCE_KUBERNETES") == "1"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built program."""
    if not WANTED:
        pytest.skip("set CONFORMANCE_KUBERNETES=1 to build Kubernetes' packages")
    if shutil.which("go") is None:
        pytest.skip("there is no Go")
    made = tmp_path_factory.mktemp("kubernetes") / "adapter"
    subprocess.run(["go", "build", "-o", str(made), "."], cwd=HERE, check=True, timeout=1500)
    return made


def test_the_plumbing_is_right(program: Path) -> None:
    """The program speaks the protocol."""
    checks = smoke(Session(JsonLines([str(program)])))
    assert all(check.ok for check in checks), checks


def test_the_go_code_is_formatted(program: Path) -> None:
    """The program is as gofmt writes it, and vet finds nothing."""
    unformatted = subprocess.run(
        ["gofmt", "-l", str(HERE)], capture_output=True, check=True, text=True, timeout=60
    )
    assert not unformatted.stdout
    subprocess.run(["go", "vet", "."], cwd=HERE, check=True, timeout=1500)
