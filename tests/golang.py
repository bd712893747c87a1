# SPDX-License-Identifier: Apache-2.0
"""Builds programs of the Go modules below; needs Go, and a few minutes for the first time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("CONFORMANCE_REQUIRE_REAL") == "1"
"""Set where it has to be there: what is missing makes tests fail instead of being skipped."""


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if REQUIRED:
        pytest.fail(f"{reason}, and CONFORMANCE_REQUIRE_REAL=1 says that it has to be there")
    pytest.skip(reason)


def built_by_go(module: Path, package: str, made: Path, *flags: str, what: str) -> Path:
    """The program of a package of a module, built as `made`; skips or fails where there is no Go."""
    if shutil.which("go") is None:
        missing(f"there is no Go to build {what} with")
    command = ["go", "build", *flags, "-o", str(made), package]
    subprocess.run(command, cwd=module, check=True, timeout=1500)
    return made
