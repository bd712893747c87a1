# SPDX-License-Identifier: Apache-2.0
"""Builds the programs; needs Go, and a few minutes for the first time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from conformance.adapters.jsonlines import JsonLines
from tests.golang import built_by_go, missing

HERE = Path(__file__).parent
TOOLS = {"iptables": "iptables-restore", "nftables": "nft"}
MODES = tuple(TOOLS)
_PATH = ":/usr/sbin:/sbin:/usr/local/sbin"
_VERSION = "k8s.io/component-base/version"


def built(folder: Path, *, package: str = ".") -> Path:
    """The program of a package, built into a folder."""
    return _built(package, folder / "adapter")


def built_kube_proxy(folder: Path) -> Path:
    """kube-proxy, built into a folder; it calls itself by the version that go.mod pins."""
    number = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)", (HERE / "go.mod").read_text("utf-8"))
    assert number is not None
    values = {
        "gitVersion": f"v{'.'.join(number.groups())}",
        "gitMajor": number.group(1),
        "gitMinor": number.group(2),
    }
    flags = " ".join(f"-X {_VERSION}.{name}={value}" for name, value in values.items())
    return _built("./kube-proxy", folder / "kube-proxy", f"-ldflags={flags}")


def _built(package: str, made: Path, *flags: str) -> Path:
    return built_by_go(HERE, package, made, *flags, what="Kubernetes' own programs")


def kube_proxy(folder: Path) -> Path:
    """kube-proxy, built into a folder; skips, or fails where nothing may be missing, if it could not run."""
    absent = [package for package in ("aiohttp", "pyroute2") if find_spec(package) is None]
    if absent:
        missing(f"the extra data-plane is not installed: no {' and no '.join(absent)}")
    for tool in TOOLS.values():
        if shutil.which(tool) is None and shutil.which(tool, path=_PATH) is None:
            missing(f"there is no {tool}")
    if subprocess.run(["unshare", "-n", "true"], check=False, timeout=20).returncode != 0:
        user = subprocess.run(["unshare", "-Urn", "true"], check=False, timeout=20)
        if user.returncode != 0:
            missing("no network namespaces are allowed here")
    return built_kube_proxy(folder)


def started(mode: str, binary: Path) -> JsonLines:
    """The adapter with the built kube-proxy, not started yet."""
    program = [sys.executable, "-m", "conformance.data_plane", "kube-proxy"]
    return JsonLines([*program, f"--mode={mode}", f"--binary={binary}"])
