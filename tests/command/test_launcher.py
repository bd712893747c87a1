# SPDX-License-Identifier: Apache-2.0
"""The way in: a user's folder named like one of our packages is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in `folder`, which comes first on its path."""
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", ["conformance", "reference"])
def test_a_shadowed_command_says_so(tmp_path: Path, name: str) -> None:
    """One line that names the folder, exit code 2, no traceback."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    done = run(tmp_path, "kube_service_conformance", "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the package")
    assert str(tmp_path / name) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_shadowed_pytest_run_says_so(tmp_path: Path) -> None:
    """`pytest --pyargs conformance` does not silently collect the user's own folder."""
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").touch()
    done = run(tmp_path, "pytest", "--pyargs", "conformance")
    assert done.returncode == 4
    assert "shadowed" in done.stderr


def test_other_pytest_runs_are_left_alone(tmp_path: Path) -> None:
    """A project with a folder of that name runs its own tests as before."""
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").touch()
    (tmp_path / "test_own.py").write_text("def test_own():\n    import conformance\n")
    done = run(tmp_path, "pytest", "-q", "test_own.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_an_unknown_command_gets_the_closest(tmp_path: Path) -> None:
    """A misspelled command is an error with the closest one, exit code 2."""
    done = run(tmp_path, "kube_service_conformance", "rnu")
    assert done.returncode == 2
    assert "did you mean 'run'?" in done.stderr
