# SPDX-License-Identifier: Apache-2.0
"""Builds CoreDNS, and starts it."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from conformance.adapters.jsonlines import JsonLines
from tests.golang import built_by_go, missing

HERE = Path(__file__).parent


def coredns(folder: Path) -> Path:
    """CoreDNS, built into a folder; skips, or fails where nothing may be missing, if it could not run."""
    absent = [package for package in ("aiohttp", "dns") if find_spec(package) is None]
    if absent:
        missing(f"the extra dns-server is not installed: no {' and no '.join(absent)}")
    return built_by_go(HERE, ".", folder / "coredns", what="CoreDNS")


def pinned() -> str:
    """The version that go.mod pins."""
    found = re.search(r"github\.com/coredns/coredns v(\S+)", (HERE / "go.mod").read_text("utf-8"))
    assert found is not None
    return found.group(1)


def started(binary: Path, *options: str) -> JsonLines:
    """The adapter with the built CoreDNS, not started yet; options are words `NAME=VALUE`."""
    program = [sys.executable, "-m", "conformance.dns_server", "coredns", f"--binary={binary}"]
    return JsonLines([*program, *(f"--{option}" for option in options)])
