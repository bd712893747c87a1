# SPDX-License-Identifier: Apache-2.0
"""Builds the programs; needs Go, and a few minutes for the first time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REQUIRED = os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1"
"""Set where it has to be there: without Go tests fail instead of being skipped."""


def built(folder: Path, *, package: str = ".") -> Path:
    """The program of a package, built into a folder."""
    if shutil.which("go") is None:
        if REQUIRED:
            pytest.fail("there is no Go, and CONFORMANCE_REQUIRE_REAL=1 says that it has to be there")
        pytest.skip("there is no Go to build Kubernetes' own packages with")
    made = folder / "adapter"
    subprocess.run(["go", "build", "-o", str(made), package], cwd=HERE, check=True, timeout=1500)
    return made
