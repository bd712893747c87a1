# SPDX-License-Identifier: Apache-2.0
"""A program as those that come with the suite are: a click command with subcommands and options.

It is started as a module and speaks the protocol.  `--trouble` has it end before it says a word.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from conformance.adapters.serve import serve
from tests.adapters.toy import Toy


@click.group()
@click.option("--start", type=float)
@click.option("--apply", type=float)
@click.option("--answer", type=float)
def main(start: float | None, apply: float | None, answer: float | None) -> None:
    """Programs that are fakes, and are told how long they are waited for."""


@main.command("proxy")
@click.option("--mode", type=click.Choice(["iptables", "nftables"]), default="iptables")
@click.option("--workers", type=int, default=1)
@click.option("--trouble", default="")
@click.option("--leave", type=click.Path(path_type=Path))
def proxy(mode: str, workers: int, trouble: str, leave: Path | None) -> None:
    """Serve an adapter whose name tells its options, or end with exit code 2 and a reason."""
    if leave is not None:
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        leave.write_text(str(child.pid))
    if trouble:
        print("checking the kernel", file=sys.stderr)
        print(f"error: {trouble}", file=sys.stderr)
        print("it has been so since the last boot", file=sys.stderr)
        raise SystemExit(2)
    toy = Toy()
    toy.name = f"{mode} with {workers}"
    serve(toy, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
