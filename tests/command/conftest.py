# SPDX-License-Identifier: Apache-2.0
"""Commands run in folders of their own, and some name adapters of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def beside_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which there is nothing but the tests: no package of the checkout beside the installed."""
    folder = tmp_path_factory.mktemp("beside-tests")
    (folder / TESTS.name).symlink_to(TESTS, target_is_directory=True)
    return folder


@pytest.fixture(autouse=True)
def _tests_can_be_imported(beside_tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the suite is installed as a wheel, which has no tests."""
    monkeypatch.setenv("PYTHONPATH", str(beside_tests))
