# SPDX-License-Identifier: Apache-2.0
"""The process in which a program under test and its network live: answers JSON lines.

python -m conformance.data_plane kube-proxy --mode=iptables
python -m conformance.data_plane program --program=package.module:Class --NAME=VALUE...
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from conformance.adapters.timeouts import Timeouts
from conformance.adapters.told import told_timeouts
from conformance.data_plane.describing import described
from conformance.data_plane.kube_proxy import FLAVOURS, MODES, KubeProxy
from conformance.data_plane.program import Program
from conformance.data_plane.sandbox import contained
from conformance.errors import UsageError


@told_timeouts("conformance.data_plane")
def main() -> None:
    """Serve a program under test over standard input and output."""


@main.command("kube-proxy")
@click.option("--binary", default="kube-proxy", show_default=True, help="a path, or a name on PATH")
@click.option(
    "--mode", type=click.Choice(MODES), default=MODES[0], show_default=True, help="the mode in which it runs"
)
@click.option("--iptables", type=click.Choice(FLAVOURS), help="which iptables it uses; default: the system's")
@click.pass_obj
def kube_proxy(timeouts: Timeouts, binary: str, mode: str, iptables: str | None) -> None:
    """Unmodified kube-proxies, one for each node."""
    options = {"mode": mode, "binary": binary, "iptables": iptables or ""}
    _serve(lambda folder: KubeProxy(**options, folder=folder), timeouts)


@main.command("program", context_settings={"ignore_unknown_options": True})
@click.option("--program", required=True, metavar="MODULE:OBJECT", help="what makes the Program")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--NAME=VALUE]...")
@click.pass_obj
def any_program(timeouts: Timeouts, program: str, words: tuple[str, ...]) -> None:
    """A program that is described by a Python class, one process for each node.

    Options of the class follow as words of their own.
    """
    _serve(lambda folder: described(program, words), timeouts)


def _serve(make: Callable[[Path], Program], timeouts: Timeouts) -> None:
    try:
        code = contained(lambda folder: _contained(make, timeouts, folder))
    except UsageError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    sys.exit(code)


def _contained(make: Callable[[Path], Program], timeouts: Timeouts, folder: Path) -> int:
    from conformance.adapters.serve import serve
    from conformance.data_plane.adapter import DataPlane

    # A program that is ended in the middle of a request is no error of the server's.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # What anything else writes to standard output must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        adapter = DataPlane(make(folder), folder=folder, timeouts=timeouts)
        try:
            adapter.prove()
            serve(adapter, sys.stdin.buffer, answers)
        finally:
            adapter.close()
    return 0


if __name__ == "__main__":
    main(prog_name="conformance.data_plane")
