# SPDX-License-Identifier: Apache-2.0
"""What programs of the suite are told on their command line: the time-outs of who asks them."""

from __future__ import annotations

from collections.abc import Callable

import click

from conformance.adapters.timeouts import Timeouts

_SECONDS = click.FloatRange(min=0, min_open=True)
_DEFAULTS = Timeouts()


def told_timeouts(name: str) -> Callable[[Callable[..., None]], click.Group]:
    """A group of commands whose object is the time-outs that it was told; `name` is that of the module."""

    def declare(function: Callable[..., None]) -> click.Group:
        def told(context: click.Context, start: float, apply: float, answer: float) -> None:
            context.obj = Timeouts(start=start, apply=apply, answer=answer)

        told.__doc__ = function.__doc__
        command: Callable[..., None] = click.pass_context(told)
        for wait in ("answer", "apply", "start"):
            option = click.option(
                f"--{wait}",
                type=_SECONDS,
                default=getattr(_DEFAULTS, wait),
                show_default=True,
                help="seconds after which whoever asks gives up",
            )
            command = option(command)
        return click.group(name)(command)

    return declare
