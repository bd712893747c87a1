# SPDX-License-Identifier: Apache-2.0
"""Programs that pass for kube-proxy, and the command that judges them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.data_plane.processes import marked

_PROFILE = """
name: hurried
description: Parity with kube-proxy, looked at for a short time.
extends: kube-proxy-iptables
timeouts: {{start: 30, apply: 20}}
budget: {{shrink_seconds: 2, clock_seconds: 1}}
limits: {{services: 4, pods: 5}}
adapter_options:
  kube-proxy: {{mode: iptables, binary: {binary}}}
"""

_HEAD = """#!{python}
import os, sys, time
if sys.argv[1:] == ["--version"]:
    print("Kubernetes v1.37.2")
    raise SystemExit
"""

_ENDS = """
for number in range(50):
    print(f"line {number} of its log", flush=True)
print("error: cannot open the door", flush=True)
raise SystemExit(1)
"""

_WAITS = """
print("waiting for a day", flush=True)
time.sleep(600)
"""

_WORKS = """
import yaml
sys.path.insert(0, {here!r})
import tiny_proxy
settings = yaml.safe_load(open(sys.argv[1].removeprefix("--config=")))
kubeconfig, node = settings["clientConnection"]["kubeconfig"], settings["hostnameOverride"]
print("working on", node, flush=True)
table = tiny_proxy.table
def watched(services, slices, family):
    if {death}:
        print("error: stepped on by an elephant", flush=True)
        os._exit(3)
    return table(services, slices, family)
tiny_proxy.table = watched
tiny_proxy.main(kubeconfig, node)
"""


def _program(folder: Path, text: str) -> Path:
    path = folder / "kube-proxy"
    path.write_text(text)
    path.chmod(0o755)
    return path


def that_ends(folder: Path) -> Path:
    """A program that ends with exit code 1 after some lines."""
    return _program(folder, _HEAD.format(python=sys.executable) + _ENDS)


def that_waits(folder: Path) -> Path:
    """A program that never gets ready."""
    return _program(folder, _HEAD.format(python=sys.executable) + _WAITS)


def that_works(folder: Path, *, death: str = "False") -> Path:
    """A program that does its work but for when `death`, a condition on its `services`, is met."""
    here = str(Path(__file__).parent)
    return _program(folder, _HEAD.format(python=sys.executable) + _WORKS.format(here=here, death=death))


def that_says(folder: Path, version: str, *, code: int = 0) -> Path:
    """A program that does nothing but tell its version."""
    return _program(folder, f"#!/bin/sh\necho '{version}'\nexit {code}\n")


def command(folder: Path, binary: Path | str, *options: str) -> list[str]:
    """The words that have a program judged as a kube-proxy, with a profile in the folder."""
    profile = folder / "hurried.yaml"
    profile.write_text(_PROFILE.format(binary=json.dumps(str(binary))))
    words = [sys.executable, "-m", "conformance", "run", "--adapter", "kube-proxy"]
    return [*words, "--profile", str(profile), *options]


def judged(
    folder: Path, binary: Path | str, *options: str, before: tuple[str, ...] = (), seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """What came of a run in `folder`, over one cluster unless the options say otherwise.

    `before` are words that run the rest.
    """
    clusters = () if "--clusters" in options else ("--clusters", "1")
    return subprocess.run(
        [*before, *command(folder, binary, *clusters, *options)],
        cwd=folder,
        env=marked(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
