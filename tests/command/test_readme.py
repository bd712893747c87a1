# SPDX-License-Identifier: Apache-2.0
"""The README is true: its programs are written down and its commands are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.features import FEATURES, OLDEST

README = Path(__file__).parents[2] / "README.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = "kube-service-conformance"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for tag, text in _FENCE.findall(README.read_text()) if tag == language]


def steps() -> list[tuple[str, list[str]]]:
    """Each command of the README with the output lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() not in ("", "..."):
                found[-1][1].append(line.strip())
    return found


@pytest.mark.thorough
def test_every_program_and_command_does_what_the_readme_shows(tmp_path: Path) -> None:
    """Each program block runs under its name, each command prints the lines that are shown."""
    programs = blocks("python")
    assert programs
    for program in programs:
        name = re.match(r"# (\S+\.py)\n", program)
        assert name is not None, "a program names its file in the first line"
        (tmp_path / name[1]).write_text(program)
    checked = 0
    for command, shown in steps():
        words = shlex.split(command)
        if words[0] == COMMAND:
            words = [sys.executable, "-m", "kube_service_conformance", *words[1:]]
        elif words[0] == "pytest":
            words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words[1:]]
        else:
            pytest.fail(f"the README shows a command that this test does not run: {command}")
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        output = done.stdout + done.stderr
        for line in shown:
            assert line in output, f"{command}\nshows {line!r}, but printed\n{output}"
        assert done.returncode in (0, 1), output
        checked += 1
    assert checked >= 5


def test_every_feature_is_listed() -> None:
    """The table of features names each one, with the release that brought it."""
    since = {
        name: f"1.{feature.since[1]}" if feature.since else "only by name"
        for name, feature in FEATURES.items()
    }
    listed = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \|$", README.read_text(), re.MULTILINE)
    assert dict(listed) == since
    assert f"1.{OLDEST[1]} is the oldest" in README.read_text()
