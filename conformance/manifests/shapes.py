# SPDX-License-Identifier: Apache-2.0
"""The classic shapes of Services, as manifests that come with the suite."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shapes() -> dict[str, Path]:
    """The manifests of `conformance/data/shapes` by name, in order of the name."""
    folder = Path(str(files("conformance"))) / "data" / "shapes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
